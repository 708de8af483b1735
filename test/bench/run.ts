/**
 * `npm run bench`: every workload on every peer, a process a peer, calls interleaved in rounds so that a busy machine hurts
 * all alike. Writes the figures as JSON and as tables. Flow: options.ts -> here <-> peer-process.ts -> report.ts.
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { oracleOf } from "./data.ts";
import { nodeAdapter } from "./gpu-globals.ts";
import { type Options, optionsOf, UsageError } from "./options.ts";
import { environmentOf, PeerFailure, PeerProcess } from "./peer-process.ts";
import type { Peer } from "./peers/peer.ts";
import { markdownOf, median, type Outcome, type Report, type Row } from "./report.ts";
import type { AdapterName } from "./protocol.ts";
import type { Workload } from "./workloads.ts";

/** unit: seconds */
const limits = { open: 120, prepare: 240, run: 240 };

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function writeWhole(file: string, text: string): void {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(`${file}.${process.pid}.tmp`, text);
  renameSync(`${file}.${process.pid}.tmp`, file);
}

/** The processes of the peers; one that died is started anew for the next workload. */
class Peers {
  readonly #processes = new Map<string, PeerProcess>();
  readonly descriptions: Record<string, string> = {};
  readonly #options: Options;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #costFile: string;

  constructor(options: Options, environment: Readonly<Record<string, string>>, costFile: string) {
    this.#options = options;
    this.#environment = environment;
    this.#costFile = costFile;
  }

  async open(peer: Peer): Promise<PeerProcess> {
    const known = this.#processes.get(peer.name);
    if (known?.alive) return known;
    const started = new PeerProcess(peer, this.#environment);
    try {
      const opened = await started.ask({ kind: "open", peer: peer.name, adapter: this.#options.adapter, costFile: this.#costFile }, "opened", limits.open);
      this.descriptions[peer.name] = `${opened.description}; opened in ${opened.milliseconds.toFixed(0)} ms`;
    } catch (thrown) {
      started.end();
      throw thrown;
    }
    this.#processes.set(peer.name, started);
    return started;
  }

  end(): void {
    for (const each of this.#processes.values()) each.end();
  }
}

interface Contender {
  readonly peer: Peer;
  readonly process: PeerProcess;
  readonly prepared: Extract<Outcome, { kind: "measured" }>["prepared"];
  readonly rounds: number[];
  readonly samples: number[];
  readonly processor: number[];
  failed?: string;
}

async function measure(workload: Workload, options: Options, peers: Peers): Promise<Row[]> {
  const outcomes = new Map<string, Outcome>();
  const contenders: Contender[] = [];
  const why = (thrown: unknown): string => {
    if (thrown instanceof PeerFailure) return thrown.message;
    throw thrown;
  };
  for (const peer of options.peers) {
    const reason = options.adapter === "none" ? undefined : peer.absentOn?.[options.adapter];
    if (reason !== undefined) {
      outcomes.set(peer.name, { kind: "absent", why: reason });
      continue;
    }
    let process: PeerProcess;
    try {
      process = await peers.open(peer);
    } catch (thrown) {
      outcomes.set(peer.name, { kind: "absent", why: why(thrown) });
      continue;
    }
    try {
      const { prepared } = await process.ask({ kind: "prepare", workload: workload.id }, "prepared", limits.prepare);
      contenders.push({ peer, process, prepared, rounds: [], samples: [], processor: [] });
    } catch (thrown) {
      outcomes.set(peer.name, { kind: "failed", why: why(thrown) });
    }
  }
  for (let round = 0; round < options.rounds; round++)
    for (const contender of contenders) {
      if (contender.failed !== undefined) continue;
      try {
        const { milliseconds, processor } = await contender.process.ask({ kind: "run", calls: 1, milliseconds: options.budget }, "ran", limits.run);
        contender.rounds.push(median(milliseconds));
        contender.samples.push(...milliseconds);
        contender.processor.push(...processor);
      } catch (thrown) {
        contender.failed = why(thrown);
      }
    }
  for (const { peer, process, prepared, rounds, samples, processor, failed } of contenders) {
    outcomes.set(peer.name, failed === undefined ? { kind: "measured", prepared, rounds, median: median(rounds), least: Math.min(...samples), processor: Math.min(...processor), calls: samples.length } : { kind: "failed", why: failed });
    if (process.alive) await process.ask({ kind: "dispose" }, "disposed", limits.open).catch(() => process.end());
  }
  return options.peers.map(({ name, group }): Row => ({ workload: workload.id, title: workload.title, peer: name, group, outcome: outcomes.get(name) ?? { kind: "failed", why: "never ran" } }));
}

/** Opens our own device once: the driver is unpacked then. */
async function describe(adapter: AdapterName): Promise<string> {
  if (adapter === "none") return "no adapter";
  const device = await openWebGpu({ prefer: nodeAdapter(adapter) });
  device.destroy();
  return device.description;
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  const started = os.loadavg()[0] ?? 0;
  const adapter = await describe(options.adapter);
  const costFile = options.costFile ?? "";
  for (const workload of options.workloads) {
    oracleOf(workload, "ordinary");
    oracleOf(workload, "hostile");
  }
  const peers = new Peers(options, await environmentOf(options.adapter), costFile);
  const rows: Row[] = [];
  const report = (): Report => ({
    date: new Date().toISOString(), machine: `${os.cpus()[0]?.model ?? "?"}, ${os.cpus().length} processors, Node ${process.version}, ${adapter}`, adapter: options.adapter,
    load: [started, os.loadavg()[0] ?? 0], constants: costFile, peers: peers.descriptions, rows,
  });
  try {
    for (const workload of options.workloads) {
      rows.push(...(await measure(workload, options, peers)));
      // After each workload: an interrupted run has its figures so far.
      writeWhole(`${options.out}.json`, `${JSON.stringify(report(), undefined, 1)}\n`);
      writeWhole(`${options.out}.md`, markdownOf(report()));
      for (const { peer, outcome } of rows.filter((row) => row.workload === workload.id)) say(`${workload.id.padEnd(7)} ${peer.padEnd(18)} ${outcome.kind === "measured" ? `${outcome.median.toFixed(1).padStart(9)} ms (processor ${outcome.processor.toFixed(1)}), ${outcome.prepared.dispatches ?? "?"} dispatches, error ${outcome.prepared.ordinary.overRms.toExponential(1)}, hostile ${outcome.prepared.hostile.broken > 0 ? "NaN" : outcome.prepared.hostile.overRms.toExponential(1)}, cold ${outcome.prepared.cold.toFixed(0)}` : `${outcome.kind}: ${outcome.why}`}`);
    }
  } finally {
    peers.end();
  }
  process.stdout.write(`${markdownOf(report())}\nwrote ${options.out}.json and ${options.out}.md\n`);
  process.exit(0);
}

try {
  await main();
} catch (thrown) {
  if (!(thrown instanceof UsageError)) throw thrown;
  say(thrown.message);
  process.exitCode = 1;
}
