/**
 * Random programs through the whole compiler: every kernel is legal, the rewritten program says the same as the source in
 * float64, and the kernels compute it in f32. FUSE_COUNT sets the number of programs, FUSE_SEED the first seed.
 */
import { describe, expect, it } from "vitest";
import { printModule } from "../../compiler/ir/print.ts";
import { compileFunction } from "../../compiler/compile.ts";
import { faultsOf, settings } from "../support/check-program.ts";
import { randomProgram } from "../support/random-programs.ts";
import { validateWgsl } from "../support/validate-wgsl.ts";

const count = Number(process.env["FUSE_COUNT"] ?? 200);
const firstSeed = Number(process.env["FUSE_SEED"] ?? 0);

describe("random programs", () => {
  const batch = 25;
  for (let first = firstSeed; first < firstSeed + count; first += batch)
    it(`compile and compute what the reference says: seeds ${first} to ${Math.min(first + batch, firstSeed + count) - 1}`, { timeout: 120_000 }, () => {
      for (let seed = first; seed < Math.min(first + batch, firstSeed + count); seed++) {
        const { fn, bindings } = randomProgram(seed);
        const faults = ((): string[] => {
          try {
            return faultsOf(fn, bindings, seed);
          } catch (error) {
            return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
          }
        })();
        expect(faults, `seed ${seed}\n${printModule({ functions: [fn] })}`).toEqual([]);
      }
    });

  it("are accepted by Tint, by a JavaScript parser and by WebAssembly as printed", { timeout: 120_000 }, async () => {
    const codes = new Map<string, string>();
    for (let seed = firstSeed; seed < firstSeed + count / 5; seed++)
      for (const { title, target, options } of settings)
        for (const kernel of compileFunction(randomProgram(seed).fn, target, options).artifact.kernels) codes.set(kernel.code, `seed ${seed}, ${title}, ${kernel.kind}`);
    expect(codes.size).toBeGreaterThan(count / 5);
    const faults: string[] = [];
    for (const [code, title] of codes)
      if (title.endsWith("wgsl")) faults.push(...(await validateWgsl(code)).map((message) => `${title}: ${message}`));
      else if (title.endsWith("wasm")) expect(WebAssembly.validate(Buffer.from(code, "base64")), title).toBe(true);
      else expect(() => new Function(`return ${code}`), title).not.toThrow();
    expect(faults).toEqual([]);
  });
});
