/** Reads the `.kernel` text form (spec/kernel-ir.md) into kernel IR. Nothing is simplified: the nodes are those of the text. */
import { dtypes } from "../ir/types.ts";
import { type Buffer, type Expression, i32, type Kernel, type KernelModule, type Statement, type ValueType, type WorkgroupArray } from "./node.ts";
import { lanesOf, type NameTable, parseExpression, parseExtentName, parseExtentTree } from "./parse-expression.ts";
import { Cursor } from "./tokens.ts";

function parseValueType(cursor: Cursor): ValueType {
  const word = cursor.word("a type");
  const match = /^([a-z]+\d*?)(?:x(\d))?$/.exec(word);
  const scalar = dtypes.find((dtype) => dtype === match?.[1]);
  if (!scalar) return cursor.fail(`'${word}' is not a type`);
  return { scalar, lanes: match?.[2] === undefined ? 1 : lanesOf(cursor, Number(match[2])) };
}

/** `name: type[` with the bracket consumed. */
function parseDeclared(cursor: Cursor): { readonly name: string; readonly type: ValueType } {
  const name = cursor.word("a name");
  cursor.expect(":");
  const type = parseValueType(cursor);
  cursor.expect("[");
  return { name, type };
}

function parseBuffer(cursor: Cursor, access: "read" | "write"): Buffer {
  const { name, type } = parseDeclared(cursor);
  const length = parseExtentTree(cursor);
  cursor.expect("]");
  const buffer = { name, dtype: type.scalar, access, lanes: type.lanes, length };
  return cursor.accept("columns") ? { ...buffer, columns: parseExtentTree(cursor) } : buffer;
}

function parseSizedArray(cursor: Cursor): WorkgroupArray {
  const { name, type } = parseDeclared(cursor);
  const length = cursor.integer("a length");
  cursor.expect("]");
  return { name, type, length };
}

function parseFor(cursor: Cursor, names: NameTable): Statement {
  const name = cursor.word("a loop counter");
  cursor.expect("in");
  const start = parseExpression(cursor, names);
  cursor.expect("..");
  const end = parseExpression(cursor, names);
  const step: Expression = cursor.accept("step") ? parseExpression(cursor, names) : { kind: "const", type: i32, value: 1 };
  const unroll = cursor.accept("unroll");
  names.values.set(name, i32);
  return { kind: "for", name, start, end, step, unroll, body: parseBlock(cursor, names) };
}

function parseIf(cursor: Cursor, names: NameTable): Statement {
  const condition = parseExpression(cursor, names);
  const then = parseBlock(cursor, names);
  return { kind: "if", condition, then, otherwise: cursor.accept("else") ? parseBlock(cursor, names) : [] };
}

function parseElementWrite(cursor: Cursor, names: NameTable, name: string): Statement {
  const index = cursor.list(() => parseExpression(cursor, names));
  cursor.expect("]");
  cursor.expect("=");
  const value = parseExpression(cursor, names);
  const [only] = index;
  if (names.buffers.has(name)) return { kind: "store", buffer: name, index, value };
  if (!names.arrays.has(name) || !only || index.length > 1) return cursor.fail(`'${name}' is not a buffer or a one-axis array`);
  return { kind: "set", array: name, index: only, value };
}

function parseStatement(cursor: Cursor, names: NameTable): Statement {
  if (cursor.peek().kind === "comment") return { kind: "comment", text: cursor.next().text };
  if (cursor.accept("barrier")) return { kind: "barrier" };
  if (cursor.accept("for")) return parseFor(cursor, names);
  if (cursor.accept("if")) return parseIf(cursor, names);
  if (cursor.accept("array")) {
    const array = parseSizedArray(cursor);
    names.arrays.set(array.name, array.type);
    return { kind: "array", ...array };
  }
  const kind = cursor.accept("let") ? "let" : cursor.accept("var") ? "var" : "assign";
  const name = cursor.word("a statement");
  if (kind === "assign" && cursor.accept("[")) return parseElementWrite(cursor, names, name);
  cursor.expect("=");
  const value = parseExpression(cursor, names);
  if (kind !== "assign") names.values.set(name, value.type);
  return { kind, name, value };
}

function parseBlock(cursor: Cursor, names: NameTable): readonly Statement[] {
  cursor.expect("{");
  const statements: Statement[] = [];
  while (!cursor.accept("}")) statements.push(parseStatement(cursor, names));
  return statements;
}

function parseOne(cursor: Cursor): Kernel {
  cursor.expect("kernel");
  const name = cursor.word("a kernel name");
  cursor.expect("{");
  const mode = cursor.accept("thread") ? "thread" : "workgroup";
  if (mode === "workgroup") cursor.expect("workgroup");
  const workgroupSize = mode === "thread" ? 1 : cursor.integer("a workgroup size");
  cursor.expect("grid");
  const [x = 1, y = 1, z = 1] = cursor.list(() => parseExtentTree(cursor));
  const extents = cursor.accept("extents") ? cursor.list(() => parseExtentName(cursor)) : [];
  const buffers: Buffer[] = [];
  const workgroupArrays: WorkgroupArray[] = [];
  for (;;) {
    if (cursor.accept("read")) buffers.push(parseBuffer(cursor, "read"));
    else if (cursor.accept("write")) buffers.push(parseBuffer(cursor, "write"));
    else if (cursor.accept("shared")) workgroupArrays.push(parseSizedArray(cursor));
    else break;
  }
  const names: NameTable = {
    buffers: new Map(buffers.map((buffer) => [buffer.name, buffer])),
    arrays: new Map(workgroupArrays.map((array) => [array.name, array.type])),
    values: new Map(),
  };
  const body: Statement[] = [];
  while (!cursor.accept("}")) body.push(parseStatement(cursor, names));
  return { name, mode, workgroupSize, grid: [x, y, z], extents, buffers, workgroupArrays, body };
}

/** Parses one or more kernels. throws: SyntaxError, its message starting with `line:column`. */
export function parseModule(text: string): KernelModule {
  const cursor = new Cursor(text);
  const kernels: Kernel[] = [];
  while (cursor.peek().kind !== "end") {
    if (cursor.peek().kind === "comment") cursor.next();
    else kernels.push(parseOne(cursor));
  }
  return { kernels };
}

/** Parses a text that holds exactly one kernel. throws: SyntaxError */
export function parseKernel(text: string): Kernel {
  const { kernels } = parseModule(text);
  const [only] = kernels;
  if (!only || kernels.length > 1) throw new SyntaxError(`1:1: expected one kernel, found ${kernels.length}`);
  return only;
}
