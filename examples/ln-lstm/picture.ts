/** The picture: the size of the hidden state along the text, without and with layer normalization, for weights of several sizes. */

export interface Curve {
  readonly label: string;
  /** One value a step. */
  readonly values: readonly number[];
}

export interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
}

const size = { width: 470, height: 300, left: 64, top: 84, gap: 150, right: 96, bottom: 58 };
/** Decades of the logarithmic axis. */
const [lowest, highest] = [-2, 0];
/** From small weights to large ones. */
const shades = ["#86b3d6", "#5c98c6", "#3f85b8", "#23618f", "#0f3d63"];

export function picture(panels: readonly Panel[], steps: number): string {
  const width = size.left + panels.length * size.width + (panels.length - 1) * size.gap + size.right;
  const height = size.top + size.height + size.bottom;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2430">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${size.left}" y="26" font-size="16" font-weight="600">Hidden state over ${steps.toLocaleString("en")} characters of Moby Dick</text>
<text x="${size.left}" y="45" fill="#6b7280">root mean square of h over 4 passages and 64 units, logarithmic; seeded weights times a factor</text>
${panels.map((panel, i) => panelText(panel, size.left + i * (size.width + size.gap), steps)).join("\n")}
</svg>
`;
}

function panelText({ title, curves }: Panel, left: number, steps: number): string {
  const x = (step: number): number => left + (step / Math.max(1, steps - 1)) * size.width;
  const y = (value: number): number => size.top + (1 - (Math.log10(Math.max(value, 1e-12)) - lowest) / (highest - lowest)) * size.height;
  const bottom = size.top + size.height;
  const rules = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].map((value) => `<path d="M${left} ${y(value).toFixed(1)}h${size.width}" stroke="#e3e6ec"/><text x="${left - 8}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end" fill="#6b7280">${value}</text>`);
  const ticks = Array.from({ length: 5 }, (_, i) => Math.round((i * steps) / 4)).map((step) => `<text x="${x(Math.min(step, steps - 1)).toFixed(1)}" y="${bottom + 18}" text-anchor="middle" fill="#6b7280">${step}</text>`);
  const lines = curves.map(({ values }, i) => `<path d="${values.map((value, step) => `${step === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("")}" fill="none" stroke="${shades[i % shades.length]}" stroke-width="1.1" stroke-linejoin="round"/>`);
  return [
    `<text x="${left}" y="${size.top - 8}" font-weight="600">${title}</text>`, ...rules, ...ticks,
    `<text x="${left + size.width / 2}" y="${bottom + 40}" text-anchor="middle" fill="#6b7280">characters read</text>`, ...lines, ...labels(curves, y, left + size.width + 8),
  ].join("\n");
}

/** Labels at the ends of the curves, moved apart where they would overlap; curves that end together share one. */
function labels(curves: readonly Curve[], y: (value: number) => number, left: number): string[] {
  const ends = curves.map(({ label, values }, i) => ({ label, color: shades[i % shades.length], at: y(mean(values.slice(-100))) })).sort((a, b) => a.at - b.at);
  const [first, last] = [ends[0], ends[ends.length - 1]];
  if (first && last && last.at - first.at < 12) return [`<text x="${left}" y="${((first.at + last.at) / 2 + 4).toFixed(1)}">all five</text>`];
  let above = Number.NEGATIVE_INFINITY;
  return ends.map(({ label, color, at }) => {
    above = Math.max(at, above + 15);
    return `<text x="${left}" y="${(above + 4).toFixed(1)}" fill="${color}">${label}</text>`;
  });
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
