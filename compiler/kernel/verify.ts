/**
 * The verifier of kernel IR. Every rule has a label that spec/kernel-ir.md lists; violations are data. A kernel that
 * passes prints to WGSL that a browser accepts (workgroup mode) or to a GPU.js function (thread mode).
 */
import { isLegalName } from "./names.ts";
import type { ExtentTree } from "../ir/extent.ts";
import { type Builtin, i32, type Expression, type Kernel, type Lanes, type Statement, type ValueType } from "./node.ts";
import { printValueType } from "./print.ts";
import { blocksOf, childrenOf, expressionsOf, extentsRead, sameValueType, visitExpression, visitStatements } from "./traverse.ts";
import { divergentBarriers } from "./uniformity.ts";
import { checkExpression, checkIndex, type Report, type RuleLabel, type VerifyScope, type Violation } from "./verify-expression.ts";

export interface Verified {
  readonly violations: readonly Violation[];
  /** Workgroup memory. unit: bytes, rounded up to 16 per array. */
  readonly workgroupBytes: number;
}

interface State extends VerifyScope {
  readonly arrays: Map<string, ValueType>;
  readonly values: Map<string, ValueType>;
  readonly mutable: Set<string>;
  readonly violations: Violation[];
}

function storedBytes(type: ValueType, length: number): number {
  const bytes = (type.scalar === "f16" ? 2 : 4) * type.lanes * length;
  return Math.ceil(bytes / 16) * 16;
}

/** unit: bytes */
export const workgroupBytesOf = (kernel: Kernel): number =>
  kernel.workgroupArrays.reduce((sum, array) => sum + storedBytes(array.type, array.length), 0);

function checkNames(kernel: Kernel, report: Report): void {
  const seen = new Set<string>();
  const declare = (name: string): void => {
    if (!isLegalName(name)) report("K1", `'${name}' cannot be a name`);
    if (seen.has(name)) report("K1", `'${name}' is declared twice`);
    seen.add(name);
  };
  if (!isLegalName(kernel.name)) report("K1", `'${kernel.name}' cannot be a kernel name`);
  for (const buffer of kernel.buffers) declare(buffer.name);
  for (const shared of kernel.workgroupArrays) declare(shared.name);
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "let" || statement.kind === "var" || statement.kind === "array" || statement.kind === "for") declare(statement.name);
  });
}

function checkHeader(kernel: Kernel, report: Report): void {
  if (!Number.isInteger(kernel.workgroupSize) || kernel.workgroupSize < 1) report("K10", `a workgroup of ${kernel.workgroupSize} invocations`);
  for (const shared of kernel.workgroupArrays)
    if (!Number.isInteger(shared.length) || shared.length < 1) report("K10", `'${shared.name}' has ${shared.length} elements`);
  const listed = kernel.extents.join(", ");
  const needed = new Set(extentsRead(kernel));
  if (listed !== [...new Set(kernel.extents)].sort().join(", ")) report("K12", `extents ${listed} are not sorted and distinct`);
  for (const name of kernel.extents) if (!needed.has(name)) report("K12", `extent '${name}' is listed and never read`);
  for (const name of needed) if (!kernel.extents.includes(name)) report("K12", `extent '${name}' is read and not listed`);
}

const isCounterFree = (e: Expression, changed: ReadonlySet<string>): boolean =>
  e.kind !== "load" && e.kind !== "element" && !(e.kind === "ref" && changed.has(e.name)) && childrenOf(e).every((child) => isCounterFree(child, changed));

const isConstantName = (e: Expression, mutable: ReadonlySet<string>): boolean => e.kind === "ref" && !mutable.has(e.name);

