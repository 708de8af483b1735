/**
 * Prints a workgroup kernel as one WGSL module. Bindings: the buffers in order, group 0, binding i; then, if the kernel
 * reads extents, a uniform block of i32 in the order of `kernel.extents`, which the host pads to a multiple of 16
 * bytes. The entry point is `main`.
 */
import { InternalError } from "../../errors.ts";
import { cheapIndices } from "../../kernel/cheap-indices.ts";
import { hoistInvariants } from "../../kernel/hoist-invariants.ts";
import { legalize } from "../../kernel/legalize.ts";
import type { Builtin, Expression, Kernel, Statement } from "../../kernel/node.ts";
import { printExtentTree } from "../../kernel/print.ts";
import { usesSubgroups } from "../../kernel/subgroups.ts";
import { storageBarriers } from "../../kernel/storage-barriers.ts";
import { visitExpressions, visitStatements } from "../../kernel/traverse.ts";
import { simplify } from "../../kernel/simplify.ts";
import { unroll } from "../../kernel/unroll.ts";
import { Lines } from "../text.ts";
import { type Printer, printExpression, printPlace, storedType, wgslType } from "./expression.ts";
import { nameTable } from "./names.ts";

export const wgslEntryPoint = "main";

/** Comments that tell where in the source a kernel comes from, each one line of text. */
export interface Notes {
  readonly head: readonly string[];
  /** Above each store to a buffer. */
  readonly ofBuffer: ReadonlyMap<string, string>;
}

const noNotes: Notes = { head: [], ofBuffer: new Map() };

type WorkgroupBuiltin = Exclude<Builtin, "thread_x" | "thread_y" | "thread_z">;

const builtinSources: Readonly<Record<WorkgroupBuiltin, string>> = { group_x: "group.x", group_y: "group.y", group_z: "group.z", thread: "local", subgroup_size: "subgroupSize" };

interface Use {
  readonly builtins: ReadonlySet<string>;
  readonly buffers: ReadonlySet<string>;
  /** Must the next barrier, in text order, order global memory too? */
  readonly ordersStorage: () => boolean;
  readonly extents: boolean;
}

function usesOf(kernel: Kernel): Use {
  const builtins = new Set<string>();
  const loads = new Set<string>();
  const stores = new Set<string>();
  let extents = false;
  visitExpressions(kernel.body, (e) => {
    if (e.kind === "builtin") builtins.add(e.builtin);
    if (e.kind === "load") loads.add(e.buffer);
    if (e.kind === "extent") extents = true;
  });
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "store") stores.add(statement.buffer);
  });
  const ordering = storageBarriers(kernel);
  let barriers = 0;
  return { builtins, buffers: new Set([...loads, ...stores]), ordersStorage: () => ordering.has(barriers++), extents };
}

function emitStatement(statement: Statement, lines: Lines, printer: Printer, use: Use, notes: Notes): void {
  const text = (e: Expression): string => printExpression(e, printer).text;
  const body = (statements: readonly Statement[]) => (): void => {
    for (const inner of statements) emitStatement(inner, lines, printer, use, notes);
  };
  switch (statement.kind) {
    case "let":
    case "var":
      return lines.add(`${statement.kind} ${printer.name(statement.name)} = ${text(statement.value)};`);
    case "assign":
      return lines.add(`${printer.name(statement.name)} = ${text(statement.value)};`);
    case "array":
      return lines.add(`var ${printer.name(statement.name)}: array<${wgslType(statement.type)}, ${statement.length}>;`);
    case "set":
      return lines.add(`${printer.name(statement.array)}[${text(statement.index)}] = ${text(statement.value)};`);
    case "store": {
      const { type } = statement.value;
      const note = notes.ofBuffer.get(statement.buffer);
      if (note !== undefined) lines.add(`// ${note}`);
      const place = printPlace(statement.buffer, statement.index, type.lanes, printer);
      return lines.add(`${place} = ${type.scalar === "bool" ? `${storedType("bool", type.lanes)}(${text(statement.value)})` : text(statement.value)};`);
    }
    case "for": {
      const name = printer.name(statement.name);
      const step = statement.step.kind === "const" && statement.step.value === 1 ? `${name}++` : `${name} += ${text(statement.step)}`;
      return lines.block(`for (var ${name} = ${text(statement.start)}; ${name} < ${text(statement.end)}; ${step}) {`, body(statement.body));
    }
    case "if":
      return lines.branch(`if (${text(statement.condition)}) {`, body(statement.then), statement.otherwise.length > 0 ? body(statement.otherwise) : undefined);
    case "barrier":
      if (use.ordersStorage()) lines.add("storageBarrier();");
      return lines.add("workgroupBarrier();");
    case "comment":
      for (const line of statement.text.split("\n")) lines.add(`// ${line}`.trimEnd());
      return;
    default:
      return statement satisfies never;
  }
}

