/** The file of measured constants: what is written is read back, and what is wrong with a file is said. */
import { describe, expect, it } from "vitest";
import { costPresets } from "../../../compiler/target.ts";
import { constantsFromJson, constantsToJson } from "../../../compiler/tune/constants.ts";

describe("a file of constants", () => {
  it("gives back what was written", () => {
    expect(constantsFromJson(constantsToJson(costPresets.software, "an adapter"))).toEqual(costPresets.software);
    expect(JSON.parse(constantsToJson(costPresets.gpu, "an adapter"))).toMatchObject({ version: 1, adapter: "an adapter" });
  });

  it.each([
    ["not JSON", "{", /not JSON.*calibrate/],
    ["another version", '{"version":2}', /version is 2, not 1/],
    ["no object", "[]", /version is undefined/],
    ["a constant that is missing", JSON.stringify({ version: 1, constants: { ...costPresets.gpu, barrierNanoseconds: undefined } }), /constants\.barrierNanoseconds is undefined, not a positive number of nanoseconds/],
    ["a constant of 0", JSON.stringify({ version: 1, constants: { ...costPresets.gpu, launchMicroseconds: 0 } }), /constants\.launchMicroseconds is 0/],
  ])("refuses %s", (_, text, message) => expect(() => constantsFromJson(text)).toThrow(message));
});
