/**
 * Random kernels, most of which may not write over what they read: where a proof is found, the interpreter must find no race
 * with both in one buffer, and the same bits. IN_PLACE_COUNT sets their number, IN_PLACE_SEED the first seed.
 */
import { describe, expect, it } from "vitest";
import { inPlace } from "../../../compiler/kernel/in-place.ts";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import type { Kernel } from "../../../compiler/kernel/node.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { numberGenerator } from "../../support/random-programs.ts";

const count = Number(process.env["IN_PLACE_COUNT"] ?? 1500);
const firstSeed = Number(process.env["IN_PLACE_SEED"] ?? 0);

const length = 512;

/** The text of a kernel over `t` and `o`: an index of mixed radix as schedules make them, right or slightly wrong, in one statement or two loops. */
function randomKernel(seed: number): string {
  const below = numberGenerator(seed);
  const pick = <T>(...list: readonly T[]): T => list[below(list.length)] as T;
  const chance = (percent: number): boolean => below(100) < percent;
  const size = pick(1, 2, 4, 8);
  const perGroup = pick(1, 2, 4);
  const columns = pick(2, 4, 6, 8);
  const rows = chance(50) ? "#B" : String(pick(3, 4, 7, 8));
  const grid = rows === "#B" ? `(B + ${perGroup - 1}) / ${perGroup}` : String(Math.ceil(Number(rows) / perGroup));
  const across = chance(30) ? 2 : 1;
  const inGroup = pick("0", "thread", `thread / ${pick(2, 4)}`, `thread % ${pick(2, 4)}`);
  const row = chance(85) ? `group_y * ${perGroup} + ${inGroup}` : `group_y * ${pick(1, 2, 3)} + ${inGroup}`;
  const lane = pick("0", "thread", "thread % 2", "thread % 4", "thread / 2");
  const stride = pick(1, 1, 2, size);
  const guards = [...(chance(80) ? [`row < ${rows}`] : []), ...(chance(30) ? [`${lane} < ${columns}`] : []), ...(chance(20) ? ["thread == 0"] : []), ...(chance(15) ? [`thread % 2 == 0`] : [])];
  const guarded = (body: string): string => guards.reduceRight((inner, guard) => `if ${guard} { ${inner} }`, body);
  const near = chance(60) ? `min(row, ${rows} - 1)` : "row";
  const index = (rowOf: string, column: string, by = columns): string => `${rowOf} * ${by} + ${column}${across === 2 ? ` + group_x * ${chance(70) ? columns / 2 : columns}` : ""}`;
  const end = chance(80) ? columns / across : columns;
  const places = chance(70) ? [index("row", "C"), index("row", "C")] : [index("row", "C"), pick(index("row", "C + 1"), index("near", "C"), index("near", "0"), index("row", "C", columns + 1), index(inGroup, "C"), index("near", `(C + 1) % ${columns}`))];
  const [to = "", from = ""] = places;
  const at = (place: string, column: string): string => place.replace("C", column);
  const loop = (name: string, body: string): string => `for ${name} in ${lane} .. ${end} step ${stride} { ${body} }`;
  const shape = below(5);
  const single = `${lane}`;
  const body =
    shape === 0 ? guarded(`o[${at(to, single)}] = t[${at(from, single)}] * 2.0`)
    : shape === 1 ? `let v = t[${at(from, single)}] ${chance(30) ? "barrier" : ""} ${guarded(`o[${at(to, single)}] = v + 1.0`)}`
    : shape === 2 ? guarded(loop("c", `o[${at(to, "c")}] = t[${at(from, "c")}] * 2.0`))
    : shape === 3 ? `var s = 0.0 ${loop("r", `s = s + t[${at(from, "r")}]`)} ${chance(60) ? "barrier" : ""} ${guarded(loop("c", `o[${at(to, "c")}] = s + t[${at(to, "c")}]`))}`
    : guarded(`o[${at(to, single)}] = t[${at(from, single)}] o[${at(to, single)} + ${pick(1, 2, columns, columns * perGroup)}] = t[${at(from, single)} + ${pick(1, 2, columns)}] * 3.0`);
  const text = `let row = ${row} let near = ${near} ${body}`;
  return `kernel k { workgroup ${size} grid ${across}, ${grid}, 1 ${text.includes("#B") ? "extents B" : ""} read t: f32[${length}] write o: f32[${length}] ${text} }`;
}

/** What is stored, or the fault. `o` starts as `t`. */
function outcome(kernel: Kernel, B: number): Float32Array {
  const start = Float32Array.from({ length }, (_, i) => ((i * 37) % 101) + 0.5);
  const data = { t: start.slice(), o: start.slice() };
  interpret(kernel, Object.fromEntries(kernel.buffers.map(({ name }) => [name, name === "t" ? data.t : data.o])), { B });
  return data.o;
}

describe("random kernels", () => {
  it("that are proved to write in place store the same, without a race", { timeout: 240_000 }, () => {
    let proved = 0;
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      const text = randomKernel(seed);
      const kernel = parseKernel(text);
      const made = inPlace(kernel, { read: "t", write: "o" });
      if (!made) continue;
      proved++;
      for (const B of [1, 2, 5, 8]) {
        let got: Float32Array | string;
        try {
          got = outcome(made, B);
        } catch (error) {
          got = String(error);
        }
        expect(got, `seed ${seed}, B = ${B}\n${text}`).toEqual(outcome(kernel, B));
      }
    }
    // Enough of them to say something.
    expect(proved).toBeGreaterThan(count / 12);
  });
});
