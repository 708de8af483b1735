/**
 * `normfuse/testing`: kernel tests in a project's own suite. `await expectKernels("mnist.nf")` in Vitest, Jest or plain Node
 * compiles the models, runs every kernel and the whole model on the device against the float64 reference, over ordinary and
 * hostile inputs, and throws with the first divergence: kernel, element, values, bound and the model's line.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, relative, resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import type { Device } from "../../runtime/device.ts";
import { checkSource, compileModel, type PlanOptions, Refusal, renderDiagnostics, type SourceFile, sourceFile } from "../index.ts";
import { checkText } from "../report/check-text.ts";
import { checkModel, type ModelCheck } from "../verify/check-model.ts";

export interface ExpectKernelsOptions extends PlanOptions {
  /** Models to check; all of the file unless given. */
  readonly models?: readonly string[];
  /** Extents that are numbers at compile time, by name; the others take several lengths. */
  readonly bind?: Readonly<Record<string, number>>;
  /** Where to run. Opened and destroyed here when left out: WebGPU in Node, on a software adapter where there is no GPU. */
  readonly device?: Device;
  readonly seed?: number;
}

export type { ModelCheck } from "../verify/check-model.ts";

/** A kernel diverged, or the source has mistakes. `checks` holds every figure. */
export class KernelExpectationError extends Error {
  readonly checks: readonly ModelCheck[];

  constructor(message: string, checks: readonly ModelCheck[]) {
    super(message);
    this.name = "KernelExpectationError";
    this.checks = checks;
  }
}

/**
 * Checks the kernels of a source file; `source` is a path or a file URL. Returns the figures when all is well.
 *
 * throws: KernelExpectationError with the report as its message
 */
export async function expectKernels(source: string | URL, options: ExpectKernelsOptions = {}): Promise<readonly ModelCheck[]> {
  const path = relative(process.cwd(), source instanceof URL || source.startsWith("file:") ? fileURLToPath(source) : source) || String(source);
  const file = readSource(path);
  if (!file) throw new KernelExpectationError(`${path} does not exist, or is no file: give the path of a .nf file, relative to ${process.cwd()}`, []);
  const { models, diagnostics } = checkSource(file, { resolve: resolveImport, ...(options.bind ? { bind: options.bind } : {}) });
  if (diagnostics.some((diagnostic) => diagnostic.severity === "error")) throw new KernelExpectationError(renderDiagnostics(diagnostics), []);
  const known = models.map((model) => model.name);
  const missing = options.models?.find((name) => !known.includes(name));
  if (missing !== undefined || known.length === 0) throw new KernelExpectationError(missing === undefined ? `${path} has no model` : `${path} has no model '${missing}'; it has ${known.join(", ")}`, []);
  const device = options.device ?? (await openDevice());
  try {
    const checks: ModelCheck[] = [];
    for (const model of models) {
      if (options.models && !options.models.includes(model.name)) continue;
      const compiled = orReport(() => compileModel(model, device.target, options));
      checks.push(await checkModel(compiled, device, options.seed === undefined ? {} : { seed: options.seed }));
    }
    if (checks.some((check) => !check.passed)) throw new KernelExpectationError(`kernels diverge from the reference\n${checkText(checks, { file, read: readSource })}`, checks);
    return checks;
  } finally {
    if (!options.device) device.destroy();
  }
}

/** A model that the target cannot have is a failed expectation like any other. */
function orReport<T>(compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (error instanceof Refusal) throw new KernelExpectationError(`${error.message}\n  hint: ${error.hint}`, []);
    throw error;
  }
}

async function openDevice(): Promise<Device> {
  const { openWebGpu } = await import("../../runtime/devices/webgpu-node.ts");
  return openWebGpu();
}

const readSource = (path: string): SourceFile | undefined => (existsSync(path) && statSync(path).isFile() ? sourceFile(path, readFileSync(path, "utf8")) : undefined);

/** Imports are relative to the file that names them. */
const resolveImport = (importer: string, specifier: string): SourceFile | undefined => readSource(relative(process.cwd(), resolvePath(dirname(importer), specifier)) || specifier);
