/** An explanation for a terminal. */
import type { ExplainedKernel, Explanation } from "./explain.ts";
import type { ExplainedScan } from "./scans.ts";

export function explanationText(explanation: Explanation, scans: readonly ExplainedScan[] = []): string {
  const { bytes } = explanation;
  const lines = [
    `${explanation.model} on ${explanation.target}: ${explanation.dispatches} ${explanation.dispatches === 1 ? "dispatch" : "dispatches"} a run, ${size(bytes.planned)} planned, ${size(bytes.unavoidable)} unavoidable (x${(bytes.planned / Math.max(1, bytes.unavoidable)).toFixed(2)}), ${count(explanation.flops)}flop`,
  ];
  const assumed = Object.entries(explanation.assumed);
  if (assumed.length > 0) lines.push(`figures assume ${assumed.map(([name, value]) => `${name} = ${value}`).join(", ")}; bind with --bind NAME=NUMBER`);
  lines.push("", ...explanation.kernels.flatMap(kernelLines));
  if (explanation.prepare.length > 0) lines.push("", "once per set of parameters (prepare):", ...explanation.prepare.flatMap(kernelLines));
  if (scans.length > 0) lines.push("", "scans:", ...scans.map(scanLine));
  if (explanation.kept.length > 0) {
    lines.push("", "kept in memory:");
    const width = Math.max(...explanation.kept.map((kept) => kept.value.length));
    for (const kept of explanation.kept) lines.push(`  ${kept.value.padEnd(width)}  ${size(kept.bytes).padStart(9)}  ${kept.reason}`);
  }
  const { memory } = explanation;
  const shared = memory.slots.filter((slot) => slot.values.length > 1);
  lines.push("", `memory: ${size(memory.peak)} a run at most (${size(memory.separate)} with a buffer for each value), ${size(memory.lasting)} for parameters`);
  for (const slot of shared) lines.push(`  ${size(slot.bytes).padStart(9)}  ${slot.values.map(({ value }) => value).join(", then ")}`);
  if (memory.inPlace.length > 0) {
    lines.push("", `in place (${size(memory.apart)} at most without):`);
    for (const { value, by, kernel, bytes: length } of memory.inPlace) lines.push(`  ${size(length).padStart(9)}  ${value} is overwritten by ${by} in ${kernel}`);
  }
  if (explanation.alternatives.length > 1) {
    lines.push("", "plans weighed (the cost model's estimate):");
    for (const other of explanation.alternatives) lines.push(`  ${other.microseconds.toFixed(1).padStart(10)} us  ${other.dispatches} ${other.dispatches === 1 ? "dispatch  " : "dispatches"}  ${other.description}`);
  }
  return lines.join("\n");
}

function kernelLines(kernel: ExplainedKernel): string[] {
  return [
    `  ${kernel.name}  ${kernel.template}  ${size(kernel.bytes)}  ${count(kernel.flops)}flop  ${kernel.microseconds.toFixed(1)} us (${kernel.bound} bound)`,
    `    ${kernel.reads.join(", ")} -> ${kernel.writes.join(", ")}`,
    `    ${kernel.rules.length > 0 ? kernel.rules.join(" | ") : "no rule: one map"}`,
    ...(kernel.subgroups ? ["    on devices with subgroups these merge its sums and extrema; priced without"] : []),
  ];
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

const scanLine = ({ steps, sequences, carries, emitted, kernel }: ExplainedScan): string =>
  `  ${steps} ${steps === "1" ? "step" : "steps"} over ${plural(sequences, "sequence")}, ${plural(carries, "carry").replace(/ys$/, "ies")}, ${emitted} emitted: ${kernel === undefined ? "written out step by step" : `all in ${kernel}`}`;

/** unit: bytes in; text with a binary prefix out */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(2)} MiB`;
}

function count(value: number): string {
  if (value < 1e3) return `${value} `;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} k`;
  return value < 1e9 ? `${(value / 1e6).toFixed(1)} M` : `${(value / 1e9).toFixed(2)} G`;
}
