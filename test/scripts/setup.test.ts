import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let root = "";

function put(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

const touch = (file: string, seconds: number): void => utimesSync(path.join(root, file), seconds, seconds);

/** Runs the copied script; `npm` is a fake in bin/. */
function setup(): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(root, "scripts/setup.mjs")], { env: { ...process.env, PATH: `${path.join(root, "bin")}:${process.env["PATH"]}` } });
    let text = "";
    child.stdout.on("data", (part) => (text += part));
    child.stderr.on("data", (part) => (text += part));
    child.on("close", (code) => resolve({ code, text }));
  });
}

const calls = (): string[] => (existsSync(path.join(root, "calls")) ? readFileSync(path.join(root, "calls"), "utf8").trim().split("\n") : []);

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "setup-test-"));
  mkdirSync(path.join(root, "scripts"));
  copyFileSync(path.resolve("scripts/setup.mjs"), path.join(root, "scripts/setup.mjs"));
  put("package-lock.json", "{}");
  put("compiler/index.ts", "");
  put("runtime/index.ts", "");
  put("node_modules/typescript/bin/tsc", `require("fs").appendFileSync("calls", "tsc\\n"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);`);
  put("node_modules/.package-lock.json", "{}");
  put("bin/npm", `#!/bin/sh\necho "npm $*" >> calls\nexit \${NPM_EXIT:-0}\n`);
  chmodSync(path.join(root, "bin/npm"), 0o755);
});

afterEach(() => {
  delete process.env["NPM_EXIT"];
  rmSync(root, { recursive: true, force: true });
});

describe.skipIf(process.platform === "win32")("scripts/setup.mjs", () => {
  it("builds once, then is silent until a source changes", async () => {
    expect(await setup()).toMatchObject({ code: 0, text: expect.stringContaining("building dist") });
    expect(await setup()).toEqual({ code: 0, text: "" });
    expect(calls()).toEqual(["tsc"]);
    touch("runtime/index.ts", Date.now() / 1000 + 60);
    await setup();
    expect(calls()).toEqual(["tsc", "tsc"]);
  });

  it("installs when the lock file is newer than the installation", async () => {
    touch("node_modules/.package-lock.json", 1000);
    await setup();
    expect(calls()).toEqual(["npm ci --no-audit --no-fund", "tsc"]);
  });

  it("does the work once when two run at the same time", async () => {
    const both = await Promise.all([setup(), setup()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(calls()).toEqual(["tsc"]);
    expect(existsSync(path.join(root, ".cache/setup.lock"))).toBe(false);
  });

  it("takes over the lock of a process that is gone", async () => {
    put(".cache/setup.lock/pid", "999999999");
    expect(await setup()).toMatchObject({ code: 0 });
    expect(calls()).toEqual(["tsc"]);
  });

  it("says what failed and ends with code 1", async () => {
    process.env["NPM_EXIT"] = "7";
    rmSync(path.join(root, "node_modules/.package-lock.json"));
    const { code, text } = await setup();
    expect(code).toBe(1);
    expect(text).toContain("setup: installing packages (npm ci) failed: 'npm ci --no-audit --no-fund' ended with code 7");
    expect(text).not.toContain("    at ");
  });
});
