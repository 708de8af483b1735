import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { brotliCompressSync } from "node:zlib";
import { findPackage, unpackProgram, unpackTar, unpackedFolder } from "../../../runtime/devices/packed-files.ts";

let cache = "";
const before = process.env["XDG_CACHE_HOME"];
beforeEach(() => {
  cache = mkdtempSync(path.join(os.tmpdir(), "packed-test-"));
  process.env["XDG_CACHE_HOME"] = cache;
});
afterEach(() => {
  if (before === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = before;
  rmSync(cache, { recursive: true, force: true });
});

/** One tar entry; `type` "5" is a folder. */
function entry(name: string, text: string, type = "0"): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(`${Buffer.byteLength(text).toString(8).padStart(11, "0")}\0`, 124);
  header.write(type, 156);
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512);
  body.write(text);
  return Buffer.concat([header, body]);
}

describe("unpackedFolder", () => {
  it("fills once, also for callers at the same time, and leaves no unfinished folder", async () => {
    let fills = 0;
    const fill = async (folder: string): Promise<void> => {
      fills++;
      writeFileSync(path.join(folder, "a"), "1");
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const both = await Promise.all([unpackedFolder("thing-1", fill), unpackedFolder("thing-1", fill)]);
    expect(both).toEqual([path.join(cache, "normfuse/thing-1"), path.join(cache, "normfuse/thing-1")]);
    const filled = fills;
    await unpackedFolder("thing-1", fill);
    expect(fills).toBe(filled);
    expect(readdirSync(path.join(cache, "normfuse"))).toEqual(["thing-1"]);
  });

  it("leaves nothing that looks complete when filling fails", async () => {
    const failing = unpackedFolder(`never-${process.pid}`, () => {
      throw new Error("disk full");
    });
    await expect(failing).rejects.toThrow("disk full");
    expect(readdirSync(path.join(cache, "normfuse"))).toEqual([]);
  });
});

describe("archives", () => {
  it("unpacks accepted files of a tar, without their paths", () => {
    const archive = path.join(cache, "files.tar.br");
    writeFileSync(archive, brotliCompressSync(Buffer.concat([entry("lib/", "", "5"), entry("lib/a.so", "x".repeat(600)), entry("lib/b.txt", "no"), entry("../c.so", "up"), Buffer.alloc(1024)])));
    unpackTar(archive, cache, (name) => name.endsWith(".so"));
    expect(readFileSync(path.join(cache, "a.so"), "utf8")).toBe("x".repeat(600));
    expect(readFileSync(path.join(cache, "c.so"), "utf8")).toBe("up");
    expect(existsSync(path.join(cache, "b.txt"))).toBe(false);
  });

  it("unpacks a program", async () => {
    const archive = path.join(cache, "program.br");
    writeFileSync(archive, brotliCompressSync(Buffer.from("#!/bin/sh\n")));
    await unpackProgram(archive, path.join(cache, "program"));
    expect(readFileSync(path.join(cache, "program"), "utf8")).toBe("#!/bin/sh\n");
  });
});

describe("findPackage", () => {
  it("finds an installed package with its version, and no other", () => {
    expect(findPackage("webgpu")?.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(findPackage("@nowhere/nothing")).toBeUndefined();
  });
});
