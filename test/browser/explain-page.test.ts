/** The explain page in a browser: it opens without a complaint or a request, names every kernel and edge, and its controls work. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { explain, type Explanation } from "../../compiler/report/explain.ts";
import { explainEdges, type ExplainedEdge } from "../../compiler/report/edges.ts";
import { explainPage } from "../../compiler/report/page.ts";
import { compileModel } from "../../compiler/index.ts";
import type { TensorFunction } from "../../compiler/ir/node.ts";
import { modelOf } from "../support/fold-programs.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { attention, mlp } from "../support/programs.ts";

const bind = { B: 128, T: 16 };

interface Made {
  readonly html: string;
  readonly explanation: Explanation;
  readonly edges: readonly ExplainedEdge[];
  readonly code: ReadonlyMap<string, string>;
  readonly fn: TensorFunction;
}

function made(text: string): Made {
  const compiled = compileModel(modelOf(text), "wgsl", { assume: bind });
  const { e, fn, lowered, plan, artifact } = compiled;
  const explanation = explain(fn.name, e, plan, bind);
  const code = new Map(artifact.kernels.flatMap((kernel) => (kernel.kind === "wgsl" ? [[kernel.name, kernel.code] as const] : [])));
  const html = explainPage({ fn, lowered, plan, codeOf: (name) => code.get(name) ?? "" }, explanation, bind);
  return { html, explanation, edges: explainEdges(fn, lowered, plan, bind), code, fn };
}

describe("the page as text", () => {
  it("is small and loads nothing", () => {
    const { html } = made(mlp);
    expect(Buffer.byteLength(html)).toBeLessThan(200_000);
    expect(html).not.toMatch(/https?:\/\/|src=|@import|url\(/);
    expect(html.slice(0, html.indexOf("<script>"))).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("accounts for every edge: it is inside a kernel, prepared, or in memory with a reason and a price", () => {
    for (const text of [mlp, attention]) {
      const { edges, fn } = made(text);
      expect(edges.length).toBeGreaterThan(10);
      for (const edge of edges) {
        expect(edge.memory === undefined ? edge.rules.length : edge.memory.reason.length, `${edge.from} -> ${edge.to}`).toBeGreaterThan(0);
        if (edge.memory) expect(edge.memory.bytes).toBeGreaterThan(0);
      }
      expect(edges.some((edge) => edge.memory?.code === "two-contractions")).toBe(true);
      expect(edges.filter((edge) => edge.rules.some((rule) => rule.startsWith("R9"))).length, fn.name).toBeGreaterThan(0);
    }
  });
});

const missing = chromiumMissing();
describe.skipIf(missing !== undefined)(`in Chromium${missing === undefined ? "" : `: ${missing}`}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "normfuse-page-"));
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function opened(html: string, script = true): Promise<{ page: Page; complaints: string[] }> {
    const file = path.join(folder, "page.html");
    writeFileSync(file, html);
    expect(readFileSync(file, "utf8")).toBe(html);
    const context = await browser.newContext({ javaScriptEnabled: script, viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => (request.url().startsWith("file:") ? undefined : complaints.push(`asks for ${request.url()}`)));
    await page.goto(pathToFileURL(file).href);
    return { page, complaints };
  }

  it.each([["the network of the readme", mlp], ["attention", attention]])("%s opens with all kernels, edges and code", { timeout: 60_000 }, async (_, text) => {
    const { html, explanation, edges, code } = made(text);
    const { page, complaints } = await opened(html);
    for (const kernel of [...explanation.kernels, ...explanation.prepare]) expect(await page.locator(`article.card h3`, { hasText: kernel.name }).count(), kernel.name).toBeGreaterThan(0);
    expect(await page.locator("#edges tbody tr").count()).toBe(edges.length);
    expect(await page.locator(".graph svg").count()).toBe(2);
    const shown = await page.locator("details.source pre").allTextContents();
    for (const source of code.values()) expect(shown).toContain(source);
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(sideways).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
  });

  it("has controls that work: theme, edges in memory, code, highlighting", { timeout: 60_000 }, async () => {
    const { html, edges } = made(mlp);
    const { page, complaints } = await opened(html);
    const paper = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await paper();
    await page.click("#theme");
    expect(await paper()).not.toBe(before);
    await page.click('[data-edges="memory"]');
    expect(await page.locator("#edges tbody tr:visible").count()).toBe(edges.filter((edge) => edge.memory).length);
    await page.click("#open");
    expect(await page.locator("details.source[open]").count()).toBeGreaterThan(2);
    await page.locator(".graph .kernel").first().hover();
    expect(await page.locator(".graphs.lit .on").count()).toBeGreaterThan(1);
    expect(complaints).toEqual([]);
  });

  it("reads without its script, and on a telephone nothing sticks out", { timeout: 60_000 }, async () => {
    const { html, edges } = made(mlp);
    const { page } = await opened(html, false);
    expect(await page.locator("#edges tbody tr:visible").count()).toBe(edges.length);
    expect(await page.locator("#theme").isVisible()).toBe(false);
    await page.locator("details.source summary").first().click();
    expect(await page.locator("details.source pre").first().isVisible()).toBe(true);
    const { page: scripted } = await opened(html);
    await scripted.setViewportSize({ width: 390, height: 800 });
    expect(await scripted.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  });
});
