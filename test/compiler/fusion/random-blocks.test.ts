/** Random blocks of models under every setting: legal kernels, and the values of the reference. BLOCKS sets their number, BLOCK_SEED the first seed. */
import { describe, expect, it } from "vitest";
import { faultsOf } from "../../support/check-program.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { randomBlock } from "../../support/random-blocks.ts";

const count = Number(process.env["BLOCKS"] ?? 27);
const first = Number(process.env["BLOCK_SEED"] ?? 0);
const apart = 9;

describe("random blocks", () => {
  for (let from = first; from < first + count; from += apart)
    it(`seeds ${from} to ${Math.min(from + apart, first + count) - 1}`, { timeout: 120_000 }, () => {
      for (let seed = from; seed < Math.min(from + apart, first + count); seed++) {
        const text = randomBlock(seed);
        expect(faultsOf(modelOf(text), { B: 1 + (seed % 4) }, seed), `seed ${seed}\n${text}`).toEqual([]);
      }
    });
});
