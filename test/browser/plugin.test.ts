/** The example examples/vite as people build it: Vite with its own configuration, the page in Chromium, scores against float64. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Browser } from "playwright-core";
import { build, type Rollup } from "vite";
import { afterAll, describe, expect, it } from "vitest";
import { checkSource, compileModel, evaluateReference, sourceFile } from "../../compiler/index.ts";
import configuration from "../../examples/vite/vite.config.ts";
import { initialParameters } from "../../runtime/initialise.ts";
import { repository } from "../support/bundle.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { type LocalServer, serve } from "../support/local-server.ts";

const example = path.join(repository, "examples/vite");
const text = (name: string): string => readFileSync(path.join(example, name), "utf8");
const missing = chromiumMissing();

/** The example's bundle by path, with `normfuse/...` standing for the sources of this repository. */
async function buildExample(): Promise<Record<string, string>> {
  const result = await build({
    ...configuration, root: example, configFile: false, logLevel: "silent",
    build: { write: false },
    resolve: { alias: [{ find: /^normfuse\/runtime$/, replacement: path.join(repository, "runtime/index.ts") }, { find: /^normfuse\/runtime\/(.+)$/, replacement: path.join(repository, "runtime/$1.ts") }] },
  });
  const { output } = result as unknown as Rollup.RollupOutput;
  return Object.fromEntries(output.map((file) => [`/${file.fileName}`, file.type === "chunk" ? file.code : String(file.source)]));
}

/** f32[rows, classes] in float64, unfused: the same rows and weights as in main.ts. */
function expectedScores(rows: number): number[] {
  const [model] = checkSource(sourceFile("model.nf", text("model.nf"))).models;
  if (!model) throw new Error("model.nf has no model");
  const inputs = { x: { dtype: "f32" as const, shape: [rows, 48], data: Float64Array.from({ length: rows * 48 }, (_, i) => Math.fround(Math.sin(i))) } };
  const parameters = Object.entries(initialParameters(compileModel(model, "wgsl").artifact, 1)).map(([name, tensor]) => [name, { ...tensor, data: Float64Array.from(tensor.data) }] as const);
  const { scores } = evaluateReference(model, { B: rows }, inputs, Object.fromEntries(parameters));
  return Array.from(scores?.data ?? []);
}

describe.skipIf(missing !== undefined)(`examples/vite in Chromium${missing === undefined ? "" : ` (skipped: ${missing})`}`, { timeout: 120_000 }, () => {
  let browser: Browser | undefined;
  let server: LocalServer | undefined;

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it("shows what the reference computes, with no compiler in the bundle", async () => {
    const typesBefore = text("model.d.nf.ts");
    const files = await buildExample();
    expect(text("model.d.nf.ts")).toBe(typesBefore);
    const script = Object.entries(files).filter(([name]) => name.endsWith(".js")).map(([, code]) => code).join("");
    expect(script).toContain("@compute");
    expect(script).not.toMatch(/chevrotain|E0101/);

    server = await serve(files);
    browser = await launchChromium();
    const page = await browser.newPage();
    const mistakes: string[] = [];
    page.on("pageerror", (error) => mistakes.push(String(error)));
    await page.goto(`${server.url}/index.html`);
    await page.waitForFunction('document.querySelector("output").textContent !== "computing"', undefined, { timeout: 60_000 });
    const shown = (await page.textContent("output")) ?? "";
    const rows: number[][] = await page.evaluate('[...document.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("td")].map((cell) => Number(cell.dataset.score)))');
    expect(mistakes, shown).toEqual([]);
    expect(rows.map((row) => row.length), shown).toEqual([6, 6, 6, 6]);
    expect(shown).toMatch(/^\d kernels?, [\d.]+ ms on .+/);
    expect(await page.textContent("tbody tr td")).toBe((rows[0]?.[0] ?? Number.NaN).toFixed(3));
    // The widest bar is that of the largest score.
    expect(await page.locator("td.largest").count()).toBe(4);
    const picture = process.env["NORMFUSE_SCREENSHOT"];
    if (picture !== undefined) await page.screenshot({ path: picture });

    const expected = expectedScores(4);
    expect(expected).toHaveLength(24);
    const error = Math.max(...rows.flat().map((score, i) => Math.abs(score - (expected[i] ?? Number.NaN))));
    // Contract: 1e-5 of the output's rms.
    expect(error).toBeLessThan(1e-5 * Math.sqrt(expected.reduce((sum, score) => sum + score * score, 0) / expected.length));
  });
});
