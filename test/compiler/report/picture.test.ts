/** The picture of a plan: well-formed, self-contained, and naming every kernel. */
import { describe, expect, it } from "vitest";
import { compileFunction } from "../../../compiler/compile.ts";
import { explain } from "../../../compiler/report/explain.ts";
import { planPicture } from "../../../compiler/report/picture.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { attention, mlp } from "../../support/programs.ts";

function pictureOf(text: string): { readonly svg: string; readonly names: readonly string[] } {
  const fn = modelOf(text);
  const { e, plan, lowered } = compileFunction(fn, "wgsl");
  const explanation = explain(fn.name, e, plan, {});
  return { svg: planPicture(fn, lowered, plan, explanation), names: explanation.kernels.flatMap((kernel) => kernel.writes) };
}

/** Complaints about an XML text: tags that do not nest, attributes without quotes, bare ampersands. */
function complaints(xml: string): string[] {
  const found: string[] = [];
  const open: string[] = [];
  for (const [tag, closing, name, attributes, single] of xml.matchAll(/<(\/?)([A-Za-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g)) {
    if (closing !== "" && open.pop() !== name) found.push(`${tag} closes another element`);
    else if (closing === "" && single === "") open.push(name ?? "");
    const keys = [...(attributes ?? "").matchAll(/([\w:-]+)=/g)].map((match) => match[1]);
    if (new Set(keys).size !== keys.length) found.push(`${tag} has an attribute twice`);
  }
  if (open.length > 0) found.push(`${open.join(", ")} not closed`);
  const text = xml.replaceAll(/<\/?[A-Za-z]+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g, "");
  if (/[<>]/.test(text)) found.push("a bare < or >");
  if (/&(?!amp;|lt;|gt;|quot;)/.test(xml)) found.push("a bare &");
  return found;
}

describe("planPicture", () => {
  it.each([["the network of the readme", mlp], ["attention", attention], ["one map", "model One(x: f32[4]) -> f32[4] {\n  return exp(x)\n}"]])("of %s is well-formed and names all kernels", (_, text) => {
    const { svg, names } = pictureOf(text);
    expect(complaints(svg)).toEqual([]);
    for (const name of names) expect(svg).toContain(name);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+(?:\.\d+)? \d+(?:\.\d+)?"/);
    expect(svg).not.toMatch(/NaN|undefined|Infinity|href=|<script/);
  });

  it("has no empty row and no negative place", () => {
    const { svg } = pictureOf(mlp);
    for (const match of svg.matchAll(/ (?:x|y|width|height)="(-?[\d.]+)"/g)) expect(Number(match[1])).toBeGreaterThanOrEqual(0);
  });

  it("would be refused when it were not well-formed", () => {
    expect(complaints("<a><b></a></b>")).not.toEqual([]);
    expect(complaints("<a>x < y</a>")).not.toEqual([]);
    expect(complaints("<a>x & y</a>")).not.toEqual([]);
    expect(complaints('<a b="1"/>')).toEqual([]);
  });
});