function checkLoop(loop: Extract<Statement, { kind: "for" }>, { kernel: { mode }, mutable }: State, report: Report): void {
  for (const bound of [loop.start, loop.end, loop.step])
    if (!sameValueType(bound.type, i32)) report("K11", `a bound of loop '${loop.name}' is ${printValueType(bound.type)}, not i32`);
  if (loop.step.kind === "const" ? loop.step.value < 1 : loop.step.kind !== "extent" && !isConstantName(loop.step, mutable)) report("K11", `the step of loop '${loop.name}' is not a positive literal, an extent or a let`);
  const changed = new Set<string>([loop.name]);
  visitStatements(loop.body, (statement) => {
    if (statement.kind === "assign") changed.add(statement.name);
  });
  if (!isCounterFree(loop.end, changed)) report("K11", `the end of loop '${loop.name}' reads memory or a name that the loop changes`);
  const fixed = (e: Expression): boolean => e.kind === "const" || e.kind === "extent";
  if (mode === "thread" && !(loop.start.kind === "const" && fixed(loop.end) && loop.step.kind === "const"))
    report("K9", `loop '${loop.name}' of a thread kernel needs a literal start and step, and an end of literals and extents`);
}

function checkStore(statement: Extract<Statement, { kind: "store" }>, state: State, report: Report): void {
  const buffer = state.buffers.get(statement.buffer);
  if (!buffer) return report("K4", `buffer '${statement.buffer}' is not declared`);
  if (buffer.access !== "write") report("K4", `'${buffer.name}' is read-only`);
  const { type } = statement.value;
  if (type.scalar !== buffer.dtype) report("K6", `a store of ${printValueType(type)} to '${buffer.name}', which is ${buffer.dtype}`);
  if (buffer.lanes > 1 && type.lanes !== buffer.lanes) report("K6", `'${buffer.name}' is stored in vectors of ${buffer.lanes}, not of ${type.lanes}`);
  checkIndex(buffer, statement.index, report);
}

/** Thread kernels: scalars only, no arrays, one store, last, at [thread_y, thread_x]. */
function checkThreadMode(kernel: Kernel, report: Report): void {
  if (kernel.workgroupSize !== 1) report("K9", "a thread kernel has a workgroup size of 1");
  if (kernel.workgroupArrays.length > 0) report("K9", "a thread kernel has no workgroup memory");
  const last = kernel.body.at(-1);
  const [row, column] = last?.kind === "store" ? last.index : [];
  // Along an axis of one element the coordinate is 0, and simplification says so.
  const isCoordinate = (index: Expression | undefined, builtin: Builtin, extent: ExtentTree): boolean =>
    (index?.kind === "builtin" && index.builtin === builtin) || (extent === 1 && index?.kind === "const" && index.value === 0);
  const isOutput = isCoordinate(row, "thread_y", kernel.grid[1]) && isCoordinate(column, "thread_x", kernel.grid[0]);
  if (!isOutput) report("K9", "a thread kernel ends with its one store, at [thread_y, thread_x]");
  let stores = 0;
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "store") stores++;
    if (statement.kind === "array" || statement.kind === "set" || statement.kind === "barrier") report("K9", `${statement.kind} in a thread kernel`);
    for (const expression of expressionsOf(statement))
      visitExpression(expression, (e) => {
        if (e.type.lanes !== 1) report("K9", "a vector in a thread kernel");
        if (e.kind === "bitcast" || e.kind === "subgroup") report("K9", `a ${e.kind === "bitcast" ? "bitcast" : "subgroup operation"} in a thread kernel`);
      });
  });
  if (stores !== 1) report("K9", `${stores} stores in a thread kernel`);
  if (kernel.buffers.filter((buffer) => buffer.access === "write").length !== 1) report("K9", "a thread kernel has one output buffer");
}

/** Runs `check` with the names declared inside forgotten afterwards. */
function scoped(state: State, check: () => void): void {
  const values = new Map(state.values);
  const arrays = new Map(state.arrays);
  check();
  for (const [current, before] of [[state.values, values], [state.arrays, arrays]] as const)
    for (const name of [...current.keys()]) if (!before.has(name)) current.delete(name);
}

