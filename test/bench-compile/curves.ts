/** Curves as a self-contained SVG with linear axes from 0. Used by main.ts. */

export interface Curve {
  readonly title: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

const frame = { left: 70, top: 60, width: 760, height: 380 };
const colours = ["#2f6f9f", "#b5562b", "#3f8f5f", "#7d4fa0"];

/** The largest of 1, 2, 5 times a power of ten that divides `most` into at least four steps. */
function step(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / 4));
  return [5, 2, 1].map((factor) => factor * power).find((each) => most / each >= 4) ?? power;
}

export function curves(title: string, xTitle: string, yTitle: string, drawn: readonly Curve[]): string {
  const all = drawn.flatMap((curve) => curve.points);
  const [mostX, mostY] = [Math.max(1, ...all.map(({ x }) => x)), Math.max(1, ...all.map(({ y }) => y))];
  const x = (value: number): string => (frame.left + (value / mostX) * frame.width).toFixed(1);
  const y = (value: number): string => (frame.top + frame.height - (value / mostY) * frame.height).toFixed(1);
  const text = (at: string, down: string, content: string, anchor = "middle", fill = "#5b6070"): string => `<text x="${at}" y="${down}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
  const ticks = (most: number): number[] => Array.from({ length: Math.floor(most / step(most)) + 1 }, (_, i) => i * step(most));
  const right = String(frame.left + frame.width);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 870 500" width="870" height="500" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="870" height="500" fill="#ffffff"/>`,
    `<text x="${frame.left}" y="30" font-size="16" font-weight="600" fill="#1f2430">${title}</text>`,
    ...ticks(mostX).map((value) => text(x(value), String(frame.top + frame.height + 18), String(value))),
    ...ticks(mostY).map((value) => `<line x1="${frame.left}" x2="${right}" y1="${y(value)}" y2="${y(value)}" stroke="#e4e6ec"/>${text(String(frame.left - 8), y(value), String(value), "end")}`),
    text(right, String(frame.top + frame.height + 36), xTitle, "end"),
    text(String(frame.left), String(frame.top - 10), yTitle, "start"),
    ...drawn.flatMap(({ title: name, points }, i) => {
      const colour = colours[i % colours.length] ?? "#000000";
      const path = points.map((point) => `${x(point.x)},${y(point.y)}`).join(" ");
      return [
        `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        ...points.map((point) => `<circle cx="${x(point.x)}" cy="${y(point.y)}" r="3" fill="${colour}"/>`),
        text(String(frame.left + 14), String(frame.top + 20 + 18 * i), `● ${name}`, "start", colour),
      ];
    }),
    "</svg>", "",
  ].join("\n");
}
