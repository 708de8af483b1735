/**
 * Kernel expressions as WebAssembly: operands to the stack, then the instruction. One value is an i32 or an f32 (f16 counts
 * as f32, truth values are 0 and 1); several lanes are one v128, whose truth values are masks. legalize.ts has replaced
 * what has no instruction.
 */
import { InternalError, required } from "../../errors.ts";
import type { ExtentTree } from "../../ir/extent.ts";
import type { Expression, ValueType } from "../../kernel/node.ts";
import { type Facts, rangeOf } from "../../kernel/ranges.ts";
import { floatBytes } from "./encode.ts";
import { emitInstruction } from "./instruction.ts";
import { firstOfNeighbours } from "./neighbours.ts";
import { simd } from "./opcodes.ts";
import { elementOf, emitLane, isFloat, type Printer, splatOf } from "./printer.ts";

/** An extent as i32: reads what the host bound. */
export function emitExtent(tree: ExtentTree, printer: Printer): void {
  const { code } = printer;
  if (typeof tree === "number") return code.int(tree);
  if (typeof tree === "string") return code.get(printer.extent(tree));
  emitExtent(tree[1], printer);
  emitExtent(tree[2], printer);
  code.op({ "+": 0x6a, "*": 0x6c, "/": 0x6d }[tree[0]]);
}

/**
 * Index as a part that is computed and a part that the access adds by itself. That sum does not wrap around: the computed part
 * must not be negative.
 */
function split(index: Expression, facts: Facts): { readonly computed: Expression | undefined; readonly constant: number } {
  if (index.kind === "const" && index.value >= 0) return { computed: undefined, constant: index.value };
  const [a, b] = index.kind === "instruction" && index.op === "add" ? index.args : [];
  if (a && b?.kind === "const" && b.value > 0 && b.value < 2 ** 24 && rangeOf(a, facts).low >= 0) return { computed: a, constant: b.value };
  return { computed: index, constant: 0 };
}

/** Leaves the address on the stack; returns what the access adds. unit of `stride`: bytes an element of the index */
export function emitAddress(name: string, index: Expression, stride: number, printer: Printer): number {
  const { code } = printer;
  const pointer = printer.pointer?.(name, index, stride);
  if (pointer) {
    code.get(pointer.local);
    return pointer.offset;
  }
  const { local, offset } = printer.place(name);
  const { computed, constant } = split(index, printer.facts);
  code.get(local);
  if (computed) {
    const [factor, by] = computed.kind === "instruction" && computed.op === "mul" ? computed.args : [];
    if (factor && by?.kind === "const") {
      emitExpression(factor, printer);
      code.int(by.value * stride);
      code.op(0x6c);
    } else {
      emitExpression(computed, printer);
      code.int(Math.log2(stride));
      code.op(0x74);
    }
    code.op(0x6a);
  }
  return offset + constant * stride;
}

export const bytesOf = ({ lanes }: ValueType): number => 4 * lanes;

/** The value at an address on the stack. */
function emitRead(type: ValueType, offset: number, printer: Printer): void {
  const { code } = printer;
  if (type.lanes === 1) return code.op(isFloat(type) ? 0x2a : 0x28, ...code.access(2, offset));
  if (type.lanes === 2) code.simd(simd.loadZero64, ...code.access(2, offset));
  else code.simd(simd.load, ...code.access(2, offset));
  if (type.scalar === "bool") code.simd(simd.negateInt);
}

/** Stores the value on the stack at the address below it. */
export function emitWrite(type: ValueType, offset: number, printer: Printer): void {
  const { code } = printer;
  if (type.lanes === 1) return code.op(isFloat(type) ? 0x38 : 0x36, ...code.access(2, offset));
  if (type.scalar === "bool") code.simd(simd.negateInt);
  if (type.lanes === 2) code.simd(simd.storeLane64, ...code.access(2, offset), 0);
  else code.simd(simd.store, ...code.access(2, offset));
}

function emitConstant(e: Extract<Expression, { kind: "const" }>, printer: Printer): void {
  if (isFloat(e.type)) printer.code.float(e.value);
  else printer.code.int(e.value);
}

function emitSplat(arg: Expression, type: ValueType, printer: Printer): void {
  const { code } = printer;
  if (arg.kind === "const") {
    const bytes = isFloat(arg.type) ? floatBytes(arg.value) : [0, 8, 16, 24].map((shift) => ((arg.type.scalar === "bool" ? -arg.value : arg.value | 0) >> shift) & 0xff);
    return code.simd(simd.constant, ...bytes, ...bytes, ...bytes, ...bytes);
  }
  const inMemory = arg.kind === "lane" ? arg.arg : arg;
  if ((inMemory.kind === "load" || inMemory.kind === "element") && arg.type.scalar !== "bool") {
    const offset = inMemory.kind === "load" ? emitAddress(inMemory.buffer, required(inMemory.index[0], "wasm", "index"), 4, printer) : emitAddress(inMemory.array, inMemory.index, bytesOf(inMemory.type), printer);
    return code.simd(simd.loadSplat, ...code.access(2, offset + (arg.kind === "lane" ? 4 * arg.lane : 0)));
  }
  if (arg.type.scalar === "bool") code.int(0);
  emitExpression(arg, printer);
  if (arg.type.scalar === "bool") code.op(0x6b);
  code.simd(splatOf(type));
}

