/**
 * Every command as people call it, in a process of its own: output, exit code, and messages instead of stack traces. The
 * commands run from source through tsx; failures from one bundle of the same source, which starts four times faster.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runOnnx } from "../../support/onnx-oracle.ts";
import { elementsOf, readXml } from "../../support/read-xml.ts";

const root = resolve(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "normfuse-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return name;
};

const models = file("models.nf", `/// Normalised and projected.
model Small[B](x: f32[B, 5]) -> f32[B, 3] {
  param w: f32[5, 3] = glorot_uniform
  return layer_norm(x) @ w
}

model Soft[B](x: f32[B, 4]) -> f32[B, 4] = softmax(x)
`);
const scanning = file("scan.nf", "model Sum[T](xs: f32[T, 4]) -> f32[T, 4] {\n  return scan x in xs with (h: f32[4] = 0) {\n    next h = h + x\n    emit h\n  }\n}\n");
const untidy = file("untidy.nf", "model M(x:f32[3])->f32[3]=x+1\n");
const typo = file("typo.nf", "model M(x: f32[3]) -> f32[3] = sofmax(x)\n");
const inputs = file("inputs.json", JSON.stringify({ x: { dtype: "f32", shape: [2, 4], data: [1, 1, 1, 1, "NaN", 0, 0, 0] } }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const source = [join(root, "node_modules/tsx/dist/cli.mjs"), join(root, "compiler/cli/main.ts")];
// Within the project, so that packages are found from it.
const bundle = join(root, `node_modules/.cache/normfuse-cli-${process.pid}.mjs`);

const normfuse = (...args: readonly string[]): Promise<Ended> => run([...source, ...args]);
const bundled = (...args: readonly string[]): Promise<Ended> => run([bundle, ...args]);

function run(args: readonly string[]): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, args, { cwd: folder });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    child.on("error", failed);
    child.on("close", (code) => done({ code, out, err }));
  });
}

const json = ({ out }: Ended): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>;

describe("commands", { timeout: 120_000 }, () => {
  it("run: on the reference, with NaN as a string", async () => {
    const ended = await normfuse("run", models, "--model", "Soft", "--inputs", inputs, "--device", "reference", "--json");
    expect(ended.code).toBe(0);
    expect(json(ended)).toMatchObject({ outputs: { output: { dtype: "f32", shape: [2, 4], data: [0.25, 0.25, 0.25, 0.25, "NaN", "NaN", "NaN", "NaN"] } }, dispatches: 0 });
  });

  it.each([["gpujs", "--mode", "cpu"], ["wasm"]])("run: on %s, as text", async (...device) => {
    const ended = await normfuse("run", models, "--model", "Soft", "--inputs", inputs, "--device", ...device);
    expect(ended).toMatchObject({ code: 0, err: "" });
    expect(ended.out).toMatch(/output: f32\[2, 4\] \[0\.25, 0\.25, 0\.25, 0\.25, NaN/);
  });

  it("check: all models, a line per kernel, the number of cases", async () => {
    const ended = await normfuse("check", models, "--device", "gpujs", "--mode", "cpu");
    expect(ended.code).toBe(0);
    expect(ended.out).toMatch(/^Small on gpu\.js cpu: passed, \d+ cases \(B = 1 x \d+/m);
    expect(ended.out).toMatch(/^Soft on gpu\.js cpu: passed/m);
    expect(ended.out).toMatch(/^ {2}ok {4}k\d+_\S+ +error \S+ of rms, bound \S+, \S+ ulp at /m);
    expect(ended.out).toMatch(/^ {2}ok {4}whole model/m);
  });

  it("check: as JSON on WebGPU, with bound extents and a seed", async () => {
    const ended = await normfuse("check", models, "--model", "Soft", "--bind", "B=3", "--seed", "7", "--adapter", "swiftshader", "--json");
    expect(ended.code).toBe(0);
    const report = json(ended) as { models: { kernels: object[] }[] };
    expect(report).toMatchObject({ passed: true, models: [{ model: "Soft", passed: true, groups: [{ bindings: {} }], rules: { passed: true, fault: null }, outputs: { passed: true }, first: null }] });
    expect(report.models[0]?.kernels[0]).toMatchObject({ name: expect.any(String), passed: true, worst: { value: expect.any(String), by: expect.any(String) }, span: { path: expect.any(String), line: expect.any(Number) } });
  });

  it("check: a JUnit report beside the output, also of a source with mistakes", async () => {
    const ended = await normfuse("check", models, "--device", "gpujs", "--mode", "cpu", "--bind", "B=3", "--json", "--junit", "reports/check.xml");
    expect(ended).toMatchObject({ code: 0, err: "" });
    const { models: checked } = json(ended) as { models: { kernels: { name: string }[] }[] };
    const names = checked.flatMap(({ kernels }) => ["rewrites", ...kernels.map(({ name }) => name), "whole model"]);
    const root = readXml(readFileSync(join(folder, "reports/check.xml"), "utf8"));
    expect(elementsOf(root, "testcase").map(({ attributes }) => attributes["name"])).toEqual(names);
    expect(root.attributes).toMatchObject({ tests: String(names.length), failures: "0", errors: "0" });
    expect(readdirSync(join(folder, "reports"))).toEqual(["check.xml"]);
    expect((await normfuse("check", typo, "--junit", "reports/check.xml")).code).toBe(1);
    const [error] = elementsOf(readXml(readFileSync(join(folder, "reports/check.xml"), "utf8")), "error");
    expect(error).toMatchObject({ attributes: { type: "diagnostics", message: "1 error in typo.nf" }, text: expect.stringContaining("typo.nf:1:32") });
  });

  it("explain: dispatches, bytes, rules, reasons", async () => {
    const ended = await normfuse("explain", models, "--model", "Small", "--bind", "B=2", "--json");
    expect(ended.code).toBe(0);
    expect(json(ended)).toMatchObject({ dispatches: expect.any(Number), bytes: { planned: expect.any(Number), unavoidable: expect.any(Number) }, flops: expect.any(Number), kernels: [{ name: expect.any(String), rules: expect.any(Array), bytes: expect.any(Number), flops: expect.any(Number) }], kept: expect.any(Array) });
    expect((await normfuse("explain", models, "--model", "Small")).out).toMatch(/Small on wgsl: \d+ dispatch/);
  });

  it("explain, build and dev plan for lengths that are assumed, and the host still binds them", async () => {
    const wide = file("wide.nf", "model Wide[B](x: f32[B, 256]) -> f32[B, 256] {\n  param w: f32[256, 256] = ones\n  return x @ w\n}\n");
    const [few, usual, same] = await Promise.all([["--assume", "B=4"], [], ["--assume", "B=64"]].map((more) => normfuse("dev", wide, "--dump", "code", ...more)));
    expect(few?.err).toBe("");
    expect(few?.out).toContain("B: i32,");
    expect(few?.out).not.toBe(usual?.out);
    expect(same?.out).toBe(usual?.out);
    const explained = json(await normfuse("explain", wide, "--assume", "B=4", "--json"));
    expect(explained).toMatchObject({ assumed: { B: 4 }, flops: expect.any(Number) });
    const built = await normfuse("build", wide, "--assume", "B=4", "--out", "assumed", "--no-places", "--json");
    expect(readFileSync(join(folder, (json(built)["files"] as string[]).find((name) => name.endsWith(".wgsl")) ?? ""), "utf8").trim()).toBe(few?.out.trim());
  }, 60_000);

  it("build: module, kernels, reference", async () => {
    const ended = await normfuse("build", models, "--model", "Soft", "--target", "wgsl,gpujs,reference", "--out", "built", "--json");
    expect(ended.code).toBe(0);
    const { files } = json(ended) as { files: string[] };
    expect(files.some((path) => path.endsWith("soft.ts"))).toBe(true);
    expect(files.some((path) => path.endsWith(".wgsl"))).toBe(true);
    expect(files.every((path) => existsSync(join(folder, path)))).toBe(true);
  });

  it("export: a file that onnxruntime runs, with parameters inside or as inputs", async () => {
    const ended = await normfuse("export", models, "--model", "Small", "--params", "seed:3", "--out", "exported/small.onnx", "--json");
    expect(ended).toMatchObject({ code: 0, err: "" });
    expect(json(ended)).toMatchObject({ path: "exported/small.onnx", bytes: expect.any(Number), opset: 20, operators: expect.any(Number), inputs: [{ name: "x", type: "f32[B, 5]" }], outputs: [{ name: "output", type: "f32[B, 3]" }] });
    const x = { dtype: "f32", shape: [2, 5], data: [1, 2, 3, 4, 5, -1, 0, 1, 0, 9] } as const;
    const given = file("five.json", JSON.stringify({ x }));
    const reference = json(await normfuse("run", models, "--model", "Small", "--inputs", given, "--params", "seed:3", "--device", "reference", "--json")) as { outputs: { output: { data: number[] } } };
    const { output } = await runOnnx(readFileSync(join(folder, "exported/small.onnx")), { x });
    expect(output?.shape).toEqual([2, 3]);
    for (const [i, value] of reference.outputs.output.data.entries()) expect(output?.data[i]).toBeCloseTo(value, 5);
    expect(readdirSync(join(folder, "exported"))).toEqual(["small.onnx"]);
    expect((await normfuse("export", models, "--model", "Small")).out).toMatch(/^wrote Small\.onnx: \d+ operators of opset 20, \d+ bytes\ninputs {2}x: f32\[B, 5\]\n {8}w: f32\[5, 3\]\noutputs output: f32\[B, 3\]/);
  });

  it("build: with the lines of the source, without them, and with f32 in the place of f16", async () => {
    const half = file("half.nf", "model Half(x: f16[3]) -> f16[3] = x * 2\n");
    const built = async (...options: string[]): Promise<string> => {
      const ended = await normfuse("build", half, "--out", "half", "--json", ...options);
      expect(ended).toMatchObject({ code: 0, err: "" });
      return readFileSync(join(folder, "half/half.ts"), "utf8");
    };
    const native = await built();
    expect(native).toContain('places: ["half.nf:1:');
    expect(native).toContain("enable f16;");
    const plain = await built("--no-places", "--f16", "as-f32");
    expect(plain).not.toContain("half.nf:1:");
    expect(plain).not.toContain("f16");
  });

  it("format: check, write, print", async () => {
    expect(await normfuse("format", untidy, "--check")).toMatchObject({ code: 1, out: expect.stringContaining("untidy.nf is not formatted") });
    expect((await normfuse("format", untidy)).out).toBe("model M(x: f32[3]) -> f32[3] = x + 1\n");
    expect((await normfuse("format", untidy, "--write")).code).toBe(0);
    expect(readFileSync(join(folder, untidy), "utf8")).toBe("model M(x: f32[3]) -> f32[3] = x + 1\n");
    expect((await normfuse("format", untidy, "--check")).code).toBe(0);
  });

  it("dev: stages as text", async () => {
    const ended = await normfuse("dev", models, "--model", "Soft", "--dump", "folds,kernel", "--json");
    expect(Object.keys(json(ended))).toEqual(["folds", "kernel"]);
  });

  it("help: with and without a command", async () => {
    expect(await normfuse("--help")).toMatchObject({ code: 0, out: expect.stringContaining("normfuse check FILE.nf") });
    expect((await normfuse("help", "run")).out).toMatch(/^normfuse run/);
  });
});

describe("subgroups", { timeout: 120_000 }, () => {
  it("build: kernels that merge over a workgroup have a text for subgroups, unless told", async () => {
    const wide = file("wide.nf", "model Wide[B](x: f32[B, 256]) -> f32[B, 256] = softmax(x)\n");
    const paths = (ended: Ended): string[] => (json(ended)["files"] as string[]).map((path) => path.split("/").at(-1) ?? "");
    expect(paths(await normfuse("build", wide, "--out", "wide-out", "--json"))).toEqual(["wide.ts", "01-k1_div_1.wgsl", "01-k1_div_1.subgroups.wgsl"]);
    expect(paths(await normfuse("build", wide, "--out", "wide-out", "--no-subgroups", "--json"))).toEqual(["wide.ts", "01-k1_div_1.wgsl"]);
    expect(json(await normfuse("explain", wide, "--json"))).toMatchObject({ kernels: [{ subgroups: true }] });
    expect((await normfuse("dev", wide, "--dump", "kernel")).out).toContain("let members = subgroup_add(1)");
  });
});

describe("failures", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    await build({ entryPoints: [join(root, "compiler/cli/main.ts")], bundle: true, platform: "node", format: "esm", packages: "external", outfile: bundle, logLevel: "silent" });
  });
  afterAll(() => rmSync(bundle, { force: true }));

  const wrongShape = file("wrong.json", JSON.stringify({ x: { dtype: "f32", shape: [2, 5], data: new Array<number>(10).fill(0) } }));
  const short = file("short.json", JSON.stringify({ x: { dtype: "f32", shape: [2, 4], data: [1] } }));
  const broken = file("broken.json", '{ "x": ');
  const counting = file("counting.nf", "model Count[N](x: f32[3]) -> i32[N] = iota(N)\n");
  const open = file("open.nf", "model Open[B, K](x: f32[B, K]) -> f32[B, 2] {\n  param w: f32[K, 2] = glorot_uniform\n  return x @ w\n}\n");
  const failures: readonly (readonly [string, readonly string[], RegExp, RegExp])[] = [
    ["a missing file", ["check", "nowhere.nf"], /error\[file\]: nowhere\.nf does not exist/, /hint/],
    ["a bad binding", ["check", models, "--bind", "B=two"], /error\[usage\]: --bind got 'B=two'/, /hint: write --bind NAME=NUMBER/],
    ["an unknown model", ["run", models, "--model", "Smal", "--inputs", inputs], /error\[model\]: models\.nf has no model 'Smal'/, /hint: models: Small, Soft/],
    ["a choice of models", ["run", models, "--inputs", inputs], /error\[model\]: models\.nf has 2 models/, /hint: choose with --model/],
    ["bad JSON", ["run", models, "--model", "Soft", "--inputs", broken], /error\[json\]: broken\.json is no JSON/, /hint: \{ "x"/],
    ["too few numbers", ["run", models, "--model", "Soft", "--inputs", short], /error\[tensor\]: short\.json: 'x' has 1 numbers; shape \[2, 4\] needs 8/, /hint/],
    ["a wrong shape", ["run", models, "--model", "Soft", "--inputs", wrongShape, "--device", "reference"], /error\[shape-mismatch\]: The input 'x', axis 1: expected 4, got 5/, /hint: It is declared as f32\[B, 4\]/],
    ["no inputs", ["run", models, "--model", "Soft", "--device", "reference"], /error\[missing-input\]: The input 'x' is missing/, /hint/],
    ["a misspelt op", ["check", typo], /error\[E0101\]: unknown name 'sofmax'/, /hint: did you mean 'softmax'\?/],
    ["an unknown device", ["run", models, "--model", "Soft", "--inputs", inputs, "--device", "cuda"], /error\[usage\]: --device got 'cuda'/, /hint: one of/],
    ["the reference checked by itself", ["check", models, "--device", "reference"], /error\[usage\]: --device got 'reference'/, /hint: one of webgpu, gpujs/],
    ["a bad seed", ["check", models, "--seed", "x"], /error\[usage\]: --seed got 'x'/, /hint/],
    ["an unknown option", ["check", models, "--frobnicate"], /error\[usage\]: Unknown option '--frobnicate'/, /hint/],
    ["an unknown command", ["frobnicate"], /error\[usage\]: there is no command 'frobnicate'/, /hint: commands: build/],
    ["an assumed length that is none", ["build", models, "--assume", "B=0"], /error\[usage\]: --assume got 'B=0'/, /hint: a length of at least 1/],
    ["an assumed length of a name that no model has", ["explain", models, "--assume", "Q=2"], /error\[assume\]: --assume got 'Q=2', and no model of models\.nf has an extent 'Q'/, /hint: extents: Small has B; Soft has B/],
    ["an assumed length of a name that is bound", ["check", models, "--bind", "B=2", "--assume", "B=4"], /error\[assume\]: --assume got 'B=4', and --bind makes 'B' 2/, /hint: --assume is for names that the host binds/],
    ["an extent that no model has", ["build", models, "--bind", "Q=2"], /error\[bind\]: --bind got 'Q=2', and no model of models\.nf has an extent 'Q'/, /hint: extents: Small has B; Soft has B/],
    ["a folder that cannot be made", ["build", models, "--out", "/proc/nope/deep"], /error\[file\]: \/proc\/nope\/deep\/small\.ts cannot be written: ENOENT/, /hint: give a path/],
    ["a folder that is a file", ["build", models, "--out", join(models, "deep")], /error\[file\]: models\.nf\/deep\/small\.ts cannot be written: ENOTDIR/, /hint: give a path/],
    ["a seed that is no number", ["run", models, "--model", "Small", "--inputs", inputs, "--params", "seed:x"], /error\[usage\]: --params got 'seed:x'/, /hint: a seed is a whole number: --params seed:1/],
    ["weights that are not there", ["run", models, "--model", "Small", "--inputs", inputs, "--params", "missing.safetensors"], /error\[file\]: missing\.safetensors does not exist/, /hint/],
    ["weights that are damaged", ["run", models, "--model", "Small", "--inputs", inputs, "--params", file("bad.safetensors", "x")], /error\[weights-invalid\]: /, /hint/],
    ["a device that there is not", ["run", models, "--model", "Soft", "--inputs", inputs, "--device", "cpu"], /error\[usage\]: --device got 'cpu'/, /hint: one of webgpu, gpujs, wasm, reference/],
    ["an option that is no more", ["check", models, "--fault"], /error\[usage\]: Unknown option '--fault'/, /hint/],
    ["an export of a length that no shape has", ["export", counting], /error\[export-extent\]: extent 'N' of Count does not follow/, /hint: bind it: --bind N=8/],
    ["an export with a seed and open parameters", ["export", open, "--params", "seed:1"], /error\[bind\]: parameter 'w' is f32\[K, 2\]/, /hint: bind them with --bind/],
    ["an export with parameters that do not fit", ["export", models, "--model", "Small", "--params", short], /error\[unknown-parameter\]|error\[tensor\]/, /hint/],
    ["an export to a place that cannot be written", ["export", models, "--model", "Soft", "--out", "models.nf/soft.onnx"], /error\[file\]: models\.nf\/soft\.onnx cannot be written/, /hint/],
    ["an unknown way with f16", ["build", models, "--f16", "double"], /error\[usage\]: --f16 got 'double'/, /hint: one of native, as-f32/],
    ["a scan of open length for GPU.js, with its place", ["build", scanning, "--target", "wgsl,gpujs"], /error\[scan-length\]: the scan over T steps .*GPU\.js[^\n]*\n +--> scan\.nf:2:10/, /hint: bind it: --bind T=64/],
    ["steps that are no number", ["explain", scanning, "--steps", "0"], /error\[usage\]: --steps got '0'/, /hint: a whole number/],
    ["a way with scans that there is not", ["explain", scanning, "--scans", "fast"], /error\[usage\]: --scans got 'fast'/, /hint: one of one-kernel, unrolled/],
    ["an unknown stage", ["dev", models, "--dump", "soup"], /error\[usage\]: --dump got 'soup'/, /hint/],
  ];
  for (const [name, args, message, hint] of failures)
    it(name, async () => {
      const ended = await bundled(...args);
      expect(ended.code).toBe(1);
      expect(ended.out).toBe("");
      expect(ended.err).toMatch(message);
      expect(ended.err).toMatch(hint);
      expect(ended.err).not.toMatch(/\n {4}at |node_modules|This is a bug/);
    });

  it("are one JSON object with --json", async () => {
    const ended = await bundled("check", typo, "--json");
    expect(ended.code).toBe(1);
    expect(json(ended)).toMatchObject({ error: { code: "diagnostics" }, diagnostics: [{ code: "E0101", path: "typo.nf", line: 1, column: 32, hint: "did you mean 'softmax'?" }] });
    expect(json(await bundled("run", models, "--model", "Nope", "--json"))).toEqual({ error: { code: "model", message: "models.nf has no model 'Nope'", hint: "models: Small, Soft" }, diagnostics: [] });
  });
});
