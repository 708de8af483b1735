/** `normfuse calibrate`: measures the constants of the cost model on an adapter. */
import type { CostConstants } from "../target.ts";
import { calibrate } from "../tune/calibrate.ts";
import { constantsToJson } from "../tune/constants.ts";
import type { Arguments } from "./arguments.ts";
import { openDevice } from "./devices.ts";
import { Failure } from "./failure.ts";
import { writeWhole } from "./files.ts";

export async function calibrateCommand(args: Arguments): Promise<string> {
  if (args.files.length > 0) throw new Failure("usage", `'calibrate' takes no source file, got '${args.files.join("', '")}'`, "normfuse calibrate --adapter swiftshader --out swiftshader.json");
  const device = await openDevice("webgpu", args);
  try {
    const start = performance.now();
    const constants = roundedAll(await calibrate(device));
    const milliseconds = performance.now() - start;
    const text = constantsToJson(constants, device.description);
    const { out } = args.text;
    if (out !== undefined) writeWhole(out, text);
    if (args.json) return JSON.stringify({ adapter: device.description, constants, milliseconds: rounded(milliseconds), ...(out === undefined ? {} : { path: out }) });
    return [...Object.entries(constants).map(([name, value]) => `${name.padEnd(24)} ${value}`), `measured on ${device.description} in ${milliseconds.toFixed(0)} ms`, ...(out === undefined ? [] : [`wrote ${out}`])].join("\n");
  } finally {
    device.destroy();
  }
}

/** Three digits: what a measurement is worth. */
const rounded = (value: number): number => Number(value.toPrecision(3));

const roundedAll = (constants: CostConstants): CostConstants => ({
  launchMicroseconds: rounded(constants.launchMicroseconds), gigabytesPerSecond: rounded(constants.gigabytesPerSecond), cacheGigabytesPerSecond: rounded(constants.cacheGigabytesPerSecond),
  gigaflopsPerSecond: rounded(constants.gigaflopsPerSecond), barrierNanoseconds: rounded(constants.barrierNanoseconds), parallelWorkgroups: rounded(constants.parallelWorkgroups),
});
