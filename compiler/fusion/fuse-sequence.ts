/** Places a recurrence: one kernel for all steps. What it needs of parameters alone is fused by itself. Flow: segments.ts -> here. */
import { InternalError, required } from "../errors.ts";
import type { Expressions } from "../folds/expression.ts";
import type { Definition, Program, Recurrence } from "../folds/node.ts";
import { inlineRecurrence, stepProgram, touchOf } from "../folds/recurrence.ts";
import { extentValue } from "../ir/extent.ts";
import { flattenSequence, layoutOf } from "../schedule/sequence-layout.ts";
import { candidateMaps } from "./candidates.ts";
import { costOf, type CostContext, type RegionCost, tensorsRead } from "./cost.ts";
import { lengthOf } from "./lengths.ts";
import type { PlacedRegion } from "./evaluate-placement.ts";
import type { RegionPrices } from "./region-prices.ts";
import { type Fused, fuseSegment, type FuseOptions } from "./fuse-segment.ts";
import type { Illegal, Region, SequenceRegion } from "./region.ts";
import { parameterOnly } from "./rules/defer.ts";
import type { Segment } from "./segments.ts";
import { packSequenceOperands } from "./sequence-operands.ts";
import { sequenceShape } from "./sequence.ts";

export interface PlacedSequence {
  readonly region: SequenceRegion;
  readonly cost: RegionCost;
  /** The results, of the recurrence as the kernel computes it. */
  readonly results: readonly Definition[];
  readonly before: readonly PlacedRegion[];
  readonly reasons: ReadonlyMap<string, string>;
}

/** What one dispatch may take, before some systems take it for a hang. unit: microseconds */
const longestDispatch = 1e6;

/** An open number of steps is taken to be smaller. */
const manySteps = 2 ** 16;

/**
 * The kernel that makes `results` of one recurrence, with its price, and what is laid out for it before. `stepsAtOnce`: of one
 * dispatch, in the place of what fits the time that it may take.
 */
export function placeSequence(e: Expressions, lowered: Recurrence, given: readonly Definition[], isParameter: (name: string) => boolean, context: CostContext, stepsAtOnce?: number): PlacedSequence | Illegal {
  const whole = placeKernel(e, lowered, given, isParameter, context);
  if ("illegal" in whole || (context.target.name === "wasm" && stepsAtOnce === undefined)) return whole;
  const known = extentValue(lowered.step.extent);
  const steps = Math.max(1, stepsAtOnce ?? Math.floor(longestDispatch / (whole.cost.microseconds / Math.max(1, lengthOf(context, [lowered.step.extent])))));
  if (steps >= (known ?? manySteps)) return whole;
  // Between dispatches all that is carried is in memory.
  const handed = lowered.carries.filter((carry) => !lowered.results.some((result) => result.kind === "carry" && result.carry === carry.name));
  const of: Recurrence = { ...lowered, results: [...lowered.results, ...handed.map((carry) => ({ kind: "carry" as const, carry: carry.name }))] };
  const missing = lowered.results.flatMap((result, i) => (result.kind === "carry" && !given.some((definition) => definition.recurrence?.result === i) ? [{ carry: result.carry, result: i }] : []));
  const more = [...missing, ...handed.map((carry, i) => ({ carry: carry.name, result: lowered.results.length + i }))].map(({ carry, result }): Definition => {
    const { dtype, box } = required(of.carries.find((each) => each.name === carry), "fuse", carry);
    return { name: `${lowered.name}.${carry}`, dtype, box: box.map((range) => e.range(range.name, range.extent)), fold: undefined, origin: given[0]?.origin, body: touchOf(e, of, dtype), recurrence: { of, result } };
  });
  const cut = placeKernel(e, of, [...more, ...given], isParameter, context);
  // Without the buffers for what is carried it is one dispatch, however long.
  if ("illegal" in cut || cut.cost.tile.template !== "sequence") return whole;
  const handedOn = new Map(more.map(({ name }) => [name, `handed on from one dispatch to the next: ${steps} steps are dispatched at a time`]));
  return { ...cut, cost: { ...cut.cost, tile: { template: "sequence", tile: { ...cut.cost.tile.tile, steps } } }, reasons: new Map([...cut.reasons, ...handedOn]) };
}

function placeKernel(e: Expressions, lowered: Recurrence, given: readonly Definition[], isParameter: (name: string) => boolean, outer: CostContext): PlacedSequence | Illegal {
  const packed = packSequenceOperands(e, inlineRecurrence(e, lowered, (program) => candidateMaps(e, program)), given.length, isParameter, outer);
  const { recurrence, panels } = packed;
  const shape = sequenceShape(e, recurrence);
  if ("illegal" in shape) return shape;
  const made = new Map([...packed.made.map(({ definition }) => definition), ...given].map((definition) => [definition.name, { dtype: definition.dtype, shape: definition.box.map((range) => range.extent) }]));
  const context: CostContext = { ...outer, tensorOf: (name) => made.get(name) ?? outer.tensorOf(name) };
  const results = given.map((definition): Definition => ({ ...definition, body: touchOf(e, recurrence, definition.dtype), recurrence: { of: recurrence, result: definition.recurrence?.result ?? 0 } }));
  const region: SequenceRegion = {
    template: "sequence", recurrence, shape, panels,
    outputs: results.map((definition) => ({ definition, body: definition.body, box: definition.box })),
    workgroupBytes: (tile) => layoutOf(e, flattenSequence(e, recurrence, shape, tile.rows), tile).bytes,
  };
  const cost = costOf(region, context, () => 1);
  if ("illegal" in cost) return cost;
  const before: PlacedRegion[] = [];
  for (const { definition, phase } of packed.made) {
    const copy: Region = { template: "elementwise", outputs: [{ definition, body: definition.body, box: definition.box }] };
    const price = costOf(copy, context, () => 1);
    if ("illegal" in price) return price;
    before.push({ roots: [definition.name], region: copy, cost: price, phase, reads: [...tensorsRead(copy)] });
  }
  return { region, cost, results, before, reasons: new Map(packed.made.map(({ definition, reason }) => [definition.name, reason])) };
}

