/** The workloads as ONNX models, with the widest operators of opset 20 that onnxruntime has kernels for. Used by onnxruntime.ts. */
import { encodeModel, type OnnxConstant } from "../../../compiler/backends/onnx/encode.ts";
import { integer, integers, type OnnxAttribute, type OnnxNode } from "../../../compiler/ops/onnx-form.ts";
import type { Tensors } from "../data.ts";
import { normEpsilon, rmsEpsilon, type Workload } from "../workloads.ts";

const number = (value: number): OnnxAttribute => ({ kind: "number", value });

class Graph {
  readonly nodes: OnnxNode[] = [];
  readonly constants: OnnxConstant[] = [];

  op(operator: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}, name = `${operator}_${this.nodes.length}`): string {
    this.nodes.push({ operator, inputs, outputs: [name], attributes });
    return name;
  }

  /** An operator of several outputs. */
  ops(operator: string, inputs: readonly string[], outputs: number, attributes: Readonly<Record<string, OnnxAttribute>>): string[] {
    const names = Array.from({ length: outputs }, (_, i) => `${operator}_${this.nodes.length}_${i}`);
    this.nodes.push({ operator, inputs, outputs: names, attributes });
    return names;
  }

  scalar(value: number): string {
    return this.#constant("f32", [], [value]);
  }

  list(...values: readonly number[]): string {
    return this.#constant("i64", [values.length], values);
  }

  norm(x: string, gain: string, bias: string, name?: string): string {
    return this.op("LayerNormalization", [x, gain, bias], { axis: integer(-1), epsilon: number(normEpsilon) }, name);
  }

  linear(x: string, w: string, b: string, name?: string): string {
    return this.op("Add", [this.op("MatMul", [x, w]), b], {}, name);
  }

  #constant(dtype: "f32" | "i64", shape: readonly number[], data: readonly number[]): string {
    const name = `constant_${this.constants.length}`;
    this.constants.push({ name, dtype, shape, data });
    return name;
  }
}

/** Inputs `x` (and `r`), outputs `y` (after `s`). */
export function onnxModel({ id, form }: Workload, inputs: Tensors, parameters: Tensors): { readonly bytes: Uint8Array; readonly outputs: readonly string[] } {
  const graph = new Graph();
  const outputs = build(graph, form);
  const bytes = encodeModel({
    name: id, doc: "", producer: { name: "normfuse-bench", version: "1" }, nodes: graph.nodes,
    inputs: Object.entries(inputs).map(([name, { shape }]) => ({ name, dtype: "f32", shape, doc: "" })),
    outputs: outputs.map(({ name, shape }) => ({ name, dtype: "f32", shape, doc: "" })),
    constants: [...graph.constants, ...Object.entries(parameters).map(([name, { shape, data }]): OnnxConstant => ({ name, dtype: "f32", shape, data }))],
  });
  return { bytes, outputs: outputs.map(({ name }) => name) };
}

interface Output {
  readonly name: string;
  readonly shape: readonly number[];
}