/** The vectors whose lanes `lane` make up a vector: a row of a transposed square. */
function columnsOf(args: readonly Expression[]): { readonly vectors: readonly Expression[]; readonly lane: number } | undefined {
  const [first] = args;
  if (args.length !== 4 || first?.kind !== "lane") return undefined;
  const vectors = args.flatMap((arg) => (arg.kind === "lane" && arg.lane === first.lane && arg.arg.kind === "ref" && arg.type.scalar !== "bool" ? [arg.arg] : []));
  return vectors.length === 4 ? { vectors, lane: first.lane } : undefined;
}

const shuffle = (lanes: readonly number[]): number[] => lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte));

function emitVector(e: Extract<Expression, { kind: "vector" }>, printer: Printer): void {
  const { code } = printer;
  const first = firstOfNeighbours(e.args);
  if (first) {
    const [name, index] = first.kind === "load" ? [first.buffer, required(first.index[0], "wasm", "index")] : [first.array, first.index];
    return emitRead(e.type, emitAddress(name, index, 4, printer), printer);
  }
  const columns = columnsOf(e.args);
  if (columns) {
    const { vectors: [a, b, c, d], lane } = columns as { vectors: readonly [Expression, Expression, Expression, Expression]; lane: number };
    for (const pair of [[a, b], [c, d]]) {
      for (const each of pair) emitExpression(each, printer);
      code.simd(simd.shuffle, ...shuffle([lane, 4 + lane, lane, 4 + lane]));
    }
    return code.simd(simd.shuffle, ...shuffle([0, 1, 4, 5]));
  }
  e.args.forEach((arg, i) => {
    if (arg.type.scalar === "bool") code.int(0);
    emitExpression(arg, printer);
    if (arg.type.scalar === "bool") code.op(0x6b);
    if (i === 0) code.simd(splatOf(e.type));
    else code.simd(isFloat(e.type) ? simd.replaceFloat : simd.replaceInt, i);
  });
}

function emitConvert(arg: Expression, to: ValueType, printer: Printer): void {
  const { code } = printer;
  const [from, into] = [elementOf[arg.type.scalar], elementOf[to.scalar]];
  const wide = to.lanes > 1;
  emitExpression(arg, printer);
  if (from === into || (from !== "f32" && into !== "f32" && into !== "bool" && from !== "bool")) return;
  if (into === "bool") {
    if (from === "f32") {
      if (wide) return code.simd(simd.constant, ...new Array<number>(16).fill(0)), code.simd(0x42);
      code.float(0);
      return code.op(0x5c);
    }
    if (wide) return code.simd(simd.constant, ...new Array<number>(16).fill(0)), code.simd(simd.notEqualInt);
    code.int(0);
    return code.op(0x47);
  }
  if (from === "bool" && wide) code.simd(simd.negateInt);
  if (into === "f32") {
    if (wide) return code.simd(from === "u32" ? simd.toFloatUnsigned : simd.toFloat);
    return code.op(from === "u32" ? 0xb3 : 0xb2);
  }
  if (from !== "f32") return;
  // Saturating: NaN becomes 0, and what is out of range the end of the range.
  if (wide) return code.simd(into === "u32" ? simd.fromFloatUnsigned : simd.fromFloat);
  code.op(0xfc, into === "u32" ? 0x01 : 0x00);
}

export function emitExpression(e: Expression, printer: Printer): void {
  const { code } = printer;
  switch (e.kind) {
    case "const":
      return emitConstant(e, printer);
    case "ref":
      return code.get(printer.local(e.name));
    case "extent":
      return emitExtent(e.extent, printer);
    case "builtin":
      if (e.builtin === "thread") return code.int(0);
      if (e.builtin === "thread_x" || e.builtin === "thread_y" || e.builtin === "thread_z" || e.builtin === "subgroup_size") throw new InternalError("wasm", `${e.builtin} in a workgroup kernel`);
      return code.get(printer.builtin(e.builtin));
    case "load":
      return emitRead(e.type, emitAddress(e.buffer, required(e.index[0], "wasm", "index"), 4, printer), printer);
    case "element":
      return emitRead(e.type, emitAddress(e.array, e.index, bytesOf(e.type), printer), printer);
    case "instruction":
      return emitInstruction(e, printer, emitExpression);
    case "subgroup":
      throw new InternalError("wasm", `${e.op}: a workgroup has one invocation`);
    case "convert":
      return emitConvert(e.arg, e.type, printer);
    case "bitcast": {
      emitExpression(e.arg, printer);
      if (e.type.lanes > 1 || isFloat(e.type) === isFloat(e.arg.type)) return;
      return code.op(isFloat(e.type) ? 0xbe : 0xbc);
    }
    case "splat":
      return emitSplat(e.arg, e.type, printer);
    case "vector":
      return emitVector(e, printer);
    case "lane":
      emitExpression(e.arg, printer);
      return emitLane(e.type, e.lane, printer);
    default:
      return e satisfies never;
  }
}
