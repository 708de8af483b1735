/**
 * TensorFlow.js: eager ops, with the fused ones that it has (product with bias). Backends webgpu, wasm and cpu. In Node its wasm
 * has one thread: its workers begin at the URL of a blob, which Node refuses.
 */
import path from "node:path";
import type { Tensors } from "../data.ts";
import { provideGpu, provideNavigator } from "../gpu-globals.ts";
import { type Form, normEpsilon, rmsEpsilon } from "../workloads.ts";
import { joined, loadPackage, type Peer, tensorOf } from "./peer.ts";

interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor | number) => Tensor;

interface Tf {
  readonly version_core: string;
  readonly fused: { matMul(given: { a: Tensor; b: Tensor; bias?: Tensor }): Tensor };
  readonly add: Binary;
  readonly sub: Binary;
  readonly mul: Binary;
  readonly sqrt: Unary;
  readonly rsqrt: Unary;
  readonly square: Unary;
  readonly relu: Unary;
  readonly erf: Unary;
  readonly sigmoid: Unary;
  readonly softmax: Unary;
  readonly tanh: Unary;
  tensor(data: Float32Array, shape: readonly number[], dtype: "float32"): Tensor;
  mean(x: Tensor, axis: number | readonly number[], keep: boolean): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  transpose(x: Tensor, permutation: readonly number[]): Tensor;
  conv2d(x: Tensor, filter: Tensor, strides: number, pad: "same"): Tensor;
  zeros(shape: readonly number[]): Tensor;
  slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor;
  split(x: Tensor, parts: number, axis: number): readonly Tensor[];
  stack(tensors: readonly Tensor[]): Tensor;
  tidy<T>(work: () => T): T;
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
}

interface WasmBackend {
  setWasmPaths(folder: string): void;
}

type Model = (x: Readonly<Record<string, Tensor>>, p: Readonly<Record<string, Tensor>>) => readonly Tensor[];

function modelsOf(tf: Tf, form: Form): Model {
  const get = (tensors: Readonly<Record<string, Tensor>>, name: string): Tensor => {
    const found = tensors[name];
    if (!found) throw new Error(`no tensor '${name}'`);
    return found;
  };
  const centred = (x: Tensor, axis: number | readonly number[]): Tensor => {
    const d = tf.sub(x, tf.mean(x, axis, true));
    return tf.mul(d, tf.rsqrt(tf.add(tf.mean(tf.square(d), axis, true), normEpsilon)));
  };
  const norm = (x: Tensor, gain: Tensor, bias: Tensor): Tensor => tf.add(tf.mul(centred(x, -1), gain), bias);
  const gelu = (x: Tensor): Tensor => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  const silu = (x: Tensor): Tensor => tf.mul(x, tf.sigmoid(x));
  const linear = (a: Tensor, b: Tensor, bias: Tensor): Tensor => tf.fused.matMul({ a, b, bias });
  return (inputs, parameters) => {
    const x = get(inputs, "x");
    const p = (name: string): Tensor => get(parameters, name);
    switch (form.kind) {
      case "norm":
        return [norm(x, p("gain"), p("bias"))];
      case "norm-product-gelu":
        return [gelu(linear(norm(x, p("gain"), p("bias")), p("w"), p("b")))];
      case "mlp": {
        const a = tf.relu(norm(linear(x, p("w1"), p("b1")), p("g1"), p("h1")));
        return [linear(tf.relu(norm(linear(a, p("w2"), p("b2")), p("g2"), p("h2"))), p("w3"), p("b3"))];
      }
      case "lstm": {
        const { steps, rows, inner, width } = form;
        const inputs = tf.reshape(tf.add(norm(tf.matMul(tf.reshape(x, [steps * rows, inner]), p("wx")), p("gx"), p("hx")), p("b")), [steps, rows, 4 * width]);
        let [h, c] = [tf.zeros([rows, width]), tf.zeros([rows, width])];
        const hs: Tensor[] = [];
        for (let t = 0; t < steps; t++) {
          const gates = tf.add(norm(tf.matMul(h, p("wh")), p("gh"), p("hh")), tf.reshape(tf.slice(inputs, [t, 0, 0], [1, rows, 4 * width]), [rows, 4 * width]));
          const [f, i, o, g] = tf.split(gates, 4, 1) as [Tensor, Tensor, Tensor, Tensor];
          c = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
          h = tf.mul(tf.sigmoid(o), tf.tanh(norm(c, p("gc"), p("hc"))));
          hs.push(h);
        }
        return [tf.stack(hs)];
      }
      case "gated": {
        const n = tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), rmsEpsilon))), p("gain"));
        return [tf.matMul(tf.mul(silu(tf.matMul(n, p("wg"))), tf.matMul(n, p("wu"))), p("wd"))];
      }
      case "block": {
        const { rows, width, heads } = form;
        const n = norm(x, p("g1"), p("h1"));
        const head = (w: string, b: string): Tensor => tf.transpose(tf.reshape(linear(n, p(w), p(b)), [rows, heads, width / heads]), [1, 0, 2]);
        const weights = tf.softmax(tf.mul(tf.matMul(head("wq", "bq"), head("wk", "bk"), false, true), 1 / Math.sqrt(width / heads)));
        const mixed = tf.reshape(tf.transpose(tf.matMul(weights, head("wv", "bv")), [1, 0, 2]), [rows, width]);
        const s = tf.add(x, linear(mixed, p("wo"), p("bo")));
        return [tf.add(s, linear(gelu(linear(norm(s, p("g2"), p("h2")), p("w1"), p("b1"))), p("w2"), p("b2")))];
      }
      case "residual-norm": {
        const s = tf.add(x, get(inputs, "r"));
        return [s, norm(s, p("gain"), p("bias"))];
      }
      case "group-norm-convolution": {
        // Channels last is the layout of its kernels: the transposes are part of the work when the data come channels first.
        const { rows, channels, side, groups } = form;
        const grouped = centred(tf.reshape(x, [rows, groups, (channels / groups) * side * side]), 2);
        const n = tf.add(tf.mul(tf.reshape(grouped, [rows, channels, side, side]), tf.reshape(p("gain"), [channels, 1, 1])), tf.reshape(p("bias"), [channels, 1, 1]));
        const y = tf.conv2d(tf.transpose(silu(n), [0, 2, 3, 1]), p("w"), 1, "same");
        return [tf.add(tf.transpose(y, [0, 3, 1, 2]), p("b"))];
      }
      default:
        return form satisfies never;
    }
  };
}

