/** `normfuse format`: the one layout, to the terminal, in place, or as a check. */
import { format } from "../index.ts";
import type { Arguments } from "./arguments.ts";
import { Failure } from "./failure.ts";
import { readSource, writeWhole } from "./files.ts";

export interface Formatted {
  readonly text: string;
  readonly failed: boolean;
}

export function formatCommand(args: Arguments): Formatted {
  if (args.files.length === 0) throw new Failure("usage", "'format' needs source files", "normfuse format FILE.nf [--write | --check]");
  const results = args.files.map((path) => {
    const file = readSource(path);
    const formatted = format(file);
    if ("diagnostics" in formatted) throw new Failure("diagnostics", `${path} cannot be parsed`, undefined, formatted.diagnostics);
    return { path, text: formatted.text, changed: formatted.text !== file.text };
  });
  if (args.flags.write) for (const result of results) if (result.changed) writeWhole(result.path, result.text);
  const changed = results.filter((result) => result.changed).map((result) => result.path);
  const failed = args.flags.check === true && changed.length > 0;
  if (args.json) return { text: JSON.stringify({ files: results.map(({ path, text, changed: differs }) => ({ path, changed: differs, ...(args.flags.write || args.flags.check ? {} : { text }) })) }), failed };
  if (args.flags.check) return { text: changed.length === 0 ? "all files are formatted" : changed.map((path) => `${path} is not formatted; run normfuse format --write ${path}`).join("\n"), failed };
  if (args.flags.write) return { text: changed.length === 0 ? "nothing to change" : changed.map((path) => `formatted ${path}`).join("\n"), failed };
  return { text: results.map((result) => result.text.trimEnd()).join("\n"), failed };
}
