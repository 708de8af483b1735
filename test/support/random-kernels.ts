/**
 * Random well-typed scalar expressions for property tests. Leaves are small integers, also as floats, so that every
 * intermediate result is exact in f32 and in double precision and results can be compared bit by bit.
 */
import fc from "fast-check";
import { resultType } from "../../compiler/kernel/instructions.ts";
import { bool, type Expression, f32, i32, type Instruction, type Kernel, scalarType, type Statement } from "../../compiler/kernel/node.ts";

/** An instruction node as it stands, not simplified. */
export const rawInstruction = (op: Instruction, ...args: readonly Expression[]): Expression => ({ kind: "instruction", type: resultType(op, args.map((arg) => arg.type)), op, args });

const literal = (scalar: "i32" | "f32" | "bool", value: number): Expression => ({ kind: "const", type: scalarType(scalar), value });

export interface Arbitraries {
  readonly float: fc.Arbitrary<Expression>;
  readonly integer: fc.Arbitrary<Expression>;
  readonly truth: fc.Arbitrary<Expression>;
}

/** Expressions over f32 names `x`, `y`, i32 names `n`, `m` and the bool name `flag`, of at most `depth` operators in a path. */
export function expressions(depth: number): Arbitraries {
  const names = (scalar: "f32" | "i32" | "bool", ...list: readonly string[]): fc.Arbitrary<Expression> =>
    fc.constantFrom(...list.map((name): Expression => ({ kind: "ref", type: scalarType(scalar), name })));
  let level: Arbitraries = {
    float: fc.oneof(names("f32", "x", "y"), fc.integer({ min: -3, max: 3 }).map((value) => literal("f32", value + 0))),
    integer: fc.oneof(names("i32", "n", "m"), fc.integer({ min: -3, max: 3 }).map((value) => literal("i32", value + 0))),
    truth: fc.oneof(names("bool", "flag"), fc.constantFrom(literal("bool", 0), literal("bool", 1))),
  };
  for (let i = 0; i < depth; i++) level = grown(level);
  return level;
}

function grown({ float, integer, truth }: Arbitraries): Arbitraries {
  const two = (arg: fc.Arbitrary<Expression>, ...ops: readonly Instruction[]): fc.Arbitrary<Expression> =>
    fc.tuple(fc.constantFrom(...ops), arg, arg).map(([op, a, b]) => rawInstruction(op, a, b));
  const one = (arg: fc.Arbitrary<Expression>, ...ops: readonly Instruction[]): fc.Arbitrary<Expression> =>
    fc.tuple(fc.constantFrom(...ops), arg).map(([op, a]) => rawInstruction(op, a));
  const choice = (arg: fc.Arbitrary<Expression>): fc.Arbitrary<Expression> => fc.tuple(truth, arg, arg).map(([c, a, b]) => rawInstruction("select", c, a, b));
  const divisor = fc.integer({ min: 1, max: 8 }).map((value) => literal("i32", value));
  const quotient = fc.tuple(fc.constantFrom<Instruction>("div", "rem"), integer, divisor).map(([op, a, b]) => rawInstruction(op, a, b));
  const toFloat = integer.map((arg): Expression => ({ kind: "convert", type: f32, arg }));
  const toInteger = float.map((arg): Expression => ({ kind: "convert", type: i32, arg }));
  return {
    float: fc.oneof(float, two(float, "add", "sub", "mul", "min", "max"), one(float, "neg", "abs", "sign", "floor", "round", "trunc"), choice(float), toFloat),
    integer: fc.oneof(integer, two(integer, "add", "sub", "mul", "min", "max"), one(integer, "neg"), quotient, choice(integer), toInteger),
    truth: fc.oneof(truth, two(float, "lt", "le", "gt", "ge", "eq", "ne"), two(integer, "lt", "le", "gt", "ge", "eq", "ne"), two(truth, "and", "or"), one(truth, "not")),
  };
}

/** Sums of multiples with quotients and remainders by constants, as index arithmetic has them; `n` and `m` may be negative, `group_x` is not. */
export function indexExpressions(depth: number): fc.Arbitrary<Expression> {
  const names = fc.constantFrom<Expression>({ kind: "ref", type: i32, name: "n" }, { kind: "ref", type: i32, name: "m" }, { kind: "builtin", type: i32, builtin: "group_x" });
  const by = fc.constantFrom(2, 3, 4, 6, 8).map((value) => literal("i32", value));
  const whole = names.chain((name) => fc.tuple(by, by).map(([a, b]) => rawInstruction("add", rawInstruction("mul", rawInstruction("div", name, a), b), rawInstruction("rem", name, a))));
  let level: fc.Arbitrary<Expression> = fc.oneof(names, whole);
  for (let i = 0; i < depth; i++) {
    const inner = level;
    const scaled = fc.tuple(fc.constantFrom<Instruction>("mul", "div", "rem"), inner, by).map(([op, a, b]) => rawInstruction(op, a, b));
    level = fc.oneof(scaled, fc.tuple(fc.constantFrom<Instruction>("add", "add", "sub"), inner, scaled).map(([op, a, b]) => rawInstruction(op, a, b)));
  }
  return level;
}

export interface Inputs {
  readonly x: number;
  readonly y: number;
  readonly n: number;
  readonly m: number;
  readonly flag: boolean;
}

const small = fc.integer({ min: -4, max: 4 });

export const inputs: fc.Arbitrary<Inputs> = fc.record({ x: small, y: small, n: small, m: small, flag: fc.boolean() });

const names = ["x", "y", "n", "m", "flag"] as const;

/** A kernel that stores the value as f32 for each set of inputs, one a row; thread kernels print to GPU.js. */
export function kernelOf(value: Expression, mode: Kernel["mode"], rows: number): Kernel {
  const row: Expression = { kind: "builtin", type: i32, builtin: mode === "thread" ? "thread_x" : "group_x" };
  const result: Expression = value.type.scalar === "f32" ? value : { kind: "convert", type: f32, arg: value };
  const lets = names.map((name): Statement => {
    const dtype = name === "flag" ? "bool" : name === "n" || name === "m" ? "i32" : "f32";
    return { kind: "let", name, value: { kind: "load", type: scalarType(dtype), buffer: `${name}s`, index: [row] } };
  });
  const zero: Expression = { kind: "builtin", type: i32, builtin: "thread_y" };
  return {
    name: "random", mode, workgroupSize: 1, grid: [rows, 1, 1], extents: [], workgroupArrays: [],
    buffers: [
      ...names.map((name) => ({ name: `${name}s`, dtype: name === "flag" ? bool.scalar : name === "n" || name === "m" ? i32.scalar : f32.scalar, access: "read" as const, lanes: 1 as const, length: rows })),
      { name: "result", dtype: "f32", access: "write", lanes: 1, length: rows, ...(mode === "thread" ? { columns: rows } : {}) },
    ],
    body: [...lets, { kind: "store", buffer: "result", index: mode === "thread" ? [zero, row] : [row], value: result }],
  };
}

/** Buffers for `kernelOf`. */
export const buffersOf = (list: readonly Inputs[]) => ({
  xs: Float32Array.from(list, ({ x }) => x), ys: Float32Array.from(list, ({ y }) => y),
  ns: Int32Array.from(list, ({ n }) => n), ms: Int32Array.from(list, ({ m }) => m),
  flags: Uint32Array.from(list, ({ flag }) => Number(flag)), result: new Float32Array(list.length),
});
