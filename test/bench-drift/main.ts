/**
 * Draws how far sequence kernels are from the float64 reference after each step: `npx tsx test/bench-drift/main.ts [--device wasm|webgpu]
 * [--steps 1000] [--out drift.svg]`. A layer-normalised LSTM reads hostile inputs of every kind, with gains of 0.5 and of 1; grey is what
 * the network itself makes of inputs that are moved by one rounding.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { openWasm } from "../../runtime/devices/wasm.ts";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { driftOf } from "../support/drift.ts";

const { values } = parseArgs({ options: { device: { type: "string", default: "wasm" }, steps: { type: "string", default: "1000" }, out: { type: "string", default: "drift.svg" } } });
const steps = Number(values.steps);
const device = values.device === "webgpu" ? await openWebGpu() : openWasm();
const [width, height, gap] = [560, 300, 70];
const [least, most] = [-8, -1];
const colours = ["#2f6f9f", "#b5562b", "#3f8f5f", "#7d4fa0", "#b08a1e", "#4a8fa8", "#a03c5c", "#6a7f2a", "#5b6070", "#c07a3a", "#3d5aa8", "#d0342c"];

const y = (error: number): number => height - ((Math.min(most, Math.max(least, Math.log10(Math.max(error, 1e-12)))) - least) / (most - least)) * height;

/** The largest error of each piece of the way. */
function line(errors: readonly number[], colour: string, wide: number): string {
  const piece = Math.max(1, Math.ceil(steps / 200));
  const points = Array.from({ length: Math.ceil(steps / piece) }, (_, i) => `${((i * piece * width) / steps).toFixed(1)},${y(Math.max(...errors.slice(i * piece, (i + 1) * piece))).toFixed(1)}`);
  return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="${wide}"/>`;
}

const panels: string[] = [];
for (const [i, gain] of [0.5, 1].entries()) {
  const { kinds, errors, amplified, dispatches } = await driftOf(device, device.target, steps, gain);
  const own = amplified();
  const worst = (of: readonly (readonly number[])[], row: number): string => Math.max(...(of[row] ?? [])).toExponential(1);
  process.stdout.write(`gains of ${gain}, ${dispatches} dispatches on ${device.description}\n${kinds.map((kind, row) => `  ${kind.padEnd(20)} error ${worst(errors, row)}, the network's own ${worst(own, row)}`).join("\n")}\n`);
  const ticks = Array.from({ length: most - least + 1 }, (_, t) => least + t).map((t) => `<line x1="0" x2="${width}" y1="${y(10 ** t)}" y2="${y(10 ** t)}" stroke="#e4e6ec"/><text x="-8" y="${y(10 ** t) + 4}" text-anchor="end">1e${t}</text>`);
  panels.push(`<g transform="translate(70 ${60 + i * (height + gap)})"><text y="-14" font-size="15" font-weight="600" fill="#1f2430">gains of ${gain}: largest error over the rms of the row, by step</text>${ticks.join("")}
${own.map((each) => line(each, "#d3d6de", 1)).join("")}${errors.map((each, k) => line(each, colours[k % colours.length] ?? "#000000", 1.5)).join("")}
<line x1="0" x2="${width}" y1="${y(1e-4)}" y2="${y(1e-4)}" stroke="#1f2430" stroke-dasharray="5 4"/>${i === 0 ? kinds.map((kind, k) => `<text x="${width + 16}" y="${14 + k * 18}" fill="${colours[k % colours.length]}">● ${kind}</text>`).join("") + `<text x="${width + 16}" y="${14 + kinds.length * 18}" fill="#9aa0ae">● inputs moved by a rounding</text>` : ""}
<text x="0" y="${height + 20}">0</text><text x="${width}" y="${height + 20}" text-anchor="end">${steps} steps</text></g>`);
}
const size = `${width + 290} ${2 * (height + gap) + 40}`;
writeFileSync(values.out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size}" font-family="system-ui, sans-serif" font-size="12" fill="#5b6070"><rect width="100%" height="100%" fill="#ffffff"/>\n${panels.join("\n")}\n</svg>\n`);
process.stdout.write(`drew ${values.out}\n`);
if ("destroy" in device) device.destroy();
process.exit(0);
