/** Shapes, slices, padding, joining, gathering and filling of the suites, as programs. */
import { type Draft, list, listed, literal, sizeOf, type Step } from "../draft.ts";
import type { Translate, Translations, View } from "../view.ts";

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** A result that is an input as it stands still needs a step. */
const kept = (draft: Draft, x: Step): Step => (x.text.startsWith("in") ? draft.let(`reshape(${x.text}, ${list(x.shape)})`, x.shape, x.dtype) : x);

/** A shape with 0 (as before) and -1 (what is left). */
function shapeFrom(x: Step, asked: readonly number[], zeroKeeps: boolean): number[] {
  const shape = asked.map((extent, axis) => (extent === 0 && zeroKeeps ? (x.shape[axis] ?? 0) : extent));
  const rest = sizeOf(shape.filter((extent) => extent !== -1));
  return shape.map((extent) => (extent === -1 ? sizeOf(x.shape) / rest : extent));
}

const reshapeTo = (shape: (view: View, x: Step) => readonly number[]): Translate => (view) => {
  const x = view.in(0);
  return kept(view.draft, view.draft.reshape(x, shape(view, x)));
};

/** Any change that only regroups elements: the case's own output shape. */
const regroup = reshapeTo((view) => view.outputShape);

const expandTo = (shape: (view: View) => readonly number[]): Translate => (view) => {
  const x = view.in(0);
  return view.draft.expand(x, shape(view));
};

const transpose: Translate = (view) => {
  const x = view.in(0);
  const order = view.numbers("perm") ?? view.numbers("permutation") ?? view.draft.all(x).reverse();
  return kept(view.draft, view.draft.transpose(x, order));
};

const reverse: Translate = (view) => {
  const x = view.in(0);
  if (x.shape.length === 0) return kept(view.draft, x);
  const axes = view.numbers("axes") ?? view.numbers("axis") ?? view.draft.all(x);
  return view.draft.let(`flip(${x.text}, axis = ${list(axes)})`, x.shape, x.dtype);
};

/** Blocks of channels to places and back, for a layout with channels first (ONNX) or last (TensorFlow.js). */
const blocks = (toDepth: boolean): Translate => (view) => {
  const { draft } = view;
  const given = view.in(0);
  const last = view.case.domain === "tfjs" && view.text("dataFormat", "NHWC") === "NHWC";
  const x = last ? draft.transpose(given, [0, 3, 1, 2]) : given;
  const size = view.number("blocksize", view.number("blockSize", 2));
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const crd = view.text("mode", "DCR") === "CRD";
  const result = toDepth
    ? draft.reshape(draft.transpose(draft.reshape(x, [n, c, h / size, size, w / size, size]), [0, 3, 5, 1, 2, 4]), [n, c * size * size, h / size, w / size])
    : draft.reshape(
        crd
          ? draft.transpose(draft.reshape(x, [n, c / size ** 2, size, size, h, w]), [0, 1, 4, 2, 5, 3])
          : draft.transpose(draft.reshape(x, [n, size, size, c / size ** 2, h, w]), [0, 3, 4, 1, 5, 2]),
        [n, c / size ** 2, h * size, w * size],
      );
  return last ? draft.transpose(result, [0, 2, 3, 1]) : result;
};

const tile: Translate = (view) => {
  const x = view.in(0);
  const repeats = view.numbers("reps") ?? view.numbers("repetitions") ?? view.values(1) ?? [];
  const wide = view.draft.reshape(x, [...new Array<number>(Math.max(0, repeats.length - x.shape.length)).fill(1), ...x.shape]);
  if (repeats.includes(0)) listed("empty tensors: an extent is a positive whole number");
  return view.draft.let(`tile(${wide.text}, ${list(repeats)})`, wide.shape.map((extent, axis) => extent * (repeats[axis] ?? 1)), wide.dtype);
};

