/** jax-js: functions compiled by its `jit`, on its WebGPU and wasm devices. Every use of an array but the last takes `.ref`. */
import type { Tensors } from "../data.ts";
import { provideGpu, provideIteratorMethods, provideNavigator, provideWorkers } from "../gpu-globals.ts";
import { type Form, normEpsilon, rmsEpsilon } from "../workloads.ts";
import { joined, loadPackage, type Peer } from "./peer.ts";

interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Arrays = Readonly<Record<string, JaxArray>>;
type Model = (parameters: Arrays, inputs: Arrays) => JaxArray | readonly JaxArray[];

interface Jax {
  readonly numpy: {
    array(data: Float32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    mean(x: JaxArray, axis: number, options: { keepdims: boolean }): JaxArray;
    square(x: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    tanh(x: JaxArray): JaxArray;
    zeros(shape: readonly number[]): JaxArray;
    split(x: JaxArray, parts: number, axis: number): readonly JaxArray[];
    reciprocal(x: JaxArray): JaxArray;
  };
  readonly nn: {
    standardize(x: JaxArray, axis: number, options: { epsilon: number }): JaxArray;
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
    relu(x: JaxArray): JaxArray;
    silu(x: JaxArray): JaxArray;
    sigmoid(x: JaxArray): JaxArray;
    dotProductAttention(q: JaxArray, k: JaxArray, v: JaxArray): JaxArray;
  };
  readonly lax: { convGeneralDilated(x: JaxArray, w: JaxArray, strides: readonly number[], padding: readonly (readonly number[])[]): JaxArray };
  readonly tree: { ref<T>(tree: T): T; dispose(tree: unknown): void };
  init(device: string): Promise<readonly string[]>;
  defaultDevice(device: string): void;
  jit(model: Model): Model & { dispose(): void };
}

function modelOf({ numpy: np, nn, lax }: Jax, form: Form): Model {
  const get = (arrays: Arrays, name: string): JaxArray => {
    const found = arrays[name];
    if (!found) throw new Error(`no array '${name}'`);
    return found;
  };
  const norm = (x: JaxArray, gain: JaxArray, bias: JaxArray): JaxArray => nn.standardize(x, -1, { epsilon: normEpsilon }).mul(gain).add(bias);
  const gelu = (x: JaxArray): JaxArray => nn.gelu(x, { approximate: false });
  return (parameters, inputs) => {
    const p = (name: string): JaxArray => get(parameters, name);
    const x = get(inputs, "x");
    const linear = (a: JaxArray, w: string, b: string): JaxArray => np.matmul(a, p(w)).add(p(b));
    switch (form.kind) {
      case "norm":
        return norm(x, p("gain"), p("bias"));
      case "norm-product-gelu":
        return gelu(linear(norm(x, p("gain"), p("bias")), "w", "b"));
      case "mlp": {
        const a = nn.relu(norm(linear(x, "w1", "b1"), p("g1"), p("h1")));
        return linear(nn.relu(norm(linear(a, "w2", "b2"), p("g2"), p("h2"))), "w3", "b3");
      }
      case "lstm":
        throw new Error("a recurrence is several functions; see sequenceOf");
      case "gated": {
        const scale = np.reciprocal(np.sqrt(np.mean(np.square(x.ref), -1, { keepdims: true }).add(rmsEpsilon)));
        const n = x.mul(scale).mul(p("gain"));
        return np.matmul(nn.silu(np.matmul(n.ref, p("wg"))).mul(np.matmul(n, p("wu"))), p("wd"));
      }
      case "block": {
        const { rows, width, heads } = form;
        const n = norm(x.ref, p("g1"), p("h1"));
        const head = (from: JaxArray, w: string, b: string): JaxArray => linear(from, w, b).reshape([rows, heads, width / heads]);
        const [q, k, v] = [head(n.ref, "wq", "bq"), head(n.ref, "wk", "bk"), head(n, "wv", "bv")];
        const s = x.add(linear(nn.dotProductAttention(q, k, v).reshape([rows, width]), "wo", "bo"));
        return s.ref.add(linear(gelu(linear(norm(s, p("g2"), p("h2")), "w1", "b1")), "w2", "b2"));
      }
      case "residual-norm": {
        const s = x.add(get(inputs, "r"));
        return [s.ref, norm(s, p("gain"), p("bias"))];
      }
      case "group-norm-convolution": {
        const { rows, channels, side, groups } = form;
        const grouped = nn.standardize(x.reshape([rows, groups, (channels / groups) * side * side]), -1, { epsilon: normEpsilon });
        const n = grouped.reshape([rows, channels, side, side]).mul(p("gain").reshape([channels, 1, 1])).add(p("bias").reshape([channels, 1, 1]));
        return lax.convGeneralDilated(nn.silu(n), p("w"), [1, 1], [[1, 1], [1, 1]]).add(p("b"));
      }
      default:
        return form satisfies never;
    }
  };
}

/** Without a loop in its language: the input's product for all steps, then one compiled step called from here. */
function sequenceOf(jax: Jax, { steps, rows, inner, width }: Form & { readonly kind: "lstm" }): { run(parameters: Arrays, x: JaxArray): Promise<Float32Array>; dispose(): void } {
  const { numpy: np, nn } = jax;
  const norm = (x: JaxArray, gain: JaxArray, bias: JaxArray): JaxArray => nn.standardize(x, -1, { epsilon: normEpsilon }).mul(gain).add(bias);
  const of = (arrays: Arrays, name: string): JaxArray => {
    const found = arrays[name];
    if (!found) throw new Error(`no array '${name}'`);
    return found;
  };
  const picked = (arrays: Arrays, names: readonly string[]): Arrays => Object.fromEntries(names.map((name) => [name, of(arrays, name).ref]));
  const project = jax.jit((p, { x }) => norm(np.matmul((x as JaxArray).reshape([steps * rows, inner]), of(p, "wx")), of(p, "gx"), of(p, "hx")).add(of(p, "b")).reshape([steps, rows, 4 * width]));
  const step = jax.jit((p, { x, h, c }) => {
    const gates = norm(np.matmul(h as JaxArray, of(p, "wh")), of(p, "gh"), of(p, "hh")).add(x as JaxArray);
    const [f, i, o, g] = np.split(gates, 4, 1) as [JaxArray, JaxArray, JaxArray, JaxArray];
    const next = nn.sigmoid(f).mul(c as JaxArray).add(nn.sigmoid(i).mul(np.tanh(g)));
    return [nn.sigmoid(o).mul(np.tanh(norm(next.ref, of(p, "gc"), of(p, "hc")))), next];
  });
  return {
    run: async (parameters, x) => {
      const inputs = np.split(project(picked(parameters, ["wx", "gx", "hx", "b"]), { x }) as JaxArray, steps, 0).map((each) => each.reshape([rows, 4 * width]));
      let [h, c] = [np.zeros([rows, width]), np.zeros([rows, width])];
      const hs: JaxArray[] = [];
      for (const each of inputs) {
        [h, c] = step(picked(parameters, ["wh", "gh", "hh", "gc", "hc"]), { x: each, h, c }) as [JaxArray, JaxArray];
        hs.push(h.ref);
      }
      h.dispose();
      c.dispose();
      return joined(await Promise.all(hs.map((each) => each.data())));
    },
    dispose: () => {
      project.dispose();
      step.dispose();
    },
  };
}

const peer = (name: string, device: "webgpu" | "wasm", threads = 1): Peer => ({
  name, group: device === "webgpu" ? "adapter" : threads === 1 ? "one thread" : "two threads",
  open: async ({ adapter }) => {
    provideIteratorMethods();
    if (device === "webgpu") await provideGpu(adapter);
    else provideNavigator(threads);
    if (threads > 1) provideWorkers();
    const jax = await loadPackage<Jax>("@jax-js/jax");
    const offered = await jax.init(device);
    if (!offered.includes(device)) throw new Error(`jax-js offers ${offered.join(", ")}`);
    jax.defaultDevice(device);
    const upload = (tensors: Tensors): Record<string, JaxArray> => Object.fromEntries(Object.entries(tensors).map(([key, { data, shape }]) => [key, jax.numpy.array(data).reshape(shape)]));
    return {
      description: `jax-js, ${device}${device === "wasm" ? `, ${threads} ${threads === 1 ? "thread" : "threads"}` : ""}`,
      build: async ({ form }, parameters) => {
        const held = upload(parameters);
        if (form.kind === "lstm") {
          const sequence = sequenceOf(jax, form);
          return {
            run: (inputs) => sequence.run(held, upload(inputs)["x"] as JaxArray),
            dispose: () => {
              sequence.dispose();
              jax.tree.dispose(held);
            },
          };
        }
        const compiled = jax.jit(modelOf(jax, form));
        return {
          run: async (inputs) => {
            const outputs = compiled(jax.tree.ref(held), upload(inputs));
            return joined(await Promise.all((Array.isArray(outputs) ? (outputs as readonly JaxArray[]) : [outputs as JaxArray]).map((output) => output.data())));
          },
          dispose: () => {
            compiled.dispose();
            jax.tree.dispose(held);
          },
        };
      },
    };
  },
});

export const jaxWebGpu = peer("jax-webgpu", "webgpu");
export const jaxWasm = peer("jax-wasm", "wasm");
export const jaxWasm2 = peer("jax-wasm-2", "wasm", 2);
