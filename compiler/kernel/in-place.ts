/**
 * When a kernel may write its result over a tensor that it reads: where each element of that tensor is read, before it is
 * overwritten, by nobody else than the one who overwrites it. Proved on the kernel alone, from indices, loops, guards and
 * barriers; where there is no proof, the two stay apart. Flow: scheduled kernels -> here -> ../in-place.ts.
 */
import { type Access, type Accesses, accessesOf, hasBarrierBetween, type Order, orderOf } from "./accesses.ts";
import { groupFactors, IndexForms, type Loop, noAlias } from "./index-form.ts";
import type { Buffer, Expression, Kernel, Statement } from "./node.ts";
import { isInjective, ownsInterval, type Place } from "./ownership.ts";
import { minus, valueOf } from "./polynomial.ts";
import { withExpressions, withOperands } from "./rewrite.ts";
import { expressionsOf, sameExpression, visitExpression } from "./traverse.ts";
import { divergentBarriers } from "./uniformity.ts";

/** Names of two buffers of a kernel: what is in `read` may lie where `write` will be. */
export interface InPlacePair {
  readonly read: string;
  readonly write: string;
}

const invocationFactors: ReadonlySet<string> = new Set([...groupFactors, "thread"]);

const loopsOf = (access: Access): Loop[] => access.around.flatMap((each) => (each.kind === "loop" ? [each.loop] : []));

/** Loops around the block that two accesses share. */
const sharedLoops = (access: Access, { depth }: Order): number => access.path.slice(0, depth).filter(({ block, at }) => block[at]?.kind === "for").length;

class Proof {
  readonly #kernel: Kernel;
  readonly #forms: IndexForms;
  readonly #stores: readonly Access[];
  readonly #places: readonly Place[];
  readonly #injective: boolean;

  constructor(kernel: Kernel, stores: readonly Access[]) {
    this.#kernel = kernel;
    this.#forms = new IndexForms(kernel);
    this.#stores = stores;
    const places = stores.map((store) => this.#place(store));
    this.#places = places.flatMap((place) => place ?? []);
    const turns = [...new Set(stores.flatMap(loopsOf).map((loop) => `turns of ${loop.name}`))];
    this.#injective = this.#places.length === stores.length && isInjective(this.#forms, this.#places, turns);
  }

  #place(access: Access, alias: ReadonlyMap<string, Loop> = noAlias): Place | undefined {
    const [index, ...more] = access.index;
    if (!index || more.length > 0) return undefined;
    const facts = this.#forms.factsAt(access.around, alias);
    const form = this.#forms.formOf(index, facts, alias);
    return form && { form, facts, lanes: access.lanes };
  }

  /** Is every element of the load overwritten by the same invocation and after it, if at all? */
  holdsFor(load: Access): boolean {
    return this.#injective && (this.#stores.some((store, i) => this.#matches(load, store, this.#places[i])) || this.#isOwned(load));
  }

