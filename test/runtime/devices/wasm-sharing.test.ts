import { describe, expect, it } from "vitest";
import { SharingChoice, type Way } from "../../../runtime/devices/wasm-sharing.ts";

/** The ways of `calls` calls that take so long each. */
function waysOf(choice: SharingChoice, calls: number, milliseconds: Readonly<Record<Way, number>>, arrives = 0): Way[] {
  return Array.from({ length: calls }, (_, i) => {
    const way = choice.next();
    // Workers that are not awake yet leave a call to one thread.
    const taken = way === "together" && i < arrives ? "alone" : way;
    choice.note(taken, milliseconds[taken]);
    return way;
  });
}

const count = (ways: readonly Way[], way: Way): number => ways.filter((each) => each === way).length;

describe("whether to wake workers", () => {
  it("begins on one thread, tries all, and stays with the faster way", () => {
    const ways = waysOf(new SharingChoice(), 400, { alone: 2, together: 1 });
    expect(ways.slice(0, 6)).toEqual(["alone", "alone", "alone", "together", "together", "together"]);
    expect(count(ways.slice(6), "alone")).toBeLessThanOrEqual(7);
  });

  it("leaves small plans on one thread, and looks again now and then", () => {
    const ways = waysOf(new SharingChoice(), 400, { alone: 0.01, together: 0.05 });
    expect(count(ways.slice(6), "together")).toBeGreaterThan(10);
    expect(count(ways.slice(6), "together")).toBeLessThan(40);
  });

  it("does not judge by calls that workers came too late for", () => {
    const ways = waysOf(new SharingChoice(), 400, { alone: 2, together: 1 }, 40);
    expect(count(ways.slice(50), "alone")).toBeLessThanOrEqual(7);
  });

  it("changes when a processor becomes busy, and back", () => {
    const choice = new SharingChoice();
    waysOf(choice, 100, { alone: 2, together: 1 });
    expect(count(waysOf(choice, 400, { alone: 2, together: 5 }).slice(300), "alone")).toBeGreaterThan(80);
    expect(count(waysOf(choice, 400, { alone: 2, together: 1 }).slice(300), "together")).toBeGreaterThan(80);
  });
});
