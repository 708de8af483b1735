/** Threefry against the vectors of its authors (Random123, kat_vectors): the reference, the lowering, and the halves of targets without u32. */
import { describe, expect, it, test } from "vitest";
import { Expressions } from "../../../compiler/folds/expression.ts";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import { legalize } from "../../../compiler/kernel/legalize.ts";
import { type Expression, type Instruction, type Kernel, scalarType } from "../../../compiler/kernel/node.ts";
import { lowerThreefry, threefry, type Words } from "../../../compiler/ops/random.ts";
import type { Expr } from "../../../compiler/folds/expression.ts";
import { evaluateExpression } from "../../support/evaluate-fold.ts";

interface Vector {
  readonly key: Words<number>;
  readonly counter: Words<number>;
  readonly block: Words<number>;
}

const vectors: readonly Vector[] = [
  { counter: [0, 0], key: [0, 0], block: [0x6b200159, 0x99ba4efe] },
  { counter: [0xffffffff, 0xffffffff], key: [0xffffffff, 0xffffffff], block: [0x1cb996fc, 0xbb002be7] },
  { counter: [0x243f6a88, 0x85a308d3], key: [0x13198a2e, 0x03707344], block: [0xc4923a9c, 0x483df7a0] },
];

test.each(vectors)("the block of counter $counter and key $key", ({ key, counter, block }) => {
  expect(threefry(key, counter)).toEqual(block);
});

const names = ["key0", "key1", "counter0", "counter1"] as const;

describe("the lowering", () => {
  it.each(vectors)("gives the block of counter $counter and key $key", ({ key, counter, block }) => {
    const e = new Expressions();
    const [key0, key1, counter0, counter1] = names.map((name) => e.load(name, [], "u32")) as [Expr, Expr, Expr, Expr];
    const values = new Map(names.map((name, i) => [name as string, [...key, ...counter][i] ?? Number.NaN]));
    const load = (source: string): number => values.get(source) ?? Number.NaN;
    expect(lowerThreefry(e, [key0, key1], [counter0, counter1]).map((word) => evaluateExpression(word, { load }))).toEqual(block);
  });

  it.each(vectors)("folds literals that wrap: counter $counter, key $key", ({ key, counter, block }) => {
    const e = new Expressions();
    const literals = ([a, b]: Words<number>): Words<Expr> => [e.constant(a, "u32"), e.constant(b, "u32")];
    expect(lowerThreefry(e, literals(key), literals(counter)).map((word) => evaluateExpression(word, {}))).toEqual(block);
  });
});

describe("in halves, as GPU.js has it", () => {
  /** A thread kernel that makes one 16-bit half of one word from literals; no value in it may need more than an f32 holds. */
  function kernelOf({ key, counter }: Vector, word: 0 | 1, shift: number): Kernel {
    const e = new Expressions();
    const sources = names.map((name) => e.load(name, [], "u32")) as [Expr, Expr, Expr, Expr];
    const full = lowerThreefry(e, [sources[0], sources[1]], [sources[2], sources[3]])[word];
    const values: Readonly<Record<string, number>> = { key0: key[0], key1: key[1], counter0: counter[0], counter1: counter[1] };
    const body: Kernel["body"][number][] = [];
    const memo = new Map<Expr, Expression>();
    const literal = (value: number): Expression => ({ kind: "const", type: scalarType("u32"), value });
    const emit = (expr: Expr): Expression => {
      const known = memo.get(expr);
      if (known) return known;
      if (expr.kind === "const") return literal(expr.value);
      const value: Expression = expr.kind === "load" ? literal(values[expr.source] ?? 0) : { kind: "instruction", type: scalarType("u32"), op: (expr as { op: Instruction }).op, args: expr.kind === "apply" ? expr.args.map(emit) : [] };
      const name = `v${memo.size}`;
      body.push({ kind: "let", name, value });
      const ref: Expression = { kind: "ref", type: scalarType("u32"), name };
      memo.set(expr, ref);
      return ref;
    };
    const shifted: Expression = { kind: "instruction", type: scalarType("u32"), op: "shift_right", args: [emit(full), literal(shift)] };
    const masked: Expression = { kind: "instruction", type: scalarType("u32"), op: "bit_and", args: [shifted, literal(0xffff)] };
    const at = (name: "thread_y" | "thread_x"): Expression => ({ kind: "builtin", type: scalarType("i32"), builtin: name });
    body.push({ kind: "store", buffer: "out", index: [at("thread_y"), at("thread_x")], value: masked });
    return { name: "half", mode: "thread", workgroupSize: 1, grid: [1, 1, 1], extents: [], workgroupArrays: [], body, buffers: [{ name: "out", dtype: "u32", access: "write", lanes: 1, length: 1, columns: 1 }] };
  }

  it.each(vectors)("the block of counter $counter and key $key", (vector) => {
    for (const word of [0, 1] as const)
      for (const shift of [0, 16]) {
        const legal = legalize(kernelOf(vector, word, shift), "gpujs");
        const out = new Uint32Array(1);
        interpret(legal, { out }, {});
        expect(out[0]).toBe((vector.block[word] >>> shift) & 0xffff);
        // Literals beyond 2^24 would be rounded on the way.
        for (const literal of JSON.stringify(legal.body).matchAll(/"value":(\d+)/g)) expect(Number(literal[1])).toBeLessThanOrEqual(2 ** 24);
      }
  });
});
