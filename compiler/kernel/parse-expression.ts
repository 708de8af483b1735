/**
 * Expressions of the `.kernel` text form. Types are not written: they follow from the declarations, so an expression
 * is read within a scope of names.
 */
import type { ExtentTree } from "../ir/extent.ts";
import { type DType, dtypes } from "../ir/types.ts";
import { resultType } from "./instructions.ts";
import { isBuiltin, isInstruction } from "./names.ts";
import { bool, type Expression, f32, i32, type Lanes, scalarType, type ValueType } from "./node.ts";
import { infixOperators, laneNames } from "./print.ts";
import { isSubgroupOperation } from "./subgroups.ts";
import type { Cursor, Token } from "./tokens.ts";

/** What the names of a kernel stand for. */
export interface NameTable {
  readonly buffers: Map<string, { readonly dtype: DType }>;
  readonly arrays: Map<string, ValueType>;
  readonly values: Map<string, ValueType>;
}

const isDType = (word: string): word is DType => dtypes.some((dtype) => dtype === word);

const infixBySymbol = new Map([...infixOperators].map(([op, { symbol, precedence }]) => [symbol, { op, precedence }]));

export function lanesOf(cursor: Cursor, count: number): Lanes {
  if (count === 1 || count === 2 || count === 4) return count;
  return cursor.fail(`${count} lanes; a value has 1, 2 or 4`);
}

/** + of * and / of names, numbers and parentheses; keeps the structure of the text. */
export function parseExtentTree(cursor: Cursor): ExtentTree {
  let left = parseExtentProduct(cursor);
  while (cursor.accept("+")) left = ["+", left, parseExtentProduct(cursor)];
  return left;
}

function parseExtentProduct(cursor: Cursor): ExtentTree {
  let left = parseExtentAtom(cursor);
  for (;;) {
    if (cursor.accept("*")) left = ["*", left, parseExtentAtom(cursor)];
    else if (cursor.accept("/")) left = ["/", left, parseExtentAtom(cursor)];
    else return left;
  }
}

function parseExtentAtom(cursor: Cursor): ExtentTree {
  if (cursor.accept("(")) {
    const inner = parseExtentTree(cursor);
    cursor.expect(")");
    return inner;
  }
  return cursor.peek().kind === "word" ? parseExtentName(cursor) : cursor.integer("an extent");
}

/** A name, possibly dotted. */
export function parseExtentName(cursor: Cursor): string {
  let name = cursor.word("an extent name");
  while (cursor.accept(".")) name += `.${cursor.word("a name")}`;
  return name;
}

const literal = (type: ValueType, value: number): Expression => ({ kind: "const", type, value });

function parseNumber(text: string, negative: boolean): Expression {
  const value = (suffix: number): number => (negative ? -1 : 1) * Number(text.slice(0, text.length - suffix));
  if (text.endsWith("u")) return literal(scalarType("u32"), value(1));
  if (text.endsWith("h")) return literal(scalarType("f16"), Math.fround(value(1)));
  return /[.e]/.test(text) ? literal(f32, Math.fround(value(0))) : literal(i32, value(0) + 0);
}

const special: ReadonlyMap<string, Expression> = new Map([
  ["true", literal(bool, 1)], ["false", literal(bool, 0)],
  ["nan", literal(f32, NaN)], ["inf", literal(f32, Infinity)],
  ["nanh", literal(scalarType("f16"), NaN)], ["infh", literal(scalarType("f16"), Infinity)],
]);

function parseArguments(cursor: Cursor, names: NameTable): readonly Expression[] {
  cursor.expect("(");
  const args = cursor.list(() => parseExpression(cursor, names));
  cursor.expect(")");
  return args;
}

