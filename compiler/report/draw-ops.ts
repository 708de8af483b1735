/** The ops of a model as SVG, in the colours of their kernels, and the pieces that other drawings are made of. Flow: model and kernels-of-ops.ts -> here -> picture.ts, page.ts. */
import { functionNodes } from "../ir/traverse.ts";
import { isLeaf, type TensorFunction, type TensorNode } from "../ir/node.ts";
import { printType } from "../ir/types.ts";
import type { OpPlaces } from "./kernels-of-ops.ts";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Palette {
  readonly ink: string;
  readonly faint: string;
  readonly paper: string;
  readonly input: string;
  /** Kernels take them in turn. */
  readonly kernels: readonly [string, ...string[]];
}

export const lightPalette: Palette = {
  ink: "#1f2430", faint: "#8a90a0", paper: "#ffffff", input: "#e8edf5",
  kernels: ["#2f6f9f", "#b5562b", "#3f8f5f", "#7d4fa0", "#a0812f", "#4f8f9f", "#9f3f5f", "#5f6f3f"],
};

export const colourOf = (palette: Palette, kernel: number): string => palette.kernels[kernel % palette.kernels.length] ?? palette.kernels[0];

const opSize = { width: 176, height: 24, gapX: 14, gapY: 16 };

/** For text and attributes of XML and HTML. */
export const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

export const text = (x: number, y: number, content: string, options: { readonly size?: number; readonly fill?: string; readonly anchor?: string; readonly weight?: number } = {}): string =>
  `<text x="${x}" y="${y}" font-size="${options.size ?? 12}" fill="${options.fill ?? lightPalette.ink}" text-anchor="${options.anchor ?? "start"}" font-weight="${options.weight ?? 400}">${escape(content)}</text>`;

export const rectangle = (box: Box, fill: string, stroke: string, radius = 5): string =>
  `<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="${radius}" fill="${fill}" stroke="${stroke}"/>`;

/** Shortens from the right to about `characters`. */
export const short = (content: string, characters: number): string => (content.length <= characters ? content : `${content.slice(0, characters - 1)}…`);

export interface Drawing {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
  readonly count: number;
}

/** Ops by depth, one row a depth; constants and extents are left out. An op has the colour of the first kernel that computes it. */
export function drawOps(model: TensorFunction, { kernels }: OpPlaces, palette: Palette): Drawing {
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
      parts.push(`<path d="M${x1} ${y1}C${x1} ${y1 + 10} ${x2} ${y2 - 10} ${x2} ${y2}" fill="none" stroke="${palette.faint}"/>`);
    }
  for (const [node, box] of place) {
    const kernel = kernels.get(node)?.[0];
    const colour = kernel === undefined ? palette.faint : colourOf(palette, kernel);
    const label = node.op === "input" ? String(node.attributes.name) : node.op;
    const type = printType({ dtype: node.type.dtype, shape: node.type.shape }).replace(/^f32/, "");
    parts.push(
      kernel === undefined ? "<g>" : `<g class="op" data-kernel="${kernel + 1}">`,
      rectangle(box, node.op === "input" ? palette.input : palette.paper, colour),
      `<rect x="${box.x}" y="${box.y}" width="4" height="${box.height}" rx="2" fill="${colour}"/>`,
      text(box.x + 10, box.y + 16, short(label, 13), { size: 11, weight: 600, fill: palette.ink }),
      text(box.x + box.width - 6, box.y + 16, short(type, 16), { size: 9, fill: palette.faint, anchor: "end" }),
      "</g>",
    );
  }
  return { svg: parts.join("\n"), width, height: y, count: shown.filter((node) => node.op !== "input").length };
}
