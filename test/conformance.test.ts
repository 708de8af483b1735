/**
 * Numeric conformance against public suites: every case as a program of the language, on the reference, on WGSL and on
 * GPU.js. The data are not part of the repository: NORMFUSE_CASES names their folder, and without it nothing is found.
 */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Backends, openBackends } from "./support/conformance/backends.ts";
import { casesFolder, readFamilies } from "./support/conformance/cases.ts";
import { reportText } from "./support/conformance/report.ts";
import { type FamilyTally, runFamily, wgslCap } from "./support/conformance/run-case.ts";

const folder = casesFolder(path.resolve(import.meta.dirname, ".."));
const families = folder === undefined ? [] : readFamilies(folder);
const all = process.env["NORMFUSE_CASES_ALL"] === "1";

describe("conformance", () => {
  const tallies = new Map<string, FamilyTally>();
  let backends: Backends | undefined;

  beforeAll(async () => {
    if (families.length > 0) backends = await openBackends();
  });

  afterAll(() => {
    backends?.close();
    if (families.length === 0) console.log("conformance: 0 cases found; NORMFUSE_CASES names their folder");
    else console.log([`conformance: ${families.reduce((sum, { cases }) => sum + cases.length, 0)} cases${all ? "" : `, at most ${wgslCap} a family on WGSL; NORMFUSE_CASES_ALL=1 runs all`}`, ...(backends?.missing ?? []), reportText(tallies)].join("\n"));
  });

  test("cases are found where their folder is", () => {
    if (folder !== undefined) expect(families.length).toBeGreaterThan(0);
  });

  test.each(families.map((family) => [family.name, family] as const))("%s", { timeout: 240_000 }, async (name, family) => {
    if (!backends) throw new Error("no backends");
    const byBackend = await runFamily(family, backends, all);
    tallies.set(name, byBackend);
    const failures = [...byBackend].flatMap(([backend, { failed }]) => failed.map((failure) => `${backend}: ${failure}`));
    expect(failures).toEqual([]);
  });
});