function emitDeclarations(kernel: Kernel, lines: Lines, printer: Printer, notes: Notes): void {
  const dtypes = [...kernel.buffers.map((buffer) => buffer.dtype), ...kernel.workgroupArrays.map((array) => array.type.scalar)];
  let half = dtypes.includes("f16");
  visitExpressions(kernel.body, (e) => {
    if (e.type.scalar === "f16") half = true;
  });
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "array" && statement.type.scalar === "f16") half = true;
  });
  if (half) lines.add("enable f16;");
  if (usesSubgroups(kernel)) lines.add("enable subgroups;");
  lines.add(`// ${kernel.name}: ${kernel.workgroupSize} invocations in each workgroup of the grid (${kernel.grid.map((axis) => printExtentTree(axis)).join(", ")})`);
  for (const note of notes.head) lines.add(`// ${note}`);
  if (kernel.extents.length > 0)
    lines.block("struct Extents {", () => {
      for (const name of kernel.extents) lines.add(`${printer.field(name)}: i32,`);
    });
  lines.add("");
  for (const [i, buffer] of kernel.buffers.entries()) {
    const access = buffer.access === "read" ? "read" : "read_write";
    lines.add(`@group(0) @binding(${i}) var<storage, ${access}> ${printer.name(buffer.name)}: array<${storedType(buffer.dtype, buffer.lanes)}>;`);
  }
  if (kernel.extents.length > 0) lines.add(`@group(0) @binding(${kernel.buffers.length}) var<uniform> extents: Extents;`);
  for (const array of kernel.workgroupArrays) lines.add(`var<workgroup> ${printer.name(array.name)}: array<${wgslType(array.type)}, ${array.length}>;`);
  lines.add("");
}

/** WGSL text of a verified workgroup kernel. throws: InternalError for a thread kernel. */
export function emitWgsl(source: Kernel, notes: Notes = noNotes): string {
  if (source.mode !== "workgroup") throw new InternalError("wgsl", `${source.name} is a thread kernel`);
  // What is written out has constants where it had counters. The host binds the extents of the source.
  const unrolled = unroll(source);
  const written = unrolled === source ? source : { ...simplify(unrolled), extents: source.extents };
  const kernel = hoistInvariants(cheapIndices(legalize(written, "wgsl")));
  const use = usesOf(kernel);
  const printer: Printer = { name: nameTable(Object.keys(builtinSources)), field: nameTable([]), buffers: new Map(kernel.buffers.map((buffer) => [buffer.name, buffer])) };
  const lines = new Lines();
  emitDeclarations(kernel, lines, printer, notes);
  const parameters = [
    ...(["group_x", "group_y", "group_z"].some((name) => use.builtins.has(name)) ? ["@builtin(workgroup_id) group: vec3u"] : []),
    ...(use.builtins.has("thread") ? ["@builtin(local_invocation_index) local: u32"] : []),
    ...(use.builtins.has("subgroup_size") ? ["@builtin(subgroup_size) subgroupSize: u32"] : []),
  ];
  lines.add(`@compute @workgroup_size(${kernel.workgroupSize})`);
  lines.block(`fn ${wgslEntryPoint}(${parameters.join(", ")}) {`, () => {
    for (const [builtin, from] of Object.entries(builtinSources))
      if (use.builtins.has(builtin)) lines.add(`let ${printer.name(builtin)} = i32(${from});`);
    // A binding that nothing mentions would drop out of the automatic layout.
    for (const buffer of kernel.buffers) if (!use.buffers.has(buffer.name)) lines.add(`_ = &${printer.name(buffer.name)};`);
    if (kernel.extents.length > 0 && !use.extents) lines.add("_ = extents;");
    for (const statement of kernel.body) emitStatement(statement, lines, printer, use, notes);
  });
  return lines.text();
}