const slice = (starts: string, sizes: string): Translate => (view) => {
  const { draft } = view;
  const x = view.in(0);
  const rank = x.shape.length;
  const begin = [...(view.numbers(starts) ?? [])];
  const length = [...(view.numbers(sizes) ?? [])];
  while (begin.length < rank) begin.push(0);
  while (length.length < rank) length.push(-1);
  const stops = begin.map((start, axis) => (length[axis] === -1 ? (x.shape[axis] ?? 0) : start + (length[axis] ?? 0)));
  return kept(draft, draft.slice(x, begin, stops, view.numbers("strides")));
};

/** Bounds with masks, as tf.stridedSlice has them. */
const stridedSlice: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const [begin, end] = [[...(view.numbers("begin") ?? [])], [...(view.numbers("end") ?? [])]];
  const strides = [...(view.numbers("strides") ?? begin.map(() => 1))];
  const masks = ["beginMask", "endMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask"].map((name) => view.number(name, 0)) as [number, number, number, number, number];
  if (masks[3] !== 0) return listed("newAxisMask");
  const bit = (mask: number, i: number): boolean => ((mask >> i) & 1) === 1;
  const given = begin.map((start, i) => ({ start, stop: end[i] ?? 0, step: strides[i] ?? 1, openStart: bit(masks[0], i), openStop: bit(masks[1], i), shrinks: bit(masks[4], i), ellipsis: bit(masks[2], i) }));
  const full = { start: 0, stop: 0, step: 1, openStart: true, openStop: true, shrinks: false, ellipsis: false };
  const at = given.findIndex(({ ellipsis }) => ellipsis);
  const missing = x.shape.length - given.length + (at < 0 ? 0 : 1);
  const filler = new Array<typeof full>(Math.max(0, missing)).fill(full);
  const items = at < 0 ? [...given, ...filler] : [...given.slice(0, at), ...filler, ...given.slice(at + 1)];
  const ranges = items.map((item, axis) => {
    const extent = x.shape[axis] ?? 1;
    const wrap = (value: number): number => (value < 0 ? value + extent : value);
    const [low, high] = item.step > 0 ? [0, extent] : [-1, extent - 1];
    const limit = (value: number): number => Math.max(low, Math.min(high, value));
    if (item.shrinks) return { start: wrap(item.start), stop: wrap(item.start) + 1, step: 1 };
    const start = item.openStart ? (item.step > 0 ? 0 : extent - 1) : limit(wrap(item.start));
    const stop = item.openStop ? (item.step > 0 ? extent : -1) : limit(wrap(item.stop));
    return { start, stop, step: item.step };
  });
  const cut = draft.slice(x, ranges.map(({ start }) => start), ranges.map(({ stop }) => stop), ranges.map(({ step }) => step));
  return kept(draft, draft.reshape(cut, cut.shape.filter((_, axis) => !items[axis]?.shrinks)));
};

/** Parts of the lengths that the outputs have. */
const split: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const axis = positive(view.number("axis", 0), x.shape.length);
  let start = 0;
  return view.case.outputs.map((output) => {
    const length = output.shape[axis] ?? 1;
    const part = draft.slice(x, x.shape.map((_, at) => (at === axis ? start : 0)), x.shape.map((extent, at) => (at === axis ? start + length : extent)));
    start += length;
    return kept(draft, part);
  });
};

const unstack: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const axis = positive(view.number("axis", 0), x.shape.length);
  return view.case.outputs.map((output, i) => kept(draft, draft.reshape(draft.slice(x, x.shape.map((_, at) => (at === axis ? i : 0)), x.shape.map((extent, at) => (at === axis ? i + 1 : extent))), output.shape)));
};

const concat = (axis?: number): Translate => (view) => kept(view.draft, view.draft.concat(view.inputs(), axis ?? view.number("axis", 0)));

const stack: Translate = (view) => {
  const parts = view.inputs();
  return view.draft.let(`stack(${parts.map(({ text }) => text).join(", ")}, axis = ${view.number("axis", 0)})`, view.outputShape, parts[0]?.dtype ?? "f32");
};

const padNames: Readonly<Record<string, string>> = { constant: "pad", reflect: "pad_reflect", reflection: "pad_reflect", edge: "pad_edge", wrap: "pad_wrap", symmetric: "pad_symmetric" };

