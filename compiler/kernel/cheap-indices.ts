/**
 * Index arithmetic as graphics compilers like it, for WGSL: quotients and remainders by powers of two become shifts and masks
 * (software adapters divide lane by lane), accesses of whole vectors count in vectors, and the terms of an index stand in the
 * order of the loops that change them, so that hoist-invariants.ts can take the leading ones out. Exact. Runs after legalize.ts.
 */
import { int } from "./build.ts";
import { type Expression, i32, type Kernel, type Statement } from "./node.ts";
import { type Facts, type Range, rangeOf, type Term, termsOf } from "./ranges.ts";
import { withExpressions, withOperands } from "./rewrite.ts";
import { exactQuotient, simplifyProduct, sumOf } from "./simplify-integer.ts";

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));

interface Scope {
  readonly kernel: Kernel;
  readonly ranges: Map<string, Range>;
  /** How many loops change a name; 0 for those that none does. */
  readonly depths: Map<string, number>;
}

const instruction = (op: "shift_right" | "bit_and", a: Expression, b: Expression): Expression => ({ kind: "instruction", type: i32, op, args: [a, b] });

/** Loops around the innermost name of an expression. */
function depthOf(e: Expression, scope: Scope): number {
  switch (e.kind) {
    case "ref":
      return scope.depths.get(e.name) ?? 0;
    case "instruction":
    case "vector":
      return Math.max(0, ...e.args.map((arg) => depthOf(arg, scope)));
    case "convert":
    case "bitcast":
    case "splat":
    case "lane":
      return depthOf(e.arg, scope);
    case "load":
    case "element":
    case "subgroup":
      return Number.POSITIVE_INFINITY;
    case "const":
    case "extent":
    case "builtin":
      return 0;
    default:
      return e satisfies never;
  }
}

function byDepth(e: Expression, scope: Scope): Expression {
  const terms = termsOf(e);
  if (terms.length < 2) return e;
  const depth = (term: Term): number => (term.base ? depthOf(term.base, scope) : 0);
  return sumOf([...terms].sort((a, b) => depth(a) - depth(b)));
}

function rewriteExpression(e: Expression, scope: Scope): Expression {
  const again = (inner: Expression): Expression => rewriteExpression(inner, scope);
  const facts: Facts = (name) => scope.ranges.get(name);
  if (e.kind === "load") return { ...e, index: e.index.map((index) => indexOf(index, e.buffer, e.type.lanes, scope)) };
  if (e.kind === "instruction") {
    const [a, b] = e.args;
    const by = b?.kind === "const" ? b.value : 0;
    if (e.type.scalar === "i32" && e.type.lanes === 1 && a && (e.op === "div" || e.op === "rem") && isPowerOfTwo(by) && rangeOf(a, facts).low >= 0)
      return e.op === "div" ? instruction("shift_right", again(a), int(Math.log2(by))) : instruction("bit_and", again(a), int(by - 1));
  }
  return withOperands(e, again);
}

/** An index of `lanes` elements: a multiple of them where they are a whole vector of the buffer. */
function indexOf(index: Expression, buffer: string, lanes: number, scope: Scope): Expression {
  const width = scope.kernel.buffers.find((candidate) => candidate.name === buffer)?.lanes ?? 1;
  if (width > 1 && lanes === width) return simplifyProduct(byDepth(rewriteExpression(exactQuotient(index, width), scope), scope), int(width));
  return byDepth(rewriteExpression(index, scope), scope);
}

function rewriteBlock(statements: readonly Statement[], scope: Scope, depth: number): readonly Statement[] {
  const facts: Facts = (name) => scope.ranges.get(name);
  return statements.map((statement): Statement => {
    const of = (e: Expression): Expression => rewriteExpression(e, scope);
    if (statement.kind === "let") {
      scope.ranges.set(statement.name, rangeOf(statement.value, facts));
      scope.depths.set(statement.name, Math.min(depth, depthOf(statement.value, scope)));
    }
    if (statement.kind === "var") scope.depths.set(statement.name, Number.POSITIVE_INFINITY);
    if (statement.kind === "store") return { ...statement, index: statement.index.map((index) => indexOf(index, statement.buffer, statement.value.type.lanes, scope)), value: of(statement.value) };
    if (statement.kind === "for") {
      scope.ranges.set(statement.name, { low: rangeOf(statement.start, facts).low, high: rangeOf(statement.end, facts).high - 1 });
      scope.depths.set(statement.name, depth + 1);
    }
    return withExpressions(statement, of, (block) => rewriteBlock(block, scope, statement.kind === "for" ? depth + 1 : depth));
  });
}

/** The kernel with cheap indices. cost: linear */
export const cheapIndices = (kernel: Kernel): Kernel => ({ ...kernel, body: rewriteBlock(kernel.body, { kernel, ranges: new Map(), depths: new Map() }, 0) });
