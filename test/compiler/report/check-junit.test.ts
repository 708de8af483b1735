/** The JUnit report: well-formed whatever the names hold, with right counts, and failures with the same text as on the terminal. */
import { describe, expect, it } from "vitest";
import { sourceFile } from "../../../compiler/index.ts";
import { checkJunit, failureJunit } from "../../../compiler/report/check-junit.ts";
import type { CheckedKernel, CheckedPart, ModelCheck, Sighting } from "../../../compiler/verify/check-model.ts";
import { elementsOf, readXml } from "../../support/read-xml.ts";

const source = { file: sourceFile("a <b> & \"c\".nf", "model M(x: f32[3]) -> f32[3] = x + x\n"), read: () => undefined };
const sighting: Sighting = { passed: false, index: [2, 5], got: Number.NaN, want: 1, bound: 1e-5, relative: 0.5, relativeBound: 1e-5, largest: 0.5, ulp: 4194304, value: "h<T>", input: "ordinary", bindings: { B: 3 }, by: "device" };
const good: CheckedPart = { passed: true, largest: 2e-7, worst: { ...sighting, passed: true, relative: 2e-7 }, fault: undefined };
const diverges: CheckedPart = { passed: false, largest: 0.5, worst: sighting, fault: undefined };
const refused: CheckedPart = { passed: false, largest: 0, worst: undefined, fault: "refused:\n\u001b[31mline 1 < 2 && \"x\"\ud800" };

function check(model: string, parts: readonly CheckedPart[], rules: CheckedPart, outputs: CheckedPart): ModelCheck {
  const kernels = parts.map((part, i): CheckedKernel => ({ name: `k${i + 1}`, phase: "run", span: { path: source.file.path, start: 31, end: 36 }, ...part }));
  const passed = rules.passed && outputs.passed && parts.every((part) => part.passed);
  return { model, device: "gpu \"a\" & b", passed, cases: 2, groups: [], rules, outputs, kernels, first: kernels.find((kernel) => !kernel.passed) };
}

const counts = ({ attributes }: { readonly attributes: Readonly<Record<string, string>> }): number[] => [attributes["tests"], attributes["failures"], attributes["errors"]].map(Number);

describe("checkJunit", () => {
  it("has a case for the rewrites, each kernel and the whole model, and no failure when all is well", () => {
    const root = readXml(checkJunit([check("A", [good, good], good, good), check("B", [good], good, good)], source));
    expect(root.name).toBe("testsuites");
    expect(counts(root)).toEqual([7, 0, 0]);
    expect(elementsOf(root, "testsuite").map(counts)).toEqual([[4, 0, 0], [3, 0, 0]]);
    expect(elementsOf(root, "testcase").map(({ attributes }) => `${attributes["classname"]}.${attributes["name"]}`)).toEqual(["A.rewrites", "A.k1", "A.k2", "A.whole model", "B.rewrites", "B.k1", "B.whole model"]);
    expect(elementsOf(root, "failure")).toEqual([]);
    expect(elementsOf(root, "property")[0]?.attributes).toEqual({ name: "device", value: "gpu \"a\" & b" });
  });

  it("counts failures and gives each its text, also with characters that XML lacks", () => {
    const root = readXml(checkJunit([check("A", [good, diverges, refused], good, diverges)], source));
    expect(counts(root)).toEqual([5, 3, 0]);
    const failures = elementsOf(root, "failure");
    expect(failures).toHaveLength(3);
    expect(failures[0]?.attributes).toEqual({ type: "divergence", message: "kernel k2, a <b> & \"c\".nf:1:32, diverges from the reference" });
    for (const line of ["at     h<T>[2, 5]", "got    NaN", "want   1", "input  ordinary; B = 3, seen on the device"]) expect(failures[0]?.text).toContain(line);
    expect(failures[1]?.attributes).toEqual({ type: "fault", message: "refused:\n\ufffd[31mline 1 < 2 && \"x\"\ufffd" });
    expect(failures[1]?.text).toContain("line 1 < 2 && \"x\"");
    expect(failures[2]?.attributes["message"]).toBe("The outputs diverge; kernel k2 is the first that does");
  });

  it("blames the rewrites, or the growth from kernel to kernel, when no kernel is wrong", () => {
    const messages = (one: ModelCheck): (string | undefined)[] => elementsOf(readXml(checkJunit([one], source)), "failure").map(({ attributes }) => attributes["message"]);
    expect(messages(check("A", [good], diverges, good))).toEqual([expect.stringContaining("The rewrites changed what the model means")]);
    expect(messages(check("A", [good], good, diverges))).toEqual([expect.stringContaining("Every kernel by itself is right")]);
  });
});

it("a check that could not be made is one error", () => {
  const root = readXml(failureJunit("net.nf", "diagnostics", "1 error in net.nf", "error[E0301]: a < b\n  at net.nf:1:1"));
  expect(counts(root)).toEqual([1, 0, 1]);
  expect(elementsOf(root, "error")).toMatchObject([{ attributes: { type: "diagnostics", message: "1 error in net.nf" }, text: "error[E0301]: a < b\n  at net.nf:1:1" }]);
});

it("the reader of these tests refuses what is not well-formed", () => {
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
  for (const text of ["<a>", "<a></b>", "<a b=\"1\" b=\"2\"/>", "<a>&</a>", "<a>1 < 2</a>", "<a/><b/>", "<a>\u0001</a>", "<a b=c/>"]) expect(() => readXml(head + text), text).toThrow();
  expect(readXml(`${head}<a b="&quot;&#10;">x<c/></a>\n`)).toEqual({ name: "a", attributes: { b: '"\n' }, children: [{ name: "c", attributes: {}, children: [], text: "" }], text: "x" });
});
