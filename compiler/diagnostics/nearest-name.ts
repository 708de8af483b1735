/** Suggests names for a misspelt one, by edit distance. Used for hints in diagnostics. */

/** Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`. cost: product of the lengths. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** Up to three candidates that are close to `name`, nearest first; letter case counts little. */
export function nearestNames(name: string, candidates: Iterable<string>): string[] {
  if (name.length > 64) return [];
  const limit = name.length <= 1 ? 0 : name.length <= 3 ? 1 : name.length <= 6 ? 2 : 3;
  const scored: { candidate: string; distance: number }[] = [];
  for (const candidate of new Set(candidates)) {
    if (candidate === name || Math.abs(candidate.length - name.length) > limit) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit) scored.push({ candidate, distance });
  }
  scored.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, 3).map(({ candidate }) => candidate);
}

/** The hint for a misspelt name, or nothing when no candidate is near. */
export function nearestHint(name: string, candidates: Iterable<string>): string | undefined {
  const near = nearestNames(name, candidates).map((candidate) => `'${candidate}'`);
  if (near.length === 0) return undefined;
  return `did you mean ${near.length === 1 ? near[0] : `${near.slice(0, -1).join(", ")} or ${near[near.length - 1]}`}?`;
}
