/** Plants faults in kernels of a compiled plan, as a wrong schedule would make them: what the numeric checker must find. */
import type { Compiled } from "../../compiler/compile.ts";
import { checkSource, compileModel, type KernelTarget, type PlanOptions, sourceFile } from "../../compiler/index.ts";
import type { Kernel, Statement } from "../../compiler/kernel/node.ts";
import { i32 } from "../../compiler/kernel/node.ts";
import { visitExpression } from "../../compiler/kernel/traverse.ts";

export type Mutation = (kernel: Kernel) => Kernel;

/** The models of a source text, compiled; the text must be sound. */
export function compileText(text: string, target: KernelTarget, options: PlanOptions = {}): Compiled[] {
  const { models, diagnostics } = checkSource(sourceFile("test.nf", text));
  if (diagnostics.length > 0) throw new Error(JSON.stringify(diagnostics.map((diagnostic) => diagnostic.message)));
  return models.map((model) => compileModel(model, target, options));
}

/** The plan with one kernel replaced by a faulty one. */
export function plantFault(compiled: Compiled, kernelName: string, mutate: Mutation): Compiled {
  let planted = false;
  const kernels = compiled.plan.kernels.map((planned) => {
    if (planned.name !== kernelName) return planned;
    planted = true;
    // The text for devices with subgroups would run in the faulty one's place.
    const { withSubgroups: _, ...rest } = planned;
    return { ...rest, kernel: mutate(planned.kernel) };
  });
  if (!planted) throw new Error(`no kernel ${kernelName} among ${compiled.plan.kernels.map((planned) => planned.name).join(", ")}`);
  return { ...compiled, plan: { ...compiled.plan, kernels } };
}

type Edit = (statement: Statement) => readonly Statement[];

function editStatements(statements: readonly Statement[], edit: Edit): Statement[] {
  return statements.flatMap((statement) => edit(statement)).map((statement): Statement => {
    if (statement.kind === "for") return { ...statement, body: editStatements(statement.body, edit) };
    if (statement.kind === "if") return { ...statement, then: editStatements(statement.then, edit), otherwise: editStatements(statement.otherwise, edit) };
    return statement;
  });
}

/** Edits the n-th statement (from 0, in text order) that `matches`. */
function editOne(kernel: Kernel, what: string, nth: number, matches: (statement: Statement) => boolean, edit: Edit): Kernel {
  let met = 0;
  const body = editStatements(kernel.body, (statement) => (matches(statement) && met++ === nth ? edit(statement) : [statement]));
  if (met <= nth) throw new Error(`${kernel.name} has ${met} of: ${what}`);
  return { ...kernel, body };
}

/** The loop over blocks or along a row ends one turn of its index early. */
export const shortenLoop = (nth: number): Mutation => (kernel) =>
  editOne(kernel, "loops", nth, (statement) => statement.kind === "for", (statement) => (statement.kind === "for" ? [{ ...statement, end: { kind: "instruction", type: i32, op: "sub", args: [statement.end, { kind: "const", type: i32, value: 1 }] } }] : [statement]));

/** `name = name + ...` whose name contains `part` is left out. */
export const dropAccumulation = (part: string, nth = 0): Mutation => (kernel) =>
  editOne(kernel, `accumulations of ${part}`, nth, (statement) => {
    if (statement.kind !== "assign" || !statement.name.includes(part)) return false;
    let own = false;
    visitExpression(statement.value, (inner) => {
      if (inner.kind === "ref" && inner.name === statement.name) own = true;
    });
    return own;
  }, () => []);

export const dropBarrier = (nth: number): Mutation => (kernel) => editOne(kernel, "barriers", nth, (statement) => statement.kind === "barrier", () => []);
