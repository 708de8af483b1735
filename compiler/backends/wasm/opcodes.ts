/**
 * The instruction table of the wasm backend: for each kernel instruction its opcode on f32, i32, u32 and truth values,
 * one value or four lanes. What has no entry goes lane by lane through a function of the host, or was rewritten by
 * legalize.ts before.
 */
import type { Instruction } from "../../kernel/node.ts";

/** Opcodes of one element type: of one value (a plain opcode) and of four (behind the SIMD prefix). */
export interface Opcode {
  readonly scalar?: number;
  readonly vector?: number;
}

export interface Opcodes {
  readonly f32?: Opcode;
  readonly i32?: Opcode;
  readonly u32?: Opcode;
  readonly bool?: Opcode;
  /** The host's function on f32 that stands in where there is no opcode. */
  readonly host?: HostFunction;
}

/** Functions of JavaScript's Math that kernels import: correctly rounded to f32 or nearly so, and slow. */
export type HostFunction = "sin" | "cos" | "rem";

const op = (scalar: number, vector?: number): Opcode => (vector === undefined ? { scalar } : { scalar, vector });
const comparison = (f: Opcode, i: Opcode, u: Opcode): Opcodes => ({ f32: f, i32: i, u32: u });

/** legalize.ts leaves none of these. */
const absent: Opcodes = {};

export const opcodes: Readonly<Record<Instruction, Opcodes>> = {
  add: { f32: op(0x92, 0xe4), i32: op(0x6a, 0xae), u32: op(0x6a, 0xae) },
  sub: { f32: op(0x93, 0xe5), i32: op(0x6b, 0xb1), u32: op(0x6b, 0xb1) },
  mul: { f32: op(0x94, 0xe6), i32: op(0x6c, 0xb5), u32: op(0x6c, 0xb5) },
  div: { f32: op(0x95, 0xe7), i32: op(0x6d), u32: op(0x6e) },
  rem: { i32: op(0x6f), u32: op(0x70), host: "rem" },
  neg: { f32: op(0x8c, 0xe1), i32: { vector: 0xa1 } },
  abs: { f32: op(0x8b, 0xe0), i32: { vector: 0xa0 } },
  sign: absent,
  min: { f32: op(0x96, 0xe8), i32: { vector: 0xb6 }, u32: { vector: 0xb7 } },
  max: { f32: op(0x97, 0xe9), i32: { vector: 0xb8 }, u32: { vector: 0xb9 } },
  fma: absent,
  floor: { f32: op(0x8e, 0x68) }, ceil: { f32: op(0x8d, 0x67) }, round: { f32: op(0x90, 0x6a) }, trunc: { f32: op(0x8f, 0x69) },
  sqrt: { f32: op(0x91, 0xe3) }, inverse_sqrt: absent, exp: absent, exp2: absent, log: absent, log2: absent,
  sin: { host: "sin" }, cos: { host: "cos" }, pow: absent,
  eq: { ...comparison(op(0x5b, 0x41), op(0x46, 0x37), op(0x46, 0x37)), bool: { scalar: 0x46, vector: 0x37 } },
  ne: { ...comparison(op(0x5c, 0x42), op(0x47, 0x38), op(0x47, 0x38)), bool: { scalar: 0x47, vector: 0x38 } },
  lt: comparison(op(0x5d, 0x43), op(0x48, 0x39), op(0x49, 0x3a)),
  le: comparison(op(0x5f, 0x45), op(0x4c, 0x3d), op(0x4d, 0x3e)),
  gt: comparison(op(0x5e, 0x44), op(0x4a, 0x3b), op(0x4b, 0x3c)),
  ge: comparison(op(0x60, 0x46), op(0x4e, 0x3f), op(0x4f, 0x40)),
  is_nan: absent, is_inf: absent,
  and: { bool: op(0x71, 0x4e) }, or: { bool: op(0x72, 0x50) }, not: { bool: op(0x45, 0x4d) },
  bit_and: { i32: op(0x71, 0x4e), u32: op(0x71, 0x4e) }, bit_or: { i32: op(0x72, 0x50), u32: op(0x72, 0x50) }, bit_xor: { i32: op(0x73, 0x51), u32: op(0x73, 0x51) },
  // The second operand of a vector shift is one number for all lanes.
  shift_left: { i32: op(0x74, 0xab), u32: op(0x74, 0xab) }, shift_right: { i32: op(0x75, 0xac), u32: op(0x76, 0xad) },
  select: absent,
};

/** SIMD opcodes that expressions use by themselves. */
export const simd = {
  load: 0x00, loadSplat: 0x09, store: 0x0b, constant: 0x0c, shuffle: 0x0d,
  splatInt: 0x11, splatFloat: 0x13, extractInt: 0x1b, replaceInt: 0x1c, extractFloat: 0x1f, replaceFloat: 0x20,
  and: 0x4e, bitselect: 0x52, storeLane64: 0x5b, loadZero64: 0x5d, negateInt: 0xa1,
  add: 0xe4, mul: 0xe6, pmin: 0xea, pmax: 0xeb, notEqualInt: 0x38, allTrue: 0xa3,
  fromFloat: 0xf8, fromFloatUnsigned: 0xf9, toFloat: 0xfa, toFloatUnsigned: 0xfb,
  relaxedMultiplyAdd: 0x105,
} as const;
