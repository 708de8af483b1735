/** The neighbours of a tile: one of its numbers doubled or halved, or two against each other. Used by tune.ts. */
import type { Tile } from "../fusion/cost.ts";
import type { ContractionTile } from "../schedule/tile.ts";

/** Tiles that differ little from `tile`; they may not fit, which tile-fits.ts says. */
export function neighboursOf(tile: Tile): readonly Tile[] {
  switch (tile.template) {
    case "contraction":
      return contractions(tile.tile).map((each) => ({ template: "contraction", tile: each }));
    case "rows": {
      const { lanes, rowsPerGroup } = tile.tile;
      const pairs = [[lanes * 2, rowsPerGroup], [lanes / 2, rowsPerGroup], [lanes, rowsPerGroup * 2], [lanes, rowsPerGroup / 2], [lanes * 2, rowsPerGroup / 2], [lanes / 2, rowsPerGroup * 2]] as const;
      // From serial rows to shared ones is far: the steps between may be worse than both ends.
      const ends = lanes === 1 ? ([[16, 4], [64, 1]] as const) : ([[1, 4], [1, 16]] as const);
      return [...pairs, ...ends].map(([each, rows]) => ({ template: "rows", tile: { lanes: each, rowsPerGroup: rows } }));
    }
    case "elementwise":
      return [tile.tile.threads * 2, tile.tile.threads / 2].map((threads) => ({ template: "elementwise", tile: { threads } }));
    case "stream":
      return [tile.tile.threads * 2, tile.tile.threads / 2].map((threads) => ({ template: "stream", tile: { ...tile.tile, threads } }));
    case "sequence":
      return [{ rows: tile.tile.rows * 2 }, { rows: tile.tile.rows / 2 }, { threads: tile.tile.threads * 2 }, { threads: tile.tile.threads / 2 }].map((change) => ({ template: "sequence", tile: { ...tile.tile, ...change } }));
    case "block":
    case "chunk":
    case "thread":
      return [];
    default:
      return tile satisfies never;
  }
}

function contractions(tile: ContractionTile): ContractionTile[] {
  const { threadsX, threadsY, rowsPerThread, columnGroups, innerBlock, staged } = tile;
  const with_ = (change: Partial<ContractionTile>): ContractionTile => ({ ...tile, ...change });
  return [
    with_({ staged: !staged }),
    with_({ rowsPerThread: rowsPerThread * 2 }), with_({ rowsPerThread: rowsPerThread / 2 }),
    with_({ columnGroups: columnGroups * 2 }), with_({ columnGroups: columnGroups / 2 }),
    with_({ threadsX: threadsX * 2, threadsY: threadsY / 2 }), with_({ threadsX: threadsX / 2, threadsY: threadsY * 2 }),
    with_({ threadsX: threadsX * 2 }), with_({ threadsX: threadsX / 2 }), with_({ threadsY: threadsY * 2 }), with_({ threadsY: threadsY / 2 }),
    with_({ threadsX: threadsX * 2, columnGroups: columnGroups / 2 }), with_({ threadsX: threadsX / 2, columnGroups: columnGroups * 2 }),
    with_({ threadsY: threadsY * 2, rowsPerThread: rowsPerThread / 2 }), with_({ threadsY: threadsY / 2, rowsPerThread: rowsPerThread * 2 }),
    ...(staged ? [with_({ innerBlock: innerBlock * 2 }), with_({ innerBlock: innerBlock / 2 })] : []),
  ];
}
