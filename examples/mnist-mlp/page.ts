/** One self-contained page: the plan's picture, the table, and some digits with their logits. */
import { readFileSync } from "node:fs";

interface PageOptions {
  readonly picture: string;
  readonly rows: readonly { readonly backend: string; readonly dispatches: number; readonly median: number; readonly error: number; readonly digits: number; readonly agreeing: number }[];
  readonly images: Float32Array;
  readonly labels: readonly number[];
  readonly logits: Float64Array;
}

const shown = 10;

export function page({ picture, rows, images, labels, logits }: PageOptions): string {
  const cells = rows.map((row) => `<tr><td>${row.backend}</td><td>${row.dispatches}</td><td>${row.median.toFixed(1)}</td><td>${row.error === 0 ? "0" : row.error.toExponential(1)}</td><td>${row.agreeing} of ${row.digits}</td></tr>`);
  const digits = Array.from({ length: shown }, (_, i) => `<figure>${digit(images.subarray(i * 784, (i + 1) * 784))}${bars(logits.subarray(i * 10, (i + 1) * 10))}<figcaption>a ${labels[i]}</figcaption></figure>`);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>MnistMlp, compiled by normfuse</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2430; max-width: 1100px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 2rem } td, th { padding: .3rem .9rem; border-bottom: 1px solid #e3e6ec; text-align: right } td:first-child, th:first-child { text-align: left }
figure { display: inline-block; margin: 0 14px 14px 0; text-align: center } figcaption { color: #8a90a0; font-size: 12px } svg { max-width: 100%; height: auto }
</style>
<h1>MnistMlp, compiled by normfuse</h1>
<p>The network of Ba, Kiros and Hinton (2016), section 6.6, with seeded weights, over real MNIST digits. Errors are relative to the rms of the logits, against the float64 reference.</p>
<table><tr><th>backend</th><th>dispatches a batch</th><th>median ms</th><th>largest error</th><th>same answer</th></tr>
${cells.join("\n")}
</table>
${readFileSync(picture, "utf8")}
<h2>The first digits and their logits</h2>
${digits.join("\n")}
</html>
`;
}

function digit(pixels: Float32Array): string {
  const squares: string[] = [];
  pixels.forEach((value, i) => {
    if (value > 0.05) squares.push(`<rect x="${i % 28}" y="${Math.floor(i / 28)}" width="1" height="1" fill-opacity="${value.toFixed(2)}"/>`);
  });
  return `<svg viewBox="0 0 28 28" width="84" height="84" style="background:#f6f7fa">${squares.join("")}</svg>`;
}

function bars(logits: Float64Array): string {
  const most = Math.max(...Array.from(logits, Math.abs));
  const rows = Array.from(logits, (value, i) => {
    const length = (Math.abs(value) / most) * 38;
    return `<rect x="${value < 0 ? 42 - length : 42}" y="${i * 8 + 3}" width="${length.toFixed(1)}" height="6" fill="${value < 0 ? "#b5562b" : "#2f6f9f"}"/>`;
  });
  return `<svg viewBox="0 0 84 84" width="84" height="84">${rows.join("")}<path d="M42 0V84" stroke="#e3e6ec"/></svg>`;
}
