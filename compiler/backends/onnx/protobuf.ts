/**
 * Writes protobuf messages: the wire format that ONNX files have. A message is a list of chunks, so that large tensors are
 * copied once, at the end. source: protobuf.dev/programming-guides/encoding
 */

const encoder = new TextEncoder();

/** Wire types. */
const varintType = 0;
const bytesType = 2;
const wordType = 5;

/** A whole number in groups of seven bits; a negative one as its 64-bit complement. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

export class Message {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** unit: bytes */
  get length(): number {
    return this.#length;
  }

  integer(field: number, value: number): this {
    return this.#key(field, varintType).#add(varint(value));
  }

  /** A 32-bit float. */
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#key(field, wordType).#add(bytes);
  }

  text(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  /** Left out when empty, as is every field that has its default. */
  textIfAny(field: number, value: string): this {
    return value === "" ? this : this.text(field, value);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#key(field, bytesType).#add(varint(value.length)).#add(value);
  }

  message(field: number, inner: Message): this {
    this.#key(field, bytesType).#add(varint(inner.length));
    for (const chunk of inner.#chunks) this.#add(chunk);
    return this;
  }

  messages<T>(field: number, of: readonly T[], encode: (one: T) => Message): this {
    for (const one of of) this.message(field, encode(one));
    return this;
  }

  toBytes(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }

  #key(field: number, wireType: number): this {
    return this.#add(varint(field * 8 + wireType));
  }

  #add(chunk: Uint8Array): this {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this;
  }
}
