/**
 * Extents: the symbolic length of an axis, kept as a canonical polynomial over extent names so that `4*H`, `H*4` and
 * `H + 3*H` are the same extent. A quotient that does not divide exactly is an opaque atom.
 */

/** coefficient times the product of the atoms (sorted, with repetition). */
interface Term {
  readonly coefficient: number;
  readonly atoms: readonly Atom[];
}

interface Atom {
  readonly key: string;
  /** Absent for a plain name; for a quotient that stays: floor(numerator / denominator). */
  readonly quotient?: { readonly numerator: Extent; readonly denominator: Extent };
}

export interface Extent {
  /** Canonical text: equal extents have equal keys, and `parseExtent(key)` gives the extent back. */
  readonly key: string;
  readonly terms: readonly Term[];
}

export type Bindings = Readonly<Record<string, number>>;

const termKey = (atoms: readonly Atom[]): string => atoms.map((atom) => atom.key).join("*");

const sortedAtoms = (atoms: readonly Atom[]): readonly Atom[] => (atoms.length < 2 ? atoms : [...atoms].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)));

function fromTerms(terms: readonly Term[]): Extent {
  // Most extents are numbers, and most of the others one product: neither needs sorting out.
  const [only] = terms;
  if (!only) return zero;
  if (terms.length === 1 && only.atoms.length === 0) return constantExtent(only.coefficient);
  if (terms.length === 1 && only.atoms.length === 1 && only.coefficient === 1) return { key: only.atoms[0]?.key ?? "", terms };
  if (terms.length === 1) {
    const atoms = sortedAtoms(only.atoms);
    return only.coefficient === 0 ? zero : { key: only.coefficient === 1 ? termKey(atoms) : `${only.coefficient === -1 ? "-" : `${only.coefficient}*`}${termKey(atoms)}`, terms: [{ coefficient: only.coefficient, atoms }] };
  }
  const byKey = new Map<string, Term>();
  for (const term of terms) {
    const atoms = sortedAtoms(term.atoms);
    const key = termKey(atoms);
    const before = byKey.get(key);
    byKey.set(key, { coefficient: (before?.coefficient ?? 0) + term.coefficient, atoms });
  }
  const kept = [...byKey.entries()].filter(([, term]) => term.coefficient !== 0);
  kept.sort(([a, x], [b, y]) => y.atoms.length - x.atoms.length || (a < b ? -1 : 1));
  const key = kept
    .map(([name, term], i) => {
      const size = Math.abs(term.coefficient);
      const text = name === "" ? `${size}` : size === 1 ? name : `${size}*${name}`;
      return i === 0 ? (term.coefficient < 0 ? `-${text}` : text) : term.coefficient < 0 ? ` - ${text}` : ` + ${text}`;
    })
    .join("");
  return { key: key === "" ? "0" : key, terms: kept.map(([, term]) => term) };
}

const zero: Extent = { key: "0", terms: [] };

export function constantExtent(value: number): Extent {
  const small = Number.isInteger(value) && value >= 0 && value < smallConstants.length;
  const known = small ? smallConstants[value] : undefined;
  if (known) return known;
  const made: Extent = value === 0 ? zero : { key: String(value), terms: [{ coefficient: value, atoms: [] }] };
  if (small) smallConstants[value] = made;
  return made;
}

const smallConstants = new Array<Extent | undefined>(1025).fill(undefined);

/** Sums, products and quotients of extents with names, by operator and keys: a program has few, and asks for them all the time. */
const results = new Map<string, Extent>();
const mostResults = 4096;

function remembered(a: Extent, op: "+" | "*" | "/", b: Extent, make: () => Extent): Extent {
  const key = `${a.key} ${op} ${b.key}`;
  const known = results.get(key);
  if (known) return known;
  if (results.size >= mostResults) results.clear();
  const made = make();
  results.set(key, made);
  return made;
}

export const symbolExtent = (name: string): Extent => fromTerms([{ coefficient: 1, atoms: [{ key: name }] }]);

export function addExtents(a: Extent, b: Extent): Extent {
  if (b.terms.length === 0) return a;
  if (a.terms.length === 0) return b;
  const [x, y] = [extentValue(a), extentValue(b)];
  return x !== undefined && y !== undefined ? constantExtent(x + y) : remembered(a, "+", b, () => fromTerms([...a.terms, ...b.terms]));
}

export const negateExtent = (a: Extent): Extent =>
  fromTerms(a.terms.map((term) => ({ ...term, coefficient: -term.coefficient })));

export const subtractExtents = (a: Extent, b: Extent): Extent => addExtents(a, negateExtent(b));

export function multiplyExtents(a: Extent, b: Extent): Extent {
  const [x, y] = [extentValue(a), extentValue(b)];
  if (x === 1) return b;
  if (y === 1) return a;
  if (x !== undefined && y !== undefined) return constantExtent(x * y);
  return remembered(a, "*", b, () => fromTerms(a.terms.flatMap((left) => b.terms.map((right) => ({ coefficient: left.coefficient * right.coefficient, atoms: [...left.atoms, ...right.atoms] })))));
}

export const productOfExtents = (extents: readonly Extent[]): Extent =>
  extents.reduce(multiplyExtents, constantExtent(1));

