/** Type rules of kernel expressions (labels K2 to K7 of spec/kernel-ir.md), checked within a scope of names. */
import type { DType } from "../ir/types.ts";
import { instructions, operandClasses, resultType } from "./instructions.ts";
import { type Buffer, type Expression, i32, type Kernel, type ValueType } from "./node.ts";
import { extentTreeNames } from "./numbers.ts";
import { printExpression, printValueType } from "./print.ts";
import { takesOperand } from "./subgroups.ts";
import { sameValueType } from "./traverse.ts";

/** The rule that is broken; spec/kernel-ir.md says each in a sentence. */
export type RuleLabel = "K1" | "K2" | "K3" | "K4" | "K5" | "K6" | "K7" | "K8" | "K9" | "K10" | "K11" | "K12" | "K13" | "K14";

export interface Violation {
  readonly label: RuleLabel;
  readonly message: string;
  /** Where: `body[2].then[0]`. */
  readonly path: string;
}

export type Report = (label: RuleLabel, message: string) => void;

/** The names in scope. `values` holds lets, vars and counters. */
export interface VerifyScope {
  readonly kernel: Kernel;
  readonly buffers: ReadonlyMap<string, Buffer>;
  readonly arrays: ReadonlyMap<string, ValueType>;
  readonly values: ReadonlyMap<string, ValueType>;
}

const integerLimits: Readonly<Record<"i32" | "u32", readonly [number, number]>> = { i32: [-2147483648, 2147483647], u32: [0, 4294967295] };

function isRepresentable(scalar: DType, value: number): boolean {
  if (scalar === "bool") return value === 0 || value === 1;
  if (scalar === "i32" || scalar === "u32") return Number.isInteger(value) && value >= integerLimits[scalar][0] && value <= integerLimits[scalar][1];
  return Number.isNaN(value) || Math.fround(value) === value;
}

/** Index of a buffer access: one i32 per axis. Shared by loads and stores. */
export function checkIndex(buffer: Buffer, index: readonly Expression[], report: Report): void {
  const axes = buffer.columns === undefined ? 1 : 2;
  if (index.length !== axes) report("K5", `'${buffer.name}' has ${axes} axes, the access gives ${index.length}`);
  for (const entry of index)
    if (!sameValueType(entry.type, i32)) report("K5", `index ${printExpression(entry)} of '${buffer.name}' is ${printValueType(entry.type)}, not i32`);
}

function checkLoad(e: Extract<Expression, { kind: "load" }>, scope: VerifyScope, report: Report): void {
  const buffer = scope.buffers.get(e.buffer);
  if (!buffer) return report("K4", `buffer '${e.buffer}' is not declared`);
  if (e.type.scalar !== buffer.dtype) report("K3", `a load of '${e.buffer}' is ${e.type.scalar}, the buffer is ${buffer.dtype}`);
  if (buffer.lanes > 1 && e.type.lanes !== 1 && e.type.lanes !== buffer.lanes)
    report("K6", `'${e.buffer}' is declared with ${buffer.lanes} lanes and cannot be read by ${e.type.lanes}`);
  if (buffer.access === "write" && scope.kernel.mode === "thread") report("K9", `a thread kernel cannot read its output '${e.buffer}'`);
  checkIndex(buffer, e.index, report);
}

function checkInstruction(e: Extract<Expression, { kind: "instruction" }>, report: Report): void {
  const rule = instructions[e.op];
  const types = e.args.map((arg) => arg.type);
  if (types.length !== rule.arity) return report("K3", `${e.op} takes ${rule.arity} operands, not ${types.length}`);
  const compared = e.op === "select" ? types.slice(1) : types;
  const [first] = compared;
  if (!first) return;
  const list = types.map(printValueType).join(", ");
  if (compared.some((type) => !sameValueType(type, first))) report("K3", `operands of ${e.op} differ in type: ${list}`);
  if (!operandClasses[rule.operands].includes(first.scalar)) report("K3", `${e.op} does not take ${printValueType(first)}`);
  const condition = types[0];
  if (e.op === "select" && condition && (condition.scalar !== "bool" || (condition.lanes !== 1 && condition.lanes !== first.lanes)))
    report("K3", `the condition of select is ${printValueType(condition)}`);
  if (!sameValueType(e.type, resultType(e.op, types))) report("K3", `${e.op} of ${list} is not ${printValueType(e.type)}`);
  const divisor = e.args[1];
  if ((e.op === "div" || e.op === "rem") && divisor?.kind === "const" && divisor.value === 0 && (first.scalar === "i32" || first.scalar === "u32"))
    report("K3", `integer ${e.op} by zero`);
}

