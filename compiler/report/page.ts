/**
 * An explanation as one self-contained HTML page: the graph before and after fusion, each kernel with its roofline, derivation
 * and code, each edge, memory and parameters. Loads nothing. Flow: compiled model and explanation -> here -> `explain --html`.
 */
import type { Program } from "../folds/node.ts";
import type { Bindings } from "../ir/extent.ts";
import type { TensorFunction } from "../ir/node.ts";
import type { Plan } from "../plan.ts";
import { drawFlow } from "./draw-flow.ts";
import { type Drawing, drawOps, escape, type Palette } from "./draw-ops.ts";
import { type ExplainedEdge, explainEdges } from "./edges.ts";
import type { Explanation } from "./explain.ts";
import { size } from "./explain-text.ts";
import { placesOfOps } from "./kernels-of-ops.ts";
import { kernelCard } from "./page-kernel.ts";
import { pageScript, pageStyle } from "./page-style.ts";

const hues = 8;

const palette: Palette = {
  ink: "var(--ink)", faint: "var(--faint)", paper: "var(--card)", input: "var(--input)",
  kernels: ["var(--k1)", ...Array.from({ length: hues - 1 }, (_, i) => `var(--k${i + 2})`)],
};

export interface PageSubject {
  readonly fn: TensorFunction;
  /** The program before fusion. */
  readonly lowered: Program;
  readonly plan: Plan;
  /** The code of a kernel, by its name. */
  readonly codeOf: (kernel: string) => string;
}

