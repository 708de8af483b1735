/** The file of tuned tiles: its name, what is written is read back, and what is wrong with a file is said. */
import { describe, expect, it } from "vitest";
import type { TileTable } from "../../../compiler/compile.ts";
import { tunedFromJson, tunedToJson, tuneFileOf } from "../../../compiler/tune/tile-file.ts";

const tiles: TileTable = {
  k1_y: { template: "contraction", tile: { threadsX: 8, threadsY: 8, rowsPerThread: 4, columnGroups: 2, innerBlock: 16, staged: false } },
  k2_z: { template: "rows", tile: { lanes: 1, rowsPerGroup: 16 } },
};

describe("a file of tuned tiles", () => {
  it("stands beside its source", () => expect([tuneFileOf("a/net.nf"), tuneFileOf("net")]).toEqual(["a/net.tune.json", "net.tune.json"]));

  it("gives back what was written", () => expect(tunedFromJson(tunedToJson({ adapter: "an adapter", models: { Net: tiles } }))).toEqual({ adapter: "an adapter", models: { Net: tiles } }));

  it.each([
    ["not JSON", "{", /not JSON/],
    ["another version", '{"version":2,"models":{}}', /version 1/],
    ["no tiles", '{"version":1,"models":{"Net":3}}', /models\.Net is no object/],
    ["an unknown template", '{"version":1,"models":{"Net":{"k1":{"template":"cube","tile":{}}}}}', /models\.Net\.k1 has the template 'cube'/],
    ["a template without a tile to choose", '{"version":1,"models":{"Net":{"k1":{"template":"thread","tile":{}}}}}', /'thread'/],
    ["a missing number", '{"version":1,"models":{"Net":{"k1":{"template":"rows","tile":{"lanes":1}}}}}', /k1\.tile\.rowsPerGroup is undefined/],
  ])("refuses %s", (_, text, message) => expect(() => tunedFromJson(text)).toThrow(message));
});
