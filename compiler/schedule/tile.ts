/** Tile shapes: data that a schedule is made of. Chosen in choose-tile.ts, overridable in tests and by a tuner. */

export interface ContractionTile {
  /** Invocations along the columns and along the rows of the tile; their product is the workgroup size. */
  readonly threadsX: number;
  readonly threadsY: number;
  readonly rowsPerThread: number;
  /** Groups of columns per invocation; a group is a vec4 where columns are aligned, else one column. */
  readonly columnGroups: number;
  /** Contracted elements staged at a time. */
  readonly innerBlock: number;
  /** Operands go through workgroup memory; otherwise straight to registers, without a barrier. */
  readonly staged: boolean;
}

export interface RowTile {
  readonly rowsPerGroup: number;
  /** Invocations that share a row: 1, or a power of two. */
  readonly lanes: number;
}

export interface StreamTile {
  /** Rows of a workgroup, one an invocation. */
  readonly threads: number;
  /** Elements of k that are handled together. */
  readonly step: number;
}

/** A block of a product on one core; see cpu/block.ts. */
export interface BlockTile {
  /** A multiple of 4, or 2. */
  readonly rows: number;
  /** A multiple of 8. */
  readonly columns: number;
  /** Contracted elements that are packed at a time. */
  readonly inner: number;
}

export interface ChunkTile {
  /** A multiple of 4. */
  readonly elements: number;
}

export interface MapTile {
  readonly threads: number;
}

/** A workgroup takes its rows through all steps of a recurrence. */
export interface SequenceTile {
  /** Rows of a workgroup; a multiple of `rowLanes`. */
  readonly rows: number;
  /** Rows in the lanes of one vector. */
  readonly rowLanes: 1 | 4;
  readonly threads: number;
  /** Neighbouring columns of one invocation; the next ones belong to the next invocation. */
  readonly columnLanes: 1 | 4;
  /** Steps of one dispatch, where it takes several; what is carried is in memory between them. */
  readonly steps?: number;
}
