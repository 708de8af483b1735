/**
 * Trained weights out of a .safetensors file: its bytes to tensors by name, ready for `prepare` once the names are those of the
 * model's parameters. An entry of its own: programs that make their weights otherwise do not bundle it.
 * source: the format's own description, github.com/huggingface/safetensors, README, section "Format"
 */
import type { DType } from "./artifact.ts";
import { fromHalfBits } from "./devices/half.ts";
import { messageOf, RuntimeError } from "./errors.ts";
import { elementCount, type Tensor, type TensorData } from "./tensor.ts";

interface StoredType {
  readonly dtype: DType;
  /** unit: bytes an element */
  readonly width: number;
  /** `bytes` is a copy that begins at its buffer's start. The format is little-endian, as is every machine that JavaScript runs on with WebGPU. */
  readonly read: (bytes: Uint8Array<ArrayBuffer>) => TensorData;
}

/** f16 stays f16, which the host holds as f32 numbers; bf16 is widened to f32, which loses nothing. */
const storedTypes: Readonly<Record<string, StoredType>> = {
  F32: { dtype: "f32", width: 4, read: ({ buffer }) => new Float32Array(buffer) },
  F16: { dtype: "f16", width: 2, read: ({ buffer }) => Float32Array.from(new Uint16Array(buffer), fromHalfBits) },
  BF16: { dtype: "f32", width: 2, read: ({ buffer }) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer) },
  I32: { dtype: "i32", width: 4, read: ({ buffer }) => new Int32Array(buffer) },
  U32: { dtype: "u32", width: 4, read: ({ buffer }) => new Uint32Array(buffer) },
  BOOL: { dtype: "bool", width: 1, read: (bytes) => bytes.map((value) => (value === 0 ? 0 : 1)) },
};

/** unit: bytes; the format's own limit */
const longestHeader = 100_000_000;

const invalid = (problem: string, hint = "The file is damaged or is no .safetensors file; write it again."): RuntimeError => new RuntimeError("weights-invalid", problem, hint);

interface Entry {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * All tensors of the file, by name, as copies. F16 gives dtype f16; for a parameter declared f32 hand over the tensor's `data`.
 *
 * throws: RuntimeError `weights-invalid`, saying which tensor and what is wrong with it
 */
export function readSafetensors(file: ArrayBuffer | Uint8Array): Record<string, Tensor> {
  const bytes = ArrayBuffer.isView(file) ? file : new Uint8Array(file);
  const start = headerEnd(bytes);
  const data = bytes.subarray(start);
  const entries = Object.entries(readHeader(bytes.subarray(8, start)))
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => readEntry(name, value))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  // The format leaves no byte unused: a gap, an overlap or an end too early are all damage.
  for (const { name, begin, end } of entries) {
    if (begin !== at) throw invalid(`Tensor '${name}' begins at byte ${begin} of the data; the one before it ends at ${at}.`);
    if (end > data.length) throw invalid(`Tensor '${name}' ends at byte ${end} of the data, the file has ${data.length}.`, "The file was cut off; load it again.");
    at = end;
  }
  if (at !== data.length) throw invalid(`The tensors end at byte ${at} of the data, the file has ${data.length}.`);
  return Object.fromEntries(entries.map(({ name, type, shape, begin, end }) => [name, { dtype: type.dtype, shape, data: type.read(new Uint8Array(data.subarray(begin, end))) }]));
}

/** Where the data begin. */
function headerEnd(bytes: Uint8Array): number {
  if (bytes.length < 8) throw invalid(`The file has ${bytes.length} bytes; the length of its header alone takes 8.`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > longestHeader) throw invalid(`The header would have ${length} bytes, more than the ${longestHeader} that the format allows.`);
  if (Number(length) > bytes.length - 8) throw invalid(`The header has ${length} bytes, the file only ${bytes.length - 8} after its length.`, "The file was cut off; load it again.");
  return 8 + Number(length);
}

function readHeader(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(`The header is no JSON: ${messageOf(error)}.`);
  }
  if (!isRecord(header)) throw invalid("The header is no JSON object.");
  return header;
}

function readEntry(name: string, value: unknown): Entry {
  if (!isRecord(value)) throw invalid(`Tensor '${name}' is not described by an object.`);
  const { dtype, shape, data_offsets: offsets } = value;
  const type = typeof dtype === "string" && Object.hasOwn(storedTypes, dtype) ? storedTypes[dtype] : undefined;
  if (!type) throw invalid(`Tensor '${name}' has the dtype ${String(dtype)}.`, `Convert it before saving to one of ${Object.keys(storedTypes).join(", ")}.`);
  if (!isCounts(shape)) throw invalid(`Tensor '${name}' has the shape ${JSON.stringify(shape)}, which is no list of lengths.`);
  if (!isCounts(offsets) || offsets.length !== 2) throw invalid(`Tensor '${name}' has the data_offsets ${JSON.stringify(offsets)}, which are no [begin, end].`);
  const [begin = 0, end = 0] = offsets;
  const wanted = elementCount(shape) * type.width;
  if (end - begin !== wanted) throw invalid(`Tensor '${name}', ${String(dtype)}[${shape.join(", ")}], needs ${wanted} bytes and has ${end - begin}.`);
  return { name, type, shape, begin, end };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
