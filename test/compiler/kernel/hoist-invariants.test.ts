import { describe, expect, it } from "vitest";
import { hoistInvariants } from "../../../compiler/kernel/hoist-invariants.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";

const body = (loops: string): string => `kernel k {
  workgroup 1
  grid 1, 1, 1
  extents N
  read x: f32[N]
  write y: f32[N]

${loops}}
`;

const hoisted = (loops: string): string => printKernel(hoistInvariants(parseKernel(body(loops)))).split("write y: f32[N]\n\n")[1] ?? "";

describe("index arithmetic", () => {
  it("leaves every loop that does not change it", () => {
    const text = hoisted(`  for i in 0 .. #N {
    for j in 0 .. #N {
      y[i * #N + j] = x[i * #N + j]
    }
  }
`);
    expect(text).toMatch(/for i .*\n\s+let (\w+) = i \* #N\n\s+for j .*\n\s+y\[\1 \+ j\] = x\[\1 \+ j\]/);
  });

  it("stays where a quotient may be by zero, and where something is loaded", () => {
    const text = `  for i in 0 .. #N {
    y[i] = x[#N / (#N - 1) + i]
  }
`;
    expect(hoisted(text)).toContain("#N / ");
    expect(hoisted(text).indexOf("#N / ")).toBeGreaterThan(hoisted(text).indexOf("for i"));
  });
});
