/** The state of one check, and of one function body within it. Built by check.ts, passed to everything else here. */
import { catalog, diagnose, type Details, type Entry } from "../diagnostics/catalog.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Span } from "../source/source-file.ts";
import type { Extent } from "../ir/extent.ts";
import type { Graph } from "../ir/graph.ts";
import type { Origin } from "../ir/node.ts";
import type { Expression, FunctionDeclaration } from "../syntax/tree.ts";
import type { Notes } from "./assumptions.ts";
import type { Instance } from "./instance.ts";
import type { Binding, Module } from "./modules.ts";
import type { DTypes, Signature } from "./pattern.ts";
import { errorValue, type FunctionValue, type Value } from "./values.ts";

/** Expressions nested in expressions, through calls as well. Bounds the recursion of the checker. */
export const depthLimit = 400;

/** Applications of functions and layers that one check may expand. */
export const expansionLimit = 20_000;

/** Elements of one list literal. */
export const elementLimit = 65_536;

/** One argument as written, or as piped in. */
export interface Given {
  readonly name: { readonly text: string; readonly span: Span } | undefined;
  /** Absent for a piped value. */
  readonly expression: Expression | undefined;
  readonly value: Value | undefined;
  readonly span: Span;
}

/** The functions that walk the tree call each other in a circle; they meet here instead of importing each other. */
export interface Walk {
  readonly evaluate: (expression: Expression, frame: Frame) => Value;
  readonly apply: (callee: Value, given: readonly Given[], frame: Frame, span: Span) => Value;
  /** Runs a function body in a prepared frame. */
  readonly run: (declaration: FunctionDeclaration, frame: Frame) => Value;
  /** Checks a declaration on its own, once. */
  readonly ensureChecked: (fn: FunctionValue, frame: Frame, span: Span) => "ok" | "failed" | "recursive";
}

export interface Session {
  readonly library: ReadonlyMap<string, Binding>;
  readonly diagnostics: Diagnostic[];
  readonly walk: Walk;
  readonly signatures: Map<FunctionDeclaration, Signature>;
  readonly statuses: Map<FunctionDeclaration, "checking" | "ok" | "failed">;
  /** Declarations whose bodies are being walked, outermost first. */
  readonly active: FunctionDeclaration[];
  readonly constants: Map<Binding["declaration"], Value | "evaluating">;
  /** What the body under check asks of its extents. */
  notes: Notes;
  readonly counters: { depth: number; expansions: number };
}

export interface Local {
  readonly value: Value;
  readonly name: { readonly text: string; readonly span: Span };
  /** Only a `let` is reported when nobody reads it. */
  readonly isLet: boolean;
  used: boolean;
}

/** One body being walked. */
export interface Frame {
  readonly session: Session;
  readonly module: Module;
  readonly declaration: FunctionDeclaration | undefined;
  readonly graph: Graph;
  /** Extent names in scope. */
  readonly extents: ReadonlyMap<string, Extent>;
  /** What `...` stands for. */
  readonly lead: readonly Extent[] | undefined;
  /** What `float`, `number` and `any` stand for. */
  readonly dtypes: DTypes;
  readonly locals: Map<string, Local>;
  /** Where parameters go; absent in a `fn`. */
  readonly instance: Instance | undefined;
  readonly sink: Diagnostic[];
  /** Results of pure calls in this graph. */
  readonly calls: Map<string, Value>;
  /** The body is checked for its own sake: warnings are wanted. */
  readonly isOwnCheck: boolean;
  /** An `if` that cannot be decided yet has the value of its other side. */
  readonly otherwise: boolean;
}

/** Reports, and gives the value that silences follow-up errors. */
export function fail<Arguments extends readonly string[]>(frame: Frame, entry: Entry<Arguments>, span: Span, parts: Arguments, details?: Details): Value {
  frame.sink.push(diagnose(entry, span, parts, details));
  return errorValue;
}

export const notSupported = (frame: Frame, span: Span, what: string, hint?: string): Value => fail(frame, catalog.notSupported, span, [what], { hint });

export const originOf = (span: Span): Origin => ({ path: span.file.path, start: span.start, end: span.end });
