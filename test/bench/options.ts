/** The options of `npm run bench`, checked. */
import { parseArgs } from "node:util";
import { peers } from "./peers/all.ts";
import type { Peer } from "./peers/peer.ts";
import type { AdapterName } from "./protocol.ts";
import { type Workload, workloads } from "./workloads.ts";

export interface Options {
  readonly workloads: readonly Workload[];
  readonly peers: readonly Peer[];
  readonly adapter: AdapterName;
  readonly rounds: number;
  /** Of each peer in each round, at the least one call. unit: milliseconds */
  readonly budget: number;
  /** Without an ending: .json and .md are added. */
  readonly out: string;
  readonly costFile: string | undefined;
}

export class UsageError extends Error {
  override readonly name = "UsageError";
}

const usage = "npm run bench -- [--workload W1,W2] [--peers normfuse,jax-webgpu] [--adapter swiftshader|llvmpipe|none] [--quick] [--rounds 5] [--budget 1500] [--cost FILE.json] [--out FILE]";

export function optionsOf(argv: readonly string[]): Options {
  const text = { type: "string" as const };
  let values: Partial<Record<string, string | boolean>>;
  try {
    ({ values } = parseArgs({ args: [...argv], options: { workload: text, peers: text, adapter: text, rounds: text, budget: text, cost: text, out: text, quick: { type: "boolean" } } }));
  } catch (thrown) {
    throw new UsageError(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${usage}`);
  }
  const given = (name: string): string | undefined => (typeof values[name] === "string" ? values[name] : undefined);
  const chosen = <T>(name: string, all: readonly T[], nameOf: (one: T) => string): readonly T[] =>
    given(name)?.split(",").map((wanted) => {
      const found = all.find((one) => nameOf(one) === wanted);
      if (!found) throw new UsageError(`--${name} got '${wanted}'; there are ${all.map(nameOf).join(", ")}`);
      return found;
    }) ?? all;
  const number = (name: string, fallback: number): number => {
    const value = Number(given(name) ?? fallback);
    if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} got '${given(name)}', not a whole number of at least 1`);
    return value;
  };
  const adapter = given("adapter") ?? "swiftshader";
  if (adapter !== "swiftshader" && adapter !== "llvmpipe" && adapter !== "none") throw new UsageError(`--adapter got '${adapter}'; there are swiftshader, llvmpipe, and none for peers on the processor alone`);
  const present = peers.filter(({ group }) => adapter !== "none" || group !== "adapter");
  const quick = values["quick"] === true;
  return {
    workloads: chosen("workload", workloads, ({ id }) => id), peers: chosen("peers", present, ({ name }) => name), adapter,
    rounds: number("rounds", quick ? 2 : 5), budget: number("budget", quick ? 100 : 1500), out: given("out") ?? `.cache/bench/${adapter === "none" ? "processor" : adapter}`, costFile: given("cost"),
  };
}
