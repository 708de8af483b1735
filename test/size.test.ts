/** What a page pays for the runtime. Budgets are part of the design: raising one needs a reason. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { bundle } from "./support/bundle.ts";

/** unit: bytes, bundled, minified, gzip */
const sizes: readonly [entry: string, most: number][] = [
  ["./runtime/index.ts", 8 * 1024],
  ["./runtime/initialise.ts", 4 * 1024],
  ["./runtime/devices/webgpu-browser.ts", 5 * 1024],
  ["./runtime/devices/gpujs.ts", 4 * 1024],
];

describe("bundle sizes", () => {
  it.each(sizes)("%s stays below %d bytes", async (entry, most) => {
    const { code, sources } = await bundle(`export * from "${entry}";`, [], true);
    expect(gzipSync(code).length).toBeLessThan(most);
    expect(code.length).toBeGreaterThan(500);
    expect(sources.filter((source) => source.startsWith("compiler/") || source.includes("node_modules"))).toEqual([]);
    if (entry === "./runtime/index.ts") expect(sources.filter((source) => source.includes("devices/"))).toEqual([]);
  });
});
