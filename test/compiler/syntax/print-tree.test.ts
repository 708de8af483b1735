/** The formatter: the layout itself, idempotence, and that no comment is lost. */
import { describe, expect, test } from "vitest";
import { librarySources } from "../../../compiler/library/sources.ts";
import { sourceFile } from "../../../compiler/source/source-file.ts";
import { format } from "../../../compiler/syntax/print-tree.ts";
import { lex } from "../../../compiler/syntax/tokens.ts";
import { attention, mlp, small } from "../../support/programs.ts";

function formatted(text: string): string {
  const result = format(sourceFile("a.nf", text));
  if (!("text" in result)) throw new Error(result.diagnostics.map((diagnostic) => diagnostic.message).join("\n"));
  return result.text;
}

const comments = (text: string): string[] => lex(text).comments.map((comment) => comment.image.trimEnd());

const crowded = `// head

import {A,B} from "./x.nf"
import "./y.nf" // trail
const a=1; const b=[1,2,
 3]
/// doc
model M[B](/// the pixels
  x: f32[B,784], y:f32[4*H+1] = 2 // the y
  )->(a:f32[B],f32[B]) { // open
   // first
   let h = x // start
     |> Dense[784,1000] // one
     // own
     |> Dense[1000,1000](a,b=2)


   let (p,q)=split(h,  2) ; param w:f32[K,N]=glorot_uniform
   let z = f(a, // first arg
     b)
   return -x[0:3,:,-1,::2] ** 2 && !a // last
   // end
}
// tail`;

const tidy = `// head

import { A, B } from "./x.nf"
import "./y.nf" // trail

const a = 1
const b = [1, 2, 3]

/// doc
model M[B]( /// the pixels
  x: f32[B, 784],
  y: f32[4*H + 1] = 2, // the y
) -> (a: f32[B], f32[B]) {
  // open
  // first
  let h =
    x // start
    |> Dense[784, 1000] // one
    // own
    |> Dense[1000, 1000](a, b = 2)

  let (p, q) = split(h, 2)
  param w: f32[K, N] = glorot_uniform
  let z = f(
    a, // first arg
    b,
  )
  return -x[0:3, :, -1, ::2] ** 2 and not a // last
  // end
}
// tail
`;

describe("format", () => {
  test("lays out", () => expect(formatted(crowded)).toBe(tidy));

  test("long lines break at the loosest operators and at commas", () => {
    const name = "a_rather_long_name_for_a_value";
    expect(formatted(`fn f(x: f32) { let y = ${name} * ${name} + ${name} * ${name} let z = g(${name}, ${name}, ${name}, ${name}) return y }`)).toBe(
      `fn f(x: f32) {\n  let y =\n    ${name} * ${name}\n    + ${name} * ${name}\n  let z = g(\n    ${name},\n    ${name},\n    ${name},\n    ${name},\n  )\n  return y\n}\n`,
    );
  });

  test.each([crowded, mlp, attention, small, ...librarySources.map((source) => source.text)])("is idempotent and keeps every comment", (text) => {
    const once = formatted(text);
    expect(formatted(once)).toBe(once);
    expect(comments(once)).toEqual(comments(text));
  });

  test.each(librarySources.map((source) => [source.path, source.text] as const))("%s is formatted", (_, text) => expect(formatted(text)).toBe(text));

  test("long constraints and conditions stand below what they belong to", () => {
    const text = formatted(`fn long[H, D](x: f32[..., H*D], gain: f32[H*D], other_parameter: f32[H*D]) -> f32[..., H*D] where H % 2 == 0 and D % 4 == 0 and H * D % 64 == 0 {
      return if H % 2 == 0 and D % 4 == 0 and H * D % 64 == 0 and H > 1 and D > 2 and H * D > 128 and H * D > 1024 then x * gain else x
    }`);
    expect(text).toBe(`fn long[H, D](x: f32[..., H*D], gain: f32[H*D], other_parameter: f32[H*D]) -> f32[..., H*D]
  where H % 2 == 0 and D % 4 == 0 and H * D % 64 == 0 {
  return if H % 2 == 0
        and D % 4 == 0
        and H * D % 64 == 0
        and H > 1
        and D > 2
        and H * D > 128
        and H * D > 1024
      then x * gain
      else x
}
`);
    expect(formatted(text)).toBe(text);
  });

  test("comments of outputs and parameters stay with them", () => {
    const text = "model M[B](\n  /// pixels\n  x: f32[B],\n) -> (\n  /// scores\n  y: f32[B],\n  z: f32[B], // last\n) {\n  /// the scale\n  param g: f32 = 1\n  return (x * g, x)\n}\n";
    expect(formatted(text)).toBe(text);
  });

  test("none and the rest of a shape", () => {
    const text = "fn f(x: float[..., 4], g: float[4] = none) -> float[..., 2, 2] = reshape(x, [..., 2, 2])\n";
    expect(formatted(text)).toBe(text);
  });

  test("comments in odd places are kept", () => {
    for (let at = 0; at <= mlp.length; at += 7) {
      const text = `${mlp.slice(0, at)} // odd\n${mlp.slice(at)}`;
      const result = format(sourceFile("a.nf", text));
      if (!("text" in result)) continue;
      expect(comments(result.text).toSorted()).toEqual(comments(text).toSorted());
      expect(formatted(result.text)).toBe(result.text);
    }
  });

  test("a file with syntax errors is left alone", () => {
    const result = format(sourceFile("a.nf", "fn f("));
    expect("diagnostics" in result && result.diagnostics[0]?.code).toBe("E0003");
  });

  test("a chain of 10,000 terms prints", () => expect(formatted(`const a = ${"1 + ".repeat(10_000)}1`).length).toBeGreaterThan(40_000));
});