  /** The load is of what the store will write: in the same turn of the same loops, or in a loop before of the same turns. */
  #matches(load: Access, store: Access, stored: Place | undefined): boolean {
    const order = orderOf(load, store);
    if (!order || !stored || order.first > order.second) return false;
    const shared = sharedLoops(store, order);
    const ahead = loopsOf(load).slice(shared);
    const later = loopsOf(store).slice(shared);
    if (ahead.length < later.length || (order.first === order.second && later.length > 0)) return false;
    const alias = new Map(later.flatMap((loop, i) => (ahead[i] ? [[ahead[i].name, loop] as const] : [])));
    const loaded = this.#place(load, alias);
    const offset = loaded && valueOf(minus(loaded.form, stored.form));
    if (!loaded || offset === undefined || offset < 0 || offset + loaded.lanes > stored.lanes) return false;
    // What told the stores apart has to hold for the load as well, or it may be of an element that another one stores.
    const within = later.every((loop, i) => ahead[i] && this.#forms.turnsOf(ahead[i], this.#forms.factsAt(load.around)) <= this.#forms.turnsOf(loop, stored.facts));
    return within && stored.facts.every((fact) => this.#forms.factors.low(fact, loaded.facts) >= 0);
  }

  /** The load and all stores stay in an interval of the workgroup's or the invocation's own, and every store comes later. */
  #isOwned(load: Access): boolean {
    const loaded = this.#place(load);
    if (!loaded) return false;
    const orders = this.#stores.map((store) => orderOf(load, store));
    const later = orders.every((order, i) => order && order.first < order.second && sharedLoops(this.#stores[i] ?? load, order) === 0);
    if (!later) return false;
    const places = [loaded, ...this.#places];
    const together = this.#kernel.workgroupSize === 1 || orders.every((order) => order && hasBarrierBetween(order));
    return (together && ownsInterval(this.#forms, places, groupFactors)) || ownsInterval(this.#forms, places, invocationFactors);
  }
}

const sameLength = (a: Buffer, b: Buffer): boolean => JSON.stringify(a.length) === JSON.stringify(b.length);

/** May what one buffer holds lie where another will be, as far as their declarations say? */
const isCandidate = (read: Buffer, write: Buffer): boolean =>
  read.access === "read" && write.access === "write" && read.dtype === write.dtype && read.lanes === write.lanes && sameLength(read, write) && read.columns === undefined && write.columns === undefined;

const noAccesses: Accesses = { loads: [], stores: [] };

function isProved(kernel: Kernel, { read, write }: InPlacePair): boolean {
  const accesses = accessesOf(kernel);
  const { loads } = accesses.get(read) ?? noAccesses;
  const written = accesses.get(write) ?? noAccesses;
  if (written.loads.length > 0 || written.stores.length === 0) return false;
  const proof = new Proof(kernel, written.stores);
  return loads.every((load) => proof.holdsFor(load));
}

/** The kernel with `read` gone: its loads are from `write`. */
function merged(kernel: Kernel, { read, write }: InPlacePair): Kernel {
  const renamed = (e: Expression): Expression => withOperands(e.kind === "load" && e.buffer === read ? { ...e, buffer: write } : e, renamed);
  const block = (statements: readonly Statement[]): readonly Statement[] => statements.map((statement) => withExpressions(statement, renamed, block));
  return { ...kernel, body: block(kernel.body), buffers: kernel.buffers.filter(({ name }) => name !== read) };
}

const conjunctsOf = (condition: Expression): readonly Expression[] => (condition.kind === "instruction" && condition.op === "and" ? condition.args.flatMap(conjunctsOf) : [condition]);

/**
 * The kernel with all of its work under a condition that all of its stores are under anyhow, so that invocations that store
 * nothing read nothing either. Undefined where the stores have none in common, or barriers forbid it.
 */
function guarded(kernel: Kernel): Kernel | undefined {
  const stores = [...accessesOf(kernel).values()].flatMap((accesses) => accesses.stores);
  const [first, ...rest] = stores.map(({ around }) => around.flatMap((each) => (each.kind === "guard" ? conjunctsOf(each.condition) : [])));
  const shared = first?.filter((wanted) => rest.every((guards) => guards.some((guard) => sameExpression(guard, wanted)))) ?? [];
  // What comes before stays outside, so that the condition is defined: arithmetic that no memory has a part in.
  const at = kernel.body.findIndex((statement) => (statement.kind !== "let" && statement.kind !== "comment") || !expressionsOf(statement).every(isArithmetic));
  const head = kernel.body.slice(0, Math.max(0, at));
  const defined = new Set(head.flatMap((statement) => (statement.kind === "let" ? [statement.name] : [])));
  for (const condition of shared) {
    let isDefined = isArithmetic(condition);
    visitExpression(condition, (e) => {
      if (e.kind === "ref" && !defined.has(e.name)) isDefined = false;
    });
    const then = kernel.body.slice(head.length).flatMap((statement) => opened(statement, condition));
    const whole: Kernel = { ...kernel, body: [...head, { kind: "if", condition, then, otherwise: [] }] };
    if (isDefined && divergentBarriers(whole).length === 0) return whole;
  }
  return undefined;
}

const isArithmetic = (e: Expression): boolean => {
  let pure = true;
  visitExpression(e, (inner) => {
    if (inner.kind === "load" || inner.kind === "element" || inner.kind === "subgroup") pure = false;
  });
  return pure;
};

/** What stands under a condition that holds anyway. */
const opened = (statement: Statement, holding: Expression): readonly Statement[] =>
  statement.kind === "if" && statement.otherwise.length === 0 && sameExpression(statement.condition, holding) ? statement.then : [statement];

/** Names of the buffers that a kernel could have in one place, as far as their declarations say: cheap, and no proof. */
export function inPlaceCandidates(kernel: Kernel): readonly InPlacePair[] {
  if (kernel.mode !== "workgroup") return [];
  return kernel.buffers.flatMap((write) => kernel.buffers.filter((read) => isCandidate(read, write)).map((read) => ({ read: read.name, write: write.name })));
}

/**
 * The kernel with `read` and `write` in one buffer, under the name of `write`; undefined without a proof that it stores the
 * same. Both must be of one kind, see `inPlaceCandidates`, and whoever calls sees to it that nobody needs `read` afterwards.
 */
export function inPlace(kernel: Kernel, pair: InPlacePair): Kernel | undefined {
  for (const form of [kernel, guarded(kernel)]) {
    if (!form || !isProved(form, pair)) continue;
    const result = merged(form, pair);
    // Barriers may not depend on what other invocations can change.
    if (divergentBarriers(result).length === 0) return result;
  }
  return undefined;
}
