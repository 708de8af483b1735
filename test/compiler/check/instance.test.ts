/** Names and paths of layer instances. */
import { expect, test } from "vitest";
import { parameterPath, reapply, rootInstance, snakeCase, subInstance } from "../../../compiler/check/instance.ts";

test.each([["Dense", "dense"], ["LnLstm", "ln_lstm"], ["MLP", "mlp"], ["RMSNorm", "rms_norm"], ["Conv2d", "conv2d"], ["already_snake", "already_snake"]])("%s becomes %s", (name, path) => expect(snakeCase(name)).toBe(path));

test("later instances are numbered, paths nest, and a new application starts over", () => {
  const root = rootInstance();
  const [first, second] = [subInstance(root, "dense"), subInstance(root, "dense")];
  expect([first.path, second.path, parameterPath(second, "w"), parameterPath(root, "w")]).toEqual(["dense", "dense_2", "dense_2.w", "w"]);
  expect(subInstance(second, "inner").path).toBe("dense_2.inner");
  expect(subInstance(second, "inner").path).toBe("dense_2.inner_2");
  expect(subInstance(reapply(second), "inner").path).toBe("dense_2.inner");
});
