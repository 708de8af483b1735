/** Writes the op tables of the spec, spec/generated/ops.md, from the op records. Text in, text out; main.ts does the IO. */
import type { LanguageFunction } from "../check/language-function.ts";
import { languageFunctions } from "../check/language-functions.ts";
import { attributeText } from "../ir/graph.ts";
import type { Attribute } from "../ir/node.ts";
import { type DType, dtypes } from "../ir/types.ts";
import { type AttributeSpec, type Family, isCallable, isViolation, type Op, type Tolerance } from "../ops/define.ts";
import { operations } from "../ops/index.ts";

const families: Readonly<Record<Family, { readonly title: string; readonly text: string }>> = {
  elementwise: { title: "Elementwise", text: "Each element of the result comes from one element of each operand; shapes broadcast." },
  reduction: { title: "Reductions", text: "Elements along some axes are folded into one, in row-major order in the reference." },
  contraction: { title: "Contractions", text: "Products, summed over a shared axis." },
  movement: { title: "Movement", text: "Elements change places; none is computed." },
  control: { title: "Scans", text: "A loop with carries: nodes that the statement `scan` makes." },
  leaf: { title: "Leaves", text: "Nodes of the tensor IR that have no operands. The language has no calls for them: they stand for its literals, extents and host tensors." },
};

const order: readonly Family[] = ["elementwise", "reduction", "contraction", "movement", "control", "leaf"];

