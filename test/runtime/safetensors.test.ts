/** Weights from .safetensors: every dtype to the bit, any alignment, and a message for every way a file can be wrong. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toHalfBits } from "../../runtime/devices/half.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { readSafetensors } from "../../runtime/safetensors.ts";

/** A file out of its header, as text or as an object, and its data. */
function safetensors(header: unknown, data: ArrayBufferView | undefined = undefined): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const body = data ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(0);
  const file = new Uint8Array(8 + json.length + body.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(body, 8 + json.length);
  return file;
}

const entry = (dtype: string, shape: readonly number[], begin: number, end: number): object => ({ dtype, shape, data_offsets: [begin, end] });

describe("readSafetensors", () => {
  it("reads each dtype to the bit", () => {
    const floats = [0, -0, 1.5, Number.POSITIVE_INFINITY, Number.NaN, 1e-40];
    expect(readSafetensors(safetensors({ w: entry("F32", [2, 3], 0, 24) }, Float32Array.from(floats)))["w"]).toEqual({ dtype: "f32", shape: [2, 3], data: Float32Array.from(floats) });
    const halves = [1, -2.5, 65504, 2 ** -24, Number.NEGATIVE_INFINITY];
    expect(readSafetensors(safetensors({ w: entry("F16", [5], 0, 10) }, Uint16Array.from(halves, toHalfBits)))["w"]).toEqual({ dtype: "f16", shape: [5], data: Float32Array.from(halves) });
    expect(readSafetensors(safetensors({ w: entry("BF16", [4], 0, 8) }, Uint16Array.of(0x3f80, 0xc020, 0x7f80, 0x0001)))["w"]).toEqual({ dtype: "f32", shape: [4], data: Float32Array.of(1, -2.5, Number.POSITIVE_INFINITY, 2 ** -133) });
    expect(readSafetensors(safetensors({ w: entry("I32", [2], 0, 8) }, Int32Array.of(-1, 2 ** 31 - 1)))["w"]).toEqual({ dtype: "i32", shape: [2], data: Int32Array.of(-1, 2 ** 31 - 1) });
    expect(readSafetensors(safetensors({ w: entry("U32", [1], 0, 4) }, Uint32Array.of(2 ** 32 - 1)))["w"]).toEqual({ dtype: "u32", shape: [1], data: Uint32Array.of(2 ** 32 - 1) });
    expect(readSafetensors(safetensors({ w: entry("BOOL", [3], 0, 3) }, Uint8Array.of(0, 1, 255)))["w"]).toEqual({ dtype: "bool", shape: [3], data: Uint8Array.of(0, 1, 1) });
  });

  it("takes several tensors in any order, scalars, empty tensors, metadata, padding and odd alignment", () => {
    const header = `${JSON.stringify({ __metadata__: { format: "pt" }, "b.w": entry("F32", [2], 1, 9), "a.mask": entry("BOOL", [1], 0, 1), none: entry("F32", [0, 7], 9, 9), scale: entry("F32", [], 9, 13) })}  `;
    const data = new Uint8Array(13);
    data[0] = 1;
    [0.5, -3, 8].forEach((value, i) => new DataView(data.buffer).setFloat32(1 + 4 * i, value, true));
    const tensors = readSafetensors(safetensors(header, data));
    expect(tensors).toEqual({
      "a.mask": { dtype: "bool", shape: [1], data: Uint8Array.of(1) }, "b.w": { dtype: "f32", shape: [2], data: Float32Array.of(0.5, -3) },
      none: { dtype: "f32", shape: [0, 7], data: new Float32Array(0) }, scale: { dtype: "f32", shape: [], data: Float32Array.of(8) },
    });
    expect(readSafetensors(safetensors("{}"))).toEqual({});
  });

  it("takes an ArrayBuffer and a part of a larger buffer, and copies", () => {
    const file = safetensors({ w: entry("F32", [1], 0, 4) }, Float32Array.of(7));
    const wide = new Uint8Array(file.length + 5);
    wide.set(file, 3);
    const part = readSafetensors(wide.subarray(3, 3 + file.length));
    wide.fill(0);
    expect(part["w"]?.data).toEqual(Float32Array.of(7));
    expect(readSafetensors(file.slice().buffer)["w"]?.data).toEqual(Float32Array.of(7));
  });

  it("holds a tensor of any name as a plain key", () => {
    const tensors = readSafetensors(safetensors('{"__proto__":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}', Uint8Array.of(1)));
    expect(Object.keys(tensors)).toEqual(["__proto__"]);
  });
});

