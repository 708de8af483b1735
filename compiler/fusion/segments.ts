/**
 * Cuts a program where everything that crosses the cut is stored in any sensible plan: at maps that several later values
 * read, such as a residual stream. Each segment is fused by itself; segments of equal structure are fused once. Flow:
 * inlined program -> here -> fuse-segment.ts.
 */
import { type Expr, loadsOf, operandsOf, type Range } from "../folds/expression.ts";
import type { Definition, Program, Source } from "../folds/node.ts";
import { usersOf } from "./candidates.ts";
import { parameterOnly } from "./rules/defer.ts";

export interface Segment {
  /** Values of earlier segments are its sources; what later segments read is among its outputs. */
  readonly program: Program;
  /** Outputs that are not the model's: kept for later segments. */
  readonly exports: ReadonlySet<string>;
  /** Equal for segments that differ in names alone. */
  readonly key: string;
  /** Names of sources and definitions in the order in which the key numbers them. */
  readonly names: readonly string[];
}

/** Definitions of a segment from which on a cut is taken that one branching value crosses. */
const enough = 6;
/** From which on several may cross it. */
const many = 12;
const widest = 4;
/** And from which on a cut is taken that may cost a kernel. */
const plenty = 48;
/** The search is quadratic in a segment: longer ones are cut at the place in their second half that fewest values cross. */
const longest = 192;

const widestCut = { crossing: Number.POSITIVE_INFINITY, end: 0 };

export function segmentsOf(program: Program): Segment[] {
  const isParameter = parameterOnly(program);
  const running = byLevel(program.definitions.filter((definition) => !isParameter(definition.name)));
  const users = usersOf(program);
  const outputs = new Set(program.outputs.map((output) => output.definition));
  const at = new Map(running.map((definition, i) => [definition.name, i]));
  const lastUse = running.map(({ name }) => Math.max(-1, ...(users.get(name) ?? []).map((user) => at.get(user.name) ?? -1)));
  const ends: number[] = [];
  let live: number[] = [];
  let start = 0;
  let narrow = widestCut;
  const cut = (end: number): void => {
    ends.push(end);
    start = end;
    narrow = widestCut;
  };
  running.forEach((_, i) => {
    // What crossed the last cut is in memory already.
    live = [...live, i].filter((each) => each >= start && (lastUse[each] as number) > i && !outputs.has((running[each] as Definition).name));
    const size = i + 1 - start;
    const maps = live.every((each) => !(running[each] as Definition).fold);
    const [own, next] = [(running[i] as Definition).recurrence, running[i + 1]?.recurrence];
    if (i + 1 < running.length && own?.of !== next?.of) {
      cut(i + 1);
      return;
    }
    const branching = live.every((each) => (users.get((running[each] as Definition).name) ?? []).length > 1);
    if (i + 1 < running.length && live.length <= widest && maps && ((branching && size >= (live.length === 1 ? enough : many)) || size >= plenty)) {
      cut(i + 1);
      return;
    }
    if (size >= longest / 2 && live.length <= narrow.crossing) narrow = { crossing: live.length, end: i + 1 };
    if (size >= longest && i + 1 < running.length) cut(narrow.end);
  });
  return build(program, running, [...ends, running.length], isParameter);
}

/** What does not wait for a recurrence before it, then the recurrences, then what waits for one of these, and so on. */
function byLevel(definitions: readonly Definition[]): readonly Definition[] {
  if (definitions.every((definition) => !definition.recurrence)) return definitions;
  const level = new Map<string, number>();
  const isMade = new Map(definitions.map((definition) => [definition.name, definition.recurrence !== undefined]));
  for (const definition of definitions) level.set(definition.name, Math.max(0, ...loadsOf(definition.body).map((load) => (level.get(load.source) ?? 0) + (isMade.get(load.source) ? 2 : 0))));
  const place = (definition: Definition): number => (level.get(definition.name) ?? 0) * 2 + (definition.recurrence ? 1 : 0);
  // Results of one recurrence stay together: sorting is stable.
  return [...definitions].sort((a, b) => place(a) - place(b));
}

