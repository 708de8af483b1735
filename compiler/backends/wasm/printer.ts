/** What the parts of the wasm backend share while they emit one function: places of names, and how a type is held. */
import type { DType } from "../../ir/types.ts";
import type { Expression, ValueType } from "../../kernel/node.ts";
import type { Facts } from "../../kernel/ranges.ts";
import type { FunctionBody, ValueKind } from "./encode.ts";
import { type HostFunction, simd } from "./opcodes.ts";

/** Where an array or buffer begins: a local with an address, plus bytes. */
export interface Place {
  readonly local: number;
  readonly offset: number;
}

export interface Printer {
  readonly code: FunctionBody;
  readonly local: (name: string) => number;
  /** Of a buffer, or of a workgroup or private array. */
  readonly place: (name: string) => Place;
  /** An access inside a loop that moves pointers. */
  readonly pointer?: (name: string, index: Expression, stride: number) => Place | undefined;
  readonly extent: (name: string) => number;
  readonly builtin: (name: "group_x" | "group_y" | "group_z") => number;
  /** Index of an imported function. */
  readonly host: (name: HostFunction) => number;
  /** What is known of integer names so far. */
  readonly facts: Facts;
  /** Whether fma is one instruction, rounded once. */
  readonly relaxed: boolean;
}

export type Element = "f32" | "i32" | "u32" | "bool";

export const elementOf: Readonly<Record<DType, Element>> = { f32: "f32", f16: "f32", i32: "i32", u32: "u32", bool: "bool" };

export const kindOf = ({ scalar, lanes }: ValueType): ValueKind => (lanes > 1 ? "v128" : elementOf[scalar] === "f32" ? "f32" : "i32");

export const isFloat = (type: ValueType): boolean => elementOf[type.scalar] === "f32";

export const splatOf = (type: ValueType): number => (isFloat(type) ? simd.splatFloat : simd.splatInt);

/** Emits an expression: handed to the parts that expression.ts is made of. */
export type Emit = (e: Expression, printer: Printer) => void;

/** One lane of the vector on the stack. */
export function emitLane(type: ValueType, lane: number, printer: Printer): void {
  printer.code.simd(isFloat(type) ? simd.extractFloat : simd.extractInt, lane);
  if (type.scalar !== "bool") return;
  printer.code.int(1);
  printer.code.op(0x71);
}
