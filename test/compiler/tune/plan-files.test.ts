/** What a plan takes from files, as the command line and the build plugin read it: values, or what is wrong and what to do. */
import { describe, expect, it } from "vitest";
import { costPresets } from "../../../compiler/target.ts";
import { constantsToJson } from "../../../compiler/tune/constants.ts";
import { costFrom, tilesBeside } from "../../../compiler/tune/plan-files.ts";
import { tunedToJson } from "../../../compiler/tune/tile-file.ts";

const constants = { ...costPresets.gpu, launchMicroseconds: 12 };
const tile = { template: "rows", tile: { lanes: 2, rowsPerGroup: 16 } } as const;
const files: Readonly<Record<string, string>> = {
  "here.json": constantsToJson(constants, "an adapter"), "none.json": "[]",
  "a/net.tune.json": tunedToJson({ adapter: "an adapter", models: { Net: { k1_y: tile } } }), "bad.tune.json": "no",
};
const read = (path: string): string | undefined => files[path];

describe("constants", () => {
  it("are a preset, numbers, or those of a file", () => {
    expect(costFrom("gpu", read)).toEqual({ kind: "value", value: "gpu" });
    expect(costFrom(constants, read)).toEqual({ kind: "value", value: constants });
    expect(costFrom("here.json", read)).toEqual({ kind: "value", value: constants });
  });

  it.each([
    ["none.json", "cost-file", /^none\.json cannot be used: its version is undefined/, /calibrate/],
    ["absent.json", "cost-file", /^absent\.json cannot be used: it does not exist$/, /calibrate/],
    ["fast", "cost", /'fast'/, /one of gpu, software/],
    ["toString", "cost", /'toString'/, /one of gpu/],
  ])("%s is refused", (given, code, message, hint) => {
    expect(costFrom(given, read)).toMatchObject({ kind: "refusal", code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
  });
});

describe("tiles", () => {
  it("lie beside the source, or there are none", () => {
    expect(tilesBeside("a/net.nf", read, "")).toEqual({ kind: "value", value: { Net: { k1_y: tile } } });
    expect(tilesBeside("net.nf", read, "")).toEqual({ kind: "value", value: {} });
  });

  it("of a file that cannot be used are refused with how to go on", () => {
    expect(tilesBeside("bad.nf", read, "pass --untuned")).toEqual({ kind: "refusal", code: "tune-file", path: "bad.tune.json", message: "bad.tune.json cannot be used: it is not JSON", hint: "write it anew with `normfuse tune`, delete it, or pass --untuned" });
  });
});
