/** Tests run on the sources: `normfuse/...` means this folder, not dist/. NORMFUSE_JSON_REPORT names a file for a JSON report. */
import path from "node:path";
import { defineConfig } from "vitest/config";

const here = import.meta.dirname;
const report = process.env["NORMFUSE_JSON_REPORT"] ?? (process.env["CI"] === "true" ? path.join(here, ".cache/test-report.json") : undefined);

export default defineConfig({
  resolve: {
    alias: [
      { find: /^normfuse\/runtime$/, replacement: path.join(here, "runtime/index.ts") },
      { find: /^normfuse\/runtime\/(.+)$/, replacement: path.join(here, "runtime/$1.ts") },
      { find: /^normfuse\/(plugin|testing)$/, replacement: path.join(here, "compiler/$1/index.ts") },
      { find: /^normfuse$/, replacement: path.join(here, "compiler/index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    // Processes: GPU libraries are not safe to load into threads.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: report === undefined ? ["default"] : ["default", "json"],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
});