/** Padding; negative amounts cut off. */
function padded(view: View, x: Step, before: readonly number[], after: readonly number[], mode: string, value: number): Step {
  const { draft } = view;
  const name = padNames[mode] ?? listed(`padding mode ${mode}`);
  const cut = draft.slice(x, x.shape.map((_, axis) => Math.max(0, -(before[axis] ?? 0))), x.shape.map((extent, axis) => extent - Math.max(0, -(after[axis] ?? 0))));
  const grow = (list: readonly number[]): number[] => list.map((count) => Math.max(0, count));
  return kept(draft, draft.pad(name, cut, grow(before), grow(after), name === "pad" ? value : undefined));
}

const onnxPad: Translate = (view) => {
  const x = view.in(0);
  const rank = x.shape.length;
  const pads = view.values(1) ?? view.numbers("pads") ?? [];
  const axes = (view.values(3) ?? view.draft.all(x)).map((axis) => positive(axis, rank));
  const place = (from: number): number[] => x.shape.map((_, axis) => (axes.includes(axis) ? (pads[from + axes.indexOf(axis)] ?? 0) : 0));
  return padded(view, x, place(0), place(axes.length), view.text("mode", "constant"), view.values(2)?.[0] ?? view.number("value", 0));
};

const webnnPad: Translate = (view) => padded(view, view.in(0), view.numbers("beginningPadding") ?? [], view.numbers("endingPadding") ?? [], view.text("mode", "constant"), view.number("value", 0));

const tfjsPad: Translate = (view) => {
  const given = view.attribute("paddings") as readonly (number | readonly [number, number])[];
  const pairs = typeof given[0] === "number" ? [given as unknown as readonly [number, number]] : (given as readonly (readonly [number, number])[]);
  const value = view.attribute("constantValue");
  return padded(view, view.in(0), pairs.map(([before]) => before), pairs.map(([, after]) => after), view.text("mode", "constant"), Number(value ?? 0));
};

const centerCropPad: Translate = (view) => {
  const x = view.in(0);
  const asked = view.values(1) ?? [];
  const axes = (view.numbers("axes") ?? view.draft.all(x)).map((axis) => positive(axis, x.shape.length));
  const change = x.shape.map((extent, axis) => (axes.includes(axis) ? (asked[axes.indexOf(axis)] ?? extent) - extent : 0));
  const before = change.map((count) => (count >= 0 ? Math.floor(count / 2) : -Math.floor(-count / 2)));
  return padded(view, x, before, change.map((count, axis) => count - (before[axis] ?? 0)), "constant", 0);
};

const gather: Translate = (view) => {
  const { draft } = view;
  const [x, indices] = [view.in(0), view.in(1)];
  const axis = positive(view.number("axis", 0), x.shape.length);
  const batch = view.number("batchDims", 0);
  if (batch === 0) return draft.gather(x, draft.cast(indices, "i32"), axis);
  // With batch axes: the position in the flattened batch and axis.
  const [lead, length] = [x.shape.slice(0, batch), x.shape[axis] ?? 1];
  if (axis !== batch) return listed("batchDims with an axis further in");
  const flat = draft.reshape(x, [sizeOf(lead) * length, ...x.shape.slice(axis + 1)]);
  const rows = draft.reshape(indices, [sizeOf(lead), sizeOf(indices.shape.slice(batch))]);
  const at = draft.let(`${rows.text} + position(${rows.text}, axis = 0) * ${length}`, rows.shape, "i32");
  return draft.reshape(draft.gather(flat, at, 0), view.outputShape);
};

