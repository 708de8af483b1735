import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const script = path.resolve(import.meta.dirname, "../../.ci/run");
const folder = mkdtempSync(path.join(os.tmpdir(), "ci-run-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the script with an npm that leaves `report` and exits with `status`. */
function run(report: string | undefined, status: number): { readonly lastLine: string; readonly status: number | null } {
  const npm = path.join(folder, "npm");
  const lines = ["#!/usr/bin/env bash", '[ "$1" = test ] || exit 9', ...(report === undefined ? [] : [`cat > "$NORMFUSE_JSON_REPORT" <<'REPORT'`, report, "REPORT"]), "echo output of the tests", `exit ${status}`];
  writeFileSync(npm, `${lines.join("\n")}\n`);
  chmodSync(npm, 0o755);
  const result = spawnSync(script, { encoding: "utf8", env: { ...process.env, PATH: `${folder}${path.delimiter}${process.env["PATH"] ?? ""}` } });
  return { lastLine: result.stdout.trimEnd().split("\n").at(-1) ?? "", status: result.status };
}

const passed = { status: "passed", assertionResults: [{ status: "passed" }] };
const reportOf = (numPassedTests: number, numFailedTests: number, testResults: readonly object[] = [passed]): string => JSON.stringify({ numPassedTests, numFailedTests, testResults });

describe(".ci/run", () => {
  it("closes with the counts of the report, and exits as npm does", () => {
    expect(run(reportOf(12, 0), 0)).toEqual({ lastLine: "12 passed, 0 failed", status: 0 });
    expect(run(reportOf(12, 3), 3)).toEqual({ lastLine: "12 passed, 3 failed", status: 3 });
  });

  it("counts files that could not be loaded and failures outside of tests", () => {
    expect(run(reportOf(5, 1, [passed, { status: "failed", assertionResults: [] }, { status: "failed", assertionResults: [{ status: "failed" }] }]), 1)).toEqual({ lastLine: "5 passed, 2 failed", status: 1 });
    expect(run(reportOf(5, 0), 1)).toEqual({ lastLine: "5 passed, 1 failed", status: 1 });
  });

  it("fails without a readable report, even where npm did not", () => {
    const none = { lastLine: "0 passed, 1 failed" };
    expect(run(undefined, 0)).toEqual({ ...none, status: 1 });
    expect(run(undefined, 7)).toEqual({ ...none, status: 7 });
    expect(run("{ not JSON", 0)).toEqual({ ...none, status: 1 });
    expect(run("{}", 0)).toEqual({ ...none, status: 1 });
  });
});
