import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { entries } from "../../../compiler/diagnostics/catalog.ts";
import { diagnosticsText } from "../../../compiler/generate/diagnostics.ts";
import { driftedFiles, generatedFiles, writeGenerated } from "../../../compiler/generate/main.ts";
import { opsText } from "../../../compiler/generate/ops.ts";
import { operations } from "../../../compiler/ops/index.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const folder = mkdtempSync(path.join(os.tmpdir(), "generate-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("generated files", () => {
  it("are current; 'npm run generate' writes them", () => {
    expect(driftedFiles(root)).toEqual([]);
  });

  it("are written where they are missing or differ, and only there", () => {
    expect(writeGenerated(folder)).toEqual(generatedFiles.map((file) => file.path));
    expect(driftedFiles(folder)).toEqual([]);
    const changed = path.join(folder, "spec/generated/ops.md");
    writeFileSync(changed, `${readFileSync(changed, "utf8")}\n`);
    expect(driftedFiles(folder)).toEqual(["spec/generated/ops.md"]);
    expect(writeGenerated(folder)).toEqual(["spec/generated/ops.md"]);
    expect(driftedFiles(folder)).toEqual([]);
  });
});

describe("ops.md", () => {
  const text = opsText();

  it("has one section per record, with its operands, constraints and ONNX name", () => {
    for (const op of operations.values()) {
      const section = text.split(`### ${op.name}\n`)[1]?.split("\n##")[0] ?? "";
      expect(text.split(`\n### ${op.name}\n`), op.name).toHaveLength(2);
      expect(section).toContain(op.summary);
      for (const { name } of op.operands) expect(section).toContain(`\`${name}\``);
      for (const { id, text: constraint } of op.constraints) expect(section).toContain(`- ${id}: ${constraint}`);
      if (op.onnx) expect(section).toContain(op.onnx.op);
    }
  });

  it("writes calls, operators and examples as the language has them", () => {
    expect(text).toContain("    add(a, b)    or    a + b\n");
    expect(text).toContain("    not x\n");
    expect(text).toContain("`false and true` gives `false`");
    expect(text).toContain("- Example: `1 == 2` gives `false`");
    expect(text).toContain("- Example: `[[1, 2], [3, 4]] @ [[1, 2], [3, 4]]` gives `[[7, 10], [15, 22]]`");
    expect(text).toContain("sum(x, axis = [], keep = false)");
  });
});

describe("diagnostics.md", () => {
  it("has every code once, with its explanation and example", () => {
    const text = diagnosticsText();
    for (const { code, explanation, example } of entries) {
      expect(text.split(`\n## ${code}\n`), code).toHaveLength(2);
      expect(text).toContain(explanation);
      expect(text).toContain(`${code}\n${example}\n\`\`\``);
    }
  });
});
