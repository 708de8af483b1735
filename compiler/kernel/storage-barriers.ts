/**
 * Which barriers must order global memory too: those with accesses to one buffer before and after them, a store among them,
 * of a buffer that the kernel reads and writes. A residual that is read where its sum is stored, after all barriers, needs none.
 */
import type { Kernel, Statement } from "./node.ts";
import { blocksOf, expressionsOf, visitExpression } from "./traverse.ts";

interface Touch {
  readonly buffer: string;
  readonly isStore: boolean;
  /** Place in text order. */
  readonly at: number;
}

interface Span {
  readonly first: number;
  readonly last: number;
}

/** Ordinals of such barriers among all barriers of the kernel, in text order. cost: barriers times accesses of the buffers in question */
export function storageBarriers(kernel: Kernel): ReadonlySet<number> {
  const touched: Touch[] = [];
  const barriers: { readonly at: number; readonly loops: readonly Span[] }[] = [];
  let place = 0;
  const walk = (statements: readonly Statement[], loops: readonly { first: number; last: number }[]): void => {
    for (const statement of statements) {
      const at = place++;
      for (const expression of expressionsOf(statement))
        visitExpression(expression, (e) => {
          if (e.kind === "load") touched.push({ buffer: e.buffer, isStore: false, at });
        });
      if (statement.kind === "store") touched.push({ buffer: statement.buffer, isStore: true, at });
      if (statement.kind === "barrier") barriers.push({ at, loops });
      const own = statement.kind === "for" ? { first: at, last: at } : undefined;
      for (const block of blocksOf(statement)) walk(block, own ? [...loops, own] : loops);
      if (own) own.last = place;
    }
  };
  walk(kernel.body, []);
  const both = new Set(touched.filter(({ isStore, buffer }) => isStore && touched.some((other) => !other.isStore && other.buffer === buffer)).map(({ buffer }) => buffer));
  const relevant = touched.filter(({ buffer }) => both.has(buffer));
  return new Set(barriers.flatMap(({ at, loops }, ordinal) => {
    // What stands in a loop around the barrier comes before it in one turn and after it in another.
    const around = (touch: Touch): boolean => loops.some(({ first, last }) => first <= touch.at && touch.at < last);
    const before = relevant.filter((touch) => touch.at < at || around(touch));
    const after = relevant.filter((touch) => touch.at > at || around(touch));
    return before.some((one) => after.some((other) => one.buffer === other.buffer && (one.isStore || other.isStore))) ? [ordinal] : [];
  }));
}