/** Positions along the first axes of x in the last axis of the indices: one position in the flattened axes. */
const gatherNd = (data: string | number, indices: string | number): Translate => (view) => {
  const { draft } = view;
  const [x, places] = [view.in(data), draft.cast(view.in(indices), "i32")];
  const batch = view.number("batch_dims", 0);
  if (batch !== 0) return listed("batch_dims");
  const depth = places.shape[places.shape.length - 1] ?? 1;
  const rest = x.shape.slice(depth);
  const flat = draft.reshape(x, [sizeOf(x.shape.slice(0, depth)), ...rest]);
  const lead = places.shape.slice(0, -1);
  let at: Step | undefined;
  for (let i = 0; i < depth; i++) {
    const one = draft.reshape(draft.slice(places, places.shape.map((_, axis) => (axis === lead.length ? i : 0)), places.shape.map((extent, axis) => (axis === lead.length ? i + 1 : extent))), lead);
    const extent = x.shape[i] ?? 1;
    const natural = draft.where(draft.join("<", one, draft.number(0, "i32"), "bool"), draft.join("+", one, draft.number(extent, "i32")), one);
    at = at ? draft.join("+", draft.join("*", at, draft.number(extent, "i32")), natural) : natural;
  }
  return draft.gather(flat, at ?? listed("no positions"), 0);
};

const takeAlong: Translate = (view) => {
  const [x, indices] = [view.in(0), view.draft.cast(view.in(1), "i32")];
  return view.draft.let(`take_along(${x.text}, ${indices.text}, axis = ${view.number("axis", 0)})`, indices.shape, x.dtype);
};

/** Elements on one side of a diagonal of the last two axes. */
function triangle(draft: Draft, x: Step, condition: (row: Step, column: Step) => Step): Step {
  const row = draft.map("position", x, ["axis = -2"], "i32");
  const column = draft.map("position", x, ["axis = -1"], "i32");
  return draft.where(condition(row, column), x, draft.number(0, x.dtype));
}

const trilu = (diagonal: (view: View) => number): Translate => (view) => {
  const { draft } = view;
  const upper = view.flag("upper", true);
  return triangle(draft, view.in(0), (row, column) => draft.join(upper ? ">=" : "<=", draft.join("-", column, row), draft.number(diagonal(view), "i32"), "bool"));
};

const bandPart: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const limit = (name: string, extent: number | undefined): number => {
    const given = view.values(name)?.[0] ?? view.number(name, -1);
    return given < 0 ? (extent ?? 1) : given;
  };
  const [lower, upper] = [limit("numLower", x.shape.at(-2)), limit("numUpper", x.shape.at(-1))];
  return triangle(draft, x, (row, column) => {
    const distance = draft.join("-", column, row);
    return draft.let(`${distance.text} >= ${-lower} and ${distance.text} <= ${upper}`, x.shape, "bool");
  });
};

const range: Translate = (view) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => view.values(i)?.[0] ?? 0) as [number, number, number];
  const count = Math.max(Math.ceil((limit - start) / delta), 0);
  return view.draft.let(`cast(iota(${count}), f32) * ${literal(delta)} + ${literal(start)}`, [count]);
};

const filled: Translate = (view) => {
  const given = view.attribute("value") as { readonly tensor: { readonly data: readonly number[]; readonly dtype: string } } | undefined;
  const shape = view.values(0) ?? [];
  if (shape.includes(0)) return listed("empty tensors: an extent is a positive whole number");
  const value = view.draft.let(`broadcast_to(${literal(given?.tensor.data[0] ?? 0)}, ${list(shape)})`, shape);
  return given?.tensor.dtype.startsWith("int") ? view.draft.cast(value, "i32") : value;
};

const eye: Translate = (view) => {
  const x = view.in(0);
  return view.draft.let(`cast(position(${x.text}, axis = 0) + ${view.number("k", 0)} == position(${x.text}, axis = 1), f32)`, x.shape);
};

const oneHot = (depth: (view: View) => number, values: (view: View) => readonly [number, number], axis: (view: View) => number): Translate => (view) => {
  const { draft } = view;
  const indices = draft.cast(view.in(0), "i32");
  const length = depth(view);
  const [off, on] = values(view);
  // ONNX counts negative indices from the end.
  const natural = view.case.domain === "ai.onnx" ? draft.where(draft.join("<", indices, draft.number(0, "i32"), "bool"), draft.join("+", indices, draft.number(length, "i32")), indices) : indices;
  const hot = draft.let(`one_hot(${natural.text}, ${length})`, [...indices.shape, length]);
  const chosen = draft.let(`where(${hot.text} > 0, ${literal(on)}, ${off < 0 ? `(${literal(off)})` : literal(off)})`, hot.shape);
  const to = positive(axis(view), hot.shape.length);
  const order = draft.all(hot).slice(0, -1);
  order.splice(to, 0, hot.shape.length - 1);
  return draft.transpose(chosen, order);
};