describe("a file that is wrong", () => {
  const four = Float32Array.of(1);
  const wrong: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["is too short", new Uint8Array(5), /The file has 5 bytes/],
    ["names a header beyond its end", safetensors({}).subarray(0, 9), /The header has 2 bytes, the file only 1 .* cut off/],
    ["names an impossible header", new Uint8Array(16).fill(255), /The header would have 18446744073709551615 bytes/],
    ["has a header that is no JSON", safetensors("{,}"), /The header is no JSON: /],
    ["has a header that is no UTF-8", Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff), /The header is no JSON: /],
    ["has a list for a header", safetensors("[]"), /The header is no JSON object/],
    ["describes a tensor by a number", safetensors({ w: 3 }), /Tensor 'w' is not described by an object/],
    ["has a dtype that the language lacks", safetensors({ w: entry("F64", [1], 0, 8) }, Float64Array.of(1)), /Tensor 'w' has the dtype F64\. Convert it .* F32, F16, BF16, I32, U32, BOOL/],
    ["has the name of a method as a dtype", safetensors({ w: entry("toString", [1], 0, 4) }, four), /dtype toString/],
    ["has no dtype", safetensors({ w: { shape: [1], data_offsets: [0, 4] } }, four), /dtype undefined/],
    ["has a negative length", safetensors({ w: entry("F32", [-1], 0, 4) }, four), /shape \[-1\], which is no list of lengths/],
    ["has a broken length", safetensors({ w: entry("F32", [1.5], 0, 6) }, four), /no list of lengths/],
    ["has offsets of another kind", safetensors({ w: { dtype: "F32", shape: [1], data_offsets: [0] } }, four), /data_offsets \[0\], which are no \[begin, end\]/],
    ["has a shape that does not fit its bytes", safetensors({ w: entry("F32", [2], 0, 4) }, four), /Tensor 'w', F32\[2\], needs 8 bytes and has 4/],
    ["has offsets that run backwards", safetensors({ w: entry("F32", [1], 4, 0) }, four), /needs 4 bytes and has -4/],
    ["has a shape beyond all numbers", safetensors({ w: entry("F32", [2 ** 40, 2 ** 40], 0, 4) }, four), /needs \S+ bytes and has 4/],
    ["was cut off", safetensors({ w: entry("F32", [2], 0, 8) }, four), /ends at byte 8 of the data, the file has 4\. The file was cut off/],
    ["has a gap", safetensors({ w: entry("F32", [1], 4, 8) }, Float32Array.of(1, 2)), /begins at byte 4 of the data; the one before it ends at 0/],
    ["has tensors that overlap", safetensors({ a: entry("F32", [1], 0, 4), b: entry("F32", [1], 2, 6) }, Float32Array.of(1, 2)), /Tensor 'b' begins at byte 2/],
    ["has bytes of no tensor", safetensors({ w: entry("F32", [1], 0, 4) }, Float32Array.of(1, 2)), /The tensors end at byte 4 of the data, the file has 8/],
  ];

  it.each(wrong)("%s", (_, file, message) => {
    const read = (): unknown => readSafetensors(file);
    expect(read).toThrow(RuntimeError);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code: "weights-invalid", hint: expect.stringMatching(/\.$/) }));
  });

  it("never ends in anything but tensors or a RuntimeError, whatever the bytes", () => {
    const sound = safetensors({ a: entry("F32", [1], 0, 4), b: entry("BOOL", [2], 4, 6) }, Uint8Array.of(0, 0, 128, 63, 1, 0));
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 4 }), fc.nat(sound.length), (edits, length) => {
      const file = sound.slice(0, length);
      for (const [at, value] of edits) if (at < length) file[at] = value;
      try {
        readSafetensors(file);
      } catch (error) {
        expect(error).toBeInstanceOf(RuntimeError);
      }
    }), { numRuns: 500 });
  });
});
