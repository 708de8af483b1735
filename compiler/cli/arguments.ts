/** Command lines: one table of options, read with Node's own parser, and values checked with the offending text in the message. */
import { parseArgs } from "node:util";
import { Failure } from "./failure.ts";

export interface Arguments {
  readonly command: string;
  readonly files: readonly string[];
  readonly json: boolean;
  readonly model: string | undefined;
  readonly bind: Readonly<Record<string, number>>;
  /** Lengths to plan with for names that the host binds. */
  readonly assume: Readonly<Record<string, number>>;
  readonly text: Readonly<Record<string, string | undefined>>;
  readonly flags: Readonly<Record<string, boolean>>;
}

const textOptions = ["model", "target", "out", "inputs", "params", "device", "mode", "adapter", "cost", "memory", "contract", "fusion", "scans", "steps", "budget", "dump", "svg", "html", "junit", "seed", "f16"] as const;
const flagOptions = ["json", "help", "write", "check", "no-places", "no-subgroups", "untuned"] as const;

export function parseArguments(argv: readonly string[]): Arguments {
  const options = {
    ...Object.fromEntries(textOptions.map((name) => [name, { type: "string" as const }])),
    ...Object.fromEntries(flagOptions.map((name) => [name, { type: "boolean" as const }])),
    bind: { type: "string" as const, multiple: true },
    assume: { type: "string" as const, multiple: true },
  };
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new Failure("usage", error instanceof Error ? (error.message.split(". To specify")[0] ?? error.message) : String(error), "normfuse --help lists the options");
  }
  const { values, positionals } = parsed;
  const [command = "help", ...files] = positionals;
  return {
    command: values.help === true ? "help" : command,
    files,
    json: values.json === true,
    model: values.model as string | undefined,
    bind: parseBindings("bind", (values.bind as string[] | undefined) ?? []),
    assume: parseBindings("assume", (values.assume as string[] | undefined) ?? []),
    text: Object.fromEntries(textOptions.map((name) => [name, values[name] as string | undefined])),
    flags: Object.fromEntries(flagOptions.map((name) => [name, values[name] === true])),
  };
}

/** `B=2` or `B=2,T=16`, repeatable. */
export function parseBindings(option: "bind" | "assume", given: readonly string[]): Record<string, number> {
  const bound: Record<string, number> = {};
  for (const part of given.flatMap((text) => text.split(",")).filter((text) => text !== "")) {
    const [name = "", value = "", extra] = part.split("=");
    if (!/^[A-Za-z_]\w*$/.test(name) || !/^\d+$/.test(value) || extra !== undefined) throw new Failure("usage", `--${option} got '${part}'`, `write --${option} NAME=NUMBER, for example --${option} B=2`);
    if (option === "assume" && Number(value) === 0) throw new Failure("usage", `--assume got '${part}'`, "a length of at least 1: what is planned for no elements is planned for nothing");
    bound[name] = Number(value);
  }
  return bound;
}

export function oneOf<T extends string>(option: string, given: string | undefined, allowed: readonly T[], fallback: T): T {
  if (given === undefined) return fallback;
  const found = allowed.find((each) => each === given);
  if (found === undefined) throw new Failure("usage", `--${option} got '${given}'`, `one of ${allowed.join(", ")}`);
  return found;
}

export function oneFile(args: Arguments): string {
  const [file, extra] = args.files;
  if (file === undefined) throw new Failure("usage", `'${args.command}' needs a source file`, `normfuse ${args.command} FILE.nf`);
  if (extra !== undefined) throw new Failure("usage", `'${args.command}' takes one source file, got also '${extra}'`);
  return file;
}
