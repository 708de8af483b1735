/** The example that `npm start` runs, with few digits, and the recurrent one, with few characters: every backend agrees, and the files that they name are there. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { picture } from "../examples/ln-lstm/picture.ts";
import { readPassages } from "../examples/ln-lstm/text.ts";

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

describe("examples/ln-lstm", () => {
  const folder = path.join(out, "ln-lstm");
  const lstm = (...args: readonly string[]): Run => run(path.join(root, "node_modules/tsx/dist/cli.mjs"), "examples/ln-lstm/run.ts", "--out", folder, ...args);
  let result: Run;

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    expect(run("scripts/setup.mjs")).toMatchObject({ status: 0 });
    result = lstm("--steps", "30");
  }, 300_000);
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it("ends well", () => {
    expect(result.stderr).toBe("");
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).not.toMatch(/FAILED|OTHER STATES/);
  });

  it("makes every step right on each backend, and the same bits with the states on the GPU", () => {
    const rows = result.stdout.split("\n").filter((line) => /^(?:plain|layer-normalised) LSTM {2,}/.test(line)).map((line) => line.split(/ {2,}/));
    for (const network of ["plain LSTM", "layer-normalised LSTM"])
      expect(rows.filter(([name]) => name === network).map((cells) => (cells[1] ?? "").replace(/ \(.*/, ""))).toEqual(["WebAssembly", "WGSL", "WGSL, states left on the GPU: the same bits", "GPU.js cpu"]);
    for (const [, backend, dispatches, , error] of rows) {
      expect(Number(error), backend).toBeLessThanOrEqual(1e-5);
      expect(Number(dispatches), backend).toBeLessThanOrEqual(5);
    }
  });

  it("calls give what the scan gives, and norms make the state's size independent of the weights'", () => {
    for (const [, apart] of result.stdout.matchAll(/apart by \S+ of rms after 30 characters, (\S+) after all/g)) expect(Number(apart)).toBeLessThan(1e-3);
    const [plain, normed] = [...result.stdout.matchAll(/rms of h (\S+) to (\S+) for weights/g)].map(([, least, most]) => Number(most) / Number(least));
    expect(plain).toBeGreaterThan(5);
    expect(normed).toBeLessThan(1.02);
    expect(readFileSync(path.join(folder, "hidden-state.svg"), "utf8")).toContain("weights × 0.25");
  });

  it("refuses a number of steps that is none", () => expect(lstm("--steps", "many")).toMatchObject({ status: 1, stdout: "--steps got 'many': a whole number from 2\n" }));

  it("reads printable characters, and draws labels apart", () => {
    const text = readPassages(400);
    expect(text.every((code) => code >= 0 && code < 96)).toBe(true);
    expect(new Set(text).size).toBeGreaterThan(30);
    const places = [...picture([{ title: "t", curves: ["a", "b", "c"].map((label, i) => ({ label, values: [0.1, 0.1 + i * 0.01] })) }], 2).matchAll(/y="([\d.]+)" fill="#[\da-f]+">[abc]</g)].map(([, y]) => Number(y));
    expect(places.every((y, i) => i === 0 || y - (places[i - 1] ?? 0) >= 15)).toBe(true);
  });
});
