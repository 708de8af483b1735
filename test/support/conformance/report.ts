/** The table of counts by family and backend, and the reasons of what was listed. */
import { type BackendName, backendNames } from "./backends.ts";
import type { FamilyTally } from "./run-case.ts";

const sum = (counts: Iterable<number>): number => [...counts].reduce((a, b) => a + b, 0);

export function reportText(tallies: ReadonlyMap<string, FamilyTally>): string {
  const width = Math.max(6, ...[...tallies.keys()].map((name) => name.length));
  const cell = (text: string): string => text.padStart(22);
  const head = `${"family".padEnd(width)}${backendNames.map(cell).join("")}`;
  const totals = new Map<BackendName, [number, number, number, number]>();
  const rows = [...tallies].map(([family, byBackend]) => {
    const cells = backendNames.map((name) => {
      const tally = byBackend.get(name);
      if (!tally) return cell("absent");
      const counts: [number, number, number, number] = [tally.passed, tally.failed.length, sum(tally.listed.values()), tally.left];
      const before = totals.get(name) ?? [0, 0, 0, 0];
      totals.set(name, before.map((count, i) => count + (counts[i] ?? 0)) as [number, number, number, number]);
      return cell(counts.join(" / "));
    });
    return `${family.padEnd(width)}${cells.join("")}`;
  });
  const total = `${"all".padEnd(width)}${backendNames.map((name) => cell((totals.get(name) ?? []).join(" / "))).join("")}`;
  const reasons = new Map<string, number>();
  for (const byBackend of tallies.values()) for (const [reason, count] of byBackend.get("reference")?.listed ?? []) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  const listed = [...reasons].sort(([, a], [, b]) => b - a).map(([reason, count]) => `  ${String(count).padStart(4)}  ${reason}`);
  return ["passed / failed / listed / left out", head, ...rows, total, "listed, with reasons:", ...listed].join("\n");
}
