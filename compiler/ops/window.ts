/**
 * Geometry of sliding windows, shared by convolution and pooling: how long the result is, and which element of the input
 * a place of the window falls on. Elements beyond the input are masked; their index is kept inside, so that no load
 * leaves its tensor.
 */
import type { Expr, Expressions, Range } from "../folds/expression.ts";
import { addIndex, scaleIndex } from "../folds/index-arithmetic.ts";
import { addExtents, constantExtent, divideExtents, type Extent, extentValue, multiplyExtents, subtractExtents } from "../ir/extent.ts";
import type { Attributes } from "../ir/node.ts";
import type { AttributeSpec } from "./define.ts";
import { integers, type OnnxAttribute } from "./onnx-form.ts";

/** Along each axis that the window slides on. unit: elements */
export interface Window {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export const windowAttributes: readonly AttributeSpec[] = [
  { name: "stride", kind: "integers", doc: "step of the window along each axis; 1 when left out", default: [] },
  { name: "dilation", kind: "integers", doc: "distance between neighbouring elements of the window; 1 when left out", default: [] },
  { name: "before", kind: "integers", doc: "padding before each axis; 0 when left out", default: [] },
  { name: "after", kind: "integers", doc: "padding after each axis; 0 when left out", default: [] },
];

/** The window of `rank` axes, or undefined when a list has another length or holds what it must not. */
export function windowOf(attributes: Attributes, rank: number): Window | undefined {
  const list = (name: string, otherwise: number): readonly number[] => {
    const given = attributes[name] as readonly number[];
    return given.length === 0 ? new Array<number>(rank).fill(otherwise) : given;
  };
  const window: Window = { stride: list("stride", 1), dilation: list("dilation", 1), before: list("before", 0), after: list("after", 0) };
  const fits = [window.stride, window.dilation].every((each) => each.length === rank && each.every((value) => value >= 1)) && [window.before, window.after].every((each) => each.length === rank && each.every((value) => value >= 0));
  return fits ? window : undefined;
}

/** floor((extent + before + after - dilation * (size - 1) - 1) / stride) + 1; undefined when the window is longer than the padded axis. */
export function slidLength(extent: Extent, size: Extent, window: Window, axis: number): Extent | undefined {
  const [stride, dilation, before, after] = [window.stride, window.dilation, window.before, window.after].map((list) => list[axis] as number) as [number, number, number, number];
  const span = multiplyExtents(constantExtent(dilation), subtractExtents(size, constantExtent(1)));
  const room = addExtents(subtractExtents(extent, span), constantExtent(before + after - 1));
  if ((extentValue(room) ?? 0) < 0) return undefined;
  return addExtents(divideExtents(room, constantExtent(stride)), constantExtent(1));
}

/** The same in attributes of ONNX. */
export const onnxWindow = ({ stride, dilation, before, after }: Window): Readonly<Record<string, OnnxAttribute>> => ({ strides: integers(stride), dilations: integers(dilation), pads: integers([...before, ...after]) });

/** An index of the input along one axis, and whether it is one; no condition: it always is. */
export interface Place {
  readonly index: Expr;
  readonly inside: Expr | undefined;
}

/** Keeps an index in 0 .. extent-1, and says whether it was there. */
export function masked(e: Expressions, index: Expr, extent: Extent): Place {
  const last = e.extent(addExtents(extent, constantExtent(-1)), "i32");
  const zero = e.constant(0, "i32");
  return {
    index: e.apply("min", e.apply("max", index, zero), last),
    inside: e.apply("and", e.apply("ge", index, zero), e.apply("lt", index, e.extent(extent, "i32"))),
  };
}

/** Where element `at` of the window lies that begins at `start`. */
export function placeIn(e: Expressions, start: Range, at: Range, extent: Extent, window: Window, axis: number): Place {
  const [stride, dilation, before, after] = [window.stride, window.dilation, window.before, window.after].map((list) => list[axis] as number) as [number, number, number, number];
  const moved = addIndex(e, scaleIndex(e, e.index(start), constantExtent(stride)), scaleIndex(e, e.index(at), constantExtent(dilation)));
  if (before === 0 && after === 0) return { index: moved, inside: undefined };
  return masked(e, addIndex(e, moved, e.constant(-before, "i32")), extent);
}

/** `value` where every place is inside, else `otherwise`. */
export function chosen(e: Expressions, places: readonly Place[], value: Expr, otherwise: number): Expr {
  const conditions = places.flatMap(({ inside }) => (inside ? [inside] : []));
  if (conditions.length === 0) return value;
  return e.apply("select", conditions.reduce((a, b) => e.apply("and", a, b)), value, e.constant(otherwise, value.dtype));
}

/** The same place as a number. */
export const placeNumber = (start: number, at: number, window: Window, axis: number): number =>
  start * (window.stride[axis] as number) + at * (window.dilation[axis] as number) - (window.before[axis] as number);

/** The same place as text, and the test that it is inside. */
export function placeText(start: string, at: string, extent: string, window: Window, axis: number): { readonly index: string; readonly test: string | undefined } {
  const scaled = (name: string, by: number): string => (name === "0" ? "" : by === 1 ? name : `${name} * ${by}`);
  const parts = [scaled(start, window.stride[axis] as number), scaled(at, window.dilation[axis] as number)].filter((part) => part !== "");
  const before = window.before[axis] as number;
  const sum = parts.length === 0 ? "0" : parts.join(" + ");
  const index = before === 0 ? sum : `${sum} - ${before}`;
  return { index, test: before === 0 && window.after[axis] === 0 ? undefined : `${index} >= 0 && ${index} < ${extent}` };
}
