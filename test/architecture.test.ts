/**
 * The house rules that a machine can check: who may import whom, how long a file may be, what syntax is not used, and that
 * neither rules nor backends know layers or ops. A failure says what to do instead.
 */
import path from "node:path";
import { describe, expect, it } from "vitest";
import { instructions } from "../compiler/kernel/instructions.ts";
import { isCallable } from "../compiler/ops/define.ts";
import { operations } from "../compiler/ops/index.ts";
import { forbiddenSyntax, importCycles, type Import, importsOf, reachable, readSources, regexReplacements, type Source, stringLiterals } from "./support/source-scan.ts";

const root = path.resolve(import.meta.dirname, "..");
const product = readSources(root, ["compiler", "runtime"]);
const compiler = product.filter((source) => source.path.startsWith("compiler/"));
const inFolder = (folder: string): Source[] => product.filter((source) => source.path.startsWith(`${folder}/`));

/** A part of the compiler: a folder, or a file at its top. `all` of these may import compiler/errors.ts. */
type Part =
  | "errors.ts" | "target.ts" | "source" | "diagnostics" | "syntax" | "ir" | "library" | "kernel" | "ops" | "folds" | "check" | "schedule" | "fusion"
  | "backends" | "reference" | "plan.ts" | "in-place.ts" | "compile.ts" | "index.ts" | "report" | "verify" | "passes" | "testing" | "tune" | "cli" | "plugin" | "generate" | "analysis";

const stages: readonly string[] = ["target.ts", "source", "diagnostics", "syntax", "ir", "library", "kernel", "ops", "folds", "check", "schedule", "fusion", "backends", "reference", "plan.ts", "in-place.ts", "passes"];
const above: readonly string[] = [...stages, "compile.ts", "index.ts", "report", "verify", "analysis", "runtime"];

/** What each part may import: folders, or single files. Read it downwards: a part sees those that come before it in the flow. */
const allowed: Readonly<Record<Part, readonly string[]>> = {
  "errors.ts": [],
  "target.ts": [],
  source: [],
  diagnostics: ["source"],
  syntax: ["source", "diagnostics"],
  ir: [],
  library: [],
  kernel: ["ir/types.ts", "ir/extent.ts"],
  // A record holds its lowering, and a lowering is written in folds; folds/lower.ts asks the records.
  ops: ["ir", "folds", "kernel/node.ts"],
  folds: ["ir", "ops", "kernel/node.ts", "kernel/instructions.ts", "kernel/numbers.ts"],
  check: ["source", "diagnostics", "syntax", "library", "ir", "ops"],
  passes: ["ir", "ops"],
  // The cost model asks which tile a region would get; the schedule of a region starts from the region.
  fusion: ["ir", "folds", "schedule/choose-tile.ts", "schedule/choose-sequence.ts", "schedule/sequence-layout.ts", "schedule/tile.ts", "schedule/cpu/choose-block.ts", "target.ts", "kernel/node.ts"],
  schedule: ["ir", "folds", "fusion/region.ts", "fusion/sequence.ts", "fusion/contraction-shape.ts", "fusion/cost.ts", "kernel", "target.ts"],
  // A new op cannot need an edit here: it is not even visible.
  backends: ["ir/types.ts", "ir/extent.ts", "kernel", "target.ts", "runtime/artifact.ts"],
  // Shares nothing with any lowering: one checks the other.
  reference: ["ir", "ops"],
  "plan.ts": ["ir", "folds", "fusion", "kernel", "target.ts", "runtime/artifact.ts"],
  "in-place.ts": ["ir", "fusion/lengths.ts", "kernel", "plan.ts", "runtime/plan-memory.ts"],
  "compile.ts": [...stages, "runtime/artifact.ts"],
  "index.ts": [...stages, "compile.ts", "report", "verify", "analysis", "runtime/artifact.ts"],
  // How the runtime will lay out memory, only the runtime can say.
  report: ["runtime/plan-memory.ts", "runtime/extents.ts", "verify", "library", "ir", "folds", "fusion", "kernel", "target.ts", "plan.ts", "in-place.ts", "analysis", "diagnostics", "source"],
  analysis: ["ir", "ops", "folds", "kernel", "fusion", "plan.ts"],
  verify: above,
  testing: [...above, "verify"],
  tune: above,
  cli: [...above, "generate", "tune"],
  plugin: [...above, "cli", "tune"],
  generate: above,
};

