/** The kernels of a run as SVG: one box each in the order of the dispatches, and an arc for each value that goes through memory. Flow: explanation -> here -> page.ts. */
import { colourOf, type Drawing, escape, type Palette, rectangle, short, text } from "./draw-ops.ts";
import type { Explanation } from "./explain.ts";
import { size } from "./explain-text.ts";

const box = { width: 330, height: 62, gap: 34 };
/** How far an arc that passes kernels by stands out, for each kernel passed. */
const reach = 16;
const widestReach = 150;

/** `opsIn`: how many ops of the model a kernel computes, by its place in the run. */
export function drawFlow(explanation: Explanation, opsIn: (kernel: number) => number, palette: Palette): Drawing {
  const { kernels } = explanation;
  const sizes = new Map(explanation.memory.slots.flatMap((slot) => slot.values.map(({ value, bytes }) => [value, bytes] as const)));
  const top = (i: number): number => i * (box.height + box.gap);
  const makers = new Map<string, number>();
  const arcs: string[] = [];
  const boxes: string[] = [];
  const between = new Map<number, string[]>();
  kernels.forEach((kernel, i) => {
    for (const value of kernel.reads) {
      const maker = makers.get(value);
      if (maker === undefined) continue;
      const label = sizes.has(value) ? `${value} · ${size(sizes.get(value) ?? 0)}` : value;
      if (maker === i - 1) between.set(i, [...(between.get(i) ?? []), label]);
      else {
        const out = box.width + Math.min(widestReach, reach * (i - maker));
        const [from, to] = [top(maker) + box.height / 2 + 8, top(i) + box.height / 2 - 8];
        arcs.push(`<path d="M${box.width} ${from}C${out} ${from} ${out} ${to} ${box.width} ${to}" fill="none" stroke="${colourOf(palette, maker)}" stroke-width="1.5"><title>${escape(label)}</title></path>`);
      }
    }
    for (const value of kernel.writes) makers.set(value, i);
  });
  kernels.forEach((kernel, i) => {
    const y = top(i);
    const colour = colourOf(palette, i);
    const handed = between.get(i);
    if (handed) {
      boxes.push(
        `<path d="M${box.width / 2} ${y - box.gap}V${y}" stroke="${colourOf(palette, i - 1)}" stroke-width="1.5"/>`,
        text(box.width / 2 + 8, y - box.gap / 2 + 4, short(handed.length > 2 ? `${handed[0]} and ${handed.length - 1} more` : handed.join(", "), 44), { size: 10, fill: palette.faint }),
      );
    }
    boxes.push(
      `<a href="#${kernel.name}"><g class="kernel" data-kernel="${i + 1}">`,
      rectangle({ x: 0, y, width: box.width, height: box.height }, palette.paper, colour, 8),
      `<rect x="0" y="${y}" width="6" height="${box.height}" rx="3" fill="${colour}"/>`,
      text(18, y + 22, short(kernel.name, 42), { weight: 600, size: 13, fill: palette.ink }),
      text(18, y + 39, `${kernel.template} · ${opsIn(i)} ${opsIn(i) === 1 ? "op" : "ops"} · ${kernel.bound} bound`, { size: 11, fill: palette.faint }),
      text(18, y + 54, `${size(kernel.bytes)} · ${(kernel.flops / 1e6).toFixed(2)} Mflop · ${kernel.microseconds.toFixed(1)} µs`, { size: 11, fill: palette.faint }),
      "</g></a>",
    );
  });
  return { svg: [...arcs, ...boxes].join("\n"), width: box.width + (arcs.length > 0 ? widestReach : 0), height: Math.max(0, top(kernels.length) - box.gap), count: kernels.length };
}
