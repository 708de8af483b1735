/** GPU.js with kernels written by hand (gpujs-kernels.mjs), chained by its `createPipeline`. Modes webgpu and webasm. */
import type { FloatTensor, Tensors } from "../data.ts";
import { provideGpu, provideNavigator } from "../gpu-globals.ts";
import type { Form } from "../workloads.ts";
import { joined, loadPackage, type Peer, tensorOf } from "./peer.ts";

/** GPU.js compiles their text, so that they are plain JavaScript and come untyped. */
const kernels = await loadPackage<Readonly<Record<string, unknown>>>("./gpujs-kernels.mjs");

/** What kernels take and give: opaque here. */
type Value = object;
type KernelFunction = (...values: readonly Value[]) => Value;
type Pipeline = ((...inputs: readonly Value[]) => Promise<Value>) & { destroy(): void };

interface Gpu {
  createKernel(source: unknown, settings: object): KernelFunction;
  createPipeline(work: (...inputs: readonly Value[]) => Value | readonly Value[], settings: object): Pipeline;
}

interface GpuJs {
  readonly default?: GpuJs;
  readonly GPU: new (settings: { mode: string }) => Gpu;
  input(data: Float32Array, size: readonly number[]): Value;
}

type Make = (source: unknown, output: readonly number[], constants?: Readonly<Record<string, number>>) => KernelFunction;

/** Takes the inputs in the order of the source's signature. */
function modelOf(make: Make, form: Form, p: (name: string) => Value): (...inputs: readonly Value[]) => Value | readonly Value[] {
  const norm = (rows: number, width: number, last: unknown = kernels["normalized"]): ((x: Value, gain: Value, bias: Value) => Value) => {
    const [mean, inverse, end] = [make(kernels["mean"], [rows], { C: width }), make(kernels["inverseDeviation"], [rows], { C: width }), make(last, [width, rows])];
    return (x, gain, bias) => {
      const m = mean(x);
      return end(x, m, inverse(x, m), gain, bias);
    };
  };
  const first = (inputs: readonly Value[]): Value => inputs[0] as Value;
  switch (form.kind) {
    case "norm": {
      const n = norm(form.rows, form.width);
      return (...inputs) => n(first(inputs), p("gain"), p("bias"));
    }
    case "norm-product-gelu": {
      const n = norm(form.rows, form.inner);
      const linear = make(kernels["productBiasGelu"], [form.width, form.rows], { K: form.inner });
      return (...inputs) => linear(n(first(inputs), p("gain"), p("bias")), p("w"), p("b"));
    }
    case "mlp": {
      const { rows, widths } = form;
      const [a, b, c, d] = widths;
      const linear = ([k, n]: readonly [number, number]): KernelFunction => make(kernels["productBias"], [n, rows], { K: k });
      const [one, two, three] = [linear([a, b]), linear([b, c]), linear([c, d])];
      const [n1, n2] = [norm(rows, b, kernels["normalizedRelu"]), norm(rows, c, kernels["normalizedRelu"])];
      return (...inputs) => three(n2(two(n1(one(first(inputs), p("w1"), p("b1")), p("g1"), p("h1")), p("w2"), p("b2")), p("g2"), p("h2")), p("w3"), p("b3"));
    }
    case "lstm":
      throw new Error("its pipelines have no loop over steps");
    case "gated": {
      const { rows, width, hidden } = form;
      const [inverse, scaled] = [make(kernels["inverseRootMeanSquare"], [rows], { C: width }), make(kernels["scaled"], [width, rows])];
      const [gated, down] = [make(kernels["gatedProducts"], [hidden, rows], { K: width }), make(kernels["product"], [width, rows], { K: hidden })];
      return (...inputs) => down(gated(scaled(first(inputs), inverse(first(inputs)), p("gain")), p("wg"), p("wu")), p("wd"));
    }
    case "block":
      return block(make, form, p, norm);
    case "residual-norm": {
      const [sum, n] = [make(kernels["sum"], [form.width, form.rows]), norm(form.rows, form.width)];
      return (x, r) => {
        const s = sum(x as Value, r as Value);
        return [s, n(s, p("gain"), p("bias"))];
      };
    }
    case "group-norm-convolution": {
      const { channels, side, groups } = form;
      const width = (channels / groups) * side * side;
      const [mean, inverse] = [make(kernels["mean"], [groups], { C: width }), make(kernels["inverseDeviation"], [groups], { C: width })];
      const n = make(kernels["groupNormSilu"], [side * side, channels], { M: channels / groups });
      const conv = make(kernels["convolution"], [side * side, channels], { K: channels, S: side });
      return (byGroup, byChannel) => {
        const m = mean(byGroup as Value);
        return conv(n(byChannel as Value, m, inverse(byGroup as Value, m), p("gain"), p("bias")), p("w"), p("b"));
      };
    }
    default:
      return form satisfies never;
  }
}

