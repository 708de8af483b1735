/** Instructions of the kernel IR as WebAssembly: an opcode where there is one for the lanes at hand, else lane by lane. */
import { InternalError, required } from "../../errors.ts";
import type { Expression } from "../../kernel/node.ts";
import { childrenOf, sameExpression } from "../../kernel/traverse.ts";
import type { FunctionBody } from "./encode.ts";
import { opcodes, simd } from "./opcodes.ts";
import { type Element, elementOf, type Emit, emitLane, isFloat, type Printer, splatOf } from "./printer.ts";

type InstructionExpression = Extract<Expression, { kind: "instruction" }>;

/** select(x < bound, bound, x) is one instruction that keeps NaN of x. */
function emitClamp(e: InstructionExpression, printer: Printer, emit: Emit): boolean {
  const [condition, yes, no] = e.args;
  if (e.type.lanes === 1 || !isFloat(e.type) || condition?.kind !== "instruction" || !yes || !no) return false;
  const [x, bound] = condition.args;
  const op = { lt: simd.pmax, gt: simd.pmin }[condition.op as "lt" | "gt"];
  if (op === undefined || !x || !bound || !sameExpression(bound, yes) || !sameExpression(x, no)) return false;
  emit(x, printer);
  emit(bound, printer);
  printer.code.simd(op);
  return true;
}

function emitSelect(e: InstructionExpression, printer: Printer, emit: Emit): void {
  if (emitClamp(e, printer, emit)) return;
  const { code } = printer;
  const [condition, yes, no] = e.args;
  if (condition && yes && no && condition.type.lanes === e.type.lanes && callsHost(no)) return emitRareCall(e, { condition, yes, no }, printer, emit);
  for (const part of [yes, no, condition]) emit(required(part, "wasm", "operand of select"), printer);
  if (e.type.lanes === 1) code.op(0x1b);
  else if (condition?.type.lanes === 1) code.op(0x1c, 0x01, 0x7b);
  else code.simd(simd.bitselect);
}

/** Does a value call the host, whatever for? */
const callsHost = (e: Expression): boolean =>
  (e.kind === "instruction" && opcodes[e.op].host !== undefined && opcodes[e.op][elementOf[e.type.scalar]] === undefined) || childrenOf(e).some(callsHost);

/** What calls the host is left out where no lane asks for it. */
function emitRareCall(e: InstructionExpression, parts: Readonly<Record<"condition" | "yes" | "no", Expression>>, printer: Printer, emit: Emit): void {
  const { code } = printer;
  if (e.type.lanes === 1) {
    emit(parts.condition, printer);
    code.op(0x04, isFloat(e.type) ? 0x7d : 0x7f);
    emit(parts.yes, printer);
    code.op(0x05);
    emit(parts.no, printer);
    return code.op(0x0b);
  }
  const [yes, condition] = [code.local("v128"), code.local("v128")];
  emit(parts.yes, printer);
  code.set(yes);
  emit(parts.condition, printer);
  code.tee(condition);
  code.simd(simd.allTrue);
  code.op(0x04, 0x7b);
  code.get(yes);
  code.op(0x05);
  code.get(yes);
  emit(parts.no, printer);
  code.get(condition);
  code.simd(simd.bitselect);
  code.op(0x0b);
  code.release("v128", yes);
  code.release("v128", condition);
}

function emitFma(e: InstructionExpression, printer: Printer, emit: Emit): void {
  const { code, relaxed } = printer;
  for (const arg of e.args.slice(0, 2)) emit(arg, printer);
  const last = required(e.args[2], "wasm", "operand of fma");
  if (e.type.lanes === 1) {
    code.op(0x94);
    emit(last, printer);
    return code.op(0x92);
  }
  if (!relaxed) code.simd(simd.mul);
  emit(last, printer);
  code.simd(relaxed ? simd.relaxedMultiplyAdd : simd.add);
}

/**
 * Integers that are divided by 0, or whose quotient overflows, trap in WebAssembly. What nobody uses must not: a divisor of 0 is
 * taken as 1, and by -1 is negated.
 */
function guardDivisor(code: FunctionBody): void {
  const divisor = code.local("i32");
  code.tee(divisor);
  code.int(1);
  code.get(divisor);
  code.op(0x1b);
  code.release("i32", divisor);
}

