/**
 * The outcome of a check as text for people and as the stable JSON form of spec/cli.md. Flow: verify/check-model.ts -> here ->
 * cli/check.ts, which prints it, and testing/index.ts, which throws it.
 */
import type { Origin } from "../ir/node.ts";
import { librarySources } from "../library/sources.ts";
import { positionOf, type SourceFile, sourceFile } from "../source/source-file.ts";
import type { CheckedKernel, CheckedPart, ModelCheck, Sighting } from "../verify/check-model.ts";
import type { FirstStep } from "../verify/steps.ts";

interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** Where sources are found: the file that is checked, and how the files that it imports are read. */
export interface CheckedSource {
  readonly file: SourceFile;
  /** Undefined when it is not there any more: its places are then left out. */
  readonly read: (path: string) => SourceFile | undefined;
}

/** Line and column of an origin: in the file that is checked, one that it imports, or the library. */
function placeOf(origin: Origin | undefined, { file, read }: CheckedSource): Place | undefined {
  if (!origin) return undefined;
  const library = librarySources.find((source) => source.path === origin.path);
  const source = origin.path === file.path ? file : library ? sourceFile(library.path, library.text) : read(origin.path);
  return source ? { path: origin.path, ...positionOf(source, origin.start) } : undefined;
}

/** `path:line:column`, or nothing where the place is not known. */
export function placeText(origin: Origin | undefined, source: CheckedSource): string {
  const place = placeOf(origin, source);
  return place ? `${place.path}:${place.line}:${place.column}` : "";
}

const numberJson = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

/** `{ passed, models: [...] }`; numbers that JSON lacks are strings. */
export function checkJson(checks: readonly ModelCheck[], source: CheckedSource): object {
  return { passed: checks.every((check) => check.passed), models: checks.map((check) => modelJson(check, source)) };
}

function modelJson({ rules, outputs, kernels, first, groups, ...rest }: ModelCheck, source: CheckedSource): object {
  return {
    ...rest,
    groups: groups.map(({ bindings, cases }) => ({ bindings, cases: cases.map(({ inputs, parameters }) => ({ inputs, parameters })) })),
    rules: partJson(rules), outputs: partJson(outputs),
    kernels: kernels.map((kernel) => kernelJson(kernel, source)),
    first: first ? kernelJson(first, source) : null,
  };
}

function kernelJson({ name, phase, span, ...part }: CheckedKernel, source: CheckedSource): object {
  return { name, phase, ...partJson(part), span: placeOf(span, source) ?? null };
}

const partJson = ({ passed, largest, worst, fault }: CheckedPart): object => ({ passed, largest: numberJson(largest), worst: worst ? sightingJson(worst) : null, fault: fault ?? null });

function sightingJson({ value, index, step, got, want, bound, relative, relativeBound, ulp, input, bindings, by }: Sighting): object {
  return { value, index, step: step ?? null, got: numberJson(got), want: numberJson(want), bound: numberJson(bound), relative: numberJson(relative), relativeBound: numberJson(relativeBound), ulp: numberJson(ulp), input, bindings, by };
}

export const wrongRewrites = "The rewrites changed what the model means; the kernels compute the wrong program";
export const growingErrors = "Every kernel by itself is right, but errors grow from kernel to kernel";

const contract = 1e-5;

export const checkText = (checks: readonly ModelCheck[], source: CheckedSource): string => checks.map((check) => modelText(check, source)).join("\n\n");

function modelText(check: ModelCheck, source: CheckedSource): string {
  const { kernels, rules, outputs } = check;
  const sizes = check.groups.map(({ bindings, cases }) => `${bindingsText(bindings) || "fixed extents"} x ${cases.length}`).join(", ");
  const width = Math.max(...kernels.map((kernel) => kernel.name.length), "whole model".length);
  const line = (name: string, part: CheckedPart): string => `  ${part.passed ? "ok  " : "FAIL"}  ${name.padEnd(width)}  ${part.fault === undefined ? errorText(part) : part.fault}`;
  const lines = [
    `${check.model} on ${check.device}: ${check.passed ? "passed" : "FAILED"}, ${check.cases} ${check.cases === 1 ? "case" : "cases"} (${sizes})`,
    line("rewrites", rules),
    ...kernels.map((kernel) => line(kernel.name, kernel)),
    line("whole model", outputs),
  ];
  return [...lines, ...failureText(check, source)].join("\n");
}

export function errorText({ worst, largest }: CheckedPart): string {
  if (!worst) return "nothing to compare";
  const text = `error ${exponential(worst.relative)} of rms, bound ${exponential(worst.relativeBound)}, ${worst.ulp.toFixed(1)} ulp at ${placeInValue(worst)} (${caseText(worst)})`;
  return largest > contract && worst.passed ? `${text}; up to ${exponential(largest)} where rounding of the operands is amplified` : text;
}

function failureText(check: ModelCheck, source: CheckedSource): string[] {
  const { first, rules, outputs } = check;
  if (check.passed) return [];
  if (!rules.passed && rules.worst) return ["", `${wrongRewrites}:`, ...sightingText(rules.worst)];
  if (first) {
    const place = placeText(first.span, source);
    const { worst } = outputs;
    const onwards = worst?.step && !first.worst?.step ? [`  after  ${worst.value} differs from step ${stepText(worst.step)} on`] : [];
    return ["", `first divergence: kernel ${first.name}${place === "" ? "" : `, ${place}`}`, ...partFailure(first), ...onwards];
  }
  return ["", `${growingErrors}:`, ...partFailure(outputs)];
}

/** Why a part failed, line by line: the fault, or the element that diverges; empty for a part that passed. */
export function partFailure({ passed, worst, fault }: CheckedPart): string[] {
  if (passed) return [];
  return [...(fault === undefined ? [] : [`  fault  ${fault}`]), ...(worst && !worst.passed ? sightingText(worst) : [])];
}

function sightingText(sighting: Sighting): string[] {
  return [
    `  at     ${placeInValue(sighting)}`,
    ...(sighting.step ? [`  step   ${stepText(sighting.step)} is the first that differs`] : []),
    `  got    ${sighting.got}`,
    `  want   ${sighting.want}`,
    `  error  ${exponential(sighting.relative)} of rms, ${sighting.ulp.toFixed(1)} ulp; bound ${exponential(sighting.bound)} (${exponential(sighting.relativeBound)} of rms)`,
    `  input  ${caseText(sighting)}, seen ${sighting.by === "device" ? "on the device" : sighting.by === "interpreter" ? "in the kernel interpreter" : "in float64"}`,
  ];
}

const stepText = ({ index, steps }: FirstStep): string => `${index} (of 0 to ${steps - 1})`;

const exponential = (value: number): string => (Number.isFinite(value) ? value.toExponential(1) : String(value));

const placeInValue = ({ value, index }: Sighting): string => `${value}[${index.join(", ")}]`;

const bindingsText = (bindings: Readonly<Record<string, number>>): string => Object.entries(bindings).map(([name, value]) => `${name} = ${value}`).join(", ");

const caseText = ({ input, bindings }: Sighting): string => [input, bindingsText(bindings)].filter((text) => text !== "").join("; ");
