/**
 * Source files to tensor IR: loads the modules, checks every function, layer and model of the given files on its own,
 * and expands each model into one graph. Mistakes are diagnostics, collected; nothing here throws for them.
 */
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Extent, symbolExtent } from "../ir/extent.ts";
import { Graph } from "../ir/graph.ts";
import type { TensorFunction, TensorModule } from "../ir/node.ts";
import type { DType } from "../ir/types.ts";
import type { SourceFile, Span } from "../source/source-file.ts";
import type { FunctionDeclaration } from "../syntax/tree.ts";
import { assumeMore, type Assumed, newNotes, noAssumption } from "./assumptions.ts";
import { apply, bindLocals, signatureOf } from "./application.ts";
import { runBody } from "./body.ts";
import { evaluate } from "./expression.ts";
import { rootInstance } from "./instance.ts";
import { checkModel } from "./model.ts";
import { libraryNames, type Module, ModuleLoader, type Resolve } from "./modules.ts";
import { classesOf, type CompileTimeType, type DTypeClass, dtypeClasses, type DTypes, type Signature, withDTypes } from "./pattern.ts";
import { constantValue } from "./scope.ts";
import { type Frame, originOf, type Session } from "./session.ts";
import { instantiate, type Solution } from "./unify-shapes.ts";
import { errorValue, type FunctionValue, tensorValue, type Value } from "./values.ts";

export interface CheckOptions {
  /** The file that an import means; without it, imports are not found. */
  readonly resolve?: Resolve;
  /** Extents of models that are numbers at compile time, by name. */
  readonly bind?: Readonly<Record<string, number>>;
}

export interface CheckResult {
  /** The models of the given files that have no error; imported files' models are not among them. */
  readonly module: TensorModule;
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks files. cost: linear in the expanded size of the models. */
export function check(files: readonly SourceFile[], options: CheckOptions = {}): CheckResult {
  const loader = new ModuleLoader(options.resolve ?? (() => undefined));
  const modules = files.map((file) => loader.load(file));
  const checker = new Checker(options.bind ?? {}, loader.diagnostics);
  for (const module of modules) checker.checkModule(module);
  return { module: { functions: checker.functions }, diagnostics: checker.diagnostics() };
}

class Checker {
  readonly functions: TensorFunction[] = [];
  readonly #session: Session;
  readonly #bind: Readonly<Record<string, number>>;

  constructor(bind: Readonly<Record<string, number>>, syntaxDiagnostics: readonly Diagnostic[]) {
    this.#bind = bind;
    this.#session = {
      library: libraryNames(),
      diagnostics: [...syntaxDiagnostics],
      walk: { evaluate, apply, run: runBody, ensureChecked: (fn, frame, span) => this.#ensureChecked(fn, frame, span) },
      signatures: new Map(),
      statuses: new Map(),
      active: [],
      constants: new Map(),
      notes: newNotes(),
      counters: { depth: 0, expansions: 0 },
    };
  }

