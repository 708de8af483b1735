/**
 * Random numbers: Threefry-2x32 with 20 rounds of Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as
 * 1, 2, 3. A function of a key and a position, so that nothing is stored and every backend has the same bits. The lowering
 * is u32 arithmetic that wraps; kernel/split-words.ts carries it to targets whose numbers are floats.
 */
import type { Expr, Expressions } from "../folds/expression.ts";
import { flattenIndex } from "../folds/index-arithmetic.ts";
import { extentValue, productOfExtents } from "../ir/extent.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { anything, type JavaScriptFunction, type Op, type ReferenceTensor } from "./define.ts";
import { castTo, countTo, integer, type OnnxScope, type OnnxValue, reshapeTo, text } from "./onnx-form.ts";

/** Skein's parity constant: no key makes the third word of the schedule zero along with the others. */
const parity = 0x1bd11bda;
const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const rounds = 20;

export type Words<Word> = readonly [Word, Word];

/** The block of a key and a counter, as two u32 numbers. */
export function threefry(key: Words<number>, counter: Words<number>): Words<number> {
  const schedule = [key[0] >>> 0, key[1] >>> 0, (parity ^ key[0] ^ key[1]) >>> 0];
  const word = (i: number): number => schedule[i % 3] ?? 0;
  let a = (counter[0] + word(0)) >>> 0;
  let b = (counter[1] + word(1)) >>> 0;
  for (let round = 0; round < rounds; round++) {
    const by = rotations[round % 8] ?? 0;
    a = (a + b) >>> 0;
    b = (((b << by) | (b >>> (32 - by))) ^ a) >>> 0;
    if (round % 4 !== 3) continue;
    const step = (round + 1) / 4;
    a = (a + word(step)) >>> 0;
    b = (b + word(step + 1) + step) >>> 0;
  }
  return [a, b];
}

/** Arithmetic on u32 that a target offers. */
interface WordArithmetic<Word> {
  readonly literal: (value: number) => Word;
  readonly add: (a: Word, b: Word) => Word;
  readonly xor: (a: Word, b: Word) => Word;
  /** By `by` bits to the left. */
  readonly rotate: (x: Word, by: number) => Word;
}

/** The same written down for a target. cost: about 110 integer instructions. */
function writeThreefry<Word>({ literal, add, xor, rotate }: WordArithmetic<Word>, key: Words<Word>, counter: Words<Word>): Words<Word> {
  const third = xor(xor(literal(parity), key[0]), key[1]);
  const word = (i: number): Word => (i % 3 === 0 ? key[0] : i % 3 === 1 ? key[1] : third);
  let a = add(counter[0], word(0));
  let b = add(counter[1], word(1));
  for (let round = 0; round < rounds; round++) {
    a = add(a, b);
    b = xor(rotate(b, rotations[round % 8] ?? 0), a);
    if (round % 4 !== 3) continue;
    const step = (round + 1) / 4;
    a = add(a, word(step));
    b = add(b, add(word(step + 1), literal(step)));
  }
  return [a, b];
}

export function lowerThreefry(e: Expressions, key: Words<Expr>, counter: Words<Expr>): Words<Expr> {
  const literal = (value: number): Expr => e.constant(value, "u32");
  const rotate = (x: Expr, by: number): Expr => e.apply("bit_or", e.apply("shift_left", x, literal(by)), e.apply("shift_right", x, literal(32 - by)));
  return writeThreefry({ literal, rotate, add: (a, b) => e.apply("add", a, b), xor: (a, b) => e.apply("bit_xor", a, b) }, key, counter);
}

/** onnxruntime shifts u32 numbers, but adds only wider ones. */
function randomBitsForm(scope: OnnxScope): OnnxValue {
  const { node, apply } = scope;
  const literal = (value: number): OnnxValue => scope.constant(value, "u32");
  const shift = (x: OnnxValue, by: number, direction: "LEFT" | "RIGHT"): OnnxValue => apply("BitShift", [x, literal(by)], { attributes: { direction: text(direction) } });
  const words = writeThreefry<OnnxValue>({
    literal,
    add: (a, b) => castTo(scope, apply("Add", [castTo(scope, a, "i64"), castTo(scope, b, "i64")]), "u32"),
    xor: (a, b) => apply("BitwiseXor", [a, b]),
    rotate: (x, by) => apply("BitwiseOr", [shift(x, by, "LEFT"), shift(x, 32 - by, "RIGHT")]),
  }, [keyWord(scope, 0), keyWord(scope, 1)], [castTo(scope, countTo(scope, productOfExtents(node.type.shape), "i64"), "u32"), literal(node.attributes.stream as number)]);
  return reshapeTo(scope, shift(words[node.attributes.word === 0 ? 0 : 1], dropped, "RIGHT"), node.type.shape);
}

