/** The build plugin in real bundlers: Vite, esbuild, Rollup, webpack; what they build runs, the types lie beside the source, mistakes have their place. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { build as esbuild, type BuildFailure } from "esbuild";
import { buildSource, esbuild as esbuildPlugin, type NormfusePluginOptions, rollup as rollupPlugin, vite as vitePlugin, webpack as webpackPlugin } from "normfuse/plugin";
import { rollup, type RollupLog } from "rollup";
import { build as viteBuild, createLogger, type InlineConfig, type Rollup } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import webpack from "webpack";
import { checkSource, evaluateReference, sourceFile } from "../../../compiler/index.ts";
import type { Device } from "../../../runtime/device.ts";
import { openWebGpu } from "../../../runtime/devices/webgpu-node.ts";
import type { Program } from "../../../runtime/index.ts";
import { repository } from "../../support/bundle.ts";

const folder = mkdtempSync(path.join(tmpdir(), "normfuse-plugin-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const source = `import { doubled } from "./part.nf"

/// Normalised rows.
model Rows[B](x: f32[B, 8]) -> f32[B, 8] = doubled(layer_norm(x))

model Sum[B](x: f32[B, 8]) -> f32[B] = sum(x, axis = -1)
`;
const part = "fn doubled(x: f32[..., N]) -> f32[..., N] = x * 2\n";
const entry = 'import { Rows, Sum } from "./net.nf";\nexport const kernels = [Rows, Sum].map((model) => model.artifacts.wgsl.kernels);\nexport const load = (device) => Promise.all([Rows.load(device), Sum.load(device)]);\n';

/** A folder of its own with the files; `net.nf` and `part.nf` unless given. */
function project(files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(path.join(folder, "project-"));
  for (const [name, text] of Object.entries({ "net.nf": source, "part.nf": part, "entry.js": entry, ...files })) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return root;
}

const runtime = path.join(repository, "runtime/index.ts");

const viteOptions = (root: string, options: NormfusePluginOptions): InlineConfig => ({
  root, configFile: false, customLogger: createLogger("silent"),
  resolve: { alias: { "normfuse/runtime": runtime } },
  build: { write: false, minify: false, lib: { entry: "entry.js", formats: ["es"], fileName: "bundle" } },
  plugins: [vitePlugin(options)],
});

async function bundleWithVite(root: string, options: NormfusePluginOptions = {}): Promise<string> {
  const [bundle] = (await viteBuild(viteOptions(root, options))) as unknown as readonly Rollup.RollupOutput[];
  return bundle?.output[0].code ?? "";
}

interface WatchEvent {
  readonly code: string;
  readonly error?: unknown;
}

/** A watching build: `next` is the outcome of the next build that ends, "built" or the error's text. */
async function watchWithVite(root: string): Promise<{ next(): Promise<string>; close(): Promise<void> }> {
  const options = viteOptions(root, {});
  const watcher = (await viteBuild({ ...options, logLevel: "silent", build: { ...options.build, watch: {} } })) as unknown as { on(event: "event", listener: (event: WatchEvent) => void): void; close(): Promise<void> };
  const ended: string[] = [];
  const waiting: ((outcome: string) => void)[] = [];
  watcher.on("event", ({ code, error }) => {
    if (code !== "BUNDLE_END" && code !== "ERROR") return;
    const outcome = code === "ERROR" ? String(error) : "built";
    const first = waiting.shift();
    if (first) first(outcome);
    else ended.push(outcome);
  });
  const next = (): Promise<string> => {
    const outcome = ended.shift();
    return outcome === undefined ? new Promise((done) => waiting.push(done)) : Promise.resolve(outcome);
  };
  return { next, close: () => watcher.close() };
}

async function bundleWithEsbuild(root: string, options: NormfusePluginOptions = {}): Promise<string> {
  const result = await esbuild({
    absWorkingDir: root, entryPoints: ["entry.js"], bundle: true, write: false, format: "esm", logLevel: "silent",
    alias: { "normfuse/runtime": runtime }, plugins: [esbuildPlugin(options)],
  });
  return result.outputFiles[0]?.text ?? "";
}

