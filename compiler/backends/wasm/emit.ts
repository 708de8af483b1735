/**
 * A workgroup kernel of one invocation as a WebAssembly module over imported memory. `run` walks through a part of the
 * workgroups, numbered x fastest, and calls a function for each: code that the engine has improved meanwhile is taken up
 * at the next one. Workgroup arrays lie in scratch memory that the caller hands in.
 */
import { InternalError, required } from "../../errors.ts";
import { hoistInvariants } from "../../kernel/hoist-invariants.ts";
import { legalize } from "../../kernel/legalize.ts";
import type { Expression, Kernel, Statement } from "../../kernel/node.ts";
import { type Range, rangeOf } from "../../kernel/ranges.ts";
import { visitExpressions, visitStatements } from "../../kernel/traverse.ts";
import { unroll } from "../../kernel/unroll.ts";
import { encodeModule, FunctionBody, type FunctionType } from "./encode.ts";
import { bytesOf, emitAddress, emitExpression, emitWrite } from "./expression.ts";
import { emitLoop } from "./loop.ts";
import { vectorOfStores } from "./neighbours.ts";
import type { HostFunction } from "./opcodes.ts";
import { kindOf, type Place, type Printer } from "./printer.ts";

export interface WasmModule {
  readonly bytes: Uint8Array;
  /** Offset of the byte that says whether the imported memory is shared: 1 no, 3 yes. */
  readonly sharedAt: number;
  /** Bytes of scratch memory that one caller of `run` needs, a multiple of 64. */
  readonly scratchBytes: number;
}

export interface WasmOptions {
  /** Multiply and add as one instruction of the relaxed SIMD proposal. */
  readonly relaxed: boolean;
}

/** Parameters of the function for one workgroup; `run` takes first, last, columns and rows of the grid, frame, scratch. */
const parameters = { group_x: 0, group_y: 1, group_z: 2, frame: 3, scratch: 4 } as const;

const arity: Readonly<Record<HostFunction, number>> = { sin: 1, cos: 1, rem: 2 };

/** A cache line. unit: bytes */
const line = 64;

const aligned = (bytes: number): number => Math.ceil(bytes / line) * line;

/** Does a kernel gain from fused multiply-adds? Then it is emitted once with them and once without. */
export function usesFma(kernel: Kernel): boolean {
  let found = false;
  visitExpressions(kernel.body, (e) => {
    if (e.kind === "instruction" && e.op === "fma" && e.type.lanes > 1) found = true;
  });
  return found;
}

/** The bytes of a verified workgroup kernel. throws: InternalError for one of several invocations. */
export function emitWasm(source: Kernel, { relaxed }: WasmOptions): WasmModule {
  if (source.mode !== "workgroup" || source.workgroupSize !== 1) throw new InternalError("wasm", `${source.name} has ${source.workgroupSize} invocations in a workgroup`);
  const kernel = hoistInvariants(legalize(unroll(source), "wasm"));
  const hosts = hostFunctions(kernel);
  const { body, scratchBytes } = emitGroup(kernel, relaxed, (name) => hosts.indexOf(name));
  const types: FunctionType[] = [
    { parameters: ["i32", "i32", "i32", "i32", "i32"], results: [] },
    { parameters: ["i32", "i32", "i32", "i32", "i32", "i32"], results: [] },
    { parameters: ["f32"], results: ["f32"] },
    { parameters: ["f32", "f32"], results: ["f32"] },
  ];
  const module = encodeModule({
    types, imports: hosts.map((name) => ({ name, type: 1 + arity[name] })),
    functions: [{ type: 0, body }, { type: 1, body: emitRun(hosts.length) }],
    exports: { run: hosts.length + 1 },
  });
  return { ...module, scratchBytes };
}

function hostFunctions(kernel: Kernel): HostFunction[] {
  const found = new Set<HostFunction>();
  visitExpressions(kernel.body, (e) => {
    if (e.kind !== "instruction") return;
    if (e.op === "sin" || e.op === "cos") found.add(e.op);
    if (e.op === "rem" && e.type.scalar !== "i32" && e.type.scalar !== "u32") found.add("rem");
  });
  return [...found].sort();
}

/** for (group = first; group < last; group++) group(group % columns, group / columns % rows, group / (columns * rows)) */
function emitRun(group: number): FunctionBody {
  const code = new FunctionBody(6);
  const [first, last, columns, rows, frame, scratch] = [0, 1, 2, 3, 4, 5] as const;
  code.op(0x02, 0x40, 0x03, 0x40);
  code.get(first);
  code.get(last);
  code.op(0x4e, 0x0d, 0x01);
  code.get(first);
  code.get(columns);
  code.op(0x6f);
  code.get(first);
  code.get(columns);
  code.op(0x6d);
  code.get(rows);
  code.op(0x6f);
  code.get(first);
  code.get(columns);
  code.get(rows);
  code.op(0x6c, 0x6d);
  code.get(frame);
  code.get(scratch);
  code.call(group);
  code.get(first);
  code.int(1);
  code.op(0x6a);
  code.set(first);
  code.op(0x0c, 0x00, 0x0b, 0x0b);
  return code;
}

