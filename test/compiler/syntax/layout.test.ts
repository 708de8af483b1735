/** The pretty printer under the formatter. */
import { describe, expect, test } from "vitest";
import { concat, group, hardLine, indent, line, render, softLine, whenBroken } from "../../../compiler/syntax/layout.ts";

const list = (items: readonly string[]) => group(concat("[", indent(concat(softLine, ...items.flatMap((item, i) => (i === 0 ? [item] : [",", line, item])))), whenBroken(","), softLine, "]"));

describe("layout", () => {
  test("flat where it fits", () => expect(render(list(["a", "b"]), 6)).toBe("[a, b]"));
  test("broken where it does not", () => expect(render(list(["a", "b"]), 5)).toBe("[\n  a,\n  b,\n]"));
  test("what follows a group counts", () => expect(render(concat(list(["a", "b"]), "xyz"), 8)).toBe("[\n  a,\n  b,\n]xyz"));
  test("a hard line breaks every group around it", () => expect(render(group(concat("a", line, group(concat("b", hardLine, "c")))), 80)).toBe("a\nb\nc"));
  test("no blanks at line ends", () => expect(render(concat("a ", hardLine, indent(concat(hardLine, "b"))), 80)).toBe("a\n\n  b"));
  test("depth is no limit", () => {
    let deep = concat("x");
    for (let i = 0; i < 20_000; i++) deep = group(concat("(", deep, ")"));
    expect(render(deep, 100_000)).toHaveLength(40_001);
  });
});
