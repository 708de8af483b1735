/** The embedded library must be what the .nf files say. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { librarySourcesText } from "../../../compiler/generate/library.ts";

test("compiler/library/sources.ts is current; else run: npx tsx compiler/generate/library.ts", () => {
  expect(readFileSync(new URL("../../../compiler/library/sources.ts", import.meta.url), "utf8")).toBe(librarySourcesText());
});
