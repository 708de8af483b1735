/**
 * The main loop through workgroup memory: the left operand is staged once per element, with whatever is inlined in it; the
 * right one too where several rows of invocations share it. Two barriers a block. For devices whose barriers are cheap.
 */
import type { Expr } from "../folds/expression.ts";
import { extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression, Lanes, ValueType } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import { addInto, type ContractionState, type FlatProduct, grid, type Grid, refsOf, rightValue, type Variable } from "./contraction-state.ts";
import { vectorizes } from "./row-folds.ts";
import { finishRiders, type LeftStaging, placeCount, stageLeft, stagesByLoop, stagingPlaces, startRiders } from "./stage-left.ts";

/** Sums in two levels beyond this many terms: the error grows with the longer of the two, not with their product. */
const longSum = 512;
const shortSum = 64;

export function emitStagedLoop(state: ContractionState, thread: Expression, threads: number, rowValues: ReadonlyMap<Expr, (row: Expression) => Expression>): void {
  const { writer, flat, tile, lanes } = state;
  const { innerBlock, rowsPerThread, columnGroups } = tile;
  const dtype = flat.region.definition.dtype;
  const tileRows = tile.threadsY * rowsPerThread;
  const multiples = new Map([[flat.inner, 4]]);
  const innerLanes: Lanes = innerBlock % 4 === 0 && vectorizes(writer, flat.left, flat.inner, flat.inner.extent, multiples) && flat.region.ride.every((member) => vectorizes(writer, flat.flattening.apply(member.body), flat.inner, flat.inner.extent, multiples)) ? 4 : 1;
  const leftType: ValueType = { scalar: dtype, lanes: innerLanes };
  const leftTile = writer.workgroupArray("left_tile", leftType, (tileRows * innerBlock) / innerLanes);
  const groupType: ValueType = { scalar: dtype, lanes };
  const shared = tile.threadsY > 1;
  const zero = lanes === 1 ? k.constant(dtype, 0) : k.splat(k.constant(dtype, 0), lanes);
  const accumulators = flat.products.map((product): Accumulators => ({
    product, totals: grid(rowsPerThread, columnGroups, (i, j) => writer.variable(`sum_${i}_${j}`, zero)),
    rightTile: shared ? writer.workgroupArray("right_tile", groupType, innerBlock * tile.threadsX * columnGroups) : undefined,
  }));
  const inner = writer.extent(flat.inner.extent);
  const known = extentValue(flat.inner.extent);
  const exact = known !== undefined && known % innerBlock === 0;
  // Where registers are plenty, shorter sums get the second level too.
  const twoLevels = known === undefined || known > (rowsPerThread * columnGroups * lanes * flat.products.length <= 32 ? shortSum : longSum);
  const asLoop = stagesByLoop(flat.left, placeCount(state, threads, innerLanes), flat.region.ride.length);
  const staging: LeftStaging = { thread, threads, leftTile, innerLanes, asLoop, exact, rowValues, places: asLoop ? [] : stagingPlaces(state, thread, threads, innerLanes) };
  const riders = startRiders(state, staging);
  writer.for("block", k.int(0), inner, k.int(innerBlock), (block) => {
    stageLeft(state, staging, block, riders);
    for (const { product, rightTile } of accumulators) if (rightTile !== undefined) stageRight(state, { product, thread, threads, block, rightTile, exact });
    writer.barrier();
    const sums = accumulators.map(({ totals }) => (twoLevels ? grid(rowsPerThread, columnGroups, (i, j) => writer.variable(`part_${i}_${j}`, zero)) : totals));
    const count = exact ? k.int(innerBlock) : writer.let("count", k.min(k.int(innerBlock), k.sub(inner, block)));
    writer.for("step", k.int(0), count, k.int(innerLanes), (step) => {
      const lefts = Array.from({ length: rowsPerThread }, (_, i) => {
        const row = k.add(k.mul(state.threadY, k.int(rowsPerThread)), k.int(i));
        return writer.let(`left_${i}`, k.element(leftTile, leftType, k.div(k.add(k.mul(row, k.int(innerBlock)), step), k.int(innerLanes))));
      });
      for (let c = 0; c < innerLanes; c++) {
        const inBlock = k.add(step, k.int(c));
        accumulators.forEach(({ product, rightTile }, p) => {
          for (let j = 0; j < columnGroups; j++) {
            const group = k.add(state.threadX, k.int(j * tile.threadsX));
            const right = writer.let(`right_${j}`, rightTile !== undefined ? k.element(rightTile, groupType, k.add(k.mul(inBlock, k.int(tile.threadsX * columnGroups)), group)) : rightValue(state, product, k.add(block, inBlock), group));
            for (let i = 0; i < rowsPerThread; i++) {
              const left = k.lane(lefts[i] as Expression, c);
              const sum = sums[p]?.[i]?.[j] as Variable;
              sum.assign(k.add(sum.ref, k.mul(lanes === 1 ? left : k.splat(left, lanes), right)));
            }
          }
        });
      }
    });
    if (twoLevels) accumulators.forEach(({ totals }, p) => addInto(totals, sums[p] as Grid));
    writer.barrier();
  });
  if (riders.length > 0) finishRiders(state, staging, riders);
  for (const { product, totals } of accumulators) state.values.set(product.name, refsOf(totals));
}

interface Accumulators {
  readonly product: FlatProduct;
  readonly totals: Grid;
  readonly rightTile: string | undefined;
}

function stageRight(state: ContractionState, options: { readonly product: FlatProduct; readonly thread: Expression; readonly threads: number; readonly block: Expression; readonly exact: boolean; readonly rightTile: string }): void {
  const { writer, flat, tile } = state;
  const width = tile.threadsX * tile.columnGroups;
  writer.for("right_at", options.thread, k.int(tile.innerBlock * width), k.int(options.threads), (at) => {
    const wanted = k.add(options.block, k.div(at, k.int(width)));
    const inner = options.exact ? wanted : k.min(wanted, k.sub(writer.extent(flat.inner.extent), k.int(1)));
    writer.add(s.set(options.rightTile, at, rightValue(state, options.product, inner, k.rem(at, k.int(width)))));
  });
}
