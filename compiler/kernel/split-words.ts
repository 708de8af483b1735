/**
 * u32 arithmetic for targets whose numbers are floats: in kernels that shift or mix bits, every u32 value becomes two halves
 * of 16 bits, held as i32 and exact in an f32. Wrapping sums, bit operations, shifts by literals, comparisons, conversions
 * and choices are exact on all 32 bits; other instructions see the joined number. Runs before legalize.ts, for GPU.js.
 */
import { add, constant, convert, instruction, int, ref, select, sub } from "./build.ts";
import { freshName } from "./names.ts";
import { type Expression, i32, type Instruction, type Kernel, type Statement } from "./node.ts";
import { declaredNames, visitExpressions } from "./traverse.ts";

interface Halves {
  readonly high: Expression;
  readonly low: Expression;
}

const bitInstructions: ReadonlySet<Instruction> = new Set<Instruction>(["bit_and", "bit_or", "bit_xor", "shift_left", "shift_right"]);
const comparisons: ReadonlySet<Instruction> = new Set<Instruction>(["eq", "ne", "lt", "le", "gt", "ge"]);

const half = 0xffff;
const isWord = (e: Expression): boolean => e.type.scalar === "u32" && e.type.lanes === 1;
const kept = (e: Expression): Expression => instruction("bit_and", e, int(half));
const shifted = (op: "shift_left" | "shift_right", e: Expression, by: number): Expression => (by === 0 ? e : instruction(op, e, int(by)));
const joined = ({ high, low }: Halves): Expression => add(shifted("shift_left", high, 16), low);

const isZero = (e: Expression): boolean => e.kind === "const" && e.value === 0;

/** Rotations meet many halves that are zero. */
function mixed(op: "bit_and" | "bit_or" | "bit_xor", a: Expression, b: Expression): Expression {
  if (op === "bit_and" || !(isZero(a) || isZero(b))) return instruction(op, a, b);
  return isZero(a) ? b : a;
}

function usesBits(kernel: Kernel): boolean {
  let found = false;
  visitExpressions(kernel.body, (e) => {
    found ||= e.kind === "instruction" && isWord(e) && bitInstructions.has(e.op);
  });
  return found;
}

/** The kernel with its u32 values as halves; itself, where no bits of u32 values are touched. */
export function splitWords(kernel: Kernel): Kernel {
  if (!usesBits(kernel)) return kernel;
  return { ...kernel, body: new Splitter(declaredNames(kernel)).block(kernel.body) };
}

class Splitter {
  readonly #taken: Set<string>;
  readonly #halves = new Map<string, Halves>();
  /** Lets that the statement under way needs before it. */
  #before: Statement[] = [];

  constructor(taken: Set<string>) {
    this.#taken = taken;
  }

