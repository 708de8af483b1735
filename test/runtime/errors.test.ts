import { describe, expect, it } from "vitest";
import { RuntimeError, messageOf } from "../../runtime/errors.ts";

describe("RuntimeError", () => {
  it("has a code, and a message that ends with the hint", () => {
    const error = new RuntimeError("disposed", "It is gone.", "Load it again.");
    expect(error).toMatchObject({ name: "RuntimeError", code: "disposed", hint: "Load it again.", message: "It is gone. Load it again." });
    expect(error).toBeInstanceOf(Error);
    expect("cause" in error).toBe(false);
    expect(new RuntimeError("kernel-failed", "a", "b", "why").cause).toBe("why");
  });

  it("finds the text of anything thrown", () => {
    expect([new Error("a"), "b", undefined].map(messageOf)).toEqual(["a", "b", "undefined"]);
  });
});
