/** The figures of a run as data, and as tables in markdown: a table a workload, the peers below each other. */
import { ours } from "./peers/all.ts";
import type { Group } from "./peers/peer.ts";
import type { AdapterName, Prepared } from "./protocol.ts";

export type Outcome =
  | { readonly kind: "measured"; readonly prepared: Prepared; /** Medians of the rounds. unit: milliseconds */ readonly rounds: readonly number[]; readonly median: number; readonly least: number; /** Least processor time of a call, all threads. */ readonly processor: number; readonly calls: number }
  /** Not asked: it has no such adapter, or is not installed. */
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "failed"; readonly why: string };

type Measured = Extract<Outcome, { kind: "measured" }>;

export interface Row {
  readonly workload: string;
  readonly title: string;
  readonly peer: string;
  readonly group: Group;
  readonly outcome: Outcome;
}

export interface Report {
  readonly date: string;
  readonly machine: string;
  readonly adapter: AdapterName;
  /** Processes that wanted a processor, at the beginning and at the end. */
  readonly load: readonly [number, number];
  readonly constants: string;
  readonly peers: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

const milliseconds = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

const errorOf = ({ overRms, broken }: Prepared["ordinary"]): string => (broken > 0 ? `${broken} NaN` : overRms === 0 ? "" : overRms.toExponential(1));

export function markdownOf(report: Report): string {
  const ids = [...new Set(report.rows.map((row) => row.workload))];
  const head = [
    report.adapter === "none" ? "# Bench on the processor" : `# Bench on ${report.adapter}`, "",
    `${report.date}; ${report.machine}; load ${report.load.map((value) => value.toFixed(1)).join(" to ")}. ${report.constants}`, "",
    "Times are medians in milliseconds of whole calls: inputs from host memory, outputs back into it. `ratio` is the peer's time over ours with as many threads: above 1 the peer is slower.",
    "`processor` is the least processor time of a call over all threads: what a software adapter takes, and hardly moved by other load; its ratio is the sounder one on a busy machine.",
    "Errors are the largest over the rms of the output's row against the float64 reference; hostile rows have a mean of 10,000 deviations or one huge channel.", "",
    ...Object.entries(report.peers).map(([name, description]) => `- ${name}: ${description}`), "",
  ];
  const summaries = (Object.keys(ours) as Group[]).flatMap((group) => summary(report.rows.filter((row) => row.group === group), group, ids));
  return [...head, ...summaries, ...ids.flatMap((id) => table(report.rows.filter((row) => row.workload === id)))].join("\n");
}

/** What ratios are of: on an adapter in software other load hardly moves the processor time; with threads the time that passes is the point. */
const measures: Readonly<Record<Group, { readonly name: string; readonly of: (outcome: Measured) => number; readonly second: string; readonly bracketed: (outcome: Measured) => number }>> = {
  adapter: { name: "least processor time", of: ({ processor }) => processor, second: "median", bracketed: ({ median: middle }) => middle },
  "one thread": { name: "least time", of: ({ least }) => least, second: "least processor time", bracketed: ({ processor }) => processor },
  "two threads": { name: "least time", of: ({ least }) => least, second: "least processor time", bracketed: ({ processor }) => processor },
};

/** Ratios of all workloads and peers of a group. */
function summary(rows: readonly Row[], group: Group, ids: readonly string[]): string[] {
  const peers = [...new Set(rows.filter((row) => row.peer !== ours[group]).map((row) => row.peer))];
  if (rows.length === 0) return [];
  const { name, of, second, bracketed } = measures[group];
  const outcomeOf = (id: string, peer: string): Outcome | undefined => rows.find((row) => row.workload === id && row.peer === peer)?.outcome;
  const lines = ids.map((id) => {
    const own = outcomeOf(id, ours[group]);
    const cells = peers.map((peer) => {
      const theirs = outcomeOf(id, peer);
      if (theirs?.kind !== "measured") return theirs?.kind ?? "";
      return own?.kind === "measured" ? `${(of(theirs) / of(own)).toFixed(2)} (${(bracketed(theirs) / bracketed(own)).toFixed(2)})` : "";
    });
    return `| ${id} | ${own?.kind === "measured" ? `${milliseconds(of(own))} (${milliseconds(bracketed(own))})` : (own?.kind ?? "")} | ${cells.join(" | ")} |`;
  });
  return [`## ${group}: ratios to ours by ${name}, by ${second} in brackets; ours in milliseconds`, "", `| workload | ${ours[group]} | ${peers.join(" | ")} |`, `| --- | --: |${peers.map(() => " --: |").join("")}`, ...lines, ""];
}

function table(rows: readonly Row[]): string[] {
  const lines = rows.map(({ peer, group, outcome }) => {
    const own = rows.find((row) => row.peer === ours[group])?.outcome;
    const ratio = (value: number, of: (measured: Measured) => number): string => (own?.kind === "measured" ? (value / of(own)).toFixed(2) : "");
    const name = group === "adapter" ? peer : `${peer} (${group})`;
    if (outcome.kind !== "measured") return `| ${name} | ${outcome.kind}: ${outcome.why.replaceAll("|", "/").replaceAll("\n", " ").slice(0, 160)} | | | | | | | | | |`;
    const { prepared, least } = outcome;
    const bytes = prepared.plannedBytes === undefined ? "" : (prepared.plannedBytes / 2 ** 20).toFixed(2);
    const cells = [milliseconds(outcome.median), milliseconds(least), ratio(outcome.median, (measured) => measured.median), milliseconds(outcome.processor), ratio(outcome.processor, (measured) => measured.processor), String(prepared.dispatches ?? ""), bytes, milliseconds(prepared.cold), errorOf(prepared.ordinary), errorOf(prepared.hostile)];
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  return [`## ${rows[0]?.workload}: ${rows[0]?.title}`, "", "| peer | median | least | ratio | processor | ratio | dispatches | planned MiB | cold start | error | hostile error |", "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |", ...lines, ""];
}
