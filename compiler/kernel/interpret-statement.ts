/** Statements of the interpreter: compiled once to closures; those in which invocations wait for each other become generators. */
import { bufferOf, compileExpression, compilePosition, type Compute, type Frame, type Machine, type Slots, slotOf, type Stop } from "./interpret-expression.ts";
import type { Expression, Statement } from "./node.ts";
import { visitStatements } from "./traverse.ts";
import { required } from "../errors.ts";

export type { Frame, Machine, Stop } from "./interpret-expression.ts";

/** `steps` yields at each barrier and subgroup operation that it reaches; absent when there is none inside. */
interface Action {
  readonly run: (frame: Frame) => void;
  readonly steps?: (frame: Frame) => Generator<Stop, void>;
}

function holdsStop(statement: Statement): boolean {
  let found = false;
  visitStatements([statement], (inner) => {
    if (inner.kind === "barrier" || (inner.kind === "let" && inner.value.kind === "subgroup")) found = true;
  });
  return found;
}

const scalar = (compute: Compute, frame: Frame): number => compute(frame)[0] ?? NaN;

function compileFor(loop: Extract<Statement, { kind: "for" }>, path: string, machine: Machine, slots: Slots): Action {
  const [start, end, step] = [loop.start, loop.end, loop.step].map((bound) => compileExpression(bound, machine, slots));
  const slot = slotOf(slots, loop.name);
  const body = compileBlock(loop.body, `${path}.body`, machine, slots);
  const bounds = (frame: Frame): readonly [number, number, number] => {
    const [from, to, by] = [start, end, step].map((bound) => (bound ? scalar(bound, frame) : NaN));
    if (!(by !== undefined && by > 0)) throw machine.fault(`loop '${loop.name}' steps by ${by}`);
    return [from ?? NaN, to ?? NaN, by];
  };
  const run = (frame: Frame): void => {
    const [from, to, by] = bounds(frame);
    for (let i = from; i < to; i += by) {
      frame.values[slot] = [i];
      body.run(frame);
    }
  };
  const { steps } = body;
  if (!steps) return { run };
  return {
    run,
    *steps(frame) {
      const [from, to, by] = bounds(frame);
      for (let i = from; i < to; i += by) {
        frame.values[slot] = [i];
        yield* steps(frame);
      }
    },
  };
}

function compileIf(branch: Extract<Statement, { kind: "if" }>, path: string, machine: Machine, slots: Slots): Action {
  const condition = compileExpression(branch.condition, machine, slots);
  const then = compileBlock(branch.then, `${path}.then`, machine, slots);
  const otherwise = compileBlock(branch.otherwise, `${path}.otherwise`, machine, slots);
  const chosen = (frame: Frame): Action => (scalar(condition, frame) !== 0 ? then : otherwise);
  const run = (frame: Frame): void => chosen(frame).run(frame);
  if (!then.steps && !otherwise.steps) return { run };
  return {
    run,
    *steps(frame) {
      const action = chosen(frame);
      if (action.steps) yield* action.steps(frame);
      else action.run(frame);
    },
  };
}

function compileSet(statement: Extract<Statement, { kind: "set" }>, machine: Machine, slots: Slots): Action {
  const index = compileExpression(statement.index, machine, slots);
  const value = compileExpression(statement.value, machine, slots);
  if (machine.shared.has(statement.array)) return { run: (frame) => machine.shared.write(statement.array, scalar(index, frame), value(frame)) };
  const slot = slotOf(slots, statement.array);
  return {
    run(frame) {
      const array = required(frame.arrays[slot], "interpret", `array '${statement.array}'`);
      const at = scalar(index, frame);
      if (!(at >= 0 && at < array.length)) throw machine.fault(`index ${at} of array '${statement.array}', which has ${array.length} elements`);
      array[at] = [...value(frame)];
    },
  };
}

function compileStore(statement: Extract<Statement, { kind: "store" }>, machine: Machine, slots: Slots): Action {
  const value = compileExpression(statement.value, machine, slots);
  const index = statement.index.map((entry) => compileExpression(entry, machine, slots));
  const position = compilePosition(machine, bufferOf(machine, statement.buffer), index, statement.value.type.lanes);
  const data = required(machine.memory.get(statement.buffer), "interpret", `buffer '${statement.buffer}'`);
  if (!machine.readBack.watches(statement.buffer)) return { run: (frame) => data.set(value(frame), position(frame)) };
  return {
    run(frame) {
      const stored = value(frame);
      const at = position(frame);
      machine.readBack.write(statement.buffer, at, stored.length);
      data.set(stored, at);
    },
  };
}

function compileSubgroup(name: string, e: Extract<Expression, { kind: "subgroup" }>, path: string, machine: Machine, slots: Slots): Action {
  const given = compileExpression(e.arg, machine, slots);
  const slot = slotOf(slots, name);
  const stop: Stop = { where: `${e.op} at ${path}`, subgroup: { op: e.op, scalar: e.type.scalar } };
  return {
    run: () => undefined,
    *steps(frame) {
      frame.exchanged = given(frame);
      yield stop;
      frame.values[slot] = frame.exchanged;
    },
  };
}

function compileStatement(statement: Statement, path: string, machine: Machine, slots: Slots): Action {
  switch (statement.kind) {
    case "let":
    case "var":
    case "assign": {
      if (statement.kind === "let" && statement.value.kind === "subgroup") return compileSubgroup(statement.name, statement.value, path, machine, slots);
      const value = compileExpression(statement.value, machine, slots);
      const slot = slotOf(slots, statement.name);
      return { run: (frame) => void (frame.values[slot] = value(frame)) };
    }
    case "array": {
      const slot = slotOf(slots, statement.name);
      const zero = new Array<number>(statement.type.lanes).fill(0);
      return { run: (frame) => void (frame.arrays[slot] = Array.from({ length: statement.length }, () => zero)) };
    }
    case "set":
      return compileSet(statement, machine, slots);
    case "store":
      return compileStore(statement, machine, slots);
    case "for":
      return compileFor(statement, path, machine, slots);
    case "if":
      return compileIf(statement, path, machine, slots);
    case "barrier": {
      const stop: Stop = { where: `the barrier at ${path}` };
      return {
        run: () => undefined,
        *steps() {
          yield stop;
        },
      };
    }
    case "comment":
      return { run: () => undefined };
    default:
      return statement satisfies never;
  }
}

function compileBlock(statements: readonly Statement[], path: string, machine: Machine, slots: Slots): Action {
  const actions = statements.map((statement, i) => compileStatement(statement, `${path}[${i}]`, machine, slots));
  const run = (frame: Frame): void => {
    for (const action of actions) action.run(frame);
  };
  if (!statements.some(holdsStop)) return { run };
  return {
    run,
    *steps(frame) {
      for (const action of actions)
        if (action.steps) yield* action.steps(frame);
        else action.run(frame);
    },
  };
}

/** The body as a generator of stops, and the number of slots a frame needs. */
export function compileBody(machine: Machine): { readonly start: (frame: Frame) => Generator<Stop, void>; readonly slots: number } {
  const slots: Slots = new Map();
  const body = compileBlock(machine.kernel.body, "body", machine, slots);
  function* start(frame: Frame): Generator<Stop, void> {
    if (body.steps) yield* body.steps(frame);
    else body.run(frame);
  }
  return { start, slots: slots.size };
}
