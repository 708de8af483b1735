/**
 * The tiny kernels whose times are the constants of the cost model. Written in WGSL as our backend prints such loops, since
 * what counts is what our own kernels reach. Used by calibrate.ts.
 */
import type { WgslKernel } from "../../runtime/artifact.ts";

/** One of these does `work` units of its constant when dispatched over `groups` workgroups. */
export interface Probe {
  readonly kernel: WgslKernel;
  readonly groups: number;
  /** unit: bytes, flops, or barrier crossings of one invocation */
  readonly work: number;
}

/** Elements of both buffers that every probe binds. */
export const probeElements = 1 << 17;

const threads = 64;

const probe = (name: string, groups: number, work: number, body: string, module = "", invocations = threads): Probe => ({
  groups, work,
  kernel: {
    kind: "wgsl", name, entryPoint: "main", extents: [], bindings: [{ name: "from", access: "read" }, { name: "to", access: "write" }],
    code: `@group(0) @binding(0) var<storage, read> from_: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> to: array<vec4<f32>>;
${module}
@compute @workgroup_size(${invocations})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let i = i32(group.x) * ${invocations} + i32(thread);
${body}
}
`,
  },
});

const vectors = probeElements / 4;

/** Does next to nothing: what it takes is the launch. */
export const launchProbe = probe("probe_launch", 1, 1, "  to[i] = from_[i];");

/** Every element once in and once out. */
export const memoryProbe = probe("probe_memory", vectors / threads, 2 * 4 * probeElements, "  to[i] = from_[i];");

const reads = 8;

/** Rows and columns of a small table as the inner loop of a product reads them, sixteen bytes at a time, eight in a step. */
export const cacheProbe = probe("probe_cache", 16, 16 * threads * reads * 8 * 16, `  let row = (i / 8) & 7;
  let column = i & 7;
  var sum = vec4<f32>(0.0);
  for (var k = 0; k < ${reads}; k += 1) {
${[0, 1, 2, 3].map((r) => `    sum += from_[(row * 4 + ${r}) * ${reads} + k] * from_[(k * 4 + ${r}) * 8 + column];`).join("\n")}
  }
  to[i] = sum;`);

const steps = 512;
const chains = 4;

/** Multiplications and additions of vectors in registers, in independent chains. */
export const arithmeticProbe = (groups: number): Probe => arithmetic(groups, threads, steps);

/** The same in so few invocations that they are the least that any device does at once, for longer. */
export const fewProbe: Probe & { readonly invocations: number } = { ...arithmetic(1, 4, 8 * steps), invocations: 4 };

function arithmetic(groups: number, invocations: number, rounds: number): Probe {
  const each = Array.from({ length: chains }, (_, r) => r);
  return probe(`probe_arithmetic_${groups}_${invocations}`, groups, groups * invocations * rounds * chains * 4 * 2, `  let x = from_[i];
${each.map((r) => `  var a${r} = vec4<f32>(f32(${r}));`).join("\n")}
  for (var k = 0; k < ${rounds}; k += 1) {
${each.map((r) => `    a${r} = a${r} * x + x;`).join("\n")}
  }
  to[i] = ${each.map((r) => `a${r}`).join(" + ")};`, "", invocations);
}

const crossings = 4;

/** With barriers and without: the difference is their price. */
export const barrierProbe = (withBarriers: boolean): Probe =>
  probe(withBarriers ? "probe_barrier" : "probe_no_barrier", 16, 16 * threads * crossings, `  var sum = from_[i];
  for (var k = 0; k < ${crossings}; k += 1) {
    place[thread] = sum;
${withBarriers ? "    workgroupBarrier();" : ""}
    sum += place[(thread + 1u) & ${threads - 1}u];
${withBarriers ? "    workgroupBarrier();" : ""}
  }
  to[i] = sum;`, `var<workgroup> place: array<vec4<f32>, ${threads}>;`);
