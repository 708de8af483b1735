#!/usr/bin/env node
/** The command `normfuse`. Exit codes: 0 fine, 1 the user's mistake or a failed check, 70 our bug. */
import { RuntimeError } from "../../runtime/errors.ts";
import { diagnosticToJson, renderDiagnostics } from "../index.ts";
import { type Arguments, parseArguments } from "./arguments.ts";
import { build } from "./build.ts";
import { calibrateCommand } from "./calibrate.ts";
import { check } from "./check.ts";
import { dev } from "./dev.ts";
import { explainCommand } from "./explain.ts";
import { exportCommand } from "./export.ts";
import { refusalDiagnostic } from "../diagnostics/refusal.ts";
import { Refusal } from "../errors.ts";
import { Failure } from "./failure.ts";
import { findSource } from "./files.ts";
import { formatCommand } from "./format.ts";
import { help } from "./help.ts";
import { librarySources } from "../library/sources.ts";
import { type SourceFile, sourceFile } from "../source/source-file.ts";
import { run } from "./run.ts";
import { tuneCommand } from "./tune.ts";

const librarySource = (path: string): SourceFile | undefined => {
  const found = librarySources.find((file) => file.path === path);
  return found && sourceFile(found.path, found.text);
};

interface Outcome {
  readonly text: string;
  readonly failed?: boolean;
}

const commands: Readonly<Record<string, (args: Arguments) => Outcome | Promise<Outcome>>> = {
  build: (args) => ({ text: build(args) }),
  run: async (args) => ({ text: await run(args) }),
  check,
  explain: (args) => ({ text: explainCommand(args) }),
  tune: async (args) => ({ text: await tuneCommand(args) }),
  calibrate: async (args) => ({ text: await calibrateCommand(args) }),
  export: (args) => ({ text: exportCommand(args) }),
  format: formatCommand,
  dev: (args) => ({ text: dev(args) }),
  help: (args) => ({ text: help(args.files[0]) }),
};

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes("--json");
  try {
    const args = parseArguments(argv);
    const command = Object.hasOwn(commands, args.command) ? commands[args.command] : undefined;
    if (!command) throw new Failure("usage", `there is no command '${args.command}'`, `commands: ${Object.keys(commands).join(", ")}`);
    const outcome = await command(args);
    process.stdout.write(`${outcome.text}\n`);
    return outcome.failed === true ? 1 : 0;
  } catch (error) {
    return report(error, json);
  }
}

function report(error: unknown, json: boolean): number {
  if (error instanceof Failure || error instanceof RuntimeError || error instanceof Refusal) {
    const refused = error instanceof Refusal ? refusalDiagnostic(error, (path) => librarySource(path) ?? findSource(path)) : undefined;
    const diagnostics = error instanceof Failure ? error.diagnostics : refused ? [refused] : [];
    const message = error instanceof RuntimeError ? problemOf(error) : error.message;
    if (json) process.stdout.write(`${JSON.stringify({ error: { code: error.code, message, ...(error.hint === undefined ? {} : { hint: error.hint }) }, diagnostics: diagnostics.map(diagnosticToJson) })}\n`);
    else if (diagnostics.length > 0) process.stderr.write(`${renderDiagnostics(diagnostics, { color: process.stderr.isTTY === true })}\n`);
    else process.stderr.write(`error[${error.code}]: ${message}\n${error.hint === undefined ? "" : `  hint: ${error.hint}\n`}`);
    return 1;
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: { code: "internal", message } })}\n`);
  process.stderr.write(`This is a bug in normfuse, not in your program: ${message}\nPlease report it with the source file and the command line; NORMFUSE_TRACE=1 adds where it happened.\n`);
  if (process.env.NORMFUSE_TRACE === "1" && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  return 70;
}

/** The runtime's messages end with their hint, which has a line of its own here. */
const problemOf = ({ message, hint }: RuntimeError): string => (message.endsWith(` ${hint}`) ? message.slice(0, -hint.length - 1) : message);

// Devices keep the event loop busy: leave once the output is flushed.
const code = await main(process.argv.slice(2));
process.stdout.write("", () => process.exit(code));