/** Packages and built-in modules. IO lives in cli, plugin, generate and in devices for Node. */
const packages: readonly { readonly files: RegExp; readonly may: RegExp }[] = [
  { files: /^compiler\/syntax\//, may: /^chevrotain$/ },
  { files: /^compiler\/(?:cli|generate|plugin|testing)\//, may: /^(?:node:|unplugin$|vitest$)/ },
  // Optional peers, loaded when a command runs on a device.
  { files: /^compiler\/cli\/devices\.ts$/, may: /^(?:gpu\.js|webgpu)$/ },
  { files: /^runtime\/devices\/(?:webgpu-node|packed-files|wasm-node|wasm-worker-node)\.ts$/, may: /^(?:node:|webgpu$)/ },
];

/** What single folders may import beyond their part. */
const further: Readonly<Record<string, readonly string[]>> = {
  // Its input is the tensor IR; what an op is in ONNX, its record says.
  "compiler/backends/onnx/": ["ir", "ops/index.ts", "ops/onnx-form.ts", "runtime/tensor.ts", "runtime/devices/half.ts"],
};

const partOf = (file: string): string => (file.startsWith("runtime/") ? "runtime" : (file.split("/")[1] ?? ""));

/** Does an entry of the table cover a file? */
function covers(entry: string, file: string): boolean {
  if (entry === "runtime") return file.startsWith("runtime/");
  const place = entry.startsWith("runtime/") ? entry : `compiler/${entry}`;
  return file === place || file.startsWith(`${place}/`);
}

function mayImport(from: string, one: Import): boolean {
  if (!one.relative) return packages.some(({ files, may }) => files.test(from) && may.test(one.target));
  if (from.startsWith("runtime/")) return one.target.startsWith("runtime/");
  const part = partOf(from);
  if (one.target.startsWith("compiler/") && partOf(one.target) === part) return true;
  const more = Object.entries(further).flatMap(([folder, entries]) => (from.startsWith(folder) ? entries : []));
  return one.target === "compiler/errors.ts" || [...(allowed[part as Part] ?? []), ...more].some((entry) => covers(entry, one.target));
}

const violations = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) => importsOf(source).filter((one) => !mayImport(source.path, one)).map(({ target }) => `${source.path} may not import ${target}`));

describe("imports", () => {
  it("go down the table", () => {
    expect([...new Set(compiler.map(({ path: file }) => partOf(file)))].filter((part) => !Object.hasOwn(allowed, part))).toEqual([]);
    expect(violations(product)).toEqual([]);
  });

  it("form no circle between files", () => {
    expect(importCycles(product).map((cycle) => cycle.join(" -> "))).toEqual([]);
  });

  it("of the runtime's entry reach no device and no compiler", () => {
    const files = [...reachable(product, "runtime/index.ts")];
    expect(files).toContain("runtime/execute.ts");
    expect(files.filter((file) => file.startsWith("runtime/devices/") || file.startsWith("compiler/"))).toEqual([]);
  });

  it("of the examples use public entries only", () => {
    const outside = readSources(root, ["examples"]).flatMap((source) => importsOf(source).filter(({ target, relative }) => relative && !target.startsWith("examples/")).map(({ target }) => `${source.path}: ${target}`));
    expect(outside.filter((line) => !/: (?:compiler\/index\.ts|runtime\/(?:index|initialise)\.ts|runtime\/devices\/[\w-]+\.ts)$/.test(line))).toEqual([]);
  });
});

/** Files beyond 250 lines, each with its reason. None may have more than 400. */
const longFiles: Readonly<Record<string, string>> = {
  "compiler/syntax/parser.ts": "one grammar is one class in Chevrotain",
  "compiler/check/application.ts": "the cases of one construct, application, in one class",
  "runtime/devices/webgpu.ts": "one device is one object with one life cycle",
  "runtime/devices/gpujs.ts": "one device is one object with one life cycle",
};

