/** Files to modules: parses, follows imports through the host's resolver, and gives each module its table of names. */
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { nearestHint } from "../diagnostics/nearest-name.ts";
import { librarySources } from "../library/sources.ts";
import { sourceFile, type SourceFile } from "../source/source-file.ts";
import { parse } from "../syntax/parse.ts";
import type { ConstDeclaration, FunctionDeclaration, ImportDeclaration, Name, SyntaxTree, TrainDeclaration } from "../syntax/tree.ts";

export type Named = ConstDeclaration | FunctionDeclaration | TrainDeclaration;

export interface Binding {
  readonly module: Module;
  readonly declaration: Named;
}

export interface Module {
  readonly tree: SyntaxTree;
  /** Its own declarations. */
  readonly own: ReadonlyMap<string, Binding>;
  /** Own and imported names. */
  readonly names: Map<string, Binding>;
  readonly isLibrary: boolean;
}

/** The file that `specifier` means when `importer` writes it; pure, supplied by the host. */
export type Resolve = (importer: string, specifier: string) => SourceFile | undefined;

export class ModuleLoader {
  readonly diagnostics: Diagnostic[] = [];
  readonly #resolve: Resolve;
  readonly #loaded = new Map<string, Module>();
  readonly #active: string[] = [];

  constructor(resolve: Resolve) {
    this.#resolve = resolve;
  }

  /** The module of a file; a path is loaded once. */
  load(file: SourceFile): Module {
    const known = this.#loaded.get(file.path);
    if (known) return known;
    const { tree, diagnostics } = parse(file);
    this.diagnostics.push(...diagnostics);
    const module = makeModule(tree, this.diagnostics, false);
    this.#loaded.set(file.path, module);
    this.#active.push(file.path);
    for (const declaration of tree.declarations) if (declaration.kind === "import") this.#import(module, declaration);
    this.#active.pop();
    return module;
  }

  #import(module: Module, declaration: ImportDeclaration): void {
    const { file } = module.tree;
    const found = this.#resolve(file.path, declaration.specifier);
    if (!found) {
      this.diagnostics.push(diagnose(catalog.importNotFound, declaration.specifierSpan, [declaration.specifier], { hint: `the path is relative to ${file.path}` }));
      return;
    }
    const at = this.#active.indexOf(found.path);
    if (at >= 0) {
      const cycle = [...this.#active.slice(at), found.path].join(" -> ");
      this.diagnostics.push(diagnose(catalog.importCycle, declaration.specifierSpan, [cycle], { hint: "move what the files share into a third one" }));
    }
    // In a cycle the names are taken over all the same, so that one mistake gives one report.
    const other = this.load(found);
    if (declaration.names === undefined) {
      for (const [name, binding] of other.own) if (!module.names.has(name)) module.names.set(name, binding);
      return;
    }
    for (const name of declaration.names) this.#importName(module, other, name, declaration.specifier);
  }

  #importName(module: Module, other: Module, name: Name, specifier: string): void {
    const binding = other.own.get(name.text);
    const before = module.own.get(name.text);
    if (!binding) this.diagnostics.push(diagnose(catalog.notExported, name.span, [name.text, specifier], { hint: nearestHint(name.text, other.own.keys()) }));
    else if (before) this.diagnostics.push(diagnose(catalog.duplicateName, name.span, [name.text], { notes: [{ message: "declared here", span: before.declaration.name.span }] }));
    else module.names.set(name.text, binding);
  }
}

function makeModule(tree: SyntaxTree, diagnostics: Diagnostic[], isLibrary: boolean): Module {
  const own = new Map<string, Binding>();
  const module: Module = { tree, own, names: new Map(), isLibrary };
  for (const declaration of tree.declarations) {
    if (declaration.kind === "import") continue;
    const before = own.get(declaration.name.text);
    if (before)
      diagnostics.push(
        diagnose(catalog.duplicateName, declaration.name.span, [declaration.name.text], { notes: [{ message: "first declared here", span: before.declaration.name.span }] }),
      );
    else own.set(declaration.name.text, { module, declaration });
  }
  for (const [name, binding] of own) module.names.set(name, binding);
  return module;
}

let libraryCache: ReadonlyMap<string, Binding> | undefined;

/** Every declaration of the library. Its text never changes, so it is parsed once for all checks. */
export function libraryNames(): ReadonlyMap<string, Binding> {
  if (libraryCache) return libraryCache;
  const all = new Map<string, Binding>();
  const modules = librarySources.map(({ path, text }) => makeModule(parse(sourceFile(path, text)).tree, [], true));
  for (const module of modules) for (const [name, binding] of module.own) all.set(name, binding);
  for (const module of modules) for (const [name, binding] of all) if (!module.names.has(name)) module.names.set(name, binding);
  libraryCache = all;
  return all;
}
