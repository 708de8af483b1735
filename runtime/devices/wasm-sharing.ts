/**
 * Whether a plan is worth waking workers for: its calls tell. Results are the same bits either way, so a device may try both.
 * Used by wasm.ts.
 */

export type Way = "alone" | "together";

/** Calls of each way before they are compared: the first of each are slower than those that follow. */
const trials = 3;

/** Calls at the beginning in which workers may come to take part. */
const startTrials = 64;

/** Once in so many calls the other way is tried again: processors may have become busy or free. */
const period = 64;

/** Calls of such a trial. The first one on all threads only wakes the workers. */
const trialCalls: Readonly<Record<Way, number>> = { alone: 1, together: 4 };

/** What was fast once counts a little less with every call. */
const forgetting = 1.01;

export class SharingChoice {
  readonly #least: Record<Way, number> = { alone: Number.POSITIVE_INFINITY, together: Number.POSITIVE_INFINITY };
  readonly #noted: Record<Way, number> = { alone: 0, together: 0 };
  #calls = 0;

  /** How to run the next call. */
  next(): Way {
    const call = this.#calls++;
    if (this.#noted.alone < trials) return "alone";
    // Workers that are not awake yet do not take part: such calls say nothing, and are not waited for for ever.
    if (this.#noted.together < trials && call < startTrials) return "together";
    const better: Way = this.#least.together < this.#least.alone ? "together" : "alone";
    const other: Way = better === "alone" ? "together" : "alone";
    return call % period < trialCalls[other] ? other : better;
  }

  /** The way that a call took in the end. unit: milliseconds */
  note(way: Way, milliseconds: number): void {
    this.#noted[way]++;
    this.#least[way] = Math.min(this.#least[way] * forgetting, milliseconds);
  }
}
