import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Data, printLiteral, templateString } from "../../../../compiler/backends/module/literal.ts";

const evaluate = (text: string): unknown => new Function(`return (${text});`)();

describe("printLiteral", () => {
  it("keeps shader text readable, and escapes what a template string would read", () => {
    const code = "let a = `b`;\n// \\ and ${c} but $d\r\n";
    expect(templateString(code)).toBe("`let a = \\`b\\`;\n// \\\\ and \\${c} but $d\\r\n`");
    expect(evaluate(templateString(code))).toBe(code);
  });

  it("breaks what does not fit a line", () => {
    expect(printLiteral({ a: [1, -0], "b.c": true })).toBe('{ a: [1, -0], "b.c": true }');
    expect(printLiteral({ names: Array.from({ length: 3 }, () => "n".repeat(50)) }).split("\n")).toHaveLength(7);
  });

  it("evaluates to the same data, whatever it is", () => {
    const data = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.string({ unit: "grapheme" }), fc.constantFrom("`${", "\n`\\", "a\r\nb"), fc.double({ noNaN: true }), fc.boolean(), tie("list"), tie("record")),
      list: fc.array(tie("value")),
      record: fc.dictionary(fc.string().filter((key) => key !== "__proto__"), tie("value"), { noNullPrototype: true }),
    })).value;
    fc.assert(
      fc.property(data, (value) => {
        expect(evaluate(printLiteral(value as Data))).toEqual(value);
      }),
    );
  });
});
