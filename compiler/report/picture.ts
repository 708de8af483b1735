/** The model before and after fusion, as one self-contained SVG: ops in groups of the kernels that they became part of. */
import { loadsOf } from "../folds/expression.ts";
import { definitionNames } from "../folds/lower.ts";
import type { Program } from "../folds/node.ts";
import { functionNodes } from "../ir/traverse.ts";
import { isLeaf, type TensorFunction, type TensorNode } from "../ir/node.ts";
import { printType } from "../ir/types.ts";
import type { Plan } from "../plan.ts";
import type { Explanation } from "./explain.ts";
import { size } from "./explain-text.ts";

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const colours = ["#2f6f9f", "#b5562b", "#3f8f5f", "#7d4fa0", "#a0812f", "#4f8f9f", "#9f3f5f", "#5f6f3f"];
const ink = "#1f2430";
const faint = "#8a90a0";
const opSize = { width: 176, height: 24, gapX: 14, gapY: 16 };

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const text = (x: number, y: number, content: string, options: { readonly size?: number; readonly fill?: string; readonly anchor?: string; readonly weight?: number } = {}): string =>
  `<text x="${x}" y="${y}" font-size="${options.size ?? 12}" fill="${options.fill ?? ink}" text-anchor="${options.anchor ?? "start"}" font-weight="${options.weight ?? 400}">${escape(content)}</text>`;

const rectangle = (box: Box, fill: string, stroke: string, radius = 5): string =>
  `<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="${radius}" fill="${fill}" stroke="${stroke}"/>`;

/** Shortens from the right to about `characters`. */
const short = (content: string, characters: number): string => (content.length <= characters ? content : `${content.slice(0, characters - 1)}…`);

/** `lowered` is the program before fusion: it tells which ops went into which kernel. */
export function planPicture(model: TensorFunction, lowered: Program, plan: Plan, explanation: Explanation): string {
  const before = drawGraph(model, kernelOfOps(model, lowered, explanation));
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

interface Drawing {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
  readonly count: number;
}

/** The kernel that each op became part of: from what a kernel writes back to what it reads. */
function kernelOfOps(model: TensorFunction, lowered: Program, explanation: Explanation): Map<TensorNode, number> {
  const byName = new Map(lowered.definitions.map((definition) => [definition.name, definition]));
  const owner = new Map<string, number>();
  explanation.kernels.forEach((kernel, i) => {
    const reads = new Set(kernel.reads);
    const queue = [...kernel.writes];
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      const definition = byName.get(name);
      if (!definition || owner.has(name)) continue;
      owner.set(name, i);
      for (const load of loadsOf(definition.body)) if (!reads.has(load.source)) queue.push(load.source);
    }
  });
  const kernels = new Map<TensorNode, number>();
  for (const [node, name] of definitionNames(model)) {
    const kernel = owner.get(name);
    if (kernel !== undefined) kernels.set(node, kernel);
  }
  return kernels;
}

/** Ops by depth, one row a depth; constants and extents are left out. An op has the colour of its kernel. */
function drawGraph(model: TensorFunction, kernels: ReadonlyMap<TensorNode, number>): Drawing {
  const nodes = functionNodes(model).filter((node) => node.inputs.length > 0 || isLeaf(node));
  const depth = new Map<TensorNode, number>();
  for (const node of nodes) depth.set(node, node.op === "input" ? 0 : 1 + Math.max(-1, ...node.inputs.map((input) => depth.get(input) ?? -1)));
  const shown = nodes.filter((node) => node.op !== "parameter");
  const rows: TensorNode[][] = [];
  for (const node of shown) (rows[depth.get(node) ?? 0] ??= []).push(node);
  const place = new Map<TensorNode, Box>();
  const wide = Math.max(1, ...rows.map((row) => row?.length ?? 0));
  const width = wide * (opSize.width + opSize.gapX) - opSize.gapX;
  let y = 0;
  for (const row of rows) {
    if (!row) continue;
    const used = row.length * (opSize.width + opSize.gapX) - opSize.gapX;
    row.forEach((node, i) => {
      place.set(node, { x: (width - used) / 2 + i * (opSize.width + opSize.gapX), y, width: opSize.width, height: opSize.height });
    });
    y += opSize.height + opSize.gapY;
  }
  const parts: string[] = [];
  for (const node of shown)
    for (const input of node.inputs) {
      const [from, to] = [place.get(input), place.get(node)];
      if (!from || !to) continue;
      const [x1, y1, x2, y2] = [from.x + from.width / 2, from.y + from.height, to.x + to.width / 2, to.y];
      parts.push(`<path d="M${x1} ${y1}C${x1} ${y1 + 10} ${x2} ${y2 - 10} ${x2} ${y2}" fill="none" stroke="${faint}"/>`);
    }
  for (const [node, box] of place) {
    const kernel = kernels.get(node);
    const colour = kernel === undefined ? faint : (colours[kernel % colours.length] ?? faint);
    const label = node.op === "input" ? String(node.attributes.name) : node.op;
    parts.push(rectangle(box, node.op === "input" ? "#e8edf5" : "#ffffff", colour), `<rect x="${box.x}" y="${box.y}" width="4" height="${box.height}" rx="2" fill="${colour}"/>`, text(box.x + 10, box.y + 16, short(label, 13), { size: 11, weight: 600 }), text(box.x + box.width - 6, box.y + 16, short(printType({ dtype: node.type.dtype, shape: node.type.shape }).replace(/^f32/, ""), 16), { size: 9, fill: faint, anchor: "end" }));
  }
  return { svg: parts.join("\n"), width, height: y, count: shown.filter((node) => node.op !== "input").length };
}

function drawKernels(plan: Plan, explanation: Explanation): Drawing {
  const width = 430;
  const parts: string[] = [];
  let y = 0;
  explanation.kernels.forEach((kernel, i) => {
    const rules = [...new Set(kernel.rules)];
    const height = 80 + rules.length * 15;
    const colour = colours[i % colours.length] ?? ink;
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
