/**
 * The binary format of WebAssembly, as far as kernels need it: numbers in LEB128, sections, a function body with its
 * locals. Knows no kernel; emit.ts puts modules together with it. Written by hand because all of it is this file: an
 * assembler library would be larger than every kernel of a model together.
 */

/** Value types by their byte. */
export const valueTypes = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const;

export type ValueKind = keyof typeof valueTypes;

/** unit: bytes of the LEB128 form */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return bytes;
}

/** An i32. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; ) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const word = new DataView(new ArrayBuffer(4));

/** The four bytes of an f32; NaN in its canonical form. */
export function floatBytes(value: number): number[] {
  word.setFloat32(0, value, true);
  if (Number.isNaN(value)) word.setUint32(0, 0x7fc00000, true);
  return [0, 1, 2, 3].map((at) => word.getUint8(at));
}

/** Instructions of one function, with its locals. */
export class FunctionBody {
  readonly #bytes: number[] = [];
  readonly #locals: ValueKind[] = [];
  readonly #free: Record<ValueKind, number[]> = { i32: [], f32: [], v128: [] };
  readonly #parameters: number;

  /** `parameters`: how many there are; locals are numbered after them. */
  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  /** The number of a local that nothing else uses until it is released. */
  local(kind: ValueKind): number {
    const known = this.#free[kind].pop();
    if (known !== undefined) return known;
    this.#locals.push(kind);
    return this.#parameters + this.#locals.length - 1;
  }

  release(kind: ValueKind, local: number): void {
    this.#free[kind].push(local);
  }

  op(...bytes: readonly number[]): void {
    this.#bytes.push(...bytes);
  }

  get(local: number): void {
    this.op(0x20, ...unsigned(local));
  }

  set(local: number): void {
    this.op(0x21, ...unsigned(local));
  }

  tee(local: number): void {
    this.op(0x22, ...unsigned(local));
  }

  int(value: number): void {
    this.op(0x41, ...signed(value));
  }

  float(value: number): void {
    this.op(0x43, ...floatBytes(value));
  }

  /** A SIMD instruction; `code` beyond 255 is a relaxed one. */
  simd(code: number, ...immediates: readonly number[]): void {
    this.op(0xfd, ...unsigned(code), ...immediates);
  }

  /** A memory access: natural alignment as power of two, byte offset. */
  access(align: number, offset: number): number[] {
    return [...unsigned(align), ...unsigned(offset)];
  }

  call(index: number): void {
    this.op(0x10, ...unsigned(index));
  }

  /** The entry of the code section. */
  finish(): number[] {
    const groups: { kind: ValueKind; count: number }[] = [];
    for (const kind of this.#locals) {
      const last = groups.at(-1);
      if (last?.kind === kind) last.count++;
      else groups.push({ kind, count: 1 });
    }
    const locals = groups.flatMap(({ kind, count }) => [...unsigned(count), valueTypes[kind]]);
    const body = [...unsigned(groups.length), ...locals];
    return [...unsigned(body.length + this.#bytes.length + 1), ...body, ...this.#bytes, 0x0b];
  }
}

export interface FunctionType {
  readonly parameters: readonly ValueKind[];
  readonly results: readonly ValueKind[];
}

export interface ImportedFunction {
  readonly name: string;
  /** Index into `types`. */
  readonly type: number;
}

export interface ModuleParts {
  readonly types: readonly FunctionType[];
  /** Of the module `env`, before the functions in number. */
  readonly imports: readonly ImportedFunction[];
  readonly functions: readonly { readonly type: number; readonly body: FunctionBody }[];
  /** Exported functions by name, as indices that count imports too. */
  readonly exports: Readonly<Record<string, number>>;
}

/** unit: pages of 64 KiB; all of what 32 bits address */
export const mostPages = 65536;

/**
 * A module over the imported memory `env.memory`. The flags of that import (1: not shared, 3: shared) are the byte at
 * `sharedAt`, so that one module serves both kinds of memory.
 */
export function encodeModule({ types, imports, functions, exports }: ModuleParts): { readonly bytes: Uint8Array; readonly sharedAt: number } {
  const name = (text: string): number[] => [...unsigned(text.length), ...[...text].map((character) => character.charCodeAt(0))];
  const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
  const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
  const memory = [...name("env"), ...name("memory"), 0x02, 0x01, 0x00, ...unsigned(mostPages)];
  const kinds = (of: readonly ValueKind[]): number[] => list(of.map((kind) => [valueTypes[kind]]));
  const head = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...section(1, list(types.map(({ parameters, results }) => [0x60, ...kinds(parameters), ...kinds(results)])))];
  const imported = list([memory, ...imports.map((each) => [...name("env"), ...name(each.name), 0x00, ...unsigned(each.type)])]);
  const start = head.length + section(2, imported).length - imported.length;
  const sharedAt = start + unsigned(imports.length + 1).length + name("env").length + name("memory").length + 1;
  return {
    sharedAt,
    bytes: Uint8Array.from([
      ...head,
      ...section(2, imported),
      ...section(3, list(functions.map(({ type }) => unsigned(type)))),
      ...section(7, list(Object.entries(exports).map(([key, index]) => [...name(key), 0x00, ...unsigned(index)]))),
      ...section(10, list(functions.map(({ body }) => body.finish()))),
    ]),
  };
}