/** Recurrences of a program that are no kernel on the target, with the reason. */
export function refusedRecurrences(e: Expressions, program: Program, context: CostContext): Map<string, string> {
  const refused = new Map<string, string>();
  const isParameter = parameterOnly(program);
  for (const [recurrence, results] of recurrencesOf(program)) {
    const placed = placeSequence(e, recurrence, results, isParameter, context);
    if ("illegal" in placed) refused.set(recurrence.name, placed.illegal);
  }
  return refused;
}

/** Steps of a recurrence that may be written out instead: each is dispatches of its own. */
const mostSteps = 2048;

/** Steps written out make plans of hundreds of dispatches: they have to promise half of the time. Measured, launches cost more than the model says. */
const worthWriting = 0.5;

/** Recurrences whose steps cost less as kernels of their own, with the reason: weights too large to be read by every workgroup again. */
export function slowRecurrences(e: Expressions, program: Program, context: CostContext, planOf: (step: Program) => { readonly microseconds: number }): Map<string, string> {
  const slow = new Map<string, string>();
  if (context.target.name !== "wgsl") return slow;
  const isParameter = parameterOnly(program);
  for (const [recurrence, results] of recurrencesOf(program)) {
    const steps = extentValue(recurrence.step.extent);
    const placed = placeSequence(e, recurrence, results, isParameter, context);
    if (steps === undefined || steps > mostSteps || "illegal" in placed) continue;
    const apart = steps * planOf(stepProgram(e, recurrence, context.tensorOf)).microseconds;
    if (apart < worthWriting * placed.cost.microseconds) slow.set(recurrence.name, `its steps take ${apart.toFixed(0)} us as kernels of their own, and ${placed.cost.microseconds.toFixed(0)} us in one`);
  }
  return slow;
}

export function recurrencesOf(program: Program): Map<Recurrence, Definition[]> {
  const found = new Map<Recurrence, Definition[]>();
  for (const definition of program.definitions) if (definition.recurrence) found.set(definition.recurrence.of, [...(found.get(definition.recurrence.of) ?? []), definition]);
  return found;
}

export function fuseSequence(e: Expressions, segment: Segment, options: FuseOptions, prices: RegionPrices): Fused {
  const { program } = segment;
  const [recurrence, results] = [...recurrencesOf(program)][0] ?? [];
  if (!recurrence || !results) throw new InternalError("fuse", "a segment of a recurrence has one");
  const placed = placeSequence(e, recurrence, results, parameterOnly(program), options.context(program), options.stepsAtOnce);
  if ("illegal" in placed) throw new InternalError("fuse", placed.illegal);
  const { region, cost } = placed;
  const kernel: PlacedRegion = { region, cost, roots: placed.results.map((definition) => definition.name), phase: "run", reads: [...tensorsRead(region)] };
  const own = [...placed.before, kernel];
  const stored = new Set(own.flatMap(({ roots }) => roots));
  const reasons = new Map([...placed.reasons, ...results.filter(({ name }) => segment.exports.has(name)).map(({ name }) => [name, "result of a recurrence: made step by step, read as a whole"] as const)]);
  const definitions = [...placed.before.flatMap((made) => made.region.outputs.map((output) => output.definition)), ...placed.results];
  const microseconds = own.reduce((sum, each) => sum + (each.phase === "run" ? each.cost.microseconds : 0), 0);
  const rest = program.definitions.filter((definition) => !definition.recurrence);
  if (rest.length === 0) return { placement: { program: { ...program, definitions }, regions: own, stored, microseconds, reasons }, applications: [], alternatives: [] };
  const read = new Set(own.flatMap(({ reads }) => reads));
  const exported = rest.filter((definition) => read.has(definition.name) || segment.exports.has(definition.name));
  const before = fuseSegment(e, { ...program, definitions: rest, outputs: exported.map(({ name, dtype, box }) => ({ name, definition: name, type: { dtype, shape: box.map((range) => range.extent) } })) }, new Set(exported.map(({ name }) => name)), options, prices);
  return {
    ...before,
    placement: {
      program: { ...program, definitions: [...before.placement.program.definitions, ...definitions] }, regions: [...before.placement.regions, ...own],
      stored: new Set([...before.placement.stored, ...stored]), microseconds: before.placement.microseconds + microseconds, reasons: new Map([...before.placement.reasons, ...reasons]),
    },
  };
}