  checkModule(module: Module): void {
    for (const { declaration } of module.own.values()) {
      const frame = this.#frame(module, undefined, new Map(), undefined);
      switch (declaration.kind) {
        case "const":
          constantValue(declaration, module, frame);
          break;
        case "train":
          if (!declaration.broken) frame.sink.push(diagnose(catalog.notSupported, declaration.name.span, ["a 'train' declaration"], { hint: "the word is reserved for training steps" }));
          break;
        case "fn":
        case "layer":
        case "model":
          this.#ensureChecked({ kind: "function", declaration, module, extents: undefined, instance: undefined }, frame, declaration.name.span);
          break;
        default:
          declaration satisfies never;
      }
    }
    const own = new Set([...module.own.values()].map((binding) => binding.declaration));
    for (const [declaration, fn] of this.#models) if (own.has(declaration)) this.functions.push(fn);
  }

  /** In order of file and place, without repetitions. */
  diagnostics(): Diagnostic[] {
    const order = new Map<string, number>();
    for (const { span } of this.#session.diagnostics) if (!order.has(span.file.path)) order.set(span.file.path, order.size);
    const seen = new Set<string>();
    return this.#session.diagnostics
      .filter((diagnostic) => {
        const key = `${diagnostic.code}:${diagnostic.span.file.path}:${diagnostic.span.start}:${diagnostic.message}`;
        return seen.has(key) ? false : seen.add(key);
      })
      .sort((a, b) => (order.get(a.span.file.path) ?? 0) - (order.get(b.span.file.path) ?? 0) || a.span.start - b.span.start);
  }

  readonly #models = new Map<FunctionDeclaration, TensorFunction>();

  #ensureChecked(fn: FunctionValue, caller: Frame, span: Span): "ok" | "failed" | "recursive" {
    const { declaration, module } = fn;
    const session = this.#session;
    const status = session.statuses.get(declaration);
    const at = session.active.indexOf(declaration);
    if (at >= 0 || status === "checking") {
      const cycle = [...session.active.slice(Math.max(at, 0)), declaration].map((member) => member.name.text);
      caller.sink.push(diagnose(catalog.recursion, span, [cycle.join(" -> ")], { notes: [{ message: `'${declaration.name.text}' is declared here`, span: declaration.name.span }], hint: "functions are expanded where they are called, so none may call itself" }));
      return "recursive";
    }
    if (status !== undefined) return status;
    // The library's own test checks every function of it.
    if (module.isLibrary) {
      session.statuses.set(declaration, "ok");
      return "ok";
    }
    session.statuses.set(declaration, "checking");
    const ok = this.#checkAlone(fn, caller);
    session.statuses.set(declaration, ok ? "ok" : "failed");
    return ok ? "ok" : "failed";
  }

  /** Checks a declaration with its extents as symbols and one symbolic leading axis for `...`. */
  #checkAlone(fn: FunctionValue, caller: Frame): boolean {
    const { declaration } = fn;
    const session = this.#session;
    const signature = signatureOf(fn, caller);
    session.diagnostics.push(...signature.diagnostics);
    if (declaration.broken || signature.diagnostics.length > 0) return false;
    if (declaration.kind === "model") {
      const model = checkModel(fn, signature, session, this.#bind);
      if (model) this.#models.set(declaration, model);
      return model !== undefined;
    }
    const plain = new Map(signature.names.map((name) => [name, symbolExtent(name)] as const));
    // A check may begin within another one, which keeps its own notes.
    const outer = session.notes;
    let found: readonly Diagnostic[] = [];
    for (const variant of variantsOf(signature)) {
      for (let assumed: Assumed | undefined = noAssumption(plain); assumed; assumed = hasErrors(found) ? assumeMore(assumed, session.notes) : undefined) {
        session.notes = newNotes();
        found = this.#checkBody(fn, withDTypes(signature, variant.dtypes), assumed, variant);
      }
      if (hasErrors(found) || this.#tainted.has(declaration)) break;
    }
    session.notes = outer;
    session.diagnostics.push(...found);
    return !hasErrors(found) && !this.#tainted.has(declaration);
  }

  /** Walks a body with symbolic extents. A body whose value is an error is never free of errors, even if they lie elsewhere. */
  #checkBody(fn: FunctionValue, signature: Signature, { extents, otherwise }: Assumed, { dtypes, withOptional }: Variant): readonly Diagnostic[] {
    const { declaration, module } = fn;
    const session = this.#session;
    const sink: Diagnostic[] = [];
    const hasLead = signature.parameters.some((parameter) => parameter.type?.kind === "tensor" && parameter.type.pattern.lead);
    const frame: Frame = { ...this.#frame(module, declaration, extents, hasLead ? [symbolExtent(leadName)] : undefined, dtypes), sink, otherwise };
    const solution: Solution = { extents: new Map(extents), lead: frame.lead };
    session.active.push(declaration);
    const ready = bindLocals(signature, sampleArguments(signature, solution, frame, withOptional), solution, frame) && this.#checkDefaults(signature, frame, solution);
    const value: Value = ready ? runBody(declaration, frame) : { kind: "error" };
    session.active.pop();
    if (value.kind === "error") this.#tainted.add(declaration);
    else this.#tainted.delete(declaration);
    return sink;
  }

  /** Declarations whose value is an error, for reasons that were reported elsewhere. */
  readonly #tainted = new Set<FunctionDeclaration>();

  /** Defaults are checked even though the sample arguments replace them. */
  #checkDefaults(signature: Signature, frame: Frame, solution: Solution): boolean {
    return bindLocals(signature, new Map([...frame.locals].filter(([name]) => !signature.parameters.some((parameter) => parameter.name === name && parameter.syntax.default)).map(([name, local]) => [name, local.value])), solution, { ...frame, locals: new Map(frame.locals) });
  }

  #frame(module: Module, declaration: FunctionDeclaration | undefined, extents: ReadonlyMap<string, Extent>, lead: readonly Extent[] | undefined, dtypes: DTypes = new Map()): Frame {
    return {
      session: this.#session, module, declaration, graph: new Graph(), extents, lead, dtypes, locals: new Map(),
      instance: declaration && declaration.kind !== "fn" ? rootInstance() : undefined, sink: this.#session.diagnostics, calls: new Map(), isOwnCheck: true, otherwise: false,
    };
  }
}

const hasErrors = (diagnostics: readonly Diagnostic[]): boolean => diagnostics.some((diagnostic) => diagnostic.severity === "error");

/** The axes behind `...`, as one axis of this name: no name of a program is like it, and errors show it as it was written. */
const leadName = "...";

const sampleValues: Readonly<Record<CompileTimeType, Value>> = {
  int: { kind: "number", value: -1 },
  real: { kind: "number", value: 1 },
  flag: { kind: "boolean", value: false },
  axes: { kind: "list", items: [{ kind: "number", value: -1 }] },
  // Never taken: such a parameter has a default.
  function: errorValue,
};

/** One way in which a function may be called: its open dtypes, and whether its optional arguments are there. */
interface Variant {
  readonly dtypes: DTypes;
  readonly withOptional: boolean;
}

/** With everything, without the optional arguments, and with every other dtype. A first mistake ends the walk, so no mistake is told twice. */
function variantsOf(signature: Signature): readonly Variant[] {
  const classes = classesOf(signature);
  const usual = new Map<DTypeClass, DType>(classes.map((word) => [word, dtypeClasses[word][0]]));
  const hasOptional = signature.parameters.some(({ syntax }) => syntax.default?.kind === "none");
  return [
    { dtypes: usual, withOptional: true },
    ...(hasOptional ? [{ dtypes: usual, withOptional: false }] : []),
    ...classes.flatMap((word) => dtypeClasses[word].slice(1).map((dtype) => ({ dtypes: new Map([...usual, [word, dtype]]), withOptional: true }))),
  ];
}

/** Symbolic tensors for tensor parameters; a compile-time parameter keeps its default, or takes a sample. */
function sampleArguments(signature: Signature, solution: Solution, frame: Frame, withOptional: boolean): Map<string, Value> {
  const values = new Map<string, Value>();
  for (const { name, type, syntax } of signature.parameters) {
    if (!withOptional && syntax.default?.kind === "none") continue;
    if (type?.kind === "tensor") {
      const tensor = instantiate(type.pattern, solution, signature.names);
      if (tensor) values.set(name, tensorValue(frame.graph.make("input", [], { name }, tensor, originOf(syntax.span))));
    } else if (type && !syntax.default) values.set(name, sampleValues[type.kind]);
  }
  return values;
}