/** `bind`: as given to `explain`. */
export function explainPage({ fn, lowered, plan, codeOf }: PageSubject, explanation: Explanation, bind: Bindings): string {
  const bindings = { ...explanation.assumed, ...bind };
  const places = placesOfOps(fn, lowered, plan);
  const counts = explanation.kernels.map((_, i) => [...places.kernels.entries()].filter(([node, kernels]) => node.inputs.length > 0 && kernels.includes(i)).length);
  const before = drawOps(fn, places, palette);
  const after = drawFlow(explanation, (kernel) => counts[kernel] ?? 0, palette);
  const edges = explainEdges(fn, lowered, plan, bindings);
  const longest = Math.max(0, ...plan.kernels.map((kernel) => kernel.cost.microseconds));
  const cards = (phase: "prepare" | "run"): string[] =>
    plan.kernels.filter((kernel) => kernel.phase === phase).map((kernel, i) => kernelCard(kernel, (phase === "run" ? explanation.kernels : explanation.prepare)[i], plan.target, codeOf(kernel.kernel.name), longest, phase === "run" ? `var(--k${(i % hues) + 1})` : "var(--faint)"));
  const assumed = Object.entries(explanation.assumed).map(([name, value]) => `${name} = ${value}`);
  const bound = Object.entries(bind).map(([name, value]) => `${name} = ${value}`);
  const given = [...bound, ...(assumed.length > 0 ? [`assumed: ${assumed.join(", ")}`] : [])].join("; ");
  return [
    `<!doctype html>`,
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<title>${escape(fn.name)}: how it was fused</title><style>${pageStyle}</style></head><body><main>`,
    `<header><div><h1>${escape(fn.name)}</h1><p>${escape(fn.doc.trim())}${fn.doc.trim() === "" ? "" : "<br>"}${escape(`Planned for ${explanation.target}${given === "" ? "" : ` with ${given}`}. Times are the cost model's estimates.`)}</p></div><div class="js-only"><button id="theme" type="button">light / dark</button></div></header>`,
    figures(explanation, before),
    `<h2>The graph</h2><p>Each op has the colour of the kernel that computes it. Nothing between two ops of one colour goes through memory.</p>`,
    `<div class="graphs"><div class="graph"><h3>before: ${before.count} ops</h3>${svg(before, "the ops of the model")}</div><div class="graph"><h3>after: ${explanation.dispatches} ${explanation.dispatches === 1 ? "kernel" : "kernels"}</h3>${svg(after, "the kernels of a run")}</div></div>`,
    `<h2>Kernels</h2><p>The longest bar bounds the kernel: what the launch costs, its bytes at the memory's bandwidth, or its arithmetic at the device's rate.</p>`,
    `<div class="js-only"><button id="open" type="button">open or close all code</button></div>`,
    ...cards("run"),
    edgeTable(edges),
    memorySection(explanation),
    ...(explanation.prepare.length > 0 ? [`<h2>Prepared parameters</h2><p>Work that depends on parameters alone. It runs once for each set of them and counts in no run.</p>`, ...cards("prepare")] : []),
    alternatives(explanation),
    `<footer>Made by normfuse explain. Planned bytes count each tensor once for each kernel that touches it; unavoidable bytes are those of inputs, outputs, parameters and of products that further products need.</footer>`,
    `</main><script>${pageScript}</script></body></html>`, "",
  ].join("\n");
}

const svg = (drawing: Drawing, title: string): string => `<svg role="img" viewBox="-4 -4 ${drawing.width + 8} ${drawing.height + 8}" width="${drawing.width + 8}" height="${drawing.height + 8}" font-family="inherit"><title>${title}</title>${drawing.svg}</svg>`;

function figures(explanation: Explanation, before: Drawing): string {
  const { bytes, memory } = explanation;
  const total = explanation.kernels.reduce((sum, kernel) => sum + kernel.microseconds, 0);
  const entries: readonly (readonly [string, string])[] = [
    [String(before.count), "ops in the source"],
    [String(explanation.dispatches), explanation.dispatches === 1 ? "dispatch a run" : "dispatches a run"],
    [size(bytes.planned), `moved, ×${(bytes.planned / Math.max(1, bytes.unavoidable)).toFixed(2)} of the unavoidable`],
    [explanation.flops < 1e9 ? `${(explanation.flops / 1e6).toFixed(1)} M` : `${(explanation.flops / 1e9).toFixed(2)} G`, "floating-point operations"],
    [size(memory.peak), `at most for a run, ${size(memory.separate)} unshared`],
    [`${total.toFixed(0)} µs`, "estimated"],
  ];
  return `<ul class="figures">${entries.map(([value, label]) => `<li><b>${escape(value)}</b><span>${escape(label)}</span></li>`).join("")}</ul>`;
}

function edgeTable(edges: readonly ExplainedEdge[]): string {
  const inMemory = edges.filter((edge) => edge.memory);
  const row = ({ from, to, kernels, rules, memory }: ExplainedEdge): string => {
    const ends = `<td class="mono">${escape(from)}</td><td class="mono">${escape(to)}</td>`;
    if (memory) return `<tr class="memory-edge">${ends}<td><span class="code">${memory.code}</span> ${escape(memory.reason)}</td><td class="number">${size(memory.bytes)}</td><td class="number">${memory.microseconds.toFixed(2)} µs</td></tr>`;
    const where = kernels.length > 0 ? ` <i class="mono">${escape(kernels.join(", "))}</i>` : "";
    return `<tr>${ends}<td>${escape(rules.join(", "))}${where}</td><td class="number">0</td><td class="number"></td></tr>`;
  };
  return [
    `<h2>Edges</h2><p>${edges.length - inMemory.length} of ${edges.length} values stay inside a kernel, by the rules named; ${inMemory.length} go through memory, for the reason named, at the price of one write and one read.</p>`,
    `<div class="js-only"><button type="button" data-edges="all" aria-pressed="true">all</button><button type="button" data-edges="memory" aria-pressed="false">in memory</button></div>`,
    `<div class="table"><table id="edges"><thead><tr><th>from</th><th>to</th><th>fused by, or why not</th><th class="number">bytes</th><th class="number">time</th></tr></thead><tbody>`,
    ...edges.map(row),
    `</tbody></table></div>`,
  ].join("\n");
}

function memorySection({ memory, kernels }: Explanation): string {
  const steps = kernels.length + 1;
  const percent = (step: number): string => ((100 * step) / steps).toFixed(2);
  const slots = memory.slots.map((slot) => {
    const values = slot.values.map(({ value, from, to }) => {
      const end = to === null ? steps : to + 2;
      return `<span style="left:${percent(from + 1)}%;width:${percent(end - from - 1)}%" title="${escape(value)}">${escape(value)}</span>`;
    });
    return `<tr><td class="number">${size(slot.bytes)}</td><td style="width:100%"><div class="time">${values.join("")}</div></td></tr>`;
  });
  return [
    `<h2>Memory</h2><p>${size(memory.peak)} for the values of a run, where a buffer for each would take ${size(memory.separate)} and ${size(memory.least)} are alive at once at most; ${size(memory.lasting)} for parameters. From left to right: before the run, then kernel by kernel.</p>`,
    ...(memory.inPlace.length > 0 ? [`<p>In place (${size(memory.apart)} without): ${memory.inPlace.map(({ value, by, kernel }) => `<span class="code">${escape(value)}</span> is overwritten by <span class="code">${escape(by)}</span> in <span class="code">${escape(kernel)}</span>`).join("; ")}.</p>`] : []),
    ...(slots.length > 0 ? [`<div class="table"><table><thead><tr><th class="number">buffer</th><th>values that take turns in it</th></tr></thead><tbody>`, ...slots, `</tbody></table></div>`] : []),
  ].join("\n");
}

function alternatives({ alternatives: weighed }: Explanation): string {
  if (weighed.length < 2) return "";
  const rows = weighed.map((other) => `<tr><td class="number">${other.microseconds.toFixed(1)} µs</td><td class="number">${other.dispatches}</td><td>${escape(other.description)}</td></tr>`);
  return [`<h2>Plans weighed</h2><p>Other plans that the search priced, cheapest first.</p>`, `<div class="table"><table><thead><tr><th class="number">estimate</th><th class="number">dispatches</th><th>plan</th></tr></thead><tbody>`, ...rows, `</tbody></table></div>`].join("\n");
}