const keyWord = (scope: OnnxScope, i: number): OnnxValue => scope.apply("Gather", [scope.operands[1] as OnnxValue, scope.constant(i, "i64")], { attributes: { axis: integer(0) } });

const randomBitsFunction: JavaScriptFunction = {
  name: "randomBits",
  text: `/** The upper 24 bits of one word of a Threefry-2x32 block, 20 rounds. Salmon et al. (2011). */
function randomBits(key0, key1, position, stream, word) {
  const rotations = [${rotations.join(", ")}];
  const keys = [key0, key1, 0x${parity.toString(16)} ^ key0 ^ key1];
  let a = (position + keys[0]) >>> 0;
  let b = (stream + keys[1]) >>> 0;
  for (let round = 0; round < ${rounds}; round++) {
    const by = rotations[round % 8];
    a = (a + b) >>> 0;
    b = (((b << by) | (b >>> (32 - by))) ^ a) >>> 0;
    if (round % 4 === 3) {
      const step = (round + 1) / 4;
      a = (a + keys[step % 3]) >>> 0;
      b = (b + keys[(step + 1) % 3] + step) >>> 0;
    }
  }
  return (word === 0 ? a : b) >>> 8;
}
`,
};

/** Bits that are dropped of a word, so that what is left is a whole number that every target can hold exactly. */
const dropped = 8;

const randomBits: Op = {
  name: "random_bits", family: "movement",
  summary: "24 random bits for each element of x, as a number below 2^24: a function of the key, the stream and the element's row-major position alone",
  operands: [{ name: "x", dtypes: anything }, { name: "key", dtypes: ["u32"] }],
  attributes: [
    { name: "stream", kind: "integer", doc: "numbers of different streams are independent under one key", default: 0 },
    { name: "word", kind: "integer", doc: "0 or 1: which of the two words of the block", default: 0 },
  ],
  constraints: [{ id: "C1", text: "the key is u32[2]" }, { id: "C2", text: "the stream is at least 0, the word 0 or 1" }],
  infer: ([x, key], attributes) => {
    const [given, stream, word] = [key as TensorType, attributes.stream as number, attributes.word as number];
    if (given.dtype !== "u32" || given.shape.length !== 1 || extentValue(given.shape[0] as TensorType["shape"][number]) !== 2)
      return { constraint: "C1", message: `'random_bits' takes a key of u32[2], not ${printType(given)}`, hint: "declare an input key: u32[2], or write [1, 2]", operands: [1] };
    if (stream < 0 || stream >= 2 ** 32 || (word !== 0 && word !== 1))
      return { constraint: "C2", message: `'random_bits' got stream ${stream} and word ${word}`, hint: "a stream is a whole number from 0 on, a word 0 or 1" };
    return { dtype: "u32", shape: (x as TensorType).shape };
  },
  evaluate: ([, key], attributes, shape, dtype) => {
    const words = (key as ReferenceTensor).data;
    const length = shape.reduce((product, extent) => product * extent, 1);
    const bits = (position: number): number => threefry([words[0] ?? 0, words[1] ?? 0], [position, attributes.stream as number])[attributes.word === 0 ? 0 : 1] >>> dropped;
    return { dtype, shape, data: Float64Array.from({ length }, (_, position) => bits(position)) };
  },
  lower: ({ e, node, box, read }) => {
    const position = e.convert(flattenIndex(e, box.map((range) => e.index(range)), node.type.shape), "u32");
    const key: Words<Expr> = [read(1, [e.constant(0, "i32")]), read(1, [e.constant(1, "i32")])];
    const words = lowerThreefry(e, key, [position, e.constant(node.attributes.stream as number, "u32")]);
    return { body: e.apply("shift_right", words[node.attributes.word === 0 ? 0 : 1], e.constant(dropped, "u32")) };
  },
  javascriptElement: ({ node, offset, read }) => ({
    kind: "value",
    value: `randomBits(${read(1, ["0"])}, ${read(1, ["1"])}, ${offset}, ${node.attributes.stream as number}, ${node.attributes.word as number})`,
    functions: [randomBitsFunction],
  }),
  tolerance: { ulp: 0 }, samples: [], onnx: { op: "BitShift, BitwiseXor and Add, 20 rounds", since: 18, build: randomBitsForm }, source: "Threefry-2x32-20; what ONNX has for random numbers leaves the generator open",
};

export const randomOps: readonly Op[] = [randomBits];

/** What the emitted reference may hold, beside ops/javascript.ts. */
export const randomFunctions: readonly JavaScriptFunction[] = [randomBitsFunction];