export const movementTranslations: Translations = {
  "ai.onnx:Reshape": reshapeTo((view, x) => shapeFrom(x, view.values(1) ?? view.numbers("shape") ?? [], !view.flag("allowzero"))),
  "webnn:reshape": reshapeTo((view) => view.numbers("newShape") ?? []),
  "tfjs:tf.reshape": reshapeTo((view, x) => shapeFrom(x, view.numbers("shape") ?? [], false)),
  "ai.onnx:Flatten": regroup,
  "ai.onnx:Unsqueeze": regroup,
  "tfjs:tf.expandDims": regroup,
  "tfjs:tf.squeeze": regroup,
  "ai.onnx:Expand": expandTo((view) => view.outputShape),
  "webnn:expand": expandTo((view) => view.numbers("newShape") ?? []),
  "ai.onnx:Tile": tile,
  "webnn:tile": tile,
  "tfjs:tf.tile": tile,
  "ai.onnx:DepthToSpace": blocks(false),
  "ai.onnx:SpaceToDepth": blocks(true),
  "tfjs:tf.depthToSpace": blocks(false),
  "ai.onnx:Transpose": transpose,
  "webnn:transpose": transpose,
  "tfjs:tf.transpose": transpose,
  "webnn:reverse": reverse,
  ...Object.fromEntries(["", "1d", "2d", "3d", "4d"].map((rank) => [`tfjs:tf.reverse${rank}`, reverse])),
  "webnn:slice": slice("starts", "sizes"),
  ...Object.fromEntries(["", "1d", "2d", "3d", "4d"].map((rank) => [`tfjs:tf.slice${rank}`, slice("begin", "size")])),
  "tfjs:tf.stridedSlice": stridedSlice,
  "ai.onnx:Split": split,
  "webnn:split": split,
  "tfjs:tf.split": split,
  "tfjs:tf.unstack": unstack,
  "ai.onnx:Concat": concat(),
  "webnn:concat": concat(),
  "tfjs:tf.concat": concat(),
  "tfjs:tf.concat1d": concat(0),
  "tfjs:tf.concat2d": concat(),
  "tfjs:tf.concat3d": concat(),
  "tfjs:tf.stack": stack,
  "ai.onnx:Pad": onnxPad,
  "ai.onnx:CenterCropPad": centerCropPad,
  "webnn:pad": webnnPad,
  ...Object.fromEntries(["pad", "pad1d", "pad2d", "pad3d", "mirrorPad"].map((name) => [`tfjs:tf.${name}`, tfjsPad])),
  "ai.onnx:Gather": gather,
  "webnn:gather": gather,
  "tfjs:tf.gather": gather,
  "ai.onnx:GatherElements": takeAlong,
  "webnn:gatherElements": takeAlong,
  "ai.onnx:GatherND": gatherNd(0, 1),
  "webnn:gatherND": gatherNd(0, 1),
  "tfjs:tf.gatherND": gatherNd("x", "indices"),
  "ai.onnx:Trilu": trilu((view) => view.values(1)?.[0] ?? 0),
  "webnn:triangular": trilu((view) => view.number("diagonal", 0)),
  "tfjs:tf.bandPart": bandPart,
  "ai.onnx:Range": range,
  "ai.onnx:ConstantOfShape": filled,
  "ai.onnx:EyeLike": eye,
  "ai.onnx:OneHot": oneHot((view) => view.values(1)?.[0] ?? 0, (view) => [view.values(2)?.[0] ?? 0, view.values(2)?.[1] ?? 1], (view) => view.number("axis", -1)),
  "tfjs:tf.oneHot": oneHot((view) => view.number("depth", 1), (view) => [view.number("offValue", 0), view.number("onValue", 1)], () => -1),
};
