/** One case on every backend, and the tally of a family. */
import type { TensorFunction } from "../../../compiler/index.ts";
import { type BackendName, backendNames, type Backends, modelOf, type Result } from "./backends.ts";
import { type Case, type Family, numbersOf } from "./cases.ts";
import { deviationOf } from "./deviations.ts";
import type { DraftInput } from "./draft.ts";
import { deviceTolerance, type Expected, isWide, mismatch, toleranceOf } from "./judge.ts";
import { translate } from "./translate.ts";

export interface Tally {
  passed: number;
  readonly failed: string[];
  /** Reasons with the number of cases. */
  readonly listed: Map<string, number>;
  /** Not run: beyond the cap, or not of the sample. */
  left: number;
}

export type FamilyTally = ReadonlyMap<BackendName, Tally>;

const newTally = (): Tally => ({ passed: 0, failed: [], listed: new Map(), left: 0 });

const list = (tally: Tally, reason: string): void => void tally.listed.set(reason, (tally.listed.get(reason) ?? 0) + 1);

/** Cases of a family that run on a WGSL device unless all are asked for: each needs pipelines of its own. */
export const wgslCap = 60;

/** One case in this many runs on GPU.js in WebAssembly. */
const webasmStep = 8;

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown)).split("\n")[0] ?? "";

/** Integers beyond 2^24 are not exact where every number is an f32. */
const exceedsFloats = (given: Case): boolean => [...given.inputs, ...given.outputs].some((tensor) => /int/.test(tensor.dtype) && numbersOf(tensor).some((value) => Math.abs(value) > 2 ** 24));

const rounded = (inputs: readonly DraftInput[]): DraftInput[] => inputs.map((input) => ({ ...input, data: input.dtype === "f32" ? input.data.map(Math.fround) : input.data }));

interface Prepared {
  readonly case: Case;
  readonly model: TensorFunction;
  readonly inputs: readonly DraftInput[];
}

/** Literal results; for float64 cases on devices, what the reference makes of the rounded inputs. */
async function expectedOf({ case: given, model, inputs }: Prepared, name: BackendName, backends: Backends): Promise<readonly Expected[]> {
  const literal = given.outputs.map((output): Expected => ({ shape: output.shape, dtype: output.dtype, data: numbersOf(output) }));
  const reference = backends.runs.get("reference");
  if (name === "reference" || !isWide(given) || !reference) return literal;
  const results = await reference(model, rounded(inputs));
  return literal.map((output, i) => ({ ...output, dtype: output.dtype === "float64" ? "float32" : output.dtype, data: Float64Array.from(results[i]?.data ?? [], output.dtype === "float64" ? Math.fround : (value) => value) }));
}

async function failureOf(prepared: Prepared, name: BackendName, backends: Backends): Promise<string | undefined> {
  const run = backends.runs.get(name);
  if (!run) return `no backend ${name}`;
  let results: readonly Result[];
  try {
    results = await run(prepared.model, prepared.inputs);
  } catch (thrown) {
    return messageOf(thrown);
  }
  const expected = await expectedOf(prepared, name, backends);
  if (results.length !== expected.length) return `${results.length} outputs, not ${expected.length}`;
  const wide = name !== "reference" && isWide(prepared.case);
  const problems = expected.map((each, i) => mismatch(results[i] ?? { shape: [], data: [] }, each, wide && each.dtype.startsWith("float") ? deviceTolerance : toleranceOf(prepared.case, each.dtype), wide));
  const first = problems.findIndex((problem) => problem !== undefined);
  return first < 0 ? undefined : `${expected.length > 1 ? `output ${first}: ` : ""}${problems[first]}`;
}

/** Runs a family; failures name the case. `all`: without the cap on WGSL. */
export async function runFamily(family: Family, backends: Backends, all: boolean): Promise<FamilyTally> {
  const tallies = new Map(backendNames.filter((name) => backends.runs.has(name)).map((name) => [name, newTally()]));
  const everyStep = all ? 1 : Math.max(1, family.cases.length / wgslCap);
  let taken = 0;
  for (const [i, given] of family.cases.entries()) {
    const program = translate(given);
    if ("reason" in program) {
      for (const tally of tallies.values()) list(tally, program.reason);
      continue;
    }
    let model: TensorFunction;
    try {
      model = modelOf(program.source);
    } catch (thrown) {
      for (const tally of tallies.values()) tally.failed.push(`${given.name}: does not check: ${messageOf(thrown)}`);
      continue;
    }
    const onWgsl = i >= taken * everyStep;
    if (onWgsl) taken++;
    for (const [name, tally] of tallies) {
      if ((name === "wgsl" && !onWgsl) || (name === "gpujs webasm" && i % webasmStep !== 0)) {
        tally.left++;
        continue;
      }
      if (name.startsWith("gpujs") && exceedsFloats(given)) {
        list(tally, "integers beyond 2^24: every number is an f32");
        continue;
      }
      const failure = await failureOf({ case: given, model, inputs: program.inputs }, name, backends);
      const deviation = failure === undefined ? undefined : deviationOf(given, name);
      if (failure === undefined) tally.passed++;
      else if (deviation !== undefined) list(tally, `by specification: ${deviation}`);
      else tally.failed.push(`${given.name}: ${failure}`);
    }
  }
  return tallies;
}
