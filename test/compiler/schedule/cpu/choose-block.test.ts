/** Block shapes: that they fit the caches, leave work for several threads, and cut where it costs least. */
import { describe, expect, it } from "vitest";
import type { BlockTile } from "../../../../compiler/schedule/tile.ts";
import { wasmModel } from "../../../support/wasm-model.ts";

/** Tiles of the products of a call, with the number of blocks of a product of so many rows and columns. */
const tilesOf = (text: string): BlockTile[] =>
  wasmModel(text).plan.kernels.flatMap(({ phase, cost }) => (phase === "run" && cost.tile.template === "block" ? [cost.tile.tile] : []));

function tileOf(text: string): BlockTile {
  const [tile] = tilesOf(text);
  if (!tile) throw new Error("no block");
  return tile;
}

const product = (rows: number | string, inner: number, columns: number, after = "x @ w"): BlockTile =>
  tileOf(`model M${typeof rows === "string" ? `[${rows}]` : ""}(x: f32[${rows}, ${inner}]) -> f32[${rows}, ${columns}] {\n  param w: f32[${inner}, ${columns}] = zeros\n  return ${after}\n}`);

const blocks = (tile: BlockTile, rows: number, columns: number): number => Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);

describe("the block of a product", () => {
  const sizes = [[1, 768, 3072], [4, 784, 1000], [7, 769, 3071], [128, 256, 256], [256, 768, 3072], [512, 512, 512], [4096, 64, 64], [1000, 3000, 5000]] as const;

  it.each(sizes)("%d x %d x %d is made of whole register tiles and stays in the second-level cache", (rows, inner, columns) => {
    const tile = product(rows, inner, columns);
    expect(tile.rows % 4 === 0 || tile.rows === 2).toBe(true);
    expect(tile.columns % 8).toBe(0);
    expect(tile.rows * tile.columns).toBeLessThanOrEqual(2 ** 18);
    // A panel of eight columns and a panel of four rows fit the first level.
    expect(tile.inner * 12 * 4).toBeLessThanOrEqual(40_000);
  });

  it.each([[128, 256, 256], [256, 768, 3072], [512, 512, 512], [1000, 3000, 5000]] as const)("%d x %d x %d leaves work for several threads", (rows, inner, columns) => {
    const tile = product(rows, inner, columns);
    const count = blocks(tile, rows, columns);
    const share = (2 * rows * inner * columns) / count;
    expect(count >= 8 || share <= 2 ** 22).toBe(true);
    // They are about equally long.
    expect(rows / (Math.ceil(rows / tile.rows) * tile.rows)).toBeGreaterThan(0.9);
  });

  it("is not cut where there is little to do", () => {
    expect(blocks(product(16, 64, 64), 16, 64)).toBe(1);
  });

  it("has all columns where something is folded along them, and then few rows", () => {
    const tile = product(256, 768, 3072, "layer_norm(x @ w)");
    expect(tile.columns).toBe(3072);
    expect(blocks(tile, 256, 3072)).toBeGreaterThanOrEqual(8);
    expect(product(4, 784, 1000, "softmax(x @ w)")).toMatchObject({ rows: 2, columns: 1000 });
  });

  it("does not depend on rows that the host binds later", () => {
    expect(product("B", 768, 3072).rows).toBeGreaterThanOrEqual(32);
  });

  it("keeps rows together where the right operand is computed again for each of their blocks", () => {
    const tile = tileOf("model M(x: f32[1, 64, 32, 32]) -> f32[1, 64, 32, 32] {\n  param w: f32[64, 64, 3, 3] = zeros\n  return conv(x, w, before = [1, 1], after = [1, 1])\n}");
    expect(tile).toMatchObject({ rows: 64, columns: 128, inner: 576 });
  });

  it("cuts windows between each other", () => {
    const tile = tileOf("model M(x: f32[1, 256, 16, 16]) -> f32[1, 64, 16, 16] {\n  param w: f32[64, 256, 3, 3] = zeros\n  return conv(x, w, before = [1, 1], after = [1, 1])\n}");
    expect(tile.inner % 9).toBe(0);
    expect(tile.inner).toBeLessThan(256 * 9);
  });
});
