/**
 * The build plugin: `import { Mnist } from "./mnist.nf"` in Vite, Rollup, webpack, esbuild and Rolldown. Compiles while bundling,
 * writes the types beside the source (`mnist.d.nf.ts`; set allowArbitraryExtensions), and shows mistakes with their place.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, relative, resolve as resolvePath } from "node:path";
import { createUnplugin, type UnpluginInstance } from "unplugin";
import { refusalDiagnostic } from "../diagnostics/refusal.ts";
import { checkSource, compileModel, type Diagnostic, emitSourceModule, type KernelTarget, renderDiagnostics, type SourceFile, sourceFile, Refusal } from "../index.ts";
import type { SourceModel, SourceModule } from "../backends/module/emit-source-module.ts";
import type { NormfusePluginOptions } from "./options.ts";
import { plannedWith } from "./plan-settings.ts";
import { docsOf } from "../ir/node.ts";
import { positionOf } from "../source/source-file.ts";

export type { NormfusePluginOptions };

export interface BuiltSource {
  /** The module and the text of its types; undefined when the diagnostics hold an error. */
  readonly module: SourceModule | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Files that the source imports, to be watched: also those that have the mistake. */
  readonly imports: readonly string[];
  /** Files that decide how it is planned, whether they exist or not: to be watched too. */
  readonly settings: readonly string[];
}

/** A source file as a module. Reads the files that it imports, tiles that were tuned for it, and constants that the options name. */
export function buildSource(path: string, text: string, options: NormfusePluginOptions = {}): BuiltSource {
  const imports: string[] = [];
  const resolve = (importer: string, specifier: string): SourceFile | undefined => {
    const file = resolvePath(dirname(importer), specifier);
    if (!existsSync(file)) return undefined;
    imports.push(file);
    return sourceFile(file, readFileSync(file, "utf8"));
  };
  const sourceOf = (named: string): SourceFile | undefined => {
    // The bundle goes to other machines: paths from here on.
    const shown = (relative(process.cwd(), named) || named).replaceAll("\\", "/");
    if (named === path) return sourceFile(shown, text);
    return imports.includes(named) ? sourceFile(shown, readFileSync(named, "utf8")) : undefined;
  };
  const { models, diagnostics } = checkSource(sourceFile(path, text), { resolve, ...(options.bind ? { bind: options.bind } : {}) });
  const settings = plannedWith(path, options);
  const found = { imports, settings: settings.files };
  if (diagnostics.some(isError)) return { module: undefined, diagnostics, ...found };
  if (settings.diagnostics.length > 0) return { module: undefined, diagnostics: [...diagnostics, ...settings.diagnostics], ...found };
  const [first, ...others] = options.targets ?? (["wgsl"] as const);
  const compiled = (model: (typeof models)[number]): SourceModel => {
    const artifact = (target: KernelTarget): ReturnType<typeof compileModel>["artifact"] => compileModel(model, target, { ...settings.of(model.name), ...(options.places === true ? { sourceOf } : {}) }).artifact;
    const docs = docsOf(model);
    return { artifacts: [artifact(first), ...others.map(artifact)], docs };
  };
  try {
    return { module: emitSourceModule(models.map(compiled), basename(path), options.runtime), diagnostics, ...found };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // A place in the library has no file to point at here: the model's own does.
    const own = refusalDiagnostic(error, (named) => (named === path ? sourceFile(path, text) : imports.includes(named) ? sourceFile(named, readFileSync(named, "utf8")) : undefined));
    const { code, message, hint } = error;
    return { module: undefined, diagnostics: [own ?? { code, severity: "error", message, hint, notes: [], span: { file: sourceFile(path, text), start: 0, end: 0 } }], ...found };
  }
}

export const normfuse: UnpluginInstance<NormfusePluginOptions | undefined, false> = createUnplugin<NormfusePluginOptions | undefined, false>((options = {}) => {
  let inDevelopment = process.env["NODE_ENV"] === "development";
  return {
    name: "normfuse",
    enforce: "pre",
    transform: {
      // The text itself is wanted by ?raw, its address by ?url: those are the bundler's.
      filter: { id: /\.nf(?:\?(?!(?:.*&)?(?:raw|url|inline)(?:[&=]|$)).*)?$/ },
      handler(text: string, id: string) {
        const path = id.split("?")[0] ?? id;
        const { module, diagnostics, imports, settings } = buildSource(path, text, { ...options, places: options.places ?? inDevelopment });
        // Vite resolves what is watched, and fails where there is nothing.
        for (const file of [...imports, ...settings.filter((each) => existsSync(each))]) this.addWatchFile(file);
        const shown = diagnostics.find(isError) ?? diagnostics[0];
        if (shown) {
          const { line, column } = positionOf(shown.span.file, shown.span.start);
          const message = { message: renderDiagnostics(diagnostics), id: shown.span.file.path, loc: { file: shown.span.file.path, line, column: column - 1 } };
          if (!module) this.error(message);
          else this.warn(message);
        }
        if (!module) return undefined;
        if (options.declarations !== false) writeWhole(path.replace(/\.nf$/, ".d.nf.ts"), module.types);
        return { code: module.code, map: null };
      },
    },
    vite: {
      configResolved({ isProduction }) {
        inDevelopment = !isProduction;
      },
    },
    webpack({ options: { mode } }) {
      inDevelopment = mode === "development";
    },
  };
});

const isError = ({ severity }: Diagnostic): boolean => severity === "error";

/** Unchanged text is not written again: a watcher would start over. */
function writeWhole(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

export const { vite, rollup, rolldown, webpack, esbuild } = normfuse;
