/**
 * The compiler's public entry: source text in, diagnostics and compiled models out. Pure; files and devices are the
 * caller's (see cli/).
 */
import { exportOnnx as exportOnnxGraph, type OnnxExport, type OnnxExportOptions } from "./backends/onnx/export.ts";
import { check } from "./check/check.ts";
import { compileFunction, type Compiled, type KernelTarget, type PlanOptions } from "./compile.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import type { Bindings } from "./ir/extent.ts";
import type { TensorFunction } from "./ir/node.ts";
import { unrollScans } from "./passes/unroll-scans.ts";
import type { SourceFile } from "./source/source-file.ts";

export { renderDiagnostics, diagnosticToJson } from "./diagnostics/render.ts";
export { emitReference } from "./reference/emit-javascript.ts";
export { emitModule } from "./backends/module/emit.ts";
export type { OnnxExport, OnnxExportOptions } from "./backends/onnx/export.ts";
export { opset as onnxOpset } from "./backends/onnx/encode.ts";
export { emitSourceModule } from "./backends/module/emit-source-module.ts";
export { evaluate as evaluateReference } from "./reference/evaluate.ts";
export { format } from "./syntax/print-tree.ts";
export { sourceFile } from "./source/source-file.ts";
export type { Compiled, KernelTarget, PlanOptions, SourceOf } from "./compile.ts";
export type { Diagnostic } from "./diagnostics/diagnostic.ts";
export type { SourceFile } from "./source/source-file.ts";
export { Refusal } from "./errors.ts";
export type { TensorFunction } from "./ir/node.ts";

export interface CompileOptions extends PlanOptions {
  /** The file that an import means; without it imports are not found. */
  readonly resolve?: (importer: string, specifier: string) => SourceFile | undefined;
  /** Extents that are numbers at compile time; names left out are bound by the host at run time. */
  readonly bind?: Bindings;
}

export interface Models {
  readonly models: readonly TensorFunction[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks a source file; models with errors are left out. Never throws for a mistake in the text. */
export function checkSource(file: SourceFile, options: CompileOptions = {}): Models {
  const { module, diagnostics } = check([file], {
    ...(options.resolve ? { resolve: options.resolve } : {}),
    ...(options.bind ? { bind: options.bind } : {}),
  });
  return { models: module.functions, diagnostics };
}

/** An ONNX file of one checked model, unfused; scans are written out. */
export const exportOnnx = (model: TensorFunction, options: OnnxExportOptions = {}): OnnxExport => exportOnnxGraph(unrollScans(model, () => "ONNX files hold the steps themselves"), options);

/** Compiles one checked model for one target. throws: Refusal, where the target cannot have it */
export const compileModel = (model: TensorFunction, target: KernelTarget, options: PlanOptions = {}): Compiled => compileFunction(model, target, options);
