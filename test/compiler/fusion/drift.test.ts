/** A layer-normalised LSTM over 1,000 steps of hostile inputs: errors stay where they are, or are the network's own. `npx tsx test/bench-drift/main.ts` draws them. */
import { describe, expect, it } from "vitest";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { driftOf } from "../../support/drift.ts";

const largest = (errors: readonly number[]): number => errors.reduce((a, b) => Math.max(a, b), 0);

describe("1,000 steps", { timeout: 240_000 }, () => {
  it.each([0.5])("with gains of %s: below 1e-4 of the rms on every row, and no drift", async (gain) => {
    const { kinds, errors, dispatches } = await driftOf(openWasm(), "wasm", 1000, gain);
    expect(dispatches).toBe(2);
    kinds.forEach((kind, row) => {
      const own = errors[row] ?? [];
      expect(largest(own), kind).toBeLessThan(2e-5);
      expect(largest(own.slice(500)), kind).toBeLessThanOrEqual(3 * largest(own.slice(0, 500)));
    });
  });

  it("with gains of 1 the network amplifies, and the kernels add nothing to it", async () => {
    const { kinds, errors, amplified } = await driftOf(openWasm(), "wasm", 1000, 1);
    const byKind = amplified();
    const own = kinds.map((kind, row) => ({ kind, error: largest(errors[row] ?? []), moved: largest(byKind[row] ?? []) }));
    for (const { kind, error, moved } of own) expect(error, kind).toBeLessThan(Math.max(1e-4, 10 * moved));
    // Else there would be nothing to tell apart.
    expect(own.filter(({ moved }) => moved > 1e-4).length).toBeGreaterThan(0);
    expect(own.filter(({ error }) => error < 1e-4).length).toBeGreaterThanOrEqual(8);
  });
});
