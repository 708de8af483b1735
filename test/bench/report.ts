/** The figures of a run as data, and as tables in markdown: a table a workload, the peers below each other. */
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
  readonly onAdapter: boolean;
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
    `# Bench on ${report.adapter}`, "",
    `${report.date}; ${report.machine}; load ${report.load.map((value) => value.toFixed(1)).join(" to ")}. ${report.constants}`, "",
    "Times are medians in milliseconds of whole calls: inputs from host memory, outputs back into it. `ratio` is the peer's time over ours: above 1 the peer is slower.",
    "`processor` is the least processor time of a call over all threads: what a software adapter takes, and hardly moved by other load; its ratio is the sounder one on a busy machine.",
    "Errors are the largest over the rms of the output's row against the float64 reference; hostile rows have a mean of 10,000 deviations or one huge channel.", "",
    ...Object.entries(report.peers).map(([name, description]) => `- ${name}: ${description}`), "",
  ];
  return [...head, ...summary(report.rows, ids), ...ids.flatMap((id) => table(report.rows.filter((row) => row.workload === id)))].join("\n");
}

/** Ratios of all workloads and peers on the adapter, by processor time, with the median ratio in brackets. */
function summary(rows: readonly Row[], ids: readonly string[]): string[] {
  const peers = [...new Set(rows.filter((row) => row.onAdapter && row.peer !== "normfuse").map((row) => row.peer))];
  const outcomeOf = (id: string, peer: string): Outcome | undefined => rows.find((row) => row.workload === id && row.peer === peer)?.outcome;
  const lines = ids.map((id) => {
    const ours = outcomeOf(id, "normfuse");
    const cells = peers.map((peer) => {
      const theirs = outcomeOf(id, peer);
      if (theirs?.kind !== "measured") return theirs?.kind ?? "";
      return ours?.kind === "measured" ? `${(theirs.processor / ours.processor).toFixed(2)} (${(theirs.median / ours.median).toFixed(2)})` : "";
    });
    return `| ${id} | ${ours?.kind === "measured" ? `${milliseconds(ours.processor)} (${milliseconds(ours.median)})` : (ours?.kind ?? "")} | ${cells.join(" | ")} |`;
  });
  return ["## Ratios to ours by processor time, by median in brackets; ours in milliseconds", "", `| workload | normfuse | ${peers.join(" | ")} |`, `| --- | --: |${peers.map(() => " --: |").join("")}`, ...lines, ""];
}

function table(rows: readonly Row[]): string[] {
  const ours = rows.find((row) => row.peer === "normfuse")?.outcome;
  const ratio = (value: number, of: (measured: Measured) => number): string => (ours?.kind === "measured" ? (value / of(ours)).toFixed(2) : "");
  const lines = rows.map(({ peer, onAdapter, outcome }) => {
    const name = onAdapter ? peer : `${peer} (processor)`;
    if (outcome.kind !== "measured") return `| ${name} | ${outcome.kind}: ${outcome.why.replaceAll("|", "/").replaceAll("\n", " ").slice(0, 160)} | | | | | | | | | |`;
    const { prepared, least } = outcome;
    const bytes = prepared.plannedBytes === undefined ? "" : (prepared.plannedBytes / 2 ** 20).toFixed(2);
    const cells = [milliseconds(outcome.median), milliseconds(least), ratio(outcome.median, (measured) => measured.median), milliseconds(outcome.processor), onAdapter ? ratio(outcome.processor, (measured) => measured.processor) : "", String(prepared.dispatches ?? ""), bytes, milliseconds(prepared.cold), errorOf(prepared.ordinary), errorOf(prepared.hostile)];
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  return [`## ${rows[0]?.workload}: ${rows[0]?.title}`, "", "| peer | median | least | ratio | processor | ratio | dispatches | planned MiB | cold start | error | hostile error |", "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |", ...lines, ""];
}