function emitGroup(kernel: Kernel, relaxed: boolean, host: (name: HostFunction) => number): { readonly body: FunctionBody; readonly scratchBytes: number } {
  const code = new FunctionBody(5);
  const names = new Map<string, number>();
  const places = new Map<string, Place>();
  // The frame: addresses of the buffers, then the extents, one word each.
  const fromFrame = (word: number): number => {
    const local = code.local("i32");
    code.get(parameters.frame);
    code.op(0x28, ...code.access(2, 4 * word));
    code.set(local);
    return local;
  };
  kernel.buffers.forEach((buffer, i) => places.set(buffer.name, { local: fromFrame(i), offset: 0 }));
  const extents = new Map(kernel.extents.map((name, i) => [name, fromFrame(kernel.buffers.length + i)]));
  let scratchBytes = 0;
  const reserve = (name: string, bytes: number): void => {
    places.set(name, { local: parameters.scratch, offset: scratchBytes });
    scratchBytes += aligned(bytes);
  };
  for (const array of kernel.workgroupArrays) reserve(array.name, array.length * bytesOf(array.type));
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "array") reserve(statement.name, statement.length * bytesOf(statement.type));
    if (statement.kind === "let" || statement.kind === "var") names.set(statement.name, code.local(kindOf(statement.value.type)));
    if (statement.kind === "for") names.set(statement.name, code.local("i32"));
  });
  const ranges = new Map<string, Range>();
  const printer: Printer = {
    code, relaxed, host, facts: (name) => ranges.get(name),
    local: (name) => required(names.get(name), "wasm", `local '${name}'`),
    place: (name) => required(places.get(name), "wasm", `place of '${name}'`),
    extent: (name) => required(extents.get(name), "wasm", `extent '${name}'`),
    builtin: (name) => parameters[name],
  };
  emitBlock(kernel.body, printer, ranges);
  return { body: code, scratchBytes };
}

function emitBlock(statements: readonly Statement[], printer: Printer, ranges: Map<string, Range>): void {
  for (let i = 0; i < statements.length; i++) {
    const together = vectorOfStores(statements.slice(i, i + 4));
    if (together) {
      const { first, value } = together;
      const [name, index] = first.kind === "store" ? [first.buffer, required(first.index[0], "wasm", "index")] : [first.array, first.index];
      emitStoreAt(name, index, 4, value, printer);
      i += 3;
    } else emitStatement(statements[i] as Statement, printer, ranges);
  }
}

function emitStatement(statement: Statement, printer: Printer, ranges: Map<string, Range>): void {
  const { code } = printer;
  switch (statement.kind) {
    case "let":
      ranges.set(statement.name, rangeOf(statement.value, printer.facts));
      emitExpression(statement.value, printer);
      return code.set(printer.local(statement.name));
    case "var":
    case "assign":
      emitExpression(statement.value, printer);
      return code.set(printer.local(statement.name));
    case "array": {
      const { local, offset } = printer.place(statement.name);
      code.get(local);
      code.int(offset);
      code.op(0x6a);
      code.int(0);
      code.int(statement.length * bytesOf(statement.type));
      return code.op(0xfc, 0x0b, 0x00);
    }
    case "set":
      return emitStoreAt(statement.array, statement.index, bytesOf(statement.value.type), statement.value, printer);
    case "store":
      return emitStoreAt(statement.buffer, required(statement.index[0], "wasm", "index"), 4, statement.value, printer);
    case "for":
      ranges.set(statement.name, { low: rangeOf(statement.start, printer.facts).low, high: rangeOf(statement.end, printer.facts).high - 1 });
      return emitLoop(statement, printer, (statements, inner) => emitBlock(statements, inner, ranges));
    case "if":
      emitExpression(statement.condition, printer);
      code.op(0x04, 0x40);
      emitBlock(statement.then, printer, ranges);
      if (statement.otherwise.length > 0) {
        code.op(0x05);
        emitBlock(statement.otherwise, printer, ranges);
      }
      return code.op(0x0b);
    // One invocation waits for nobody.
    case "barrier":
    case "comment":
      return;
    default:
      return statement satisfies never;
  }
}

function emitStoreAt(name: string, index: Expression, stride: number, value: Expression, printer: Printer): void {
  const offset = emitAddress(name, index, stride, printer);
  emitExpression(value, printer);
  emitWrite(value.type, offset, printer);
}
