/** Bundles files that exist in memory, with `normfuse/...` standing for the sources of this repository; for tests of generated modules. */
import path from "node:path";
import { build } from "esbuild";

export const repository = path.resolve(import.meta.dirname, "../..");

export interface Bundle {
  readonly code: string;
  /** Source files in the bundle, relative to the repository. */
  readonly sources: readonly string[];
}

/** `entry` is the text of a module; `files` are what it may import by relative path. */
export async function bundle(entry: string, files: readonly { readonly path: string; readonly text: string }[] = [], minify = false): Promise<Bundle> {
  const result = await build({
    stdin: { contents: entry, resolveDir: repository, loader: "ts", sourcefile: "entry.ts" },
    bundle: true,
    write: false,
    minify,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    absWorkingDir: repository,
    alias: { "normfuse/runtime": "./runtime/index.ts" },
    external: ["./*.reference.js"],
    plugins: [
      {
        name: "memory",
        setup: ({ onResolve, onLoad }) => {
          onResolve({ filter: /^\.\// }, (args) => {
            const name = args.path.slice(2).replace(/\.js$/, ".ts");
            return files.some((file) => file.path === name) ? { path: name, namespace: "memory" } : undefined;
          });
          onLoad({ filter: /.*/, namespace: "memory" }, ({ path: name }) => ({ contents: files.find((file) => file.path === name)?.text ?? "", loader: "ts", resolveDir: repository }));
        },
      },
    ],
  });
  return { code: result.outputFiles[0]?.text ?? "", sources: Object.keys(result.metafile.inputs) };
}