export function opsText(): string {
  const all = [...operations.values()];
  const sections = order.flatMap((family) => {
    const members = all.filter((op) => op.family === family);
    return [`## ${families[family].title}\n\n${families[family].text}\n`, ...members.map(opSection)];
  });
  const index = order.map((family) => `- ${families[family].title}: ${all.filter((op) => op.family === family).map(({ name }) => `[${name}](#${name})`).join(", ")}`);
  return [
    "# Ops\n\nGenerated from the op records in `compiler/ops/` by `npm run generate`; do not edit.\n",
    "The labels C1, C2, ... are those that diagnostics refer to. A tolerance is the largest distance of a correct f32 kernel from the float64 reference (see [numerics.md](../numerics.md)).\n",
    `${index.join("\n")}\n- Functions of the language: ${[...languageFunctions.values()].map(({ name }) => `[${name}](#${name})`).join(", ")}\n`,
    ...sections,
    "## Functions of the language\n\nThey return tuples or depend on how they are written, so they are no ops: they expand to several.\n",
    ...[...languageFunctions.values()].map(functionSection),
  ].join("\n");
}

function opSection(op: Op): string {
  const lines = [`### ${op.name}\n\n${op.summary}\n`];
  if (isCallable(op)) lines.push(`    ${signatureOf(op)}\n`);
  const rows: string[] = [];
  for (const operand of op.operands) rows.push(`- \`${operand.name}\`: ${dtypeList(operand.dtypes)}`);
  for (const spec of op.attributes) rows.push(`- \`${spec.name}\`, ${kindText(spec)}: ${spec.doc}${spec.default === undefined ? "" : ` (default \`${defaultText(spec)}\`)`}`);
  for (const { id, text } of op.constraints) rows.push(`- ${id}: ${text}`);
  if (isCallable(op)) rows.push(`- Tolerance: ${toleranceText(op)}`);
  rows.push(`- ONNX: ${op.onnx ? `${op.onnx.op}, opset ${op.onnx.since}` : "none"}`);
  if (op.source !== "") rows.push(`- Note: ${op.source}`);
  const example = exampleOf(op);
  if (example !== undefined) rows.push(`- Example: ${example}`);
  return `${lines.join("\n")}\n${rows.join("\n")}\n`;
}

function functionSection({ name, summary, operand, variadic, attributes }: LanguageFunction): string {
  const parameters = [variadic ? `${operand}...` : operand, ...attributes.map((spec) => (spec.default === undefined ? spec.name : `${spec.name} = ${spec.default}`))];
  return `### ${name}\n\n${summary}\n\n    ${name}(${parameters.join(", ")})\n`;
}

/** As it is called in the language, and the operator that means it. Words that are operators cannot be called. */
function signatureOf(op: Op): string {
  const attributes = op.attributes.map((spec) => (spec.default === undefined ? spec.name : `${spec.name} = ${defaultText(spec)}`));
  const names = op.operands.map(({ name, variadic }) => (variadic ? `${name}...` : name));
  const call = `${op.name}(${[...names, ...attributes].join(", ")})`;
  if (op.operator === undefined) return call;
  return isWord(op) ? writtenWith(op, names) : `${call}    or    ${writtenWith(op, names)}`;
}

const isWord = (op: Op): boolean => op.operator?.split(" ")[0] === op.name;

/** The op on operands, by its operator if it has one. */
function writtenWith(op: Op, operands: readonly string[]): string {
  if (op.operator === undefined) return `${op.name}(${operands.join(", ")})`;
  const [a = "", b = ""] = operands;
  return operands.length === 1 ? `${op.operator.slice(0, -1)}${a}` : `${a} ${op.operator} ${b}`;
}

const dtypeList = (list: readonly DType[]): string => (list.length === dtypes.length ? "any dtype" : list.join(", "));

const kinds: Readonly<Record<AttributeSpec["kind"], string>> = {
  integer: "integer", axes: "axis or axes", integers: "integers", number: "number", boolean: "true or false", dtype: "dtype", extents: "shape", extent: "extent",
};

const kindText = (spec: AttributeSpec): string => kinds[spec.kind];

const defaultText = (spec: AttributeSpec): string => attributeText(spec.default as Attribute);

function toleranceText({ tolerance, family }: Op): string {
  const { ulp, absolute }: Tolerance = tolerance;
  if (ulp === 0 && absolute === undefined) return "exact";
  const each = family === "reduction" || family === "contraction" ? ", and 1 ulp of the largest partial result for each folded element" : "";
  return `${ulp} ulp${each}${absolute === undefined ? "" : `, or ${absolute} absolute`}`;
}

/** The first finite sample that is not all zeros; for ops without samples whose attributes all have defaults, a 2 by 2 matrix. */
function exampleOf(op: Op): string | undefined {
  if (op.operands.length === 0 || op.attributes.some((spec) => spec.default === undefined)) return undefined;
  const attributes = Object.fromEntries(op.attributes.map((spec) => [spec.name, spec.default as Attribute]));
  const sample = op.samples.find((values) => values.every((value) => Number.isFinite(value)) && values.some((value) => value !== 0));
  if (sample) {
    const types = op.operands.map((operand) => ({ dtype: operand.dtypes[0] ?? "f32", shape: [] }));
    const result = op.infer(types, attributes);
    const dtype = isViolation(result) ? "f32" : result.dtype;
    const { data } = op.evaluate(sample.map((value, i) => ({ dtype: types[i]?.dtype ?? "f32", shape: [], data: Float64Array.of(value) })), attributes, [], dtype);
    const operands = sample.map((value, i) => valueText(value, types[i]?.dtype ?? "f32"));
    return `\`${writtenWith(op, operands)}\` gives \`${valueText(data[0] ?? Number.NaN, dtype)}\``;
  }
  const matrix = { dtype: "f32" as const, shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) };
  const folds = op.family === "reduction";
  const { data } = op.evaluate(op.operands.map(() => matrix), folds ? { ...attributes, axis: [0, 1] } : attributes, folds ? [] : [2, 2], "f32");
  const value = folds ? String(data[0]) : `[[${data[0]}, ${data[1]}], [${data[2]}, ${data[3]}]]`;
  return `\`${writtenWith(op, op.operands.map(() => "[[1, 2], [3, 4]]"))}\` gives \`${value}\``;
}

const valueText = (value: number, dtype: DType): string => (dtype === "bool" ? String(value !== 0) : String(Number(value.toPrecision(9))));
