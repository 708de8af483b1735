/**
 * The last step of a build: artifacts of one model to the text of a typed TypeScript module that imports the runtime alone,
 * with the shaders inside, and to one readable file per kernel. Knows artifacts only, no IR.
 */
import type { Artifact, ArtifactKernel, ExtentExpression, TensorSpec } from "../../../runtime/artifact.ts";
import { type Data, printLiteral } from "./literal.ts";
import { constantName, kebabCase, propertyKey, typeName } from "./names.ts";

export interface ModuleOptions {
  /** One artifact for each target, all of the same model; the first gives the signature and the constant's plain name. */
  readonly artifacts: readonly [Artifact, ...Artifact[]];
  /** Text of `///` comments, by the name of an input or output or the path of a parameter. */
  readonly docs?: Readonly<Record<string, string>>;
  /**
   * JavaScript text of the reference, which exports `run(inputs, parameters)` over records of tensors and returns the
   * record of outputs with float64 data. It becomes a file beside the module, imported only when `reference()` is called.
   */
  readonly reference?: string;
  /** Source file named in the header, for example `mnist.nf`. */
  readonly source?: string;
  /** Where the runtime is imported from; `normfuse/runtime` unless given. */
  readonly runtime?: string;
}

export interface EmittedFile {
  /** Relative to the output folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** `undefined`: nothing that people read. */
const kernelEndings: Readonly<Record<ArtifactKernel["kind"], string | undefined>> = { wgsl: "wgsl", gpujs: "gpujs.js", wasm: undefined };

function printExtent(extent: ExtentExpression, nested = false): string {
  if (typeof extent !== "object") return String(extent);
  const [op, left, right] = extent;
  if (op === "ceil/") return `ceil(${printExtent(left)} / ${printExtent(right, true)})`;
  const text = op === "*" ? `${printExtent(left, true)}*${printExtent(right, true)}` : `${printExtent(left, op === "/")} ${op} ${printExtent(right, true)}`;
  return nested && op !== "*" ? `(${text})` : text;
}

const printSpec = ({ dtype, shape }: TensorSpec): string =>
  shape.length === 0 ? dtype : `${dtype}[${shape.map((extent) => printExtent(extent)).join(", ")}]`;

/** A doc comment; text from the user cannot end it. */
export function docComment(text: string, indent: string): string {
  const lines = text.replaceAll("*/", "*\\/").trim().split("\n").map((line) => line.trimEnd());
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("")}${indent} */\n`;
}

/** `Value<"i32">`: an Int32Array, a tensor of it, or the same in GPU memory; see the runtime's host-values.ts. */
const given = (kind: "Value" | "Weight") => ({ dtype, shape }: TensorSpec): string => `normfuse.${kind}<"${dtype}">${shape.length === 0 ? " | number" : ""}`;

const resultType = ({ dtype }: TensorSpec): string => `normfuse.Tensor<"${dtype}">`;

function printExtents(name: string, { extents, inputs }: Artifact): string {
  if (extents.length === 0) return `export type ${name} = Readonly<Record<string, never>>;\n`;
  const members = extents.map((extent) => {
    const axes = inputs.flatMap((input) => input.shape.flatMap((item, axis) => (item === extent ? [`axis ${axis} of ${input.name}`] : [])));
    return `${axes.length > 0 ? docComment(axes.join(", "), "  ") : ""}  readonly ${propertyKey(extent)}: number;\n`;
  });
  return `export interface ${name} {\n${members.join("")}}\n`;
}

function printInterface(name: string, specs: readonly TensorSpec[], memberType: (spec: TensorSpec) => string, docs: Readonly<Record<string, string>>): string {
  if (specs.length === 0) return `export type ${name} = Readonly<Record<string, never>>;\n`;
  const members = specs.map((spec) => {
    const doc = Object.hasOwn(docs, spec.name) ? `\n${docs[spec.name]}` : "";
    return `${docComment(`${printSpec(spec)}${doc}`, "  ")}  readonly ${propertyKey(spec.name)}: ${memberType(spec)};\n`;
  });
  return `export interface ${name} {\n${members.join("")}}\n`;
}

/** An artifact is JSON-able, so it is Data; interfaces only lack the index signature that says so. */
export const asData = (artifact: Artifact): Data => artifact as unknown as Data;

/** `MnistGpujs` for the artifacts after the first. */
const artifactName = (artifact: Artifact, i: number): string =>
  i === 0 ? constantName(artifact.model) : `${constantName(artifact.model)}${artifact.target[0]?.toUpperCase()}${artifact.target.slice(1)}`;

/** Types of a model: its extents, inputs, parameters and outputs as interfaces, and the program under the model's own name. */
export function printSignature(first: Artifact, docs: Readonly<Record<string, string>>): string {
  const type = typeName(first.model);
  return [
    `\n/** Lengths that the shapes of the inputs decide, call by call. */\n${printExtents(`${type}Extents`, first)}`,
    `\n${printInterface(`${type}Inputs`, first.inputs, given("Value"), docs)}`,
    `\n/** Keyed by parameter path. */\n${printInterface(`${type}Parameters`, first.parameters, given("Weight"), docs)}`,
    `\n${printInterface(`${type}Outputs`, first.outputs, resultType, docs)}`,
    `\n/** prepare(parameters) once, run(inputs) as often as wanted, dispose() at the end. */\n`,
    `export type ${type} = normfuse.Program<${type}Inputs, ${type}Parameters, ${type}Outputs, ${type}Extents>;\n`,
  ].join("");
}

function printModule({ artifacts, docs = {}, reference, source, runtime = "normfuse/runtime" }: ModuleOptions): string {
  const [first] = artifacts;
  const type = typeName(first.model);
  const names = artifacts.map(artifactName);
  const choice = artifacts.slice(1).map(({ target }, i) => `device.target === "${target}" ? ${names[i + 1]} : `).join("");
  const launches = artifacts.map(({ target, run, kernels }) => {
    const twofold = kernels.filter((kernel) => kernel.kind === "wgsl" && kernel.subgroupCode !== undefined).length;
    return `${target}: ${run.length} ${run.length === 1 ? "kernel" : "kernels"} a run${twofold === 0 ? "" : `, ${twofold} with a second text for devices with subgroups`}`;
  }).join("; ");
  const sections = [
    docComment(`${first.doc === "" ? first.model : first.doc}\n\nGenerated by normfuse${source === undefined ? "" : ` from ${source}`}; do not edit. ${launches}.`, ""),
    `import * as normfuse from ${JSON.stringify(runtime)};\n`,
    printSignature(first, docs),
    `\n/** Compiles the kernels on the device. Rejects with a normfuse.RuntimeError. */\n`,
    `export function load(device: normfuse.Device): Promise<${type}> {\n`,
    `  return normfuse.load<${type}Inputs, ${type}Parameters, ${type}Outputs, ${type}Extents>(${choice}${names[0]}, device);\n}\n`,
  ];
  if (reference !== undefined)
    sections.push(
      "\n/** The same model in plain JavaScript, unfused and in float64, to compare with. */\n",
      `export const reference = (): Promise<typeof import("./${kebabCase(first.model)}.reference.js")> => import("./${kebabCase(first.model)}.reference.js");\n`,
    );
  artifacts.forEach((artifact, i) => sections.push(`\nexport const ${names[i]}: normfuse.Artifact = ${printLiteral(asData(artifact))};\n`));
  return sections.join("");
}

function referenceFiles({ artifacts: [first], reference, runtime = "normfuse/runtime" }: ModuleOptions): EmittedFile[] {
  if (reference === undefined) return [];
  const file = kebabCase(first.model);
  const type = typeName(first.model);
  const declaration = `import type { Tensor } from ${JSON.stringify(runtime)};
import type { ${type}Inputs, ${type}Parameters, ${type}Outputs } from "./${file}.js";

export declare function run(
  inputs: { readonly [Name in keyof ${type}Inputs]: Tensor },
  parameters: { readonly [Path in keyof ${type}Parameters]: Tensor },
): { readonly [Name in keyof ${type}Outputs]: Omit<Tensor, "data"> & { readonly data: Float64Array } };
`;
  return [
    { path: `${file}.reference.js`, text: reference },
    { path: `${file}.reference.d.ts`, text: declaration },
  ];
}

/** The code, and a second text for devices with subgroups where there is one. */
const kernelFiles = (artifact: Artifact): EmittedFile[] =>
  artifact.kernels.filter((kernel) => kernelEndings[kernel.kind] !== undefined).flatMap((kernel, i) => {
    const name = `kernels/${kebabCase(artifact.model)}/${String(i + 1).padStart(2, "0")}-${kernel.name.replace(/[^\w.-]/g, "-")}`;
    const file = (infix: string, code: string): EmittedFile => ({ path: `${name}${infix}.${kernelEndings[kernel.kind]}`, text: code.endsWith("\n") ? code : `${code}\n` });
    return [file("", kernel.code), ...(kernel.kind === "wgsl" && kernel.subgroupCode !== undefined ? [file(".subgroups", kernel.subgroupCode)] : [])];
  });

/** The module first, then the reference if there is one, then the kernels as files of their own, numbered in plan order. */
export function emitModule(options: ModuleOptions): EmittedFile[] {
  return [
    { path: `${kebabCase(options.artifacts[0].model)}.ts`, text: printModule(options) },
    ...referenceFiles(options),
    ...options.artifacts.flatMap(kernelFiles),
  ];
}