/** a / b, exact when every term of `a` is divisible by a one-term `b`; else the opaque floor quotient. */
export function divideExtents(a: Extent, b: Extent): Extent {
  const known = [extentValue(a), extentValue(b)] as const;
  if (known[0] !== undefined && known[1] !== undefined && known[1] !== 0)
    return constantExtent(Math.floor(known[0] / known[1]));
  return a.key === b.key ? constantExtent(1) : remembered(a, "/", b, () => quotientOf(a, b));
}

function quotientOf(a: Extent, b: Extent): Extent {
  const divisor = b.terms.length === 1 ? b.terms[0] : undefined;
  if (divisor) {
    const quotients = a.terms.map((term) => divideTerm(term, divisor));
    if (quotients.every((term) => term !== undefined)) return fromTerms(quotients as Term[]);
  }
  return fromTerms([
    { coefficient: 1, atoms: [{ key: `((${a.key})/(${b.key}))`, quotient: { numerator: a, denominator: b } }] },
  ]);
}

function divideTerm(term: Term, divisor: Term): Term | undefined {
  if (term.coefficient % divisor.coefficient !== 0) return undefined;
  const atoms = [...term.atoms];
  for (const atom of divisor.atoms) {
    const at = atoms.findIndex((candidate) => candidate.key === atom.key);
    if (at < 0) return undefined;
    atoms.splice(at, 1);
  }
  return { coefficient: term.coefficient / divisor.coefficient, atoms };
}

/** The number an extent stands for, when it holds no name. */
export function extentValue(extent: Extent): number | undefined {
  if (extent.terms.length === 0) return 0;
  const only = extent.terms[0];
  return extent.terms.length === 1 && only && only.atoms.length === 0 ? only.coefficient : undefined;
}

export const sameExtent = (a: Extent, b: Extent): boolean => a.key === b.key;

/** Names that an extent depends on, sorted. */
export function extentNames(extent: Extent): string[] {
  const names = new Set<string>();
  for (const term of extent.terms)
    for (const atom of term.atoms)
      if (atom.quotient)
        for (const part of [atom.quotient.numerator, atom.quotient.denominator])
          for (const name of extentNames(part)) names.add(name);
      else names.add(atom.key);
  return [...names].sort();
}

/** Replaces names by extents; names without an entry stay. */
export function substituteExtent(extent: Extent, by: ReadonlyMap<string, Extent>): Extent {
  if (extentValue(extent) !== undefined) return extent;
  let sum = constantExtent(0);
  for (const term of extent.terms) {
    let product = constantExtent(term.coefficient);
    for (const atom of term.atoms)
      product = multiplyExtents(
        product,
        atom.quotient
          ? divideExtents(substituteExtent(atom.quotient.numerator, by), substituteExtent(atom.quotient.denominator, by))
          : (by.get(atom.key) ?? symbolExtent(atom.key)),
      );
    sum = addExtents(sum, product);
  }
  return sum;
}

export function bindExtent(extent: Extent, bindings: Bindings): Extent {
  if (extentValue(extent) !== undefined) return extent;
  return substituteExtent(extent, new Map(Object.entries(bindings).map(([name, value]) => [name, constantExtent(value)])));
}

/** The extent as a tree of +, * and / over numbers and names, for printers and for the runtime. */
export type ExtentTree = number | string | readonly ["+" | "*" | "/", ExtentTree, ExtentTree];

export function extentTree(extent: Extent): ExtentTree {
  const value = extentValue(extent);
  if (value !== undefined) return value;
  const terms = extent.terms.map((term): ExtentTree => {
    const factors: ExtentTree[] = term.atoms.map((atom) =>
      atom.quotient ? ["/", extentTree(atom.quotient.numerator), extentTree(atom.quotient.denominator)] : atom.key,
    );
    if (term.coefficient !== 1 || factors.length === 0) factors.unshift(term.coefficient);
    return factors.reduce((left, right) => ["*", left, right] as const);
  });
  return terms.reduce((left, right) => ["+", left, right] as const);
}

/** Parses the key form: names, numbers, + - * / and parentheses. Throws SyntaxError; used for IR text, not for user text. */
export function parseExtent(text: string): Extent {
  const tokens = text.match(/[A-Za-z_][A-Za-z0-9_.]*|\d+|[-+*/()]/g) ?? [];
  let at = 0;
  const sum = (): Extent => {
    let left = tokens[at] === "-" ? (at++, negateExtent(product())) : product();
    while (tokens[at] === "+" || tokens[at] === "-") left = tokens[at++] === "+" ? addExtents(left, product()) : subtractExtents(left, product());
    return left;
  };
  const product = (): Extent => {
    let left = atom();
    while (tokens[at] === "*" || tokens[at] === "/") left = tokens[at++] === "*" ? multiplyExtents(left, atom()) : divideExtents(left, atom());
    return left;
  };
  const atom = (): Extent => {
    const token = tokens[at++];
    if (token === undefined) throw new SyntaxError(`extent '${text}' ends early`);
    if (token === "(") {
      const inner = sum();
      if (tokens[at++] !== ")") throw new SyntaxError(`extent '${text}' lacks ')'`);
      return inner;
    }
    if (/^\d/.test(token)) return constantExtent(Number(token));
    if (/^[A-Za-z_]/.test(token)) return symbolExtent(token);
    throw new SyntaxError(`unexpected '${token}' in extent '${text}'`);
  };
  const result = sum();
  if (at !== tokens.length) throw new SyntaxError(`unexpected '${tokens[at]}' in extent '${text}'`);
  return result;
}
