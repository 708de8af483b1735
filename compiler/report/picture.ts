/** The model before and after fusion, as one self-contained SVG: ops in groups of the kernels that they became part of. */
import type { Program } from "../folds/node.ts";
import type { TensorFunction } from "../ir/node.ts";
import type { Plan } from "../plan.ts";
import { colourOf, type Drawing, drawOps, escape, lightPalette, rectangle, short, text } from "./draw-ops.ts";
import type { Explanation } from "./explain.ts";
import { size } from "./explain-text.ts";
import { placesOfOps } from "./kernels-of-ops.ts";

const { faint } = lightPalette;

/** `lowered` is the program before fusion: it tells which ops went into which kernel. */
export function planPicture(model: TensorFunction, lowered: Program, plan: Plan, explanation: Explanation): string {
  const before = drawOps(model, placesOfOps(model, lowered, plan), lightPalette);
  const after = drawKernels(plan, explanation);
  const left = 30;
  const middle = left + before.width + 70;
  const width = middle + after.width + 30;
  const height = Math.max(before.height, after.height) + 110;
  const subtitle = `${explanation.dispatches} ${explanation.dispatches === 1 ? "kernel" : "kernels"} a run · ${size(explanation.bytes.planned)} moved · ${size(explanation.bytes.unavoidable)} unavoidable`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, 'DejaVu Sans', sans-serif">`,
    `<title>${escape(model.name)} before and after fusion</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(left, 34, model.name, { size: 20, weight: 600 }),
    text(left, 54, subtitle, { fill: faint }),
    text(left, 84, `before: ${before.count} ops`, { weight: 600 }),
    text(middle, 84, `after: ${explanation.dispatches} ${explanation.dispatches === 1 ? "kernel" : "kernels"}`, { weight: 600 }),
    `<g transform="translate(${left} 96)">${before.svg}</g>`,
    `<g transform="translate(${middle} 96)">${after.svg}</g>`,
    "</svg>",
    "",
  ].join("\n");
}

function drawKernels(plan: Plan, explanation: Explanation): Drawing {
  const width = 430;
  const parts: string[] = [];
  let y = 0;
  explanation.kernels.forEach((kernel, i) => {
    const rules = [...new Set(kernel.rules)];
    const height = 80 + rules.length * 15;
    const colour = colourOf(lightPalette, i);
    if (i > 0) parts.push(`<path d="M${width / 2} ${y - 22}V${y - 2}" stroke="${faint}" marker-end="none"/>`, text(width / 2 + 8, y - 8, short((explanation.kernels[i - 1]?.writes ?? []).join(", "), 36), { size: 10, fill: faint }));
    parts.push(
      rectangle({ x: 0, y, width, height }, "#ffffff", colour, 8),
      `<rect x="0" y="${y}" width="6" height="${height}" rx="3" fill="${colour}"/>`,
      text(18, y + 20, short(`${i + 1}. ${kernel.template} → ${kernel.writes.at(-1) ?? ""}`, 50), { weight: 600, size: 13 }),
      text(18, y + 37, short(`reads ${kernel.reads.join(", ")}`, 66), { size: 11, fill: faint }),
      text(18, y + 51, short(`writes ${kernel.writes.join(", ")}`, 80), { size: 10, fill: faint }),
      text(18, y + 67, `${size(kernel.bytes)} · ${(kernel.flops / 1e6).toFixed(2)} Mflop · ${kernel.bound} bound`, { size: 11, fill: faint }),
      ...rules.map((rule, at) => text(18, y + 86 + at * 15, rule, { size: 11, fill: colour })),
    );
    y += height + 26;
  });
  if (explanation.prepare.length > 0) {
    parts.push(text(0, y + 6, `prepared once per set of parameters: ${explanation.prepare.map((kernel) => kernel.writes.join(", ")).join("; ")}`, { size: 10, fill: faint }));
    y += 20;
  }
  return { svg: parts.join("\n"), width: Math.max(width, 430), height: y, count: plan.kernels.length };
}