function build(program: Program, running: readonly Definition[], ends: readonly number[], isParameter: (name: string) => boolean): Segment[] {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const sources = new Map(program.sources.map((source) => [source.name, source]));
  const homeOf = new Map<string, number>();
  const contents: Set<string>[] = ends.map(() => new Set());
  const place = (definition: Definition, segment: number): void => {
    if (homeOf.has(definition.name)) return;
    for (const load of loadsOf(definition.body)) {
      const needed = byName.get(load.source);
      // What depends on parameters alone goes with the first segment that reads it.
      if (needed && isParameter(needed.name)) place(needed, segment);
    }
    homeOf.set(definition.name, segment);
    contents[segment]?.add(definition.name);
  };
  let from = 0;
  ends.forEach((end, segment) => {
    for (const definition of running.slice(from, end)) place(definition, segment);
    from = end;
  });
  for (const output of program.outputs) place(byName.get(output.definition) as Definition, ends.length - 1);
  const readLater = new Set<string>();
  for (const definition of program.definitions)
    for (const load of loadsOf(definition.body)) if (homeOf.has(load.source) && homeOf.get(load.source) !== homeOf.get(definition.name)) readLater.add(load.source);
  const isOutput = new Set(program.outputs.map((output) => output.definition));
  return contents.map((names): Segment => {
    const definitions = program.definitions.filter((definition) => names.has(definition.name));
    const read = new Set(definitions.flatMap((definition) => loadsOf(definition.body).map((load) => load.source)).filter((name) => !names.has(name)));
    const own = [...read].flatMap((name): Source[] => {
      const source = sources.get(name);
      if (source) return [source];
      const made = byName.get(name);
      return made ? [{ name, role: isParameter(name) ? "parameter" : "input", type: { dtype: made.dtype, shape: made.box.map((range) => range.extent) } }] : [];
    });
    const exported = definitions.filter((definition) => readLater.has(definition.name) && !isOutput.has(definition.name));
    const outputs = [
      ...program.outputs.filter((output) => names.has(output.definition)),
      ...exported.map((definition) => ({ name: definition.name, definition: definition.name, type: { dtype: definition.dtype, shape: definition.box.map((range) => range.extent) } })),
    ];
    const part: Program = { name: program.name, sources: own, definitions, outputs };
    const exports = new Set(exported.map((definition) => definition.name));
    return { program: part, exports, ...structureOf(part, exports) };
  });
}

/** A text that is equal for programs that differ in names and range numbers alone. cost: linear in the shared expressions. */
function structureOf(program: Program, exports: ReadonlySet<string>): { readonly key: string; readonly names: readonly string[] } {
  const names = [...program.sources.map((source) => source.name), ...program.definitions.map((definition) => definition.name)];
  const number = new Map(names.map((name, i) => [name, i]));
  const ranges = new Map<Range, number>();
  const seen = new Map<Expr, number>();
  const text: string[] = [];
  const range = (each: Range): string => {
    const known = ranges.get(each);
    if (known !== undefined) return `r${known}`;
    ranges.set(each, ranges.size);
    return `r${ranges.size - 1}:${each.extent.key}`;
  };
  const expression = (expr: Expr): number => {
    const known = seen.get(expr);
    if (known !== undefined) return known;
    const operands = operandsOf(expr).map(expression).join(",");
    text.push(`${headOf(expr)}(${operands})`);
    seen.set(expr, seen.size);
    return seen.size - 1;
  };
  const headOf = (expr: Expr): string => {
    switch (expr.kind) {
      case "const":
        return `${expr.dtype} ${Object.is(expr.value, -0) ? "-0" : expr.value}`;
      case "extent":
        return `${expr.dtype} |${expr.extent.key}|`;
      case "index":
        return range(expr.range);
      case "load":
        return `@${number.get(expr.source) ?? expr.source}`;
      case "apply":
        return `${expr.op}:${expr.dtype}`;
      case "convert":
      case "bitcast":
        return `${expr.kind}:${expr.dtype}`;
      default:
        return expr satisfies never;
    }
  };
  const shape = (extents: readonly { readonly key: string }[]): string => extents.map((extent) => extent.key).join(",");
  for (const source of program.sources) text.push(`${source.role} ${source.type.dtype}[${shape(source.type.shape)}]`);
  for (const definition of program.definitions) {
    const box = definition.box.map(range).join(",");
    const fold = definition.fold ? `${definition.fold.monoid} ${definition.fold.ranges.map(range).join(",")}` : "map";
    const body = expression(definition.body);
    text.push(`${definition.dtype}[${box}] ${fold} ${body}`);
  }
  text.push(program.outputs.map((output) => `${number.get(output.definition)}${exports.has(output.definition) ? "+" : ""}`).join(","));
  return { key: text.join(";"), names };
}
