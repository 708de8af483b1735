/** The build plugin in real bundlers: a Vite build and an esbuild bundle, the types beside the source, mistakes with their place. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { build as esbuild, type BuildFailure } from "esbuild";
import { buildSource, esbuild as esbuildPlugin, type NormfusePluginOptions, vite as vitePlugin } from "normfuse/plugin";
import { build as viteBuild, createLogger, type InlineConfig, type Rollup } from "vite";
import { afterAll, describe, expect, it } from "vitest";
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

interface Bundled {
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
const deepPart = 'import { twice } from "./deep/more.nf"\n\nfn doubled(x: f32[..., N]) -> f32[..., N] = twice(x)\n';
const typo = source.replace("layer_norm(x)", "layer_nrm(x)");

describe.each([["Vite", bundleWithVite], ["esbuild", bundleWithEsbuild]] as const)("with %s", { timeout: 60_000 }, (_, bundle) => {
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
    expect(types).toContain("export interface RowsInputs {\n  /** f32[B, 8] */\n  readonly x: normfuse.Tensor | Float32Array;");
    expect(types).toContain("/** Normalised rows. */\nexport declare const Rows: {");
    expect(readdirSync(root).sort()).toEqual(["bundle.mjs", "entry.js", "net.d.nf.ts", "net.nf", "part.nf"]);
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

describe("mistakes", { timeout: 60_000 }, () => {
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

  it("leaves ?raw to the bundler: the text is the text", async () => {
    const root = project({ "entry.js": 'import text from "./net.nf?raw";\nexport const kernels = text;\n' });
    expect((await imported(await bundleWithVite(root), root)).kernels).toBe(source);
  });
});
