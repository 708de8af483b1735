import { describe, expect, it } from "vitest";
import { encodeModule, floatBytes, FunctionBody, signed, unsigned } from "../../../../compiler/backends/wasm/encode.ts";

describe("LEB128", () => {
  it.each([[0, [0]], [127, [127]], [128, [0x80, 1]], [624485, [0xe5, 0x8e, 0x26]], [2 ** 32 - 1, [0xff, 0xff, 0xff, 0xff, 0x0f]]])("unsigned %d", (value, bytes) => expect(unsigned(value)).toEqual(bytes));

  it.each([[0, [0]], [-1, [0x7f]], [63, [63]], [64, [0xc0, 0]], [-64, [0x40]], [-123456, [0xc0, 0xbb, 0x78]], [-(2 ** 31), [0x80, 0x80, 0x80, 0x80, 0x78]]])("signed %d", (value, bytes) => expect(signed(value)).toEqual(bytes));
});

it("writes floats as they are, and every NaN as one", () => {
  expect(floatBytes(1)).toEqual([0, 0, 0x80, 0x3f]);
  expect(floatBytes(Number.NaN)).toEqual([0, 0, 0xc0, 0x7f]);
});

describe("a module", () => {
  const build = (): ReturnType<typeof encodeModule> => {
    const body = new FunctionBody(1);
    const [kept, other] = [body.local("f32"), body.local("f32")];
    body.get(0);
    body.tee(kept);
    body.get(kept);
    body.op(0x92);
    body.release("f32", other);
    expect(body.local("f32")).toBe(other);
    return encodeModule({ types: [{ parameters: ["f32"], results: ["f32"] }], imports: [{ name: "sin", type: 0 }], functions: [{ type: 0, body }], exports: { twice: 1 } });
  };

  const instance = (bytes: Uint8Array, memory: WebAssembly.Memory): unknown =>
    new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)), { env: { memory, sin: Math.sin } }).exports["twice"];

  it("runs", () => {
    const twice = instance(build().bytes, new WebAssembly.Memory({ initial: 1, maximum: 65536 })) as (value: number) => number;
    expect(twice(21)).toBe(42);
  });

  it("says where the kind of its memory stands", () => {
    const { bytes, sharedAt } = build();
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
    expect(bytes[sharedAt]).toBe(1);
    expect(() => instance(bytes, shared)).toThrow();
    const patched = Uint8Array.from(bytes);
    patched[sharedAt] = 3;
    expect(instance(patched, shared)).toBeTypeOf("function");
  });
});
