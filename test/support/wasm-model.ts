/** A model of the source text, compiled for WebAssembly and loaded. */
import { checkSource, compileModel, renderDiagnostics, sourceFile } from "../../compiler/index.ts";
import type { Compiled, PlanOptions } from "../../compiler/compile.ts";
import { required } from "../../compiler/errors.ts";

export function wasmModel(text: string, bind: Readonly<Record<string, number>> = {}, options: PlanOptions = {}): Compiled {
  const { models, diagnostics } = checkSource(sourceFile("test.nf", text), { bind });
  if (models.length === 0) throw new Error(renderDiagnostics(diagnostics));
  return compileModel(required(models[0], "test", "model"), "wasm", options);
}
