/**
 * Loops in WebAssembly, with the test at the end: one branch a turn. Innermost loops move pointers; where fused
 * multiply-adds fill the registers, two turns are written out with a way out between them. That keeps the loads of the
 * second turn behind the arithmetic of the first: an engine that sees both as one block loads everything first and runs out of
 * registers.
 */
import * as k from "../../kernel/build.ts";
import type { Expression, Statement } from "../../kernel/node.ts";
import { visitExpressions } from "../../kernel/traverse.ts";
import { emitExpression } from "./expression.ts";
import { type Loop, type LoopPointers, pointersOf } from "./pointers.ts";
import type { Printer } from "./printer.ts";

/** Emits statements, with addresses taken from `pointers` where they are there. */
export type EmitBlock = (statements: readonly Statement[], printer: Printer) => void;

export function emitLoop(loop: Loop, printer: Printer, emitBlock: EmitBlock): void {
  const step = k.constantValue(loop.step);
  const found = step === undefined ? undefined : pointersOf(loop, printer.facts);
  if (found && step !== undefined) emitPointerLoop(loop, step, found, printer, emitBlock);
  else emitCounterLoop(loop, printer, emitBlock);
}

const isLocal = (e: Expression): boolean => e.kind === "const" || e.kind === "ref";

function emitCounterLoop(loop: Loop, printer: Printer, emitBlock: EmitBlock): void {
  const { code } = printer;
  const counter = printer.local(loop.name);
  const end = isLocal(loop.end) ? undefined : code.local("i32");
  const pushEnd = (): void => (end === undefined ? emitExpression(loop.end, printer) : code.get(end));
  emitExpression(loop.start, printer);
  code.set(counter);
  if (end !== undefined) {
    emitExpression(loop.end, printer);
    code.set(end);
  }
  code.get(counter);
  pushEnd();
  code.op(0x48, 0x04, 0x40, 0x03, 0x40);
  emitBlock(loop.body, printer);
  code.get(counter);
  emitExpression(loop.step, printer);
  code.op(0x6a);
  code.tee(counter);
  pushEnd();
  code.op(0x48, 0x0d, 0x00, 0x0b, 0x0b);
  if (end !== undefined) code.release("i32", end);
}

function multipliesAndAdds(loop: Loop): boolean {
  let found = false;
  visitExpressions(loop.body, (e) => {
    if (e.kind === "instruction" && e.op === "fma" && e.type.lanes === 4) found = true;
  });
  return found;
}

/** address + (rest + at * factor) * stride, left on the stack */
function pushAddress(printer: Printer, { name, stride, factor, rest }: LoopPointers["pointers"][number], at: Expression): void {
  const { code } = printer;
  code.get(printer.place(name).local);
  emitExpression(k.mul(k.add(rest, k.mul(at, k.int(factor))), k.int(stride)), printer);
  code.op(0x6a);
}

function emitPointerLoop(loop: Loop, step: number, found: LoopPointers, printer: Printer, emitBlock: EmitBlock): void {
  const { code } = printer;
  const { pointers, addressesOnly, unneeded } = found;
  const locals = pointers.map((pointer) => {
    const local = code.local("i32");
    pushAddress(printer, pointer, loop.start);
    code.set(local);
    return local;
  });
  const moves = pointers.map(({ factor, stride }) => step * factor * stride);
  const [leader] = pointers;
  const [led = 0] = locals;
  const [move = 0] = moves;
  const end = code.local("i32");
  if (leader) pushAddress(printer, leader, loop.end);
  code.set(end);
  const counter = printer.local(loop.name);
  if (!addressesOnly) {
    emitExpression(loop.start, printer);
    code.set(counter);
  }
  const body = loop.body.filter((statement) => !(statement.kind === "let" && unneeded.has(statement.name)));
  /** The body with pointers `turns` turns behind. */
  const turn = (turns: number): void =>
    emitBlock(body, {
      ...printer,
      pointer: (name, index, stride) => {
        const at = found.find(name, index, stride);
        return at && { local: locals[at.pointer] ?? 0, offset: printer.place(name).offset + at.constant * stride + turns * (moves[at.pointer] ?? 0) };
      },
    });
  const twice = addressesOnly && multipliesAndAdds(loop);
  const last = twice ? code.local("i32") : undefined;
  if (last !== undefined) {
    code.get(end);
    code.int(move);
    code.op(0x6b);
    code.set(last);
  }
  // block { loop { ... } } around it: leaving is branching to the block.
  code.get(led);
  code.get(end);
  code.op(0x49, 0x04, 0x40, 0x03, 0x40);
  turn(0);
  if (last !== undefined) {
    code.get(led);
    code.get(last);
    code.op(0x4f, 0x0d, 0x01);
    turn(1);
  }
  const turns = twice ? 2 : 1;
  locals.forEach((local, i) => {
    if (i === 0) return;
    code.get(local);
    code.int((moves[i] ?? 0) * turns);
    code.op(0x6a);
    code.set(local);
  });
  if (!addressesOnly) {
    code.get(counter);
    code.int(step);
    code.op(0x6a);
    code.set(counter);
  }
  code.get(led);
  code.int(move * turns);
  code.op(0x6a);
  code.tee(led);
  code.get(end);
  code.op(0x49, 0x0d, 0x00, 0x0b, 0x0b);
  for (const local of [...locals, end, ...(last === undefined ? [] : [last])]) code.release("i32", local);
}
