/** One kernel on the explain page: its roofline as bars, what it reads and writes, its derivation and its code. Used by page.ts. */
import type { PlannedKernel } from "../plan.ts";
import type { Target } from "../target.ts";
import { escape } from "./draw-ops.ts";
import type { ExplainedKernel } from "./explain.ts";
import { size } from "./explain-text.ts";
import { rooflineOf } from "./roofline.ts";

const boundName: Record<ExplainedKernel["bound"], string> = { launch: "launch", memory: "bytes", cache: "cache", arithmetic: "flops" };

/** `longest`: of all kernels, the length of a full bar. unit: microseconds. `colour`: of CSS. */
export function kernelCard(planned: PlannedKernel, explained: ExplainedKernel | undefined, target: Target, code: string, longest: number, colour: string): string {
  if (!explained) return "";
  const roofline = rooflineOf(planned, target);
  const parts: readonly (readonly [string, number, string])[] = [
    ["launch", roofline.launch, ""],
    ["bytes", roofline.bytes, size(explained.bytes)],
    ...(roofline.cache > 0 ? [["cache", roofline.cache, ""] as const] : []),
    ["flops", roofline.flops, `${(explained.flops / 1e6).toFixed(1)} M`],
  ];
  const bars = parts.map(([name, value, amount]) => {
    const width = Math.min(100, (100 * value) / Math.max(longest, 1e-9)).toFixed(1);
    const isBound = name === boundName[explained.bound];
    return `<span${isBound ? ' class="bound"' : ""}>${name}</span><div class="track" title="${escape(amount)}"><div class="fill" style="width:${width}%"></div></div><span class="number">${value.toFixed(1)} µs</span>`;
  });
  const derivation = planned.derivation.map((application) => `<li><b>${escape(application.rule)}</b> <i>(${escape(application.class)})</i> on <span class="mono">${escape(application.subjects.join(", "))}</span>: ${escape(application.conditions.join("; "))}</li>`);
  return [
    `<article class="card" id="${escape(explained.name)}" style="--c:${colour}"><div class="head"><h3>${escape(explained.name)}</h3><span class="tag">${explained.template} · ${boundName[explained.bound]} bound · ${explained.microseconds.toFixed(1)} µs · ${size(explained.bytes)} · ${(explained.flops / 1e6).toFixed(2)} Mflop</span></div>`,
    `<div class="bars">${bars.join("")}</div>`,
    `<p class="io">reads <span class="mono">${escape(explained.reads.join(", "))}</span><br>writes <span class="mono">${escape(explained.writes.join(", "))}</span></p>`,
    `<details><summary>Derivation: ${planned.derivation.length} ${planned.derivation.length === 1 ? "step" : "steps"}</summary><ol class="rules">${derivation.join("")}</ol></details>`,
    `<details class="source"><summary>${target.name === "wgsl" ? "WGSL" : "Code"}</summary><pre>${escape(code)}</pre></details></article>`,
  ].join("\n");
}
