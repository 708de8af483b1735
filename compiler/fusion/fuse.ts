/**
 * Fusion of one program: inline, cut into segments, fuse each kind of segment once, put them together. Pure. No rule knows a
 * layer: what a norm is, only its folds say.
 */
import type { Expressions } from "../folds/expression.ts";
import { inlineProgram } from "../folds/inline.ts";
import type { Program } from "../folds/node.ts";
import { candidateMaps } from "./candidates.ts";
import { type Alternative, type Fused, fuseSegment, type FuseOptions } from "./fuse-segment.ts";
import { crossesCut, type Placement } from "./place.ts";
import { fuseSequence } from "./fuse-sequence.ts";

import { renaming } from "./rename.ts";
import { RegionPrices } from "./region-prices.ts";
import { type Segment, segmentsOf } from "./segments.ts";
import { placeUnfused } from "./unfused.ts";

export function fuse(e: Expressions, lowered: Program, options: FuseOptions): Fused {
  if (options.fusion === "none") return placeUnfused(e, lowered, options);
  const keep = candidateMaps(e, lowered);
  const inlined = inlineProgram(e, lowered, (definition) => keep.has(definition.name));
  const kinds = new Map<string, { readonly first: Segment; readonly fused: Fused; count: number }>();
  const parts = segmentsOf(inlined).map((segment): Fused => {
    if (segment.program.definitions.some((definition) => definition.recurrence)) return fuseSequence(e, segment, options, new RegionPrices());
    const known = kinds.get(segment.key);
    if (!known) {
      const fused = fuseSegment(e, segment.program, segment.exports, options, new RegionPrices());
      // The search leaves far more behind than the next segment could use.
      e.forgetSubstitutions();
      kinds.set(segment.key, { first: segment, fused, count: 1 });
      return fused;
    }
    known.count++;
    const origins = new Map(segment.program.definitions.map((definition) => [definition.name, definition.origin]));
    const rename = renaming(e, known.first.names, segment.names, (name) => origins.get(name));
    return { placement: rename.placement(known.fused.placement), applications: known.fused.applications.map(rename.application), alternatives: [] };
  });
  const placement = together(inlined, parts.map((part) => part.placement));
  const alternatives = [...kinds.values()].flatMap(({ fused, count }) => fused.alternatives.map((each) => ofWhole(placement, fused.placement, each, count)));
  return { placement, applications: parts.flatMap((part) => part.applications), alternatives: alternatives.sort((a, b) => a.microseconds - b.microseconds) };
}

function together(inlined: Program, placements: readonly Placement[]): Placement {
  return {
    program: { ...inlined, definitions: placements.flatMap((placement) => placement.program.definitions) },
    regions: placements.flatMap((placement) => placement.regions),
    stored: new Set(placements.flatMap((placement) => [...placement.stored])),
    microseconds: placements.reduce((total, placement) => total + placement.microseconds, 0),
    reasons: reasonsOf(placements),
  };
}

/** Why values are in memory; what is made for the steps of a recurrence crosses no other cut. */
function reasonsOf(placements: readonly Placement[]): Map<string, string> {
  const reasons = new Map(placements.flatMap((placement) => [...placement.reasons]));
  const read = new Set(placements.flatMap(({ regions }) => regions.flatMap((placed) => (placed.region.template === "sequence" ? placed.reads : []))));
  for (const [name, reason] of reasons) if (read.has(name) && reason === crossesCut) reasons.set(name, "each step of a recurrence reads its own part of it");
  return reasons;
}

const dispatchesOf = (placement: Placement): number => placement.regions.filter((region) => region.phase === "run").length;

/** The whole plan with another fusion of one kind of segment, wherever it occurs. */
function ofWhole(whole: Placement, chosen: Placement, other: Alternative, count: number): Alternative {
  return {
    description: count === 1 ? other.description : `${other.description}, in each of ${count} equal parts`,
    dispatches: dispatchesOf(whole) + count * (other.dispatches - dispatchesOf(chosen)),
    microseconds: whole.microseconds + count * (other.microseconds - chosen.microseconds),
  };
}
