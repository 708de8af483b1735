import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type BufferData, interpret } from "../../../compiler/kernel/interpret.ts";
import { instructions } from "../../../compiler/kernel/instructions.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";

const text = readFileSync(new URL("../../../spec/kernel-ir.md", import.meta.url), "utf8");
const fences = [...text.matchAll(/```(kernel[^\n]*|json)\n([^]*?)```/g)].map(([, kind = "", body = ""]) => ({ kind, body }));

interface Run {
  readonly bindings: Readonly<Record<string, number>>;
  readonly buffers: Readonly<Record<string, readonly number[]>>;
  readonly expect: Readonly<Record<string, readonly number[]>>;
}

describe("spec/kernel-ir.md", () => {
  it("has examples, runs and errors", () => {
    expect(fences.filter(({ kind }) => kind === "kernel").length).toBeGreaterThan(1);
    expect(fences.filter(({ kind }) => kind === "json").length).toBeGreaterThan(1);
    expect(fences.filter(({ kind }) => kind.startsWith("kernel error")).length).toBeGreaterThan(2);
  });

  it.each(fences.filter(({ kind }) => kind !== "json"))("example %#: $kind", ({ kind, body }) => {
    const kernel = parseKernel(body);
    expect(printKernel(kernel)).toBe(body);
    const labels = new Set(verifyKernel(kernel).violations.map(({ label }) => label));
    expect([...labels].join()).toBe(kind.replace(/^kernel( error )?/, ""));
  });

  it.each(fences.flatMap(({ kind, body }, i) => (kind === "json" ? [{ kernel: fences[i - 1]?.body ?? "", run: JSON.parse(body) as Run }] : [])))("run %#", ({ kernel, run }) => {
    const buffers: Record<string, BufferData> = Object.fromEntries(Object.entries(run.buffers).map(([name, values]) => [name, Float32Array.from(values)]));
    interpret(parseKernel(kernel), buffers, run.bindings);
    for (const [name, values] of Object.entries(run.expect)) expect([...(buffers[name] ?? [])]).toEqual(values);
  });

  it("lists every instruction and every label", () => {
    const words = new Set(text.match(/\w+/g));
    expect(Object.keys(instructions).filter((op) => !words.has(op))).toEqual([]);
    const source = readFileSync(new URL("../../../compiler/kernel/verify-expression.ts", import.meta.url), "utf8");
    const labels = new Set(source.match(/K\d+(?=")/g));
    expect([...labels].filter((label) => !text.includes(`| ${label} |`))).toEqual([]);
  });
});