  block(statements: readonly Statement[]): readonly Statement[] {
    return statements.flatMap((statement) => this.#statement(statement));
  }

  #statement(statement: Statement): readonly Statement[] {
    this.#before = [];
    switch (statement.kind) {
      case "let": {
        if (!isWord(statement.value)) {
          const value = this.#plain(statement.value);
          return [...this.#before, { ...statement, value }];
        }
        const { high, low } = this.#split(statement.value);
        this.#halves.set(statement.name, { high: this.#once(high, `${statement.name}_high`), low: this.#once(low, `${statement.name}_low`) });
        return this.#before;
      }
      case "var":
      case "assign": {
        const value = this.#plain(statement.value);
        return [...this.#before, { ...statement, value }];
      }
      case "set":
      case "store": {
        const value = this.#plain(statement.value);
        return [...this.#before, { ...statement, value }];
      }
      case "for": {
        const before = this.#before;
        return [...before, { ...statement, body: this.block(statement.body) }];
      }
      case "if": {
        const condition = this.#plain(statement.condition);
        const before = this.#before;
        return [...before, { ...statement, condition, then: this.block(statement.then), otherwise: this.block(statement.otherwise) }];
      }
      case "array":
      case "barrier":
      case "comment":
        return [statement];
      default:
        return statement satisfies never;
    }
  }

  #once(value: Expression, wish: string): Expression {
    if (value.kind === "const" || value.kind === "ref") return value;
    const name = freshName(wish, this.#taken);
    this.#before.push({ kind: "let", name, value });
    return ref(name, i32);
  }

  /** An expression with the u32 values inside it split; a u32 value itself is joined again. */
  #plain(e: Expression): Expression {
    if (isWord(e)) return e.kind === "const" || (e.kind === "ref" && !this.#halves.has(e.name)) ? e : convert(joined(this.#split(e)), "u32");
    switch (e.kind) {
      case "instruction": {
        const [a, b] = e.args;
        if (a && b && comparisons.has(e.op) && isWord(a)) return this.#compare(e.op, this.#split(a), this.#split(b));
        return { ...e, args: e.args.map((arg) => this.#plain(arg)) };
      }
      case "convert":
        return convert(isWord(e.arg) && e.arg.kind !== "const" ? joined(this.#split(e.arg)) : this.#plain(e.arg), e.type.scalar);
      case "load":
        return { ...e, index: e.index.map((index) => this.#plain(index)) };
      default:
        return e;
    }
  }

  #compare(op: Instruction, a: Halves, b: Halves): Expression {
    const both = (of: Instruction, join: "and" | "or"): Expression => instruction(join, instruction(of, a.high, b.high), instruction(of, a.low, b.low));
    if (op === "eq") return both("eq", "and");
    if (op === "ne") return both("ne", "or");
    const strict: Instruction = op === "lt" || op === "le" ? "lt" : "gt";
    return instruction("or", instruction(strict, a.high, b.high), instruction("and", instruction("eq", a.high, b.high), instruction(op, a.low, b.low)));
  }

  #split(e: Expression): Halves {
    if (e.kind === "const") return { high: int(e.value >>> 16), low: int(e.value & half) };
    if (e.kind === "ref") return this.#halves.get(e.name) ?? this.#fromNumber(convert(e, "i32"));
    if (e.kind === "convert" && e.arg.type.scalar === "i32") return this.#fromNumber(this.#plain(e.arg));
    if (e.kind === "instruction") return this.#instruction(e.op, e.args) ?? this.#fromNumber(convert({ ...e, args: e.args.map((arg) => this.#plain(arg)) }, "i32"));
    if (e.kind === "convert") return this.#fromNumber(convert(this.#plain(e.arg), "i32"));
    return this.#fromNumber(convert(e, "i32"));
  }

  /** Exact below 2^24, as every number of such a target is. */
  #fromNumber(value: Expression): Halves {
    const number = this.#once(value, "word");
    return { high: kept(shifted("shift_right", number, 16)), low: kept(number) };
  }

  #named(e: Expression): Halves {
    const { high, low } = this.#split(e);
    return { high: this.#once(high, "high"), low: this.#once(low, "low") };
  }

  #instruction(op: Instruction, [first, second, third]: readonly Expression[]): Halves | undefined {
    if (!first || !second) return undefined;
    switch (op) {
      case "add":
      case "sub": {
        const [a, b] = [this.#split(first), this.#split(second)];
        const combine = op === "add" ? add : sub;
        const low = this.#once(combine(a.low, b.low), "sum");
        // An arithmetic shift: a carry of 1, or of -1 where a difference borrows.
        return { high: kept(add(combine(a.high, b.high), shifted("shift_right", low, 16))), low: kept(low) };
      }
      case "bit_and":
      case "bit_or":
      case "bit_xor": {
        const [a, b] = [this.#split(first), this.#split(second)];
        return { high: mixed(op, a.high, b.high), low: mixed(op, a.low, b.low) };
      }
      case "shift_left":
      case "shift_right":
        return second.kind === "const" ? this.#shift(op, this.#named(first), second.value & 31) : undefined;
      case "select": {
        if (!third) return undefined;
        const condition = this.#plain(first);
        const [a, b] = [this.#split(second), this.#split(third)];
        return { high: select(condition, a.high, b.high), low: select(condition, a.low, b.low) };
      }
      default:
        return undefined;
    }
  }

  #shift(op: "shift_left" | "shift_right", { high, low }: Halves, by: number): Halves {
    const zero = constant("i32", 0);
    if (by === 0) return { high, low };
    if (op === "shift_left") {
      if (by >= 16) return { high: kept(shifted(op, low, by - 16)), low: zero };
      return { high: add(kept(shifted(op, high, by)), shifted("shift_right", low, 16 - by)), low: kept(shifted(op, low, by)) };
    }
    if (by >= 16) return { high: zero, low: shifted(op, high, by - 16) };
    return { high: shifted(op, high, by), low: add(shifted(op, low, by), kept(shifted("shift_left", high, 16 - by))) };
  }
}