const generated = new Set(["compiler/library/sources.ts", "examples/vite/model.d.nf.ts"]);
/** The configuration of a tool: the tool gives the file its name and wants a default export. */
const isConfiguration = ({ path: file }: Source): boolean => file.endsWith(".config.ts");
const lineCount = ({ text }: Source): number => text.split("\n").length - 1;

describe("files", () => {
  const measured = [...product, ...readSources(root, ["examples", "scripts"], [".ts", ".mjs"])].filter((source) => !generated.has(source.path));

  it("have at most 250 lines, or a reason, and never 400", () => {
    expect(measured.filter((source) => lineCount(source) > 250 && !Object.hasOwn(longFiles, source.path)).map((source) => `${source.path}: ${lineCount(source)} lines; split it, or give a reason here`)).toEqual([]);
    expect(measured.filter((source) => lineCount(source) > 400).map((source) => source.path)).toEqual([]);
    expect(Object.keys(longFiles).filter((file) => !measured.some((source) => source.path === file && lineCount(source) > 250))).toEqual([]);
  });

  it("are named after what they hold, in kebab case", () => {
    const names = measured.filter((source) => !isConfiguration(source)).map((source) => path.posix.basename(source.path).replace(/\.(?:ts|mjs)$/, ""));
    expect(names.filter((name) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || /^(?:utils?|helpers?|common|manager|engine|core|misc|shared)$/.test(name))).toEqual([]);
  });

  it("open with a paragraph that says what they hold", () => {
    expect(measured.filter((source) => !/^(?:#!.*\n)?\/\*\*/.test(source.text)).map((source) => source.path)).toEqual([]);
  });

  it("use no any, enum, namespace, default export, non-null assertion, and switch off no check", () => {
    expect([...product, ...readSources(root, ["test", "examples"]).filter((source) => !isConfiguration(source))].flatMap(forbiddenSyntax)).toEqual([]);
  });
});

/** Names of layers: parts of words, in any spelling. */
const layerWords = /layer[_-]?norm|rms[_-]?norm|batch[_-]?norm|group[_-]?norm|instance[_-]?norm|weight[_-]?norm|l2[_-]?normali|soft[_-]?max|\bsoftplus|lstm|\bgru\b|\brnn\b|gelu|(?:\b|_)relu(?:\b|_|6)|\bsilu|swi[_-]?glu|\bswish|attention|transformer|embedding|dropout/i;

describe("independence", () => {
  it("of fusion, folds and schedule from any layer's name, even in comments", () => {
    const named = ["fusion", "folds", "schedule"].flatMap((folder) => inFolder(`compiler/${folder}`)).flatMap((source) => source.text.split("\n").flatMap((line, i) => (layerWords.test(line) ? [`${source.path}:${i + 1}: ${line.trim()}`] : [])));
    expect(named).toEqual([]);
    expect(inFolder("compiler/fusion").length).toBeGreaterThan(5);
  });

  it("of backends from any op's name", () => {
    const names = new Set([...operations.values()].filter((op) => isCallable(op) && !Object.hasOwn(instructions, op.name)).map(({ name }) => name));
    expect(names).toContain("sigmoid");
    expect(names).toContain("matmul");
    expect(names).not.toContain("exp");
    expect(inFolder("compiler/backends").flatMap((source) => stringLiterals(source).filter((text) => names.has(text)).map((text) => `${source.path}: '${text}'`))).toEqual([]);
  });

  it("of emitted code from regular expressions: nodes are rewritten, never text", () => {
    /** These change names and literals of the user before anything is emitted. */
    const reasons: Readonly<Record<string, string>> = {
      "compiler/backends/module/names.ts": "the model's name to names of files and constants",
      "compiler/backends/module/literal.ts": "escapes in a string literal",
      "compiler/backends/module/emit.ts": "a kernel's name to a file name",
    };
    const found = inFolder("compiler/backends").filter((source) => regexReplacements(source).length > 0).map((source) => source.path);
    expect(found.filter((file) => !Object.hasOwn(reasons, file))).toEqual([]);
    expect(Object.keys(reasons).filter((file) => !found.includes(file))).toEqual([]);
  });
});

describe("the scanner", () => {
  const source = (file: string, text: string): Source => ({ path: file, text });

  it("finds imports of every kind, and those that the table forbids", () => {
    const text = 'import { a } from "../ops/index.ts";\nimport type { B } from "./text.ts";\nexport { c } from "../../runtime/tensor.ts";\nconst d = () => import("../check/check.ts");\ntype E = import("../kernel/node.ts").Kernel;\n// import "../cli/main.ts"\nconst f = \'import "../cli/main.ts"\';';
    expect(importsOf(source("compiler/backends/x.ts", text)).map(({ target }) => target)).toEqual(["compiler/ops/index.ts", "compiler/backends/text.ts", "runtime/tensor.ts", "compiler/check/check.ts", "compiler/kernel/node.ts"]);
    expect(violations([source("compiler/backends/x.ts", text)]).map((line) => line.split(" ").at(-1))).toEqual(["compiler/ops/index.ts", "runtime/tensor.ts", "compiler/check/check.ts"]);
    expect(violations([source("compiler/reference/x.ts", 'import "../folds/lower.ts"; import fs from "node:fs"; import "../errors.ts";')])).toHaveLength(2);
    expect(violations([source("runtime/x.ts", 'import "../compiler/errors.ts";')])).toHaveLength(1);
    expect(violations([source("compiler/kernel/x.ts", 'import "../ir/node.ts"; import "../ir/types.ts";')])).toEqual(["compiler/kernel/x.ts may not import compiler/ir/node.ts"]);
  });

  it("finds circles and what is reachable", () => {
    const files = [source("a/one.ts", 'import "./two.ts";'), source("a/two.ts", 'import "../b/three.ts";'), source("b/three.ts", 'import "../a/one.ts";'), source("b/four.ts", 'import "./three.ts"; import("../a/one.ts");')];
    expect(importCycles(files)).toEqual([["a/one.ts", "a/two.ts", "b/three.ts", "a/one.ts"]]);
    expect([...reachable(files, "b/four.ts")].sort()).toEqual(["a/one.ts", "a/two.ts", "b/four.ts", "b/three.ts"]);
    expect(importCycles(files.slice(1))).toEqual([]);
  });

  it("finds forbidden syntax, but not in comments and strings", () => {
    const of = (text: string): string[] => forbiddenSyntax(source("x.ts", text)).map((line) => line.replace(/^x\.ts:/, ""));
    expect(of("let a: any;\nenum B { C }\nexport default 1;\nconst d = e!.f;")).toEqual(["1: any", "2: enum", "3: default export", "4: non-null assertion"]);
    expect(of("export default function f() {}\nnamespace N {}\nexport * from './g.ts';\nimport './h';")).toEqual(["1: default export", "2: namespace", "3: export *", "4: import without its ending"]);
    expect(of(`const a = b as any;\n// @ts-${"ignore"}\n// TO${"DO"}: later\n`)).toEqual(["1: any", "2: type check switched off", "3: note to self"]);
    expect(of('// any enum export default\nconst any = "let a: any";\nif (!a && b !== c) any;\n')).toEqual([]);
  });

  it("finds literals, replacements and layer names", () => {
    expect(stringLiterals(source("x.ts", 'f("sum", `a${b}matmul`, \'c\') // "tanh"'))).toEqual(["sum", "a", "matmul", "c"]);
    expect(regexReplacements(source("x.ts", 'a.replace("x", "y");\nb.replace(/x/g, "y");\nc.replaceAll(new RegExp(d), "");'))).toEqual([2, 3]);
    for (const name of ["LayerNorm", "layer_norm", "rmsNorm", "softmax", "LSTM", "a relu of", "leaky_relu"]) expect(layerWords.test(name), name).toBe(true);
    for (const name of ["normalize the extent", "reluctant", "row statistics", "layers of loops"]) expect(layerWords.test(name), name).toBe(false);
  });
});