function parseCall(cursor: Cursor, names: NameTable, token: Token): Expression {
  const word = token.text;
  const args = parseArguments(cursor, names);
  const [first] = args;
  if (!first) return cursor.fail("a call needs arguments");
  if (isInstruction(word)) return { kind: "instruction", type: resultType(word, args.map((arg) => arg.type)), op: word, args };
  if (isSubgroupOperation(word)) return args.length === 1 ? { kind: "subgroup", type: first.type, op: word, arg: first } : cursor.fail(`${word} takes one operand`, token);
  if (isDType(word)) return { kind: "convert", type: { scalar: word, lanes: first.type.lanes }, arg: first };
  const target = word.replace(/^bits_/, "");
  if (target !== word && isDType(target)) return { kind: "bitcast", type: { scalar: target, lanes: first.type.lanes }, arg: first };
  const shape = /^(splat|vec)([24])$/.exec(word);
  if (!shape) return cursor.fail(`'${word}' is not an instruction or a type`, token);
  const type: ValueType = { scalar: first.type.scalar, lanes: lanesOf(cursor, Number(shape[2])) };
  return shape[1] === "splat" ? { kind: "splat", type, arg: first } : { kind: "vector", type, args };
}

function parseAccess(cursor: Cursor, names: NameTable, token: Token): Expression {
  const word = token.text;
  cursor.expect("[");
  const index = cursor.list(() => parseExpression(cursor, names));
  const lanes = cursor.accept(":") ? lanesOf(cursor, cursor.integer("a lane count")) : 1;
  cursor.expect("]");
  const buffer = names.buffers.get(word);
  if (buffer) return { kind: "load", type: { scalar: buffer.dtype, lanes }, buffer: word, index };
  const array = names.arrays.get(word);
  const [only] = index;
  if (!array || !only || index.length > 1) return cursor.fail(`'${word}' is not a buffer or a one-axis array`, token);
  return { kind: "element", type: array, array: word, index: only };
}

function parsePrimary(cursor: Cursor, names: NameTable): Expression {
  const token = cursor.next();
  if (token.text === "(") {
    const inner = parseExpression(cursor, names);
    cursor.expect(")");
    return inner;
  }
  if (token.text === "#") {
    if (!cursor.accept("(")) return { kind: "extent", type: i32, extent: parseExtentName(cursor) };
    const extent = parseExtentTree(cursor);
    cursor.expect(")");
    return { kind: "extent", type: i32, extent };
  }
  if (token.text === "-") {
    const after = cursor.next();
    const infinite = special.get(after.text);
    if (after.kind === "number") return parseNumber(after.text, true);
    return infinite?.kind === "const" ? { ...infinite, value: -infinite.value } : cursor.fail("'-' stands only before a number; write neg(x)", after);
  }
  if (token.kind === "number") return parseNumber(token.text, false);
  if (token.kind !== "word") return cursor.fail(`expected an expression, found '${token.text}'`, token);
  if (isBuiltin(token.text)) return { kind: "builtin", type: i32, builtin: token.text };
  const known = special.get(token.text);
  if (known) return known;
  if (cursor.peek().text === "(") return parseCall(cursor, names, token);
  if (cursor.peek().text === "[") return parseAccess(cursor, names, token);
  const type = names.values.get(token.text);
  return type ? { kind: "ref", type, name: token.text } : cursor.fail(`'${token.text}' is not defined here`, token);
}

function parsePostfix(cursor: Cursor, names: NameTable): Expression {
  let e = parsePrimary(cursor, names);
  while (cursor.accept(".")) {
    const lane = laneNames.findIndex((name) => name === cursor.peek().text);
    if (lane < 0) return cursor.fail("a lane is x, y, z or w");
    cursor.next();
    e = { kind: "lane", type: scalarType(e.type.scalar), arg: e, lane };
  }
  return e;
}

/** throws: SyntaxError with line and column. */
export function parseExpression(cursor: Cursor, names: NameTable, weakest = 1): Expression {
  let left = parsePostfix(cursor, names);
  for (;;) {
    const operator = infixBySymbol.get(cursor.peek().text);
    if (!operator || operator.precedence < weakest) return left;
    cursor.next();
    const right = parseExpression(cursor, names, operator.precedence + 1);
    left = { kind: "instruction", type: resultType(operator.op, [left.type, right.type]), op: operator.op, args: [left, right] };
  }
}
