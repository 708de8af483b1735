/** Files of the command line: sources and their imports, and writing that never leaves a half-written file. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve as resolvePath } from "node:path";
import { checkSource, type SourceFile, sourceFile, type SourceOf, type TensorFunction } from "../index.ts";
import { parse } from "../syntax/parse.ts";
import type { Expression } from "../syntax/tree.ts";
import { Failure } from "./failure.ts";

export const readText = (path: string): string => readBytes(path).toString("utf8");

export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as { code?: string }).code;
    const why = code === "ENOENT" ? "does not exist" : code === "EISDIR" ? "is a folder" : `cannot be read (${code ?? "unknown"})`;
    throw new Failure("file", `${path} ${why}`, "give the path of a file");
  }
}

export const readSource = (path: string): SourceFile => sourceFile(path, readText(path));

/** A source that is there, or undefined. */
export const findSource = (path: string): SourceFile | undefined => (existsSync(path) && statSync(path).isFile() ? sourceFile(path, readFileSync(path, "utf8")) : undefined);

/** Imports are relative to the file that names them. */
export function resolveImport(importer: string, specifier: string): SourceFile | undefined {
  return findSource(relative(process.cwd(), resolvePath(dirname(importer), specifier)) || specifier);
}

/** Writes to a temporary file beside the target, then renames. */
export function writeWhole(path: string, data: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    makeFolder(resolvePath(dirname(path)));
    writeFileSync(temporary, data);
    renameSync(temporary, path);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary);
    throw new Failure("file", `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`, "give a path in a folder that can be written");
  }
}

/** One folder at a time: Node's own recursion never ends where the system says of a folder to be made that it does not exist (/proc). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Made by another process in the meantime.
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
}

export const joinPath = join;

export interface LoadedModels {
  readonly file: SourceFile;
  /** The file, and those that it imports. */
  readonly sourceOf: SourceOf;
  readonly models: readonly TensorFunction[];
  readonly warnings: ReturnType<typeof checkSource>["diagnostics"];
}

type Lengths = Readonly<Record<string, number>>;

/** All models of a file, or a Failure with every diagnostic. `assume` is looked at for names that do not exist, or have a length already. */
export function loadModels(path: string, bind: Lengths, assume: Lengths = {}): LoadedModels {
  const file = readSource(path);
  refuseUnknownNames(file, "bind", bind);
  refuseUnknownNames(file, "assume", assume);
  for (const [name, value] of Object.entries(assume))
    if (Object.hasOwn(bind, name)) throw new Failure("assume", `--assume got '${name}=${value}', and --bind makes '${name}' ${bind[name]}`, "--assume is for names that the host binds; leave one of the two out");
  const { models, diagnostics } = checkSource(file, { resolve: resolveImport, bind });
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  if (errors.length > 0) throw new Failure("diagnostics", `${errors.length} ${errors.length === 1 ? "error" : "errors"} in ${path}`, undefined, diagnostics);
  return { file, sourceOf: (named) => (named === path ? file : findSource(named)), models, warnings: diagnostics };
}

/** A name that no model of the file has would change nothing, silently. */
function refuseUnknownNames(file: SourceFile, option: "bind" | "assume", given: Lengths): void {
  if (Object.keys(given).length === 0) return;
  const models = parse(file).tree.declarations.flatMap((declaration) => (declaration.kind === "model" ? [declaration] : []));
  // What is wrong with the models themselves is reported when they are checked.
  if (models.length === 0 || models.some((model) => model.broken)) return;
  const extentsOf = models.map(({ name, extents = [], parameters }) => {
    const inShapes = parameters.flatMap(({ type }) => (type?.shape ?? []).flatMap((item) => (item.kind === "extent" ? namesIn(item.value) : [])));
    return { model: name.text, names: [...new Set([...extents.map(({ text }) => text), ...inShapes])] };
  });
  for (const [name, value] of Object.entries(given))
    if (!extentsOf.some(({ names }) => names.includes(name))) {
      const known = extentsOf.map(({ model, names }) => `${model} has ${names.join(", ") || "none"}`).join("; ");
      throw new Failure(option, `--${option} got '${name}=${value}', and no model of ${file.path} has an extent '${name}'`, `extents: ${known}`);
    }
}

function namesIn(extent: Expression): string[] {
  if (extent.kind === "name") return [extent.name];
  if (extent.kind === "paren") return namesIn(extent.inner);
  if (extent.kind === "binary") return [...namesIn(extent.left), ...namesIn(extent.right)];
  return [];
}

/** The model that a command means: by name, or the only one. */
export function oneModel(loaded: LoadedModels, name: string | undefined): TensorFunction {
  const names = loaded.models.map((model) => model.name);
  if (name === undefined) {
    const only = loaded.models[0];
    if (only && loaded.models.length === 1) return only;
    throw new Failure("model", loaded.models.length === 0 ? `${loaded.file.path} has no model` : `${loaded.file.path} has ${names.length} models`, loaded.models.length === 0 ? "declare one: model Name[B](x: f32[B, 4]) -> f32[B, 2] { ... }" : `choose with --model: ${names.join(", ")}`);
  }
  const found = loaded.models.find((model) => model.name === name);
  if (!found) throw new Failure("model", `${loaded.file.path} has no model '${name}'`, names.length > 0 ? `models: ${names.join(", ")}` : undefined);
  return found;
}