/** Rollup and webpack take JavaScript only; a project has that in node_modules. */
const plainRuntime = path.join(folder, "runtime.mjs");
beforeAll(() => esbuild({ entryPoints: [runtime], bundle: true, format: "esm", outfile: plainRuntime }));

async function bundleWithRollup(root: string, options: NormfusePluginOptions = {}, warnings: RollupLog[] = []): Promise<string> {
  const bundle = await rollup({
    input: path.join(root, "entry.js"), onwarn: (warning) => void warnings.push(warning),
    plugins: [rollupPlugin(options), { name: "runtime", resolveId: (id) => (id === "normfuse/runtime" ? plainRuntime : undefined) }],
  });
  const { output } = await bundle.generate({ format: "es" });
  await bundle.close();
  return output[0].code;
}

async function bundleWithWebpack(root: string, options: NormfusePluginOptions = {}, mode: "development" | "production" = "production", warnings: string[] = []): Promise<string> {
  const compiler = webpack({
    mode, context: root, entry: "./entry.js", devtool: false, target: "es2022",
    experiments: { outputModule: true },
    output: { path: path.join(root, "dist"), filename: "bundle.js", library: { type: "module" } },
    resolve: { alias: { "normfuse/runtime": plainRuntime } },
    optimization: { minimize: false },
    plugins: [webpackPlugin(options)],
  });
  if (!compiler) throw new Error("webpack made no compiler");
  const stats = await new Promise<webpack.Stats | undefined>((done, failed) => compiler.run((error, result) => (error ? failed(error) : done(result))));
  await new Promise((done) => compiler.close(done));
  const { errors = [], warnings: given = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
  warnings.push(...given.map(({ message }) => message));
  const text = readFileSync(path.join(root, "dist/bundle.js"), "utf8");
  rmSync(path.join(root, "dist"), { recursive: true });
  return text;
}

interface Bundled {
  readonly load: (device: Device) => Promise<readonly Program[]>;
  readonly kernels: readonly (readonly { readonly name: string; readonly code: string }[])[];
}

async function imported(code: string, root: string): Promise<Bundled> {
  const file = path.join(root, "bundle.mjs");
  writeFileSync(file, code);
  return (await import(/* @vite-ignore */ file)) as Bundled;
}

/** What the bundler threw. */
const failure = async (building: Promise<unknown>): Promise<unknown> => building.then(() => "built", (error: unknown) => error);

const brokenPart = "\nfn doubled(x: f32[..., N]) -> f32[..., N] = x * twice\n";
/** `doubled` hides nothing, but one `let` is never read. */
const careless = source.replace("= doubled(layer_norm(x))", "{\n  let unused = x * 2\n  return doubled(layer_norm(x))\n}");
const deepPart = 'import { twice } from "./deep/more.nf"\n\nfn doubled(x: f32[..., N]) -> f32[..., N] = twice(x)\n';
const typo = source.replace("layer_norm(x)", "layer_nrm(x)");

const rows = 3;
const x = Float32Array.from({ length: rows * 8 }, (_, i) => Math.sin(i * i) + i / 8);

/** Outputs of both models in float64, unfused. */
function expectedOutputs(): readonly Float64Array[] {
  const { models } = checkSource(sourceFile("net.nf", source), { resolve: () => sourceFile("part.nf", part) });
  const inputs = { x: { dtype: "f32" as const, shape: [rows, 8], data: Float64Array.from(x) } };
  return models.map((model) => Float64Array.from(Object.values(evaluateReference(model, { B: rows }, inputs, {}))[0]?.data ?? []));
}

let device: Device | undefined;
afterAll(() => device?.destroy());

describe.each([["Vite", bundleWithVite], ["esbuild", bundleWithEsbuild], ["Rollup", bundleWithRollup], ["webpack", bundleWithWebpack]] as const)("with %s", { timeout: 60_000 }, (_, bundle) => {
  it("a source file is a module with the kernels of its models, and the types lie beside it", async () => {
    const root = project();
    const code = await bundle(root);
    const { kernels } = await imported(code, root);
    expect(kernels.map((each) => each.length)).toEqual([1, 1]);
    expect(kernels[0]?.[0]?.code).toContain("@compute");
    // The bundle has the runtime in it, and no compiler.
    expect(code).toContain("artifact-version");
    expect(code).not.toMatch(/chevrotain|layer_norm\(/i);
    const types = readFileSync(path.join(root, "net.d.nf.ts"), "utf8");
    expect(types).toContain("export interface RowsInputs {\n  /** f32[B, 8] */\n  readonly x: normfuse.Value<\"f32\">;");
    expect(types).toContain("/** Normalised rows. */\nexport declare const Rows: {");
    expect(readdirSync(root).sort()).toEqual(["bundle.mjs", "entry.js", "net.d.nf.ts", "net.nf", "part.nf"]);
  });

  it("the bundle runs, and computes what the reference computes", async () => {
    device ??= await openWebGpu({ prefer: "swiftshader" });
    const root = project();
    const programs = await (await imported(await bundle(root), root)).load(device);
    const expected = expectedOutputs();
    expect(programs).toHaveLength(2);
    for (const [i, program] of programs.entries()) {
      const got = Object.values((await program.run({ x })).outputs)[0]?.data ?? [];
      const want = expected[i] ?? new Float64Array();
      expect(got).toHaveLength(want.length);
      expect(Math.max(...want.map((value, at) => Math.abs(value - (got[at] ?? Number.NaN))))).toBeLessThan(2e-5);
    }
  });

  it("takes targets and extents, and writes no types where that is not wanted", async () => {
    const root = project({ "entry.js": 'import { Rows } from "./net.nf";\nexport const { artifacts } = Rows;\n' });
    const { artifacts } = (await imported(await bundle(root, { targets: ["gpujs", "wgsl"], bind: { B: 3 }, declarations: false }), root)) as unknown as { artifacts: Record<string, { target: string; extents: string[] }> };
    expect(Object.keys(artifacts)).toEqual(["gpujs", "wgsl"]);
    expect(artifacts["gpujs"]).toMatchObject({ target: "gpujs", extents: [] });
    expect(readdirSync(root)).not.toContain("net.d.nf.ts");
  });

  it("writes the types again only when they change", async () => {
    const root = project();
    const types = path.join(root, "net.d.nf.ts");
    await bundle(root);
    utimesSync(types, 1e9, 1e9);
    await bundle(root);
    expect(statSync(types).mtimeMs).toBe(1e12);
    writeFileSync(path.join(root, "net.nf"), source.replaceAll("f32[B, 8]", "f32[B, 9]"));
    await bundle(root);
    expect(statSync(types).mtimeMs).toBeGreaterThan(1e12);
    expect(readFileSync(types, "utf8")).toContain("f32[B, 9]");
  });
});

describe("kernels", { timeout: 60_000 }, () => {
  const places = async (building: Promise<string>): Promise<boolean> => (await building).includes("net.nf:6:");
  const environment = process.env["NODE_ENV"];
  afterAll(() => (process.env["NODE_ENV"] = environment));

  it("carry the lines of the source in development, and not in production", async () => {
    expect(await places(bundleWithWebpack(project(), {}, "development"))).toBe(true);
    expect(await places(bundleWithWebpack(project(), {}, "production"))).toBe(false);
    for (const bundle of [bundleWithVite, bundleWithEsbuild, bundleWithRollup])
      for (const mode of ["development", "production"]) {
        process.env["NODE_ENV"] = mode;
        expect(await places(bundle(project())), `${bundle.name} ${mode}`).toBe(mode === "development");
      }
    expect(await places(bundleWithRollup(project(), { places: true }))).toBe(true);
    expect(await places(bundleWithWebpack(project(), { places: false }, "development"))).toBe(false);
  });

  it("name files relative to the working folder: no path of the machine is in a bundle", async () => {
    const root = project();
    const before = process.cwd();
    process.chdir(root);
    try {
      const code = await bundleWithRollup(root, { places: true });
      expect(code).toContain('"net.nf:6:');
      expect(code).not.toContain(root);
    } finally {
      process.chdir(before);
    }
  });

  it("have f32 in the place of f16 where that is asked for", async () => {
    const root = project({ "net.nf": "model Rows[B](x: f16[B, 8]) -> f16[B, 8] = x * 2\nmodel Sum[B](x: f16[B, 8]) -> f16[B] = sum(x, axis = -1)\n" });
    expect(await bundleWithRollup(root)).toContain("enable f16;");
    expect(await bundleWithRollup(root, { f16: "as-f32" })).not.toContain("enable f16");
    expect(readFileSync(path.join(root, "net.d.nf.ts"), "utf8")).toContain('readonly x: normfuse.Value<"f32">;');
  });
});

const sizes = (code: string): string[] => code.match(/@workgroup_size\(\d+\)/g) ?? [];

/** Tiles for the first model's kernel, in workgroups of 32. */
const tuned = { version: 1, adapter: "by hand", models: { Rows: { k1_mul_4: { template: "rows", tile: { lanes: 2, rowsPerGroup: 16 } } } } };
const constants = { launchMicroseconds: 10, gigabytesPerSecond: 4, cacheGigabytesPerSecond: 20, gigaflopsPerSecond: 10, barrierNanoseconds: 60, parallelWorkgroups: 2 };
const measured = JSON.stringify({ version: 1, adapter: "by hand", constants });

describe("what was measured", { timeout: 60_000 }, () => {
  const textOf = (root: string, options: NormfusePluginOptions = {}): string => {
    const { module, diagnostics } = buildSource(path.join(root, "net.nf"), source, options);
    expect(diagnostics).toEqual([]);
    return module?.code ?? "";
  };

  it("tiles beside the source are taken by name of model and kernel, unless untuned", async () => {
    const plain = textOf(project());
    expect(plain).toContain("k1_mul_4");
    expect(sizes(plain)).not.toContain("@workgroup_size(32)");
    const root = project({ "net.tune.json": JSON.stringify(tuned) });
    expect(sizes(textOf(root))[0]).toBe("@workgroup_size(32)");
    expect(sizes(await bundleWithRollup(root))[0]).toBe("@workgroup_size(32)");
    expect(textOf(root, { untuned: true })).toBe(plain);
    expect(textOf(root, { tiles: {} })).toBe(plain);
  });

  it("constants are a preset, the numbers themselves, or a file that was calibrated: the same plan for the same numbers", () => {
    const root = project({ "here.json": measured });
    expect(sizes(textOf(root, { cost: "software" }))).not.toEqual(sizes(textOf(root)));
    expect(textOf(root, { cost: `${root}/here.json` })).toBe(textOf(root, { cost: constants }));
    expect(textOf(root, { cost: `${root}/here.json` })).not.toBe(textOf(root));
    const file: `${string}.json` = `${path.relative(process.cwd(), root)}/here.json`;
    expect(textOf(root, { cost: file })).toBe(textOf(root, { cost: constants }));
  });

  it("lengths are planned for that the host binds", () => {
    const product = "model P[B](x: f32[B, 256]) -> f32[B, 256] {\n  param w: f32[256, 256] = ones\n  return x @ w\n}\n";
    const code = (options: NormfusePluginOptions): string => buildSource("p.nf", product, options).module?.code ?? "";
    expect(code({ assume: { B: 4 } })).not.toBe(code({}));
    expect(code({ assume: { B: 64 } })).toBe(code({}));
    expect(code({ assume: { B: 4 } })).toContain('extents: ["B"]');
  });

  it.each([
    ["a tune file that is no JSON", "net.tune.json", "{", {}, { code: "tune-file", message: /net\.tune\.json cannot be used: it is not JSON/, hint: /normfuse tune.*delete it.*untuned: true/ }],
    ["a tune file of another version", "net.tune.json", '{ "version": 9 }', {}, { code: "tune-file", message: /no file of tuned tiles of version 1/, hint: /normfuse tune/ }],
    ["a cost file that was not calibrated", "here.json", "{}", { cost: "here.json" }, { code: "cost-file", message: /here\.json cannot be used: its version is undefined/, hint: /normfuse calibrate/ }],
    ["a cost file with a number that is none", "here.json", measured.replace("20", '"fast"'), { cost: "here.json" }, { code: "cost-file", message: /constants\.cacheGigabytesPerSecond is "fast"/, hint: /normfuse calibrate/ }],
    ["a cost file that does not exist", "other.json", "{}", { cost: "here.json" }, { code: "cost-file", message: /here\.json cannot be used: it does not exist/, hint: /normfuse calibrate/ }],
    ["constants of no such name", "other.json", "{}", { cost: "fast" }, { code: "cost", message: /option cost: 'fast' is no set of constants/, hint: /one of gpu, software/ }],
  ] as const)("%s is an error with its name and what to do", (_, name, text, options, { code, message, hint }) => {
    const root = project({ [name]: text });
    const before = process.cwd();
    process.chdir(root);
    try {
      const { module, diagnostics } = buildSource(path.join(root, "net.nf"), source, options as NormfusePluginOptions);
      expect(module).toBeUndefined();
      expect(diagnostics).toMatchObject([{ code, severity: "error", message: expect.stringMatching(message), hint: expect.stringMatching(hint), span: { start: 0, file: { path: path.join(root, code === "cost" ? "net.nf" : "cost" in options ? "here.json" : name) } } }]);
    } finally {
      process.chdir(before);
    }
  });

  it("stops a build with the file's place, and is watched whether it exists or not", async () => {
    const root = project({ "net.tune.json": "{" });
    const file = path.join(root, "net.tune.json");
    const error = await failure(bundleWithVite(root));
    expect(String(error)).toContain(`error[tune-file]: ${file} cannot be used: it is not JSON`);
    expect(error).toMatchObject({ errors: [{ plugin: "normfuse", loc: { file, line: 1, column: 0 } }] });
    expect(buildSource(path.join(root, "net.nf"), source, { untuned: true, cost: "gpu" }).settings).toEqual([]);
    expect(buildSource(path.join(root, "net.nf"), source, { cost: "here.json" }).settings).toEqual([file, path.resolve("here.json")]);
  });
});

describe("warnings", { timeout: 60_000 }, () => {
  it("go to Rollup with file, line and column, and the build goes on", async () => {
    const warnings: RollupLog[] = [];
    const root = project({ "net.nf": careless });
    expect(await bundleWithRollup(root, {}, warnings)).toContain("@compute");
    expect(warnings).toMatchObject([{ plugin: "normfuse", loc: { file: path.join(root, "net.nf"), line: 5, column: 6 }, message: expect.stringContaining("unused") }]);
  });

  it("go to webpack", async () => {
    const warnings: string[] = [];
    const root = project({ "net.nf": careless });
    expect(await bundleWithWebpack(root, {}, "production", warnings)).toContain("@compute");
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/unused[\s\S]*net\.nf:5:7/);
  });
});

describe("mistakes", { timeout: 60_000 }, () => {
  it("stop Rollup with file, line, column and hint", async () => {
    const root = project({ "net.nf": typo });
    expect(await failure(bundleWithRollup(root))).toMatchObject({ plugin: "normfuse", loc: { file: path.join(root, "net.nf"), line: 4, column: 51 }, message: expect.stringContaining("layer_norm") });
  });

  it("stop webpack with the place and hint", async () => {
    const root = project({ "net.nf": typo });
    const text = String(await failure(bundleWithWebpack(root)));
    expect(text).toContain(`${path.join(root, "net.nf")}:4:52`);
    expect(text).toMatch(/error\[E\d{4}\][\s\S]*layer_norm/);
  });

  it("stop a Vite build with file, line, column and hint; the old types stay", async () => {
    const root = project({ "net.nf": typo, "net.d.nf.ts": "// before\n" });
    const error = await failure(bundleWithVite(root));
    expect(error).toBeInstanceOf(Error);
    const text = String(error);
    expect(text).toContain(`${path.join(root, "net.nf")}:4:52`);
    expect(text).toMatch(/error\[E\d{4}\]/);
    expect(text).toContain("layer_norm");
    expect(error).toMatchObject({ errors: [{ plugin: "normfuse", loc: { file: path.join(root, "net.nf"), line: 4, column: 51 } }] });
    expect(readFileSync(path.join(root, "net.d.nf.ts"), "utf8")).toBe("// before\n");
  });

  it("stop an esbuild bundle with file, line, column and hint", async () => {
    const root = project({ "net.nf": typo });
    const error = (await failure(bundleWithEsbuild(root))) as BuildFailure;
    expect(error.errors).toMatchObject([{ pluginName: "normfuse", location: { line: 4, column: 51 }, text: expect.stringContaining("layer_norm") }]);
    expect(path.resolve(root, error.errors[0]?.location?.file ?? "")).toBe(path.join(root, "net.nf"));
    expect(readdirSync(root)).not.toContain("net.d.nf.ts");
  });

  it("of a target are shown at the scan that it cannot have", () => {
    const text = "model Sum[T](xs: f32[T, 4]) -> f32[T, 4] {\n  return scan x in xs with (h: f32[4] = 0) {\n    next h = h + x\n    emit h\n  }\n}\n";
    expect(buildSource("sum.nf", text).module).toBeDefined();
    expect(buildSource("sum.nf", text, { targets: ["wgsl", "gpujs"] })).toMatchObject({ module: undefined, diagnostics: [{ code: "scan-length", severity: "error", span: { file: { path: "sum.nf" }, start: text.indexOf("scan x") } }] });
  });

  it("are shown in the imported file that has them", async () => {
    const root = project({ "part.nf": brokenPart });
    const error = await failure(bundleWithVite(root));
    expect(error).toMatchObject({ errors: [{ loc: { file: path.join(root, "part.nf"), line: 2, column: 48 } }] });
    expect(buildSource(path.join(root, "net.nf"), source)).toMatchObject({ module: undefined, imports: [path.join(root, "part.nf")] });
  });
});

describe("watching", { timeout: 60_000 }, () => {
  it("builds again when a file changes that is imported through another one, and after a mistake in it", async () => {
    const more = "fn twice(x: f32[..., N]) -> f32[..., N] = x * 2\n";
    const root = project({ "part.nf": deepPart, "deep/more.nf": more });
    const file = path.join(root, "deep/more.nf");
    const watch = await watchWithVite(root);
    /** One change may be seen as several, each with a build of its own. */
    const until = async (part: string): Promise<void> => {
      while (!(await watch.next()).includes(part));
    };
    try {
      await until("built");
      writeFileSync(file, more.replace("* 2", "* two"));
      await until(`${file}:1:47`);
      writeFileSync(file, more);
      await until("built");
    } finally {
      await watch.close();
    }
  });

  it("builds again when tuned tiles change", async () => {
    const root = project({ "net.tune.json": JSON.stringify(tuned) });
    const file = path.join(root, "net.tune.json");
    const watch = await watchWithVite(root);
    const until = async (part: string): Promise<void> => {
      while (!(await watch.next()).includes(part));
    };
    try {
      await until("built");
      writeFileSync(file, "{");
      await until("it is not JSON");
      writeFileSync(file, JSON.stringify(tuned));
      await until("built");
    } finally {
      await watch.close();
    }
  });

  it("leaves ?raw to the bundler: the text is the text", async () => {
    const root = project({ "entry.js": 'import text from "./net.nf?raw";\nexport const kernels = text;\n' });
    expect((await imported(await bundleWithVite(root), root)).kernels).toBe(source);
  });
});