/** The quotient of i32 on the stack: of the least number by -1 it is the least number again, as everywhere where numbers wrap. */
function emitSignedQuotient(code: FunctionBody, push: (at: number) => void): void {
  const divisor = code.local("i32");
  const quotient = code.local("i32");
  push(0);
  code.int(1);
  push(1);
  code.tee(divisor);
  code.get(divisor);
  code.int(1);
  code.op(0x6a);
  code.int(2);
  // divisor + 1 < 2 without sign: 0 and -1.
  code.op(0x49, 0x1b, 0x6d);
  code.set(quotient);
  code.int(0);
  code.get(quotient);
  code.op(0x6b);
  code.get(quotient);
  code.get(divisor);
  code.int(-1);
  code.op(0x46, 0x1b);
  code.release("i32", quotient);
  code.release("i32", divisor);
}

/** One value of an instruction from operands that `push` leaves on the stack. */
function emitScalar(e: InstructionExpression, operand: Element, printer: Printer, push: (at: number) => void): void {
  const { code } = printer;
  const entry = opcodes[e.op];
  const opcode = entry[operand]?.scalar;
  const integer = operand === "i32" || operand === "u32";
  if (operand === "f32" && opcode === undefined && entry.host) {
    e.args.forEach((_, i) => push(i));
    return code.call(printer.host(entry.host));
  }
  if (opcode !== undefined) {
    e.args.forEach((_, i) => push(i));
    return code.op(opcode);
  }
  if (integer && e.op === "neg") {
    code.int(0);
    push(0);
    return code.op(0x6b);
  }
  if (integer && (e.op === "min" || e.op === "max")) {
    const compare = opcodes[e.op === "min" ? "lt" : "gt"][operand]?.scalar;
    const [a, b] = [code.local("i32"), code.local("i32")];
    push(0);
    code.tee(a);
    push(1);
    code.tee(b);
    code.get(a);
    code.get(b);
    code.op(required(compare, "wasm", "comparison"), 0x1b);
    code.release("i32", a);
    return code.release("i32", b);
  }
  throw new InternalError("wasm", `${e.op} of ${operand}; legalize first`);
}

/** An instruction on operands that `emit` leaves on the stack. */
export function emitInstruction(e: InstructionExpression, printer: Printer, emit: Emit): void {
  const { code } = printer;
  if (e.op === "select") return emitSelect(e, printer, emit);
  if (e.op === "fma") return emitFma(e, printer, emit);
  const last = required(e.args.at(-1), "wasm", `operand of ${e.op}`);
  const operand = elementOf[last.type.scalar];
  const divides = (e.op === "div" || e.op === "rem") && operand !== "f32";
  const isSigned = e.op === "div" && operand === "i32" && !(last.kind === "const" && last.value > 0);
  const pushArg = (at: number): void => {
    const arg = required(e.args[at], "wasm", `operand of ${e.op}`);
    emit(arg, printer);
    if (divides && !isSigned && at === 1 && !(arg.kind === "const" && arg.value > 0)) guardDivisor(code);
  };
  if (last.type.lanes === 1 && isSigned) return emitSignedQuotient(code, pushArg);
  if (last.type.lanes === 1) return emitScalar(e, operand, printer, pushArg);
  const vector = opcodes[e.op][operand]?.vector;
  const shift = e.op === "shift_left" || e.op === "shift_right";
  if (vector !== undefined && (!shift || last.kind === "splat")) {
    e.args.forEach((arg, i) => emit(shift && i === 1 && arg.kind === "splat" ? arg.arg : arg, printer));
    return code.simd(vector);
  }
  emitLaneByLane(e, operand, printer, emit);
}

function emitLaneByLane(e: InstructionExpression, operand: Element, printer: Printer, emit: Emit): void {
  const { code } = printer;
  const kept = e.args.map((arg) => {
    const local = code.local("v128");
    emit(arg, printer);
    code.set(local);
    return local;
  });
  const divides = (e.op === "div" || e.op === "rem") && operand !== "f32";
  const isSigned = e.op === "div" && operand === "i32";
  for (let lane = 0; lane < e.type.lanes; lane++) {
    const push = (at: number): void => {
      code.get(kept[at] ?? 0);
      emitLane(required(e.args[at], "wasm", "operand").type, lane, printer);
      if (divides && !isSigned && at === 1) guardDivisor(code);
    };
    if (isSigned) emitSignedQuotient(code, push);
    else emitScalar(e, operand, printer, push);
    if (lane === 0) code.simd(splatOf(e.type));
    else code.simd(isFloat(e.type) ? simd.replaceFloat : simd.replaceInt, lane);
  }
  kept.forEach((local) => code.release("v128", local));
}
