/** The example that `npm start` runs, with few digits: every backend agrees, and the files that it names are there. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "..");
mkdirSync(path.join(root, "out"), { recursive: true });
// Inside the package: the generated module imports `normfuse/runtime`.
const out = mkdtempSync(path.join(root, "out/example-"));

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string, ...args: readonly string[]): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: root, encoding: "utf8" });
  return { status, stdout, stderr };
}

const example = (...args: readonly string[]): Run => run(path.join(root, "node_modules/tsx/dist/cli.mjs"), "examples/mnist-mlp/run.ts", "--out", out, ...args);

describe("examples/mnist-mlp", () => {
  let result: Run;

  beforeAll(() => {
    // The example uses the package as its users do: as built.
    expect(run("scripts/setup.mjs")).toMatchObject({ status: 0 });
    result = example("--digits", "20");
  }, 300_000);
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it("ends well", () => {
    expect(result.stderr).toBe("");
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).not.toContain("FAILED");
  });

  it("shows three kernels a run, and bytes that are the unavoidable ones", () => {
    expect(result.stdout).toMatch(/^MnistMlp on wgsl: 3 dispatches a run, .* \(x1\.0\d\)/m);
  });

  it("has a table in which each backend gives the reference's answers to all digits", () => {
    const lines = result.stdout.split("\n");
    const first = lines.findIndex((line) => line.startsWith("backend ")) + 1;
    const rows = lines.slice(first, lines.indexOf("", first)).map((line) => line.split(/ {2,}/));
    expect(rows[0]?.[0]).toMatch(/^reference/);
    expect(rows.map((cells) => (cells[0] ?? "").replace(/ \(.*/, ""))).toEqual(expect.arrayContaining(["WebAssembly", "WGSL", "GPU.js cpu"]));
    for (const [backend, , , error, digits, agreeing] of rows) {
      expect(Number(error), backend).toBeLessThanOrEqual(1e-5);
      expect([digits, agreeing], backend).toEqual(["20", "20"]);
    }
  });

  it("names files that are there", () => {
    const files = [...result.stdout.matchAll(/^(?:module|kernels|picture|page) +(\S+)$/gm)].map((match) => path.resolve(root, match[1] ?? ""));
    expect(files).toHaveLength(4);
    expect(files.filter((file) => !existsSync(file) || !file.startsWith(out))).toEqual([]);
    expect(readFileSync(files[3] ?? "", "utf8")).toContain("<svg");
  });

  it("refuses a number of digits that is none", () => expect(example("--digits", "3")).toMatchObject({ status: 1, stdout: "--digits got '3': a whole number from 10\n" }));
});
