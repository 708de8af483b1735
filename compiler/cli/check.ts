/** `normfuse check`: every kernel and the whole model against the float64 reference, on ordinary and hostile inputs. */
import { RuntimeError } from "../../runtime/errors.ts";
import { compileModel, renderDiagnostics, type SourceFile } from "../index.ts";
import { checkJunit, failureJunit } from "../report/check-junit.ts";
import { checkJson, checkText } from "../report/check-text.ts";
import { checkModel, type ModelCheck } from "../verify/check-model.ts";
import { type Arguments, oneFile } from "./arguments.ts";
import { deviceName, openDevice } from "./devices.ts";
import { Failure } from "./failure.ts";
import { findSource, loadModels, oneModel, writeWhole } from "./files.ts";
import { planOptions } from "./plan-options.ts";

interface Checked {
  readonly file: SourceFile;
  readonly checks: readonly ModelCheck[];
}

export async function check(args: Arguments): Promise<{ text: string; failed?: boolean }> {
  const { file, checks } = await checkReporting(args);
  const source = { file, read: findSource };
  if (args.text.junit !== undefined) writeWhole(args.text.junit, checkJunit(checks, source));
  return { text: args.json ? JSON.stringify(checkJson(checks, source)) : checkText(checks, source), failed: checks.some((one) => !one.passed) };
}

/** A check that cannot be made is in the report too: an older report must not stand for it. */
async function checkReporting(args: Arguments): Promise<Checked> {
  try {
    return await checkModels(args);
  } catch (error) {
    if (args.text.junit !== undefined && (error instanceof Failure || error instanceof RuntimeError)) {
      const details = error instanceof Failure && error.diagnostics.length > 0 ? renderDiagnostics(error.diagnostics) : (error.hint ?? "");
      writeWhole(args.text.junit, failureJunit(args.files[0] ?? "", error.code, error.message, details));
    }
    throw error;
  }
}

/** Without --model: all models of the file, one after the other. */
async function checkModels(args: Arguments): Promise<Checked> {
  const loaded = loadModels(oneFile(args), args.bind, args.assume);
  const models = args.model === undefined && loaded.models.length > 0 ? loaded.models : [oneModel(loaded, args.model)];
  const name = deviceName(args);
  if (name === "reference") throw new Failure("usage", "--device got 'reference', which is what devices are checked against", "one of webgpu, gpujs, wasm");
  const seed = seedOf(args);
  const device = await openDevice(name, args);
  const checks: ModelCheck[] = [];
  try {
    for (const model of models) {
      const report = progress(model.name);
      const compiled = compileModel(model, device.target, planOptions(args, model.name));
      checks.push(await checkModel(compiled, device, { seed, progress: report.step }));
      report.end();
    }
  } finally {
    device.destroy();
  }
  return { file: loaded.file, checks };
}

function seedOf(args: Arguments): number {
  const given = args.text.seed ?? "1";
  if (!/^\d+$/.test(given)) throw new Failure("usage", `--seed got '${given}'`, "a whole number, for example --seed 1");
  return Number(given);
}

/** A line on the terminal that is rewritten from case to case, once a check takes longer than a second. */
function progress(model: string): { readonly step: (done: number, total: number) => void; readonly end: () => void } {
  const start = performance.now();
  let shown = false;
  const write = (text: string): void => {
    if (process.stderr.isTTY !== true) return;
    process.stderr.write(`\r\u001b[K${text}`);
  };
  return {
    step: (done, total) => {
      if (performance.now() - start < 1000) return;
      shown = true;
      write(`${model}: case ${done + 1} of ${total}`);
    },
    end: () => {
      if (shown) write("");
    },
  };
}
