/** Files of the command line: sources and their imports, and writing that never leaves a half-written file. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve as resolvePath } from "node:path";
import { checkSource, type SourceFile, sourceFile, type TensorFunction } from "../index.ts";
import { Failure } from "./failure.ts";

export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
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
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, data);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new Failure("file", `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export const joinPath = join;

export interface LoadedModels {
  readonly file: SourceFile;
  readonly models: readonly TensorFunction[];
  readonly warnings: ReturnType<typeof checkSource>["diagnostics"];
}

/** All models of a file, or a Failure with every diagnostic. */
export function loadModels(path: string, bind: Readonly<Record<string, number>>): LoadedModels {
  const file = readSource(path);
  const { models, diagnostics } = checkSource(file, { resolve: resolveImport, bind });
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  if (errors.length > 0) throw new Failure("diagnostics", `${errors.length} ${errors.length === 1 ? "error" : "errors"} in ${path}`, undefined, diagnostics);
  return { file, models, warnings: diagnostics };
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
