/**
 * Rebuilds a kernel through the builders, knowing what the builders alone cannot: the range of every loop counter, of
 * i32 lets and of the invocation number. Drops branches that are decided and loops that never run, inlines loops that
 * run once, and copies trivial lets into their uses. Exact: every store keeps its bits. Runs before legalize.ts.
 */
import { apply, bitcast, constantLanes, convert, element, extent, int, lane, load, splat, vector } from "./build.ts";
import type { Expression, Kernel, Statement } from "./node.ts";
import { evaluateExtent, extentTreeNames } from "./numbers.ts";
import { type Facts, type Range, rangeOf } from "./ranges.ts";
import { extentsRead } from "./traverse.ts";

export type Replacements = ReadonlyMap<string, Expression>;

/** The expression again, names replaced, simplified with the facts. */
export function rebuild(e: Expression, facts: Facts, replacements: Replacements): Expression {
  const again = (inner: Expression): Expression => rebuild(inner, facts, replacements);
  switch (e.kind) {
    case "const":
      return e;
    case "builtin": {
      const range = facts(e.builtin);
      return range && range.low === range.high ? { kind: "const", type: e.type, value: range.low } : e;
    }
    case "extent":
      return extentTreeNames(e.extent).length === 0 ? extent(evaluateExtent(e.extent, {})) : e;
    case "ref":
      return replacements.get(e.name) ?? e;
    case "load":
      return load(e.buffer, e.type.scalar, e.index.map(again), e.type.lanes);
    case "element":
      return element(e.array, e.type, again(e.index));
    case "instruction":
      return apply(e.op, e.args.map(again), facts);
    case "subgroup":
      return { ...e, arg: again(e.arg) };
    case "convert":
      return convert(again(e.arg), e.type.scalar);
    case "bitcast":
      return bitcast(again(e.arg), e.type.scalar);
    case "splat":
      return splat(again(e.arg), e.type.lanes);
    case "vector": {
      const [first, ...rest] = e.args.map(again);
      return first ? vector(first, ...rest) : e;
    }
    case "lane":
      return lane(again(e.arg), e.lane);
    default:
      return e satisfies never;
  }
}

const isTrivial = (e: Expression): boolean => ((e.kind === "const" || e.kind === "ref" || e.kind === "builtin" || e.kind === "extent") && e.type.lanes === 1) || (e.kind === "vector" && constantLanes(e) !== undefined);

interface Scope {
  readonly ranges: Map<string, Range>;
  readonly replacements: Map<string, Expression>;
  /** Names of `var`s: a let that copies one must stay. */
  readonly mutable: Set<string>;
}

const isFact = (range: Range): boolean => Number.isFinite(range.low) || Number.isFinite(range.high);

function simplifyLoop(loop: Extract<Statement, { kind: "for" }>, scope: Scope, facts: Facts): readonly Statement[] {
  const start = rebuild(loop.start, facts, scope.replacements);
  const end = rebuild(loop.end, facts, scope.replacements);
  const step = rebuild(loop.step, facts, scope.replacements);
  const low = rangeOf(start, facts);
  const high = rangeOf(end, facts);
  if (low.low >= high.high) return [];
  const strides = rangeOf(step, facts);
  const once = low.low === low.high && low.high < high.low && low.low + strides.low >= high.high;
  if (once) {
    scope.replacements.set(loop.name, int(low.low));
    return simplifyBlock(loop.body, scope);
  }
  scope.ranges.set(loop.name, { low: low.low, high: high.high - 1 });
  const body = simplifyBlock(loop.body, scope);
  return body.some((statement) => statement.kind !== "comment") ? [{ ...loop, start, end, step, body }] : [];
}

function simplifyStatement(statement: Statement, scope: Scope): readonly Statement[] {
  const facts: Facts = (name) => scope.ranges.get(name);
  const again = (e: Expression): Expression => rebuild(e, facts, scope.replacements);
  switch (statement.kind) {
    case "let": {
      const value = again(statement.value);
      if (isTrivial(value) && !(value.kind === "ref" && scope.mutable.has(value.name))) {
        scope.replacements.set(statement.name, value);
        return [];
      }
      const range = rangeOf(value, facts);
      if (isFact(range)) scope.ranges.set(statement.name, range);
      return [{ ...statement, value }];
    }
    case "var":
      scope.mutable.add(statement.name);
      return [{ ...statement, value: again(statement.value) }];
    case "assign":
      return [{ ...statement, value: again(statement.value) }];
    case "set":
      return [{ ...statement, index: again(statement.index), value: again(statement.value) }];
    case "store":
      return [{ ...statement, index: statement.index.map(again), value: again(statement.value) }];
    case "for":
      return simplifyLoop(statement, scope, facts);
    case "if": {
      const condition = again(statement.condition);
      if (condition.kind === "const") return simplifyBlock(condition.value !== 0 ? statement.then : statement.otherwise, scope);
      const then = simplifyBlock(statement.then, scope);
      const otherwise = simplifyBlock(statement.otherwise, scope);
      return then.length + otherwise.length === 0 ? [] : [{ ...statement, condition, then, otherwise }];
    }
    case "array":
    case "barrier":
    case "comment":
      return [statement];
    default:
      return statement satisfies never;
  }
}

const simplifyBlock = (statements: readonly Statement[], scope: Scope): readonly Statement[] =>
  statements.flatMap((statement) => simplifyStatement(statement, scope));

/** The number of workgroups, invocations or output elements along an axis, as the range of its coordinate. */
function coordinateRanges(kernel: Kernel): Map<string, Range> {
  const ranges = new Map<string, Range>();
  const names = kernel.mode === "thread" ? ["thread_x", "thread_y", "thread_z"] : ["group_x", "group_y", "group_z"];
  for (const [i, tree] of kernel.grid.entries()) {
    const name = names[i];
    if (name) ranges.set(name, { low: 0, high: extentTreeNames(tree).length === 0 ? evaluateExtent(tree, {}) - 1 : Infinity });
  }
  if (kernel.mode === "workgroup") ranges.set("thread", { low: 0, high: kernel.workgroupSize - 1 });
  return ranges;
}

/** The same kernel, simplified. Names keep their meaning; `extents` shrinks to those that are still read. */
export function simplify(kernel: Kernel): Kernel {
  const scope: Scope = { ranges: coordinateRanges(kernel), replacements: new Map(), mutable: new Set() };
  const body = simplifyBlock(kernel.body, scope);
  return { ...kernel, body, extents: extentsRead({ ...kernel, body }) };
}
