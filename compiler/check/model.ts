/** A `model` declaration to a TensorFunction: inputs from the host, parameters by path, named outputs. */
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import { constantExtent, type Extent, symbolExtent } from "../ir/extent.ts";
import { Graph } from "../ir/graph.ts";
import type { InputLeaf, Output, TensorFunction } from "../ir/node.ts";
import { rootInstance } from "./instance.ts";
import { materialise } from "./operations.ts";
import type { Signature } from "./pattern.ts";
import { fail, type Frame, originOf, type Session } from "./session.ts";
import { instantiate } from "./unify-shapes.ts";
import { type FunctionValue, tensorValue, type Value } from "./values.ts";

/** Walks a model once. `bound` extents become numbers. Undefined when anything was reported as an error. */
export function checkModel(fn: FunctionValue, signature: Signature, session: Session, bound: Readonly<Record<string, number>>): TensorFunction | undefined {
  const { declaration, module } = fn;
  const start = session.diagnostics.length;
  const extents = new Map<string, Extent>();
  for (const name of signature.names) {
    const value = Object.hasOwn(bound, name) ? bound[name] : undefined;
    if (value !== undefined && !(Number.isInteger(value) && value > 0 && value < 2 ** 31))
      session.diagnostics.push(diagnose(catalog.unknownExtentBinding, declaration.name.span, [`extent '${name}'`, String(value)], { hint: "extents are positive whole numbers" }));
    extents.set(name, value === undefined ? symbolExtent(name) : constantExtent(value));
  }
  const root = rootInstance();
  const frame: Frame = {
    session, module, declaration, graph: new Graph(), extents, lead: undefined, dtypes: new Map(), locals: new Map(), instance: root, sink: session.diagnostics, calls: new Map(), isOwnCheck: true, otherwise: false,
  };
  if (session.diagnostics.length > start) return undefined;
  const inputs: InputLeaf[] = [];
  for (const { name, type, syntax } of signature.parameters) {
    if (syntax.default) fail(frame, catalog.modelInput, syntax.default.span, [`input '${name}' of a model cannot have a default`]);
    if (type?.kind === "tensor" && type.pattern.lead) fail(frame, catalog.modelInput, syntax.span, [`input '${name}' of a model needs a fixed rank, not '...'`], { hint: "name the leading axes, for example f32[B, T, N]" });
    const tensor = type?.kind === "tensor" && !type.pattern.lead ? instantiate(type.pattern, { extents, lead: undefined }, signature.names) : undefined;
    if (!tensor) continue;
    const node = frame.graph.make("input", [], { name }, tensor, originOf(syntax.span));
    inputs.push({ name, node, doc: syntax.doc });
    frame.locals.set(name, { value: tensorValue(node), name: syntax.name, isLet: false, used: true });
  }
  // With an input missing, its uses would be reported as unknown names.
  if (inputs.length < signature.parameters.length) return undefined;
  session.active.push(declaration);
  const value = session.walk.run(declaration, frame);
  session.active.pop();
  const outputs = value.kind === "error" ? [] : outputsOf(fn, value, frame);
  if (value.kind === "error" || session.diagnostics.slice(start).some((diagnostic) => diagnostic.severity === "error")) return undefined;
  const made: TensorFunction = {
    name: declaration.name.text,
    doc: declaration.doc,
    extents: signature.names.filter((name) => !Object.hasOwn(bound, name)),
    inputs,
    parameters: [...root.parameters.values()],
    outputs,
  };
  return made;
}

function outputsOf(fn: FunctionValue, value: Value, frame: Frame): Output[] {
  const { declaration } = fn;
  const items = value.kind === "tuple" ? value.items : [value];
  const names = items.map((_, i) => declaration.result?.items[i]?.name?.text ?? (value.kind === "tuple" ? `output_${i}` : "output"));
  const span = declaration.result?.span ?? declaration.name.span;
  return items.flatMap((item, i): Output[] => {
    const name = names[i] ?? "output";
    if (names.indexOf(name) !== i) fail(frame, catalog.duplicateName, span, [name]);
    const node = materialise(frame, item, "f32", span);
    const doc = declaration.result?.items[i]?.doc ?? "";
    return node ? [{ name, node, ...(doc === "" ? {} : { doc }) }] : [];
  });
}
