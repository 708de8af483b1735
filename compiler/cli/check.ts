/** `normfuse check`: every kernel and the whole model against the float64 reference, on ordinary and hostile inputs. */
import { compileModel } from "../index.ts";
import { checkModel, type ModelCheck } from "../verify/check-model.ts";
import { type Arguments, oneFile, planOptions } from "./arguments.ts";
import { checkJson, checkText } from "./check-text.ts";
import { deviceName, openDevice } from "./devices.ts";
import { Failure } from "./failure.ts";
import { loadModels, oneModel } from "./files.ts";

/** Without --model: all models of the file, one after the other. */
export async function check(args: Arguments): Promise<{ text: string; failed?: boolean }> {
  const loaded = loadModels(oneFile(args), args.bind);
  const models = args.model === undefined && loaded.models.length > 0 ? loaded.models : [oneModel(loaded, args.model)];
  const name = deviceName(args);
  if (name === "reference") throw new Failure("usage", "--device got 'reference', which is what devices are checked against", "one of webgpu, gpujs");
  const seed = seedOf(args);
  const device = await openDevice(name, args);
  const checks: ModelCheck[] = [];
  try {
    for (const model of models) {
      const report = progress(model.name);
      const compiled = compileModel(model, device.target, planOptions(args));
      checks.push(await checkModel(compiled, device, { seed, progress: report.step }));
      report.end();
    }
  } finally {
    device.destroy();
  }
  return { text: args.json ? JSON.stringify(checkJson(checks, loaded.file)) : checkText(checks, loaded.file), failed: checks.some((one) => !one.passed) };
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