function block(make: Make, { rows, width, heads, hidden }: Form & { readonly kind: "block" }, p: (name: string) => Value, norm: (rows: number, width: number) => (x: Value, gain: Value, bias: Value) => Value): (...inputs: readonly Value[]) => Value {
  const depth = width / heads;
  const [n1, n2, linear] = [norm(rows, width), norm(rows, width), make(kernels["productBias"], [width, rows], { K: width })];
  const [scores, largest, exponentials] = [make(kernels["scores"], [rows, rows, heads], { D: depth }), make(kernels["largest"], [rows, heads], { S: rows }), make(kernels["exponentials"], [rows, rows, heads])];
  const [totals, mixed, out] = [make(kernels["totals"], [rows, heads], { S: rows }), make(kernels["mixed"], [width, rows], { S: rows, D: depth }), make(kernels["productBiasResidual"], [width, rows], { K: width })];
  const [up, down] = [make(kernels["productBiasGelu"], [hidden, rows], { K: width }), make(kernels["productBiasResidual"], [width, rows], { K: hidden })];
  return (x) => {
    const n = n1(x as Value, p("g1"), p("h1"));
    const s = scores(linear(n, p("wq"), p("bq")), linear(n, p("wk"), p("bk")));
    const e = exponentials(s, largest(s));
    const a = mixed(e, totals(e), linear(n, p("wv"), p("bv")));
    const y = out(a, p("wo"), p("bo"), x as Value);
    return down(up(n2(y, p("g2"), p("h2")), p("w1"), p("b1")), p("w2"), p("b2"), y);
  };
}

/** Results are nested rows, or a list of such for several outputs. */
function flattened(value: unknown): Float32Array {
  if (value instanceof Float32Array) return value;
  return joined((value as readonly unknown[]).map(flattened));
}

const peer = (name: string, mode: "webgpu" | "webasm"): Peer => ({
  name, group: mode === "webgpu" ? "adapter" : "one thread",
  open: async ({ adapter }) => {
    if (mode === "webgpu") await provideGpu(adapter);
    else provideNavigator(1);
    const loaded = await loadPackage<GpuJs>("gpu.js");
    const { GPU, input } = loaded.default ?? loaded;
    const gpu = new GPU({ mode });
    const make: Make = (source, output, constants = {}) => gpu.createKernel(source, { output, constants, precision: "single", loopMaxIterations: 100_000 });
    const table = ({ data, shape }: FloatTensor): Value => {
      // Rows by columns; a convolution's window counts as columns, and what is one number a channel as a list.
      const columns = shape.length === 4 ? data.length / (shape[0] ?? 1) : data.length === shape[0] ? data.length : (shape.at(-1) ?? 1);
      return data.length === columns || data.length === shape[0] ? input(data, [data.length]) : input(data, [columns, data.length / columns]);
    };
    const inputsFor = (form: Form, inputs: Tensors): Value[] => {
      if (form.kind !== "group-norm-convolution") return Object.values(inputs).map(table);
      const { data } = tensorOf(inputs, "x");
      const positions = form.side * form.side;
      return [input(data, [data.length / form.groups, form.groups]), input(data, [positions, form.channels])];
    };
    return {
      description: `gpu.js 2.24.1, ${mode}`,
      build: async ({ form }, parameters) => {
        const held = new Map(Object.entries(parameters).map(([key, tensor]) => [key, table(tensor)]));
        const model = modelOf(make, form, (key) => {
          const found = held.get(key);
          if (!found) throw new Error(`no tensor '${key}'`);
          return found;
        });
        // It takes the number of inputs from the function's signature.
        const two = form.kind === "residual-norm" || form.kind === "group-norm-convolution";
        const pipeline = gpu.createPipeline(two ? (a, b) => model(a as Value, b as Value) : (a) => model(a as Value), { threads: false });
        return { run: async (inputs) => flattened(await pipeline(...inputsFor(form, inputs))), dispose: () => pipeline.destroy() };
      },
    };
  },
});

export const gpuJsWebGpu = peer("gpujs-webgpu", "webgpu");
export const gpuJsWasm = peer("gpujs-wasm", "webasm");