function checkStatement(statement: Statement, path: string, state: State): void {
  const report: Report = (label, message) => state.violations.push({ label, message, path });
  for (const expression of expressionsOf(statement))
    visitExpression(expression, (e) => {
      checkExpression(e, state, report);
      if (e.kind === "subgroup" && !(statement.kind === "let" && statement.value === e)) report("K14", `${e.op} is not the whole value of a let`);
    });
  switch (statement.kind) {
    case "let":
    case "var":
      state.values.set(statement.name, statement.value.type);
      if (statement.kind === "var") state.mutable.add(statement.name);
      return;
    case "assign": {
      const type = state.values.get(statement.name);
      if (!type || !state.mutable.has(statement.name)) return report("K2", `'${statement.name}' is not a var in scope`);
      if (!sameValueType(type, statement.value.type)) report("K3", `'${statement.name}' is ${printValueType(type)}, assigned ${printValueType(statement.value.type)}`);
      return;
    }
    case "array":
      if (!Number.isInteger(statement.length) || statement.length < 1) report("K10", `'${statement.name}' has ${statement.length} elements`);
      state.arrays.set(statement.name, statement.type);
      return;
    case "set": {
      const type = state.arrays.get(statement.array);
      if (!type) return report("K7", `array '${statement.array}' is not declared here`);
      if (!sameValueType(type, statement.value.type)) report("K7", `an element of '${statement.array}' is ${printValueType(type)}, not ${printValueType(statement.value.type)}`);
      if (!sameValueType(statement.index.type, i32)) report("K7", `index of '${statement.array}' is ${printValueType(statement.index.type)}, not i32`);
      return;
    }
    case "store":
      return checkStore(statement, state, report);
    case "for":
      checkLoop(statement, state, report);
      return scoped(state, () => {
        state.values.set(statement.name, i32);
        checkBlock(statement.body, `${path}.body`, state);
      });
    case "if":
      if (!sameValueType(statement.condition.type, { scalar: "bool", lanes: 1 })) report("K3", `a condition of type ${printValueType(statement.condition.type)}`);
      for (const [i, block] of blocksOf(statement).entries()) scoped(state, () => checkBlock(block, `${path}.${i === 0 ? "then" : "otherwise"}`, state));
      return;
    case "comment":
      if (statement.text !== statement.text.trim() || statement.text.includes("\n")) report("K13", "a comment is one trimmed line");
      return;
    case "barrier":
      return;
    default:
      return statement satisfies never;
  }
}

function checkBlock(statements: readonly Statement[], path: string, state: State): void {
  for (const [i, statement] of statements.entries()) checkStatement(statement, `${path}[${i}]`, state);
}

const isLanes = (lanes: number): lanes is Lanes => lanes === 1 || lanes === 2 || lanes === 4;

/** Checks every rule; an empty list means that the kernel is legal. */
export function verifyKernel(kernel: Kernel): Verified {
  const violations: Violation[] = [];
  const state: State = {
    kernel, violations, mutable: new Set(), values: new Map(),
    buffers: new Map(kernel.buffers.map((buffer) => [buffer.name, buffer])),
    arrays: new Map(kernel.workgroupArrays.map((array) => [array.name, array.type])),
  };
  const report = (label: RuleLabel, message: string): void => void violations.push({ label, message, path: "header" });
  checkNames(kernel, report);
  checkHeader(kernel, report);
  for (const buffer of kernel.buffers) if (!isLanes(buffer.lanes)) report("K6", `'${buffer.name}' has ${String(buffer.lanes)} lanes`);
  if (kernel.mode === "thread") checkThreadMode(kernel, report);
  checkBlock(kernel.body, "body", state);
  for (const path of divergentBarriers(kernel)) violations.push({ label: "K8", message: "a barrier or subgroup operation that not every invocation may reach", path });
  return { violations, workgroupBytes: workgroupBytesOf(kernel) };
}