function build(g: Graph, form: Workload["form"]): readonly Output[] {
  switch (form.kind) {
    case "norm":
      return [{ name: g.norm("x", "gain", "bias", "y"), shape: [form.rows, form.width] }];
    case "norm-product-gelu":
      return [{ name: g.op("Gelu", [g.linear(g.norm("x", "gain", "bias"), "w", "b")], {}, "y"), shape: [form.rows, form.width] }];
    case "mlp": {
      const a = g.op("Relu", [g.norm(g.linear("x", "w1", "b1"), "g1", "h1")]);
      const b = g.op("Relu", [g.norm(g.linear(a, "w2", "b2"), "g2", "h2")]);
      return [{ name: g.linear(b, "w3", "b3", "y"), shape: [form.rows, form.widths[3]] }];
    }
    case "lstm": {
      // Written out: its own LSTM has no norms in it, and Scan is slower there. The product with the input is one for all steps.
      const { steps, rows, width } = form;
      const projected = g.norm(g.op("MatMul", ["x", "wx"]), "gx", "hx");
      const inputs = g.op("Add", [projected, "b"]);
      const split = (from: string): string[] => g.ops("Split", [from], 4, { axis: integer(-1), num_outputs: integer(4) });
      let h = g.op("ConstantOfShape", [g.list(rows, width)]);
      let c = h;
      const hs: string[] = [];
      for (let t = 0; t < steps; t++) {
        const x = g.op("Squeeze", [g.op("Slice", [inputs, g.list(t), g.list(t + 1), g.list(0)]), g.list(0)]);
        const [f = "", i = "", o = "", u = ""] = split(g.op("Add", [x, g.norm(g.op("MatMul", [h, "wh"]), "gh", "hh")]));
        c = g.op("Add", [g.op("Mul", [g.op("Sigmoid", [f]), c]), g.op("Mul", [g.op("Sigmoid", [i]), g.op("Tanh", [u])])]);
        h = g.op("Mul", [g.op("Sigmoid", [o]), g.op("Tanh", [g.norm(c, "gc", "hc")])]);
        hs.push(g.op("Unsqueeze", [h, g.list(0)]));
      }
      return [{ name: g.op("Concat", hs, { axis: integer(0) }, "y"), shape: [steps, rows, width] }];
    }
    case "gated": {
      // onnxruntime's own name for an RMS norm, which standard operators have from opset 23 on.
      const n = g.op("SimplifiedLayerNormalization", ["x", "gain"], { axis: integer(-1), epsilon: number(rmsEpsilon) });
      const gate = g.op("MatMul", [n, "wg"]);
      const open = g.op("Mul", [gate, g.op("Sigmoid", [gate])]);
      return [{ name: g.op("MatMul", [g.op("Mul", [open, g.op("MatMul", [n, "wu"])]), "wd"], {}, "y"), shape: [form.rows, form.width] }];
    }
    case "block": {
      const { rows, width, heads } = form;
      const n = g.norm("x", "g1", "h1");
      const head = (w: string, b: string, permutation: readonly number[]): string => g.op("Transpose", [g.op("Reshape", [g.linear(n, w, b), g.list(rows, heads, width / heads)])], { perm: integers(permutation) });
      const scores = g.op("Mul", [g.op("MatMul", [head("wq", "bq", [1, 0, 2]), head("wk", "bk", [1, 2, 0])]), g.scalar(1 / Math.sqrt(width / heads))]);
      const mixed = g.op("MatMul", [g.op("Softmax", [scores], { axis: integer(-1) }), head("wv", "bv", [1, 0, 2])]);
      const s = g.op("Add", ["x", g.linear(g.op("Reshape", [g.op("Transpose", [mixed], { perm: integers([1, 0, 2]) }), g.list(rows, width)]), "wo", "bo")]);
      const f = g.linear(g.op("Gelu", [g.linear(g.norm(s, "g2", "h2"), "w1", "b1")]), "w2", "b2");
      return [{ name: g.op("Add", [s, f], {}, "y"), shape: [rows, width] }];
    }
    case "residual-norm": {
      const shape = [form.rows, form.width];
      const s = g.op("Add", ["x", "r"], {}, "s");
      return [{ name: s, shape }, { name: g.norm(s, "gain", "bias", "y"), shape }];
    }
    case "group-norm-convolution": {
      // As exporters write it: instance norm over groups, then gain and bias of the channels.
      const { rows, channels, side, groups } = form;
      const ones = g.op("ConstantOfShape", [g.list(groups)]);
      const zero = g.op("Mul", [ones, g.scalar(0)]);
      const one = g.op("Add", [zero, g.scalar(1)]);
      const grouped = g.op("InstanceNormalization", [g.op("Reshape", ["x", g.list(rows, groups, (channels / groups) * side * side)]), one, zero], { epsilon: number(normEpsilon) });
      const whole = g.op("Reshape", [grouped, g.list(rows, channels, side, side)]);
      const perChannel = (name: string): string => g.op("Reshape", [name, g.list(channels, 1, 1)]);
      const n = g.op("Add", [g.op("Mul", [whole, perChannel("gain")]), perChannel("bias")]);
      const y = g.op("Conv", [g.op("Mul", [n, g.op("Sigmoid", [n])]), "w", g.op("Reshape", ["b", g.list(channels)])], { pads: integers([1, 1, 1, 1]) });
      return [{ name: g.op("Identity", [y], {}, "y"), shape: [rows, channels, side, side] }];
    }
    default:
      return form satisfies never;
  }
}