/** The value-shape rules of convert, bitcast, splat, vector and lane. */
function checkReshape(e: Expression, report: Report): void {
  const shown = printValueType(e.type);
  switch (e.kind) {
    case "convert":
      if (e.arg.type.lanes !== e.type.lanes) report("K3", `convert of ${printValueType(e.arg.type)} is not ${shown}`);
      return;
    case "bitcast": {
      const wide: readonly DType[] = ["f32", "i32", "u32"];
      if (e.arg.type.lanes !== e.type.lanes || !wide.includes(e.arg.type.scalar) || !wide.includes(e.type.scalar))
        report("K3", `bitcast from ${printValueType(e.arg.type)} to ${shown}`);
      return;
    }
    case "splat":
      if (e.arg.type.lanes !== 1 || e.arg.type.scalar !== e.type.scalar || e.type.lanes === 1) report("K3", `splat of ${printValueType(e.arg.type)} is not ${shown}`);
      return;
    case "vector":
      if (e.args.length !== e.type.lanes || e.args.length < 2 || e.args.some((arg) => arg.type.lanes !== 1 || arg.type.scalar !== e.type.scalar))
        report("K3", `a vector ${shown} of ${e.args.map((arg) => printValueType(arg.type)).join(", ")}`);
      return;
    case "lane":
      if (e.type.lanes !== 1 || e.type.scalar !== e.arg.type.scalar || !Number.isInteger(e.lane) || e.lane < 0 || e.lane >= e.arg.type.lanes || e.arg.type.lanes === 1)
        report("K3", `lane ${e.lane} of ${printValueType(e.arg.type)}`);
      return;
    default:
      return;
  }
}

/** Reports what is wrong with one node; the caller walks the operands. */
export function checkExpression(e: Expression, scope: VerifyScope, report: Report): void {
  switch (e.kind) {
    case "const":
      if (e.type.lanes !== 1) report("K3", "a constant has one lane; repeat it with splat");
      if (!isRepresentable(e.type.scalar, e.value)) report("K3", `${e.value} is not a value of ${e.type.scalar}`);
      return;
    case "ref": {
      const type = scope.values.get(e.name);
      if (!type) report("K2", `'${e.name}' is not defined here`);
      else if (!sameValueType(type, e.type)) report("K3", `'${e.name}' is ${printValueType(type)}, used as ${printValueType(e.type)}`);
      return;
    }
    case "extent":
      for (const name of extentTreeNames(e.extent))
        if (!scope.kernel.extents.includes(name)) report("K12", `extent '${name}' is not listed in extents`);
      return;
    case "builtin":
      if (e.builtin.startsWith("thread_") !== (scope.kernel.mode === "thread")) report("K9", `${e.builtin} in a ${scope.kernel.mode} kernel`);
      return;
    case "load":
      return checkLoad(e, scope, report);
    case "element": {
      const type = scope.arrays.get(e.array);
      if (!type) return report("K7", `array '${e.array}' is not declared here`);
      if (!sameValueType(type, e.type)) report("K7", `an element of '${e.array}' is ${printValueType(type)}, used as ${printValueType(e.type)}`);
      if (!sameValueType(e.index.type, i32)) report("K7", `index of '${e.array}' is ${printValueType(e.index.type)}, not i32`);
      return;
    }
    case "instruction":
      return checkInstruction(e, report);
    case "subgroup":
      if (!sameValueType(e.type, e.arg.type)) report("K3", `${e.op} of ${printValueType(e.arg.type)} is not ${printValueType(e.type)}`);
      if (!takesOperand(e.op, e.arg)) report("K3", `${e.op} does not take ${printValueType(e.arg.type)}`);
      return;
    case "convert":
    case "bitcast":
    case "splat":
    case "vector":
    case "lane":
      return checkReshape(e, report);
    default:
      return e satisfies never;
  }
}
