/**
 * The bytes that no plan saves: the materialised-edge bound that `explain` measures a plan by. In: a plan, for the products
 * that it streams through and the parameters in the form in which its kernels read them. Flow: plan -> here -> explain.ts.
 */
import { required } from "../errors.ts";
import { type Expressions, loadsOf } from "../folds/expression.ts";
import { inlineMaps } from "../folds/inline.ts";
import type { Definition, Program } from "../folds/node.ts";
import { contractionShape } from "../fusion/contraction-shape.ts";
import { lengthOf } from "../fusion/lengths.ts";
import type { Bindings, Extent } from "../ir/extent.ts";
import { byteSize, type DType } from "../ir/types.ts";
import type { Plan } from "../plan.ts";

/** unit: bytes. Names without a binding count as 64. */
export const bytesOf = (type: { readonly dtype: DType; readonly shape: readonly Extent[] }, bindings: Bindings): number => lengthOf({ assume: bindings }, type.shape) * byteSize(type.dtype);

/**
 * What the host hands in and takes out once each (a parameter in the form that the kernels read); for each product that
 * further products depend on, one write and one read: it, or a map of it of the same size; and where maps after such a
 * product need an input that kernels before it read, one more read of it. Products that the plan streams through count nothing.
 *
 * unit: bytes
 */
export function unavoidableBytes(e: Expressions, plan: Plan, bindings: Bindings): number {
  const { program } = plan;
  const sizes = new Map<string, number>([
    ...program.sources.map((source) => [source.name, bytesOf(source.type, bindings)] as const),
    ...program.definitions.map((definition) => [definition.name, bytesOf({ dtype: definition.dtype, shape: definition.box.map((range) => range.extent) }, bindings)] as const),
  ]);
  const sizeOf = (name: string): number => required(sizes.get(name), "explain", name);
  const prepared = new Set(plan.kept.filter((value) => value.phase === "prepare").map((value) => value.value));
  const read = new Set<string>();
  for (const kernel of plan.kernels)
    if (kernel.phase === "run")
      kernel.kernel.buffers.forEach((buffer, i) => {
        const tensor = kernel.tensors[i];
        if (buffer.access === "read" && tensor !== undefined) read.add(tensor);
      });
  const streamed = new Set(plan.kernels.flatMap(({ region }) => (region.template === "stream" ? [region.scores.definition.name] : [])));
  const between = productsBetween(e, program, streamed);
  const signature = [
    ...program.sources.filter((source) => read.has(source.name)).map((source) => sizeOf(source.name)),
    ...[...prepared].filter((name) => read.has(name)).map(sizeOf),
    ...program.outputs.map((output) => sizeOf(output.definition)),
  ];
  return total(signature) + total(between.map((name) => 2 * sizeOf(name))) + readAgain(program, new Set(between), sizeOf);
}

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const sourcesOf = (definition: Definition): string[] => [...new Set(loadsOf(definition.body).map((load) => load.source))];

/** Products that other products depend on, outputs apart. */
function productsBetween(e: Expressions, program: Program, onChip: ReadonlySet<string>): string[] {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const fromInputs = new Set<string>(program.sources.filter((source) => source.role === "input").map((source) => source.name));
  const products = new Set<string>();
  /** The nearest products behind each value. */
  const behind = new Map<string, ReadonlySet<string>>();
  const needed = new Set<string>();
  for (const definition of program.definitions) {
    const sources = sourcesOf(definition);
    if (sources.some((source) => fromInputs.has(source))) fromInputs.add(definition.name);
    const nearest = new Set(sources.flatMap((source) => (products.has(source) ? [source] : [...(behind.get(source) ?? [])])));
    behind.set(definition.name, nearest);
    const inlined = { ...definition, body: inlineMaps(e, definition.body, (name) => byName.get(name)) };
    if (!definition.fold || !fromInputs.has(definition.name) || !contractionShape(e, inlined)) continue;
    products.add(definition.name);
    for (const source of nearest) needed.add(source);
  }
  const outputs = new Set(program.outputs.map((output) => output.definition));
  return [...needed].filter((name) => !outputs.has(name) && !onChip.has(name));
}

/**
 * Products in memory cut a plan into levels. When an output at a later level is a map of inputs that an earlier level needed
 * as well, at least the smallest of them crosses the cut: read again, or stored as a map of it. One such value counts a level.
 */
function readAgain(program: Program, inMemory: ReadonlySet<string>, sizeOf: (name: string) => number): number {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const inputs = new Set(program.sources.filter((source) => source.role === "input").map((source) => source.name));
  const levels = new Map<string, number>();
  for (const definition of program.definitions)
    levels.set(definition.name, Math.max(0, ...sourcesOf(definition).map((source) => (levels.get(source) ?? 0) + (inMemory.has(source) ? 1 : 0))));
  const levelOf = (name: string): number => levels.get(name) ?? 0;
  /** Inputs behind a value on this side of the cuts: through maps alone, or through folds as well. */
  const behind = (root: string, folds: boolean): Set<string> => {
    const found = new Set<string>();
    const seen = new Set<string>();
    const queue = sourcesOf(byName.get(root) as Definition);
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (inputs.has(name)) found.add(name);
      const definition = byName.get(name);
      if (definition && !inMemory.has(name) && (folds || !definition.fold)) queue.push(...sourcesOf(definition));
    }
    return found;
  };
  const roots = [...new Set([...inMemory, ...program.outputs.map((output) => output.definition)])];
  const crossing = new Map<number, number>();
  for (const root of roots) {
    const level = levelOf(root);
    const before = new Set(roots.filter((other) => levelOf(other) < level).flatMap((other) => [...behind(other, true)]));
    // The maps that end a kernel: past the product that the kernel makes, if there is one.
    const shared = [...behind(root, false)].filter((name) => before.has(name));
    if (shared.length > 0) crossing.set(level, Math.max(crossing.get(level) ?? 0, Math.min(sizeOf(root), ...shared.map(sizeOf))));
  }
  return total([...crossing.values()]);
}
