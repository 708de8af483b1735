/**
 * The constants of the cost model as a file: what `normfuse calibrate` writes and `--cost FILE.json` reads. A plan is a pure
 * function of these numbers. Flow: calibrate.ts -> here -> a file -> here -> target.ts.
 */
import type { CostConstants } from "../target.ts";

/** Version of the file's form. */
const version = 1;

const names: Readonly<Record<keyof CostConstants, string>> = {
  launchMicroseconds: "microseconds", gigabytesPerSecond: "GB/s", cacheGigabytesPerSecond: "GB/s", gigaflopsPerSecond: "Gflop/s", barrierNanoseconds: "nanoseconds", parallelWorkgroups: "workgroups",
};

/** Text of the file, and for people the adapter that the numbers belong to. */
export const constantsToJson = (constants: CostConstants, adapter: string): string => `${JSON.stringify({ version, adapter, constants }, undefined, 2)}\n`;

/** throws: Error with what is wrong with the text, and what to write instead */
export function constantsFromJson(text: string): CostConstants {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON; `normfuse calibrate --out FILE.json` writes such a file");
  }
  const given = isRecord(value) ? value : {};
  if (given["version"] !== version) throw new Error(`its version is ${JSON.stringify(given["version"])}, not ${version}; \`normfuse calibrate --out FILE.json\` writes one`);
  const constants = isRecord(given["constants"]) ? given["constants"] : {};
  const read = (name: keyof CostConstants): number => {
    const number = constants[name];
    if (typeof number === "number" && Number.isFinite(number) && number > 0) return number;
    throw new Error(`constants.${name} is ${JSON.stringify(number)}, not a positive number of ${names[name]}`);
  };
  return {
    launchMicroseconds: read("launchMicroseconds"), gigabytesPerSecond: read("gigabytesPerSecond"), cacheGigabytesPerSecond: read("cacheGigabytesPerSecond"),
    gigaflopsPerSecond: read("gigaflopsPerSecond"), barrierNanoseconds: read("barrierNanoseconds"), parallelWorkgroups: read("parallelWorkgroups"),
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;
