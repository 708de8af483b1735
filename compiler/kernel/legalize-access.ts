/**
 * Buffer accesses as WGSL has them: one axis, and either the width of the binding or one scalar. Wider accesses of
 * scalar bindings become scalar accesses; an index or value that is then needed several times gets a name.
 */
import { add, extent, int, lane, load, mul, vector } from "./build.ts";
import type { Buffer, Expression, Kernel, Statement } from "./node.ts";
import type { Site } from "./prelude.ts";
import { required } from "../errors.ts";

const bufferOf = (kernel: Kernel, name: string): Buffer =>
  required(kernel.buffers.find((buffer) => buffer.name === name), "legalize", `buffer '${name}'`);

/** row * columns + column, or the one index. unit: scalar elements */
export function linearIndex(buffer: Buffer, index: readonly Expression[]): Expression {
  const [row, column] = index;
  const only = required(row, "legalize", `index of '${buffer.name}'`);
  return column ? add(mul(only, extent(buffer.columns ?? buffer.length)), column) : only;
}

const positions = (lanes: number): readonly number[] => Array.from({ length: lanes }, (_, at) => at);

export function legalizeLoad(e: Extract<Expression, { kind: "load" }>, kernel: Kernel, site: Site): Expression {
  const buffer = bufferOf(kernel, e.buffer);
  const index = linearIndex(buffer, e.index);
  const { scalar, lanes } = e.type;
  if (lanes === buffer.lanes) return load(e.buffer, scalar, index, lanes);
  const start = site.once(index, `${e.buffer}_at`);
  if (lanes === 1) return load(e.buffer, scalar, start);
  const [first, ...rest] = positions(lanes).map((at) => load(e.buffer, scalar, add(start, int(at))));
  return vector(required(first, "legalize", "first lane"), ...rest);
}

export function legalizeStore(statement: Extract<Statement, { kind: "store" }>, kernel: Kernel, site: Site): readonly Statement[] {
  const buffer = bufferOf(kernel, statement.buffer);
  const index = linearIndex(buffer, statement.index);
  const { lanes } = statement.value.type;
  if (lanes === buffer.lanes) return [{ ...statement, index: [index] }];
  const start = site.once(index, `${statement.buffer}_at`);
  const value = site.once(statement.value, `${statement.buffer}_value`);
  return positions(lanes).map((at) => ({ ...statement, index: [add(start, int(at))], value: lane(value, at) }));
}
