/**
 * The outcome of a check as JUnit XML, which build servers read: a test suite for each model, a test case for the rewrites,
 * for each kernel and for the whole model. Flow: verify/check-model.ts -> here -> cli/check.ts, which writes the file.
 */
import type { CheckedPart, ModelCheck } from "../verify/check-model.ts";
import { type CheckedSource, growingErrors, partFailure, placeText, wrongRewrites } from "./check-text.ts";

interface TestCase {
  readonly name: string;
  readonly part: CheckedPart;
  /** What a failure of it means. */
  readonly meaning: string;
}

export function checkJunit(checks: readonly ModelCheck[], source: CheckedSource): string {
  const suites = checks.map((check) => ({ check, cases: testCases(check, source) }));
  const all = suites.flatMap(({ cases }) => cases);
  const lines = suites.flatMap(({ check, cases }) => [
    `  <testsuite ${attributes({ name: check.model, ...counts(cases), errors: 0, skipped: 0 })}>`,
    `    <properties>`,
    `      <property ${attributes({ name: "device", value: check.device })}/>`,
    `      <property ${attributes({ name: "cases", value: check.cases })}/>`,
    `    </properties>`,
    ...cases.flatMap((one) => testCaseLines(one, { classname: check.model, file: source.file.path })),
    `  </testsuite>`,
  ]);
  return document({ ...counts(all), errors: 0 }, lines);
}

/** The report of a check that could not be made: the source has mistakes, or there is no device. */
export function failureJunit(path: string, code: string, message: string, details: string): string {
  const count = { tests: 1, failures: 0, errors: 1 };
  return document(count, [
    `  <testsuite ${attributes({ name: path, ...count, skipped: 0 })}>`,
    `    <testcase ${attributes({ name: "check", classname: path, file: path })}>`,
    `      <error ${attributes({ type: code, message })}>${escapeText(details)}</error>`,
    `    </testcase>`,
    `  </testsuite>`,
  ]);
}

function testCases({ rules, kernels, outputs, first }: ModelCheck, source: CheckedSource): TestCase[] {
  return [
    { name: "rewrites", part: rules, meaning: wrongRewrites },
    ...kernels.map((kernel) => {
      const place = placeText(kernel.span, source);
      return { name: kernel.name, part: kernel, meaning: `kernel ${kernel.name}${place === "" ? "" : `, ${place}`}, diverges from the reference` };
    }),
    { name: "whole model", part: outputs, meaning: first ? `The outputs diverge; kernel ${first.name} is the first that does` : growingErrors },
  ];
}

function testCaseLines({ name, part, meaning }: TestCase, place: Readonly<Record<string, string>>): string[] {
  const opening = `    <testcase ${attributes({ name, ...place })}`;
  if (part.passed) return [`${opening}/>`];
  const text = escapeText([meaning, ...partFailure(part)].join("\n"));
  return [`${opening}>`, `      <failure ${attributes({ type: part.fault === undefined ? "divergence" : "fault", message: part.fault ?? meaning })}>${text}</failure>`, `    </testcase>`];
}

const counts = (cases: readonly TestCase[]): { tests: number; failures: number } => ({ tests: cases.length, failures: cases.filter(({ part }) => !part.passed).length });

const document = (count: Readonly<Record<string, number>>, lines: readonly string[]): string =>
  ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites ${attributes({ name: "normfuse check", ...count })}>`, ...lines, "</testsuites>", ""].join("\n");

const attributes = (values: Readonly<Record<string, string | number>>): string => Object.entries(values).map(([name, value]) => `${name}="${escapeAttribute(String(value))}"`).join(" ");

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;" };

/** What XML 1.0 cannot hold at all, not even escaped: control characters and halves of surrogate pairs. */
const unspeakable = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

const escapeText = (text: string): string => text.replace(unspeakable, "\ufffd").replace(/[&<>\r]/g, (found) => entities[found] ?? found);

/** Line ends too: a reader would make spaces of them. */
const escapeAttribute = (text: string): string => text.replace(unspeakable, "\ufffd").replace(/[&<>"\t\n\r]/g, (found) => entities[found] ?? found);
