/**
 * Hostile text through parser, formatter and checker: whatever comes in, out come diagnostics, never a throw and never a
 * hang. What checks without an error compiles for every target, to legal kernels. FUZZ_COUNT sets the number of texts of each kind, FUZZ_SEED the seed.
 */
import { describe, expect, test } from "vitest";
import { check } from "../compiler/check/check.ts";
import { compileFunction } from "../compiler/compile.ts";
import { entries } from "../compiler/diagnostics/catalog.ts";
import { diagnosticToJson, renderDiagnostics } from "../compiler/diagnostics/render.ts";
import { parseModule } from "../compiler/ir/parse.ts";
import { printModule } from "../compiler/ir/print.ts";
import { verifyModule } from "../compiler/ir/verify.ts";
import { verifyKernel } from "../compiler/kernel/verify.ts";
import { librarySources } from "../compiler/library/sources.ts";
import { operations } from "../compiler/ops/index.ts";
import { sourceFile } from "../compiler/source/source-file.ts";
import { format } from "../compiler/syntax/print-tree.ts";
import { lex } from "../compiler/syntax/tokens.ts";
import { attention, mlp, small } from "./support/programs.ts";

const count = Number(process.env["FUZZ_COUNT"] ?? 10_000);
const seed = Number(process.env["FUZZ_SEED"] ?? 20_160_721);

/** Mulberry32: a small generator with a fixed sequence. */
function generator(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Runs everything on one text. Returns the time. unit: milliseconds */
function survive(text: string): number {
  const start = performance.now();
  const file = sourceFile("fuzz.nf", text);
  const { module, diagnostics } = check([file], { resolve: (_, specifier) => (specifier === "./self.nf" ? file : undefined) });
  for (const { span, code } of diagnostics) {
    expect(span.start).toBeGreaterThanOrEqual(0);
    expect(span.end).toBeGreaterThanOrEqual(span.start);
    expect(span.end).toBeLessThanOrEqual(span.file.text.length);
    expect(code).toMatch(/^E\d{4}$/);
  }
  renderDiagnostics(diagnostics);
  diagnostics.map(diagnosticToJson);
  if (module.functions.length > 0) {
    expect(verifyModule(module, (op, types, attributes) => operations.get(op)?.infer(types, attributes))).toEqual([]);
    const printed = printModule(module);
    expect(printModule(parseModule(printed))).toBe(printed);
  }
  const formatted = format(file);
  if ("text" in formatted) {
    expect(format(sourceFile("fuzz.nf", formatted.text))).toEqual(formatted);
    expect(lex(formatted.text).comments.length).toBe(lex(text).comments.length);
  }
  return performance.now() - start;
}

function surviveAll(make: (random: (below: number) => number) => string): void {
  const random = generator(seed);
  let slowest = { time: 0, text: "" };
  for (let i = 0; i < count; i++) {
    const text = make(random);
    try {
      const time = survive(text);
      if (time > slowest.time) slowest = { time, text };
    } catch (error) {
      throw new Error(`text ${i} of seed ${seed}: ${JSON.stringify(text)}`, { cause: error });
    }
  }
  expect(slowest.time, slowest.text).toBeLessThan(5000);
}

const seeds: readonly string[] = [mlp, attention, small, ...entries.map((entry) => entry.example).filter((text) => text.length < 300), ...librarySources.flatMap(({ text }) => text.split(/\n(?=\/\/\/)/).filter((part) => part.length < 500))];
const words = ["fn", "layer", "model", "let", "param", "return", "const", "import", "train", "scan", "repeat", "where", "grad", "in", "with", "(", ")", "[", "]", "{", "}", "...", "->", "|>", "@", "**", "-", "+", "*", "/", "%", "=", "==", ":", "::", ",", ";", "0", "-1", "1e400", "1e-5", "0x", "inf", "nan", "x", "N", "f32", "i32[N]", "int", "axes", "softmax", "sum", "reshape", "axis", "keep", "\"s\"", "//", "///", "\n", "é", "\u0000", "\ud800"];

/** One to four edits: delete, repeat, swap or insert tokens or characters, or splice two programs. */
function mutate(random: (below: number) => number): string {
  let text = seeds[random(seeds.length)] ?? "";
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const at = random(text.length + 1);
    const length = random(1 + random(30));
    const word = words[random(words.length)] ?? "";
    const kind = random(6);
    if (kind === 0) text = text.slice(0, at) + text.slice(at + length);
    else if (kind === 1) text = `${text.slice(0, at)} ${word} ${text.slice(at)}`;
    else if (kind === 2) text = text.slice(0, at) + text.slice(at, at + length).repeat(1 + random(4)) + text.slice(at + length);
    else if (kind === 3) text = text.slice(0, at) + word + text.slice(at + word.length);
    else if (kind === 4) {
      const other = seeds[random(seeds.length)] ?? "";
      text = text.slice(0, at) + other.slice(random(other.length + 1));
    } else {
      const tokens = text.split(/\b/);
      const [i, j] = [random(tokens.length), random(tokens.length)];
      [tokens[i], tokens[j]] = [tokens[j] ?? "", tokens[i] ?? ""];
      text = tokens.join("");
    }
  }
  return text.slice(0, 4000);
}