const peer = (name: string, backend: "webgpu" | "wasm" | "cpu"): Peer => ({
  name, group: backend === "webgpu" ? "adapter" : "one thread",
  open: async ({ adapter }) => {
    if (backend === "webgpu") await provideGpu(adapter);
    else provideNavigator(1);
    const tf = await loadPackage<Tf>("@tensorflow/tfjs-core");
    const loaded = await loadPackage<WasmBackend>(`@tensorflow/tfjs-backend-${backend}`);
    if (backend === "wasm") loaded.setWasmPaths(`${path.resolve(import.meta.dirname, "../node_modules/@tensorflow/tfjs-backend-wasm/dist")}/`);
    if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js does not start its backend ${backend}`);
    await tf.ready();
    const upload = (tensors: Tensors): Record<string, Tensor> => Object.fromEntries(Object.entries(tensors).map(([key, { data, shape }]) => [key, tf.tensor(data, shape, "float32")]));
    return {
      description: `TensorFlow.js ${tf.version_core}, ${backend}${backend === "wasm" ? ", 1 thread" : ""}`,
      build: async ({ form }, parameters) => {
        const held = upload(parameters);
        if (form.kind === "group-norm-convolution") {
          const { data, shape } = tensorOf(parameters, "w");
          held["w"] = tf.tidy(() => tf.transpose(tf.tensor(data, shape, "float32"), [2, 3, 1, 0]));
        }
        const model = modelsOf(tf, form);
        return {
          run: async (inputs) => {
            const outputs = tf.tidy(() => [...model(upload(inputs), held)]);
            const data = await Promise.all(outputs.map((output) => output.data()));
            for (const output of outputs) output.dispose();
            return joined(data);
          },
          dispose: () => Object.values(held).forEach((tensor) => tensor.dispose()),
        };
      },
    };
  },
});

export const tensorflowWebGpu = peer("tfjs-webgpu", "webgpu");
export const tensorflowWasm = peer("tfjs-wasm", "wasm");
