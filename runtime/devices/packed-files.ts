/**
 * Unpacks the files that npm packages carry in compressed form, once per version, into a cache folder of the user. Safe
 * when several processes do it at once: each unpacks into a folder of its own and renames it into place.
 */
import { createReadStream, createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { brotliDecompressSync, createBrotliDecompress } from "node:zlib";

/** Where an installed npm package lies and its version; looked up beside this file and from the working folder. */
export function findPackage(name: string): { readonly root: string; readonly version: string } | undefined {
  for (const from of [import.meta.url, path.join(process.cwd(), "package.json")])
    for (const folder of createRequire(from).resolve.paths(name) ?? []) {
      const root = path.join(folder, name);
      const manifest = path.join(root, "package.json");
      if (existsSync(manifest)) return { root, version: (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version };
    }
  return undefined;
}

/** Folders to try, in order: the user's cache, then the system's temporary folder, where the name holds the user's id. */
function cacheFolders(): string[] {
  const home = process.env["XDG_CACHE_HOME"] ?? path.join(os.homedir(), ".cache");
  return [path.join(home, "normfuse"), path.join(os.tmpdir(), `normfuse-${process.getuid?.() ?? "user"}`)];
}

/**
 * The folder `name` of the cache; when it is not there yet, `fill` writes its files into an empty folder first.
 *
 * throws: the file system's error when no cache folder can be written
 */
export async function unpackedFolder(name: string, fill: (folder: string) => void | Promise<void>): Promise<string> {
  let failure: unknown;
  for (const cache of cacheFolders()) {
    const target = path.join(cache, name);
    if (existsSync(target)) return target;
    let unfinished: string;
    try {
      mkdirSync(cache, { recursive: true, mode: 0o700 });
      unfinished = mkdtempSync(`${target}-`);
    } catch (thrown) {
      failure = thrown;
      continue;
    }
    try {
      await fill(unfinished);
      renameSync(unfinished, target);
      return target;
    } catch (thrown) {
      rmSync(unfinished, { recursive: true, force: true });
      // Another process was faster: its folder is as good.
      if (existsSync(target)) return target;
      failure = thrown;
    }
  }
  throw failure;
}

/** Writes the plain files of a brotli-compressed tar archive into `folder`, without their paths. */
export function unpackTar(archive: string, folder: string, accept: (name: string) => boolean): void {
  const tar = brotliDecompressSync(readFileSync(archive));
  for (let at = 0; at + 512 <= tar.length; ) {
    const end = tar.indexOf(0, at);
    const name = path.basename(tar.toString("utf8", at, Math.min(end < 0 ? at + 100 : end, at + 100)));
    if (name === "") return;
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    const isFile = tar[at + 156] === 0x30 || tar[at + 156] === 0;
    if (isFile && accept(name)) writeFileSync(path.join(folder, name), tar.subarray(at + 512, at + 512 + size), { mode: 0o755 });
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** Writes one brotli-compressed program file; streamed, as it may have hundreds of megabytes. */
export async function unpackProgram(archive: string, target: string): Promise<void> {
  await pipeline(createReadStream(archive), createBrotliDecompress(), createWriteStream(target, { mode: 0o755 }));
}