/** A library function as a model of its own, alone and between products. */
const libraryModels = librarySources.flatMap(({ text }) => [...text.matchAll(/^fn (\w+)/gm)].map((match) => match[1] ?? "")).flatMap((name) => [
  `model M[B](x: f32[B, 8]) -> f32[B, 8] {\n  return ${name}(x)\n}`,
  `model M[B](x: f32[B, 8], y: f32[B, 8]) -> f32[B, 8] {\n  param w: f32[8, 8] = ones\n  return ${name}(x @ w, y) + ${name}(y)\n}`,
]);
const models = [attention, small, ...libraryModels, ...entries.map((entry) => entry.example).filter((text) => text.includes("model "))];
const parts = ["sum", "max", "prod", "axis = 0", "keep = true", "x", "y", "w", "0", "-1", "2", "[0, 1]", "@", "*", "-", "/", "**", "reshape(x, [B, 2, 4])", "transpose(x)", "softmax(x)", "layer_norm(x)", "[:, 1:]", "[0]", "[::2]", "cast(x, f16)", "cast(x, i32)", "concat(x, x, axis = 1)", "B", "f16", "i32", "bool", "1", "where(x > 0, x, y)", "cumsum(x, 0)", "B * 2", "inf", "nan", "0.0"];

/** A model with up to three tokens changed. */
function mutateModel(random: (below: number) => number): string {
  const tokens = (models[random(models.length)] ?? "").split(/(\b|(?=[^\w\s]))/);
  for (let edits = random(4); edits > 0; edits--) {
    const at = random(tokens.length);
    const part = parts[random(parts.length)] ?? "";
    const kind = random(3);
    if (kind === 0) tokens[at] = part;
    else if (kind === 1) tokens.splice(at, 0, ` ${part} `);
    else tokens[at] = tokens[random(tokens.length)] ?? "";
  }
  return tokens.join("");
}

/** Compiles the models of a text that has no errors. Returns their number. */
function compileAll(text: string): number {
  const { module, diagnostics } = check([sourceFile("fuzz.nf", text)]);
  if (diagnostics.some((diagnostic) => diagnostic.severity === "error")) return 0;
  for (const fn of module.functions)
    for (const target of ["wgsl", "gpujs"] as const) for (const { kernel } of compileFunction(fn, target).plan.kernels) expect(verifyKernel(kernel).violations).toEqual([]);
  return module.functions.length;
}

describe("fuzz", { timeout: 600_000 }, () => {
  test("random bytes", () => {
    surviveAll((random) => {
      const alphabet = random(3);
      return Array.from({ length: random(200) }, () => (alphabet === 0 ? String.fromCharCode(random(256)) : alphabet === 1 ? String.fromCharCode(32 + random(95)) : String.fromCharCode(random(65_536)))).join("");
    });
  });

  test("random words", () => surviveAll((random) => Array.from({ length: random(60) }, () => words[random(words.length)] ?? "").join(random(2) === 0 ? " " : "")));

  test("mutated programs", () => surviveAll(mutate));

  test("models without errors compile", () => {
    const random = generator(seed);
    let compiled = 0;
    for (let i = 0; i < count / 10; i++) {
      const text = mutateModel(random);
      try {
        compiled += compileAll(text);
      } catch (error) {
        throw new Error(`text ${i} of seed ${seed}: ${JSON.stringify(text)}`, { cause: error });
      }
    }
    expect(compiled).toBeGreaterThan(count / 500);
  });
});
