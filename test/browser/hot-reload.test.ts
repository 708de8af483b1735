/** Vite's development server in Chromium: an edited model is on the page at once, a mistake is on Vite's overlay with its place, and goes when it is mended. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { vite as vitePlugin } from "normfuse/plugin";
import type { Browser, Page } from "playwright-core";
import { createLogger, createServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repository } from "../support/bundle.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";

const missing = chromiumMissing();
const model = (columns: number): string => `import { doubled } from "./part.nf"\n\nmodel Rows[B](x: f32[B, ${columns}]) -> f32[B, ${columns}] = doubled(x)\n`;
const part = "fn doubled(x: f32[..., N]) -> f32[..., N] = x * 2\n";
const page = '<!doctype html><title>t</title><main>empty</main><script type="module" src="/main.js"></script>';
const script = 'import { Rows } from "./net.nf";\nconst { inputs, kernels } = Rows.artifacts.wgsl;\ndocument.querySelector("main").textContent = `${inputs[0].shape[1]} columns, ${kernels[0].places?.[0]}, ${/= (.*x\\[.*);/.exec(kernels[0].code)?.[1]}`;\n';

describe.skipIf(missing !== undefined)(`Vite's development server${missing === undefined ? "" : ` (skipped: ${missing})`}`, { timeout: 120_000 }, () => {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), "normfuse-hot-")));
  const write = (name: string, text: string): void => writeFileSync(path.join(root, name), text);
  let server: ViteDevServer;
  let browser: Browser;
  let shown: Page;

  beforeAll(async () => {
    for (const [name, text] of Object.entries({ "index.html": page, "main.js": script, "net.nf": model(4), "part.nf": part })) write(name, text);
    server = await createServer({
      root, configFile: false, customLogger: createLogger("silent"), cacheDir: path.join(root, ".vite"), optimizeDeps: { noDiscovery: true },
      resolve: { alias: [{ find: /^normfuse\/runtime$/, replacement: path.join(repository, "runtime/index.ts") }] },
      server: { host: "127.0.0.1", port: 0, fs: { strict: false } }, plugins: [vitePlugin()],
    });
    await server.listen();
    browser = await launchChromium();
    shown = await browser.newPage();
    await shown.goto(server.resolvedUrls?.local[0] ?? "");
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(root, { recursive: true, force: true });
  });

  const text = (part: string): Promise<unknown> => shown.waitForFunction((wanted) => document.querySelector("main")?.textContent?.includes(wanted), part, { timeout: 30_000 });
  const overlay = (part: string): Promise<unknown> => shown.waitForFunction((wanted) => document.querySelector("vite-error-overlay")?.shadowRoot?.textContent?.includes(wanted), part, { timeout: 30_000 });

  it("shows the model, with the places of the source in its kernels", async () => {
    await text("4 columns");
    await text(".nf:");
  });

  it("shows the model after each edit of it, and of a file that it imports", async () => {
    write("net.nf", model(12));
    await text("12 columns");
    write("part.nf", part.replace("* 2", "* 5"));
    await text("5.0");
  });

  it("shows a mistake on the overlay with file, line, column and hint, and the model again when it is mended", async () => {
    write("net.nf", model(12).replace("doubled(x)", "doubld(x)"));
    await overlay("doubld");
    const shownText = await shown.evaluate(() => document.querySelector("vite-error-overlay")?.shadowRoot?.textContent ?? "");
    expect(shownText).toContain(`${path.join(root, "net.nf")}:3:45`);
    expect(shownText).toContain("did you mean 'doubled'?");
    expect(shownText).toContain("plugin:normfuse");
    write("net.nf", model(20));
    await text("20 columns");
    expect(await shown.locator("vite-error-overlay").count()).toBe(0);
    // In the imported file, too.
    write("part.nf", part.replace("x * 2", "x * twice"));
    await overlay("part.nf:1:49");
    write("part.nf", part);
    await text("20 columns");
  });
});
