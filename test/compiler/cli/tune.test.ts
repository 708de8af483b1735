/** `normfuse calibrate` and `normfuse tune` as people call them, on SwiftShader, and who reads the files that they write. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { required } from "../../../compiler/errors.ts";
import { type CostConstants, inSoftware } from "../../../compiler/target.ts";

const root = resolve(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "normfuse-tune-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function normfuse(...args: readonly string[]): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(root, "node_modules/tsx/dist/cli.mjs"), join(root, "compiler/cli/main.ts"), ...args], { cwd: folder });
    let [out, err] = ["", ""];
    child.stdout.on("data", (data: Buffer) => (out += data.toString()));
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    child.on("error", failed);
    child.on("close", (code) => done({ code, out, err }));
  });
}

writeFileSync(join(folder, "soft.nf"), "model Soft[B](x: f32[B, 64]) -> (y: f32[B, 64]) {\n  return softmax(x)\n}\n");
writeFileSync(join(folder, "x.json"), JSON.stringify({ x: { dtype: "f32", shape: [3, 64], data: Array.from({ length: 192 }, (_, i) => Math.sin(i)) } }));

const swiftshader = ["--adapter", "swiftshader"] as const;

/** Numbers of the output `y`. */
const outputOf = (ended: Ended): number[] => (JSON.parse(ended.out) as { outputs: { y: { data: number[] } } }).outputs.y.data;

describe("calibrate", () => {
  it("writes constants that --cost plans with, the same plan each time", async () => {
    // Beside other work a measurement may be off: the best of three.
    const measured: { constants: CostConstants; path: string }[] = [];
    for (let i = 0; i < 3 && !measured.some(({ constants }) => inSoftware(constants)); i++) {
      const calibrated = await normfuse("calibrate", ...swiftshader, "--out", "cost.json", "--json");
      expect(calibrated.code, calibrated.err).toBe(0);
      measured.push(JSON.parse(calibrated.out));
    }
    const { constants, path } = required(measured.at(-1), "test", "constants");
    expect(path).toBe("cost.json");
    expect(Object.values(constants).every((value) => value > 0 && Number.isFinite(value))).toBe(true);
    expect(inSoftware(constants)).toBe(true);
    const [first, second] = await Promise.all([1, 2].map(() => normfuse("dev", "soft.nf", "--cost", "cost.json", "--dump", "code")));
    expect(first?.out).toContain("@workgroup_size(4");
    expect(second?.out).toBe(first?.out);
  }, 60_000);

  it("and a file that is none is refused with what writes one", async () => {
    writeFileSync(join(folder, "none.json"), "{}");
    const [none, name] = await Promise.all([normfuse("explain", "soft.nf", "--cost", "none.json"), normfuse("explain", "soft.nf", "--cost", "fast")]);
    expect(none.err).toMatch(/^error\[cost-file\]: none\.json cannot be used: its version is undefined.*normfuse calibrate/);
    expect(name.err).toMatch(/^error\[usage\]: --cost got 'fast'\n {2}hint: one of gpu, software/);
    expect([none.code, name.code]).toEqual([1, 1]);
  }, 60_000);
});

describe("tune", () => {
  it("writes the file beside the source, which the other commands read; the numbers stay", async () => {
    const before = await normfuse("run", "soft.nf", "--inputs", "x.json", ...swiftshader, "--json");
    const tuned = await normfuse("tune", "soft.nf", ...swiftshader, "--bind", "B=64", "--budget", "5", "--json");
    expect(tuned.code, tuned.err).toBe(0);
    const { path, models } = JSON.parse(tuned.out) as { path: string; models: { model: string; kernels: { name: string; milliseconds: number; millisecondsBefore: number }[] }[] };
    expect([path, models.map(({ model }) => model)]).toEqual(["soft.tune.json", ["Soft"]]);
    expect(models[0]?.kernels.every(({ milliseconds, millisecondsBefore }) => milliseconds <= millisecondsBefore)).toBe(true);
    expect(JSON.parse(readFileSync(join(folder, "soft.tune.json"), "utf8"))).toMatchObject({ version: 1 });
    const after = await normfuse("run", "soft.nf", "--inputs", "x.json", ...swiftshader, "--json");
    const [want, got] = [outputOf(before), outputOf(after)];
    expect(Math.max(...want.map((value, i) => Math.abs(value - (got[i] ?? Number.NaN))))).toBeLessThan(1e-7);
  }, 120_000);

  it("is read by name of model and kernel, not with --untuned, and a damaged file is an error", async () => {
    writeFileSync(join(folder, "other.nf"), readFileSync(join(folder, "soft.nf")));
    const code = async (...more: readonly string[]): Promise<Ended> => normfuse("dev", "other.nf", "--dump", "code", ...more);
    const plain = await code();
    const name = /\bk1_\w+/.exec((await normfuse("explain", "other.nf")).out)?.[0] ?? "";
    writeFileSync(join(folder, "other.tune.json"), JSON.stringify({ version: 1, adapter: "by hand", models: { Soft: { [name]: { template: "rows", tile: { lanes: 16, rowsPerGroup: 8 } } } } }));
    const [given, untuned] = await Promise.all([code(), code("--untuned")]);
    expect(given.out).toContain("@workgroup_size(128");
    expect(untuned.out).toBe(plain.out);
    writeFileSync(join(folder, "other.tune.json"), "{");
    const damaged = await code();
    expect(damaged.code).toBe(1);
    expect(damaged.err).toMatch(/^error\[tune-file\]: other\.tune\.json cannot be used: it is not JSON\n {2}hint: .*normfuse tune/);
  }, 120_000);
});
