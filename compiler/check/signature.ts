/** Signatures: the types that a function, layer or model declares, as patterns over its own extent names. */
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { nearestHint } from "../diagnostics/nearest-name.ts";
import { type Extent, extentValue, symbolExtent } from "../ir/extent.ts";
import { Graph } from "../ir/graph.ts";
import { type DType, dtypes } from "../ir/types.ts";
import type { Span } from "../source/source-file.ts";
import { type Expression, type FunctionDeclaration, leftSpine, type Name, type Parameter, type TypeSyntax } from "../syntax/tree.ts";
import { evaluateExtent } from "./extents.ts";
import type { Module } from "./modules.ts";
import { type CompileTimeType, dtypeClasses, type DTypes, isDTypeClass, type Pattern, type Signature, type SignatureParameter } from "./pattern.ts";
import type { Frame, Session } from "./session.ts";

const compileTimeTypes: readonly CompileTimeType[] = ["int", "real", "flag", "axes", "function"];

const isCompileTime = (name: string): name is CompileTimeType => (compileTimeTypes as readonly string[]).includes(name);

const isDType = (name: string): name is DType => (dtypes as readonly string[]).includes(name);

/** While a signature is read, its open dtypes are what stands for them by default. */
const samples: DTypes = new Map([["float", dtypeClasses.float[0]], ["number", dtypeClasses.number[0]], ["any", dtypeClasses.any[0]]]);

/** Reads a declaration's parameter types. The result type is read later, in the frame of the body (see `readType`). */
export function readSignature(declaration: FunctionDeclaration, module: Module, session: Session): Signature {
  const diagnostics: Diagnostic[] = [];
  const explicit = declaration.extents ?? [];
  const extents = new Map<string, Extent>();
  declareAll(explicit, diagnostics);
  declareAll(declaration.parameters.map((parameter) => parameter.name), diagnostics);
  for (const name of explicit) extents.set(name.text, symbolExtent(name.text));
  const frame: Frame = {
    session, module, declaration, graph: new Graph(), extents, lead: [], dtypes: declaration.kind === "model" ? new Map() : samples, locals: new Map(), instance: undefined, sink: diagnostics, calls: new Map(), isOwnCheck: true, otherwise: false,
  };
  for (const parameter of declaration.parameters)
    for (const item of parameter.type?.shape ?? [])
      if (item.kind === "extent") for (const name of namesIn(item.value)) if (!extents.has(name) && !isConstant(name, module)) extents.set(name, symbolExtent(name));
  const parameters = declaration.parameters.map((syntax) => ({ name: syntax.name.text, type: parameterType(syntax, frame), syntax }));
  return { explicit: explicit.map((name) => name.text), names: [...extents.keys()], parameters, diagnostics };
}

function declareAll(names: readonly Name[], diagnostics: Diagnostic[]): void {
  const seen = new Map<string, Span>();
  for (const name of names) {
    const before = seen.get(name.text);
    if (before) diagnostics.push(diagnose(catalog.duplicateName, name.span, [name.text], { notes: [{ message: "first declared here", span: before }] }));
    else seen.set(name.text, name.span);
  }
}

const isConstant = (name: string, module: Module): boolean => module.names.get(name)?.declaration.kind === "const" && !module.isLibrary;

/** Names in an extent expression, in order. */
function namesIn(expression: Expression): string[] {
  switch (expression.kind) {
    case "name":
      return [expression.name];
    case "paren":
      return namesIn(expression.inner);
    case "unary":
      return namesIn(expression.operand);
    case "binary": {
      const { first, links } = leftSpine(expression);
      return [...namesIn(first), ...links.flatMap((link) => namesIn(link.right))];
    }
    default:
      return [];
  }
}

function parameterType(syntax: Parameter, frame: Frame): SignatureParameter["type"] {
  const { type, name } = syntax;
  if (!type) {
    frame.sink.push(diagnose(catalog.missingType, name.span, [name.text], { hint: `write ${name.text}: f32[...] for a tensor of any shape` }));
    return undefined;
  }
  if (isCompileTime(type.name.text)) {
    if ((frame.declaration?.kind === "fn" || frame.declaration?.kind === "layer") && type.shape === undefined) {
      if (type.name.text !== "function" || syntax.default) return { kind: type.name.text };
      frame.sink.push(diagnose(catalog.functionDefault, syntax.span, [name.text], { hint: `for example ${name.text}: function = tanh` }));
      return undefined;
    }
    frame.sink.push(diagnose(catalog.compileTimeType, type.span, [type.name.text]));
    return undefined;
  }
  const pattern = readType(type, frame);
  return pattern && { kind: "tensor", pattern };
}

/** A written type in a frame: its extents are evaluated there. Undefined after a report. */
export function readType(type: TypeSyntax, frame: Frame): Pattern | undefined {
  const word = type.name.text;
  if (isCompileTime(word)) {
    frame.sink.push(diagnose(catalog.compileTimeType, type.name.span, [word]));
    return undefined;
  }
  const written = isDTypeClass(word) ? word : undefined;
  const dtype = written === undefined ? word : (frame.dtypes.get(written) ?? word);
  if (written !== undefined && dtype === word) {
    const isModel = frame.declaration?.kind === "model";
    if (isModel) frame.sink.push(diagnose(catalog.modelInput, type.name.span, [`a model has fixed dtypes, not '${word}'`], { hint: `write one of ${dtypeClasses[written].join(", ")}` }));
    else frame.sink.push(diagnose(catalog.unknownType, type.name.span, [word], { hint: `'${word}' is the dtype of an argument: no parameter's type has it` }));
    return undefined;
  }
  if (!isDType(dtype)) {
    const hint = /^(float|double|number)./.test(dtype) ? `did you mean '${dtype === "float16" ? "f16" : "f32"}'?` : nearestHint(dtype, [...dtypes, ...Object.keys(dtypeClasses), ...compileTimeTypes]);
    frame.sink.push(diagnose(catalog.unknownType, type.name.span, [dtype], { hint: hint ?? `types are ${dtypes.join(", ")}` }));
    return undefined;
  }
  const extents: Extent[] = [];
  let lead = false;
  for (const [i, item] of (type.shape ?? []).entries()) {
    if (item.kind === "ellipsis") {
      const why = i > 0 ? (lead ? "'...' is written twice in one shape" : "'...' must come first in a shape") : frame.lead === undefined ? "'...' has no meaning here: no parameter's type has it" : undefined;
      if (why !== undefined) {
        frame.sink.push(diagnose(catalog.misplacedEllipsis, item.span, [why]));
        return undefined;
      }
      lead = true;
      continue;
    }
    const extent = evaluateExtent(item.value, frame);
    if (!extent) return undefined;
    const value = extentValue(extent);
    if (value !== undefined && value < 1) {
      frame.sink.push(diagnose(catalog.unknownExtentBinding, item.span, ["an extent", String(value)], { hint: "extents are positive whole numbers" }));
      return undefined;
    }
    extents.push(extent);
  }
  return { dtype, ...(written === undefined ? {} : { written }), lead, extents };
}
