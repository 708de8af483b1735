import { describe, expect, it } from "vitest";
import { constantName, kebabCase, propertyKey, typeName } from "../../../../compiler/backends/module/names.ts";

describe("names of the generated module", () => {
  it.each([
    ["LnLstm", "ln-lstm", "lnLstm", "LnLstm"],
    ["MNISTNet", "mnist-net", "mnistNet", "MNISTNet"],
    ["ffn2", "ffn2", "ffn2", "Ffn2"],
    ["my_norm", "my-norm", "myNorm", "MyNorm"],
    ["Delete", "delete", "deleteModel", "Delete"],
    ["Load", "load", "loadModel", "Load"],
    ["Promise", "promise", "promise", "PromiseModel"],
  ])("%s", (model, file, constant, type) => {
    expect([kebabCase(model), constantName(model), typeName(model)]).toEqual([file, constant, type]);
  });

  it("quotes keys that are no identifiers", () => {
    expect(["x", "norm.gain", "2nd"].map(propertyKey)).toEqual(["x", '"norm.gain"', '"2nd"']);
  });
});
