/**
 * Measures the constants of the cost model on a device, in a tenth of a second or little more: six tiny kernels, each run
 * until it has taken long enough to be read off a clock. Flow: a device of the runtime -> CostConstants -> constants.ts.
 */
import type { Device, DeviceBuffer } from "../../runtime/device.ts";
import type { CostConstants } from "../target.ts";
import { arithmeticProbe, barrierProbe, cacheProbe, fewProbe, launchProbe, memoryProbe, type Probe, probeElements } from "./probes.ts";

/** A measurement is repeated until the two least times agree, and the least taken: everything that disturbs adds to it. */
const mostRepetitions = 10;
const agreement = 1.1;
/** On a busy machine they may never agree: after so long, twice must do. unit: milliseconds */
const patience = 500;
/** Dispatches in a list are doubled until it takes so long. unit: milliseconds */
const readable = 0.6;
const mostDispatches = 64;

/** Arithmetic in ever more workgroups, until it takes several times as long as the fewest invocations at the same rate would. */
const groupsToTry = [4, 64, 1024] as const;
const longer = 3;

/** throws: RuntimeError as the device does */
export async function calibrate(device: Device): Promise<CostConstants> {
  const probes = [launchProbe, memoryProbe, cacheProbe, fewProbe, ...groupsToTry.map((groups) => arithmeticProbe(groups)), barrierProbe(false), barrierProbe(true)];
  const compiled = await device.compile(probes.map((probe) => probe.kernel));
  const request = (name: string) => ({ name, role: "temporary" as const, dtype: "f32" as const, length: probeElements });
  const small = { name: "mark", role: "output" as const, dtype: "f32" as const, length: 4 };
  const buffers = await device.allocate([request("from"), request("to"), small]);
  const [from, to, mark] = buffers as readonly [DeviceBuffer, DeviceBuffer, DeviceBuffer];
  try {
    const end = performance.now() + patience;
    const microsecondsOf = async (probe: Probe): Promise<number> => {
      const kernel = compiled[probes.findIndex((each) => each.kernel.name === probe.kernel.name)];
      if (!kernel) return Number.NaN;
      const timed = async (count: number): Promise<number> => {
        const list = await device.bind(Array.from({ length: count }, () => ({ kernel, buffers: [from, to], grid: [probe.groups, 1, 1] as const, bindings: {} })));
        let [least, second] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
        for (let i = 0; i < 2 || (i < mostRepetitions && second > agreement * least && performance.now() < end); i++) {
          const start = performance.now();
          await device.run(list, [mark]);
          const milliseconds = performance.now() - start;
          [least, second] = milliseconds < least ? [milliseconds, least] : [least, Math.min(second, milliseconds)];
        }
        device.release([], [list]);
        return least;
      };
      const one = await timed(1);
      let count = 1;
      let whole = one;
      // What a run costs beside its dispatches - submit, read-back - is in both.
      while (count === 1 || (whole - one < readable && count < mostDispatches)) whole = await timed((count *= 4));
      return (Math.max(whole - one, 1e-3) / (count - 1)) * 1e3;
    };
    const launch = await microsecondsOf(launchProbe);
    const beyondLaunch = async (probe: Probe): Promise<number> => {
      const all = await microsecondsOf(probe);
      return Math.max(all - launch, 0.01 * all);
    };
    const memory = await beyondLaunch(memoryProbe);
    const cache = await beyondLaunch(cacheProbe);
    const alone = await beyondLaunch(fewProbe);
    let filled = { probe: arithmeticProbe(groupsToTry[0]), microseconds: 0 };
    for (const groups of groupsToTry) {
      filled = { probe: arithmeticProbe(groups), microseconds: await beyondLaunch(arithmeticProbe(groups)) };
      if (filled.microseconds > longer * alone) break;
    }
    const barriers = (await beyondLaunch(barrierProbe(true))) - (await beyondLaunch(barrierProbe(false)));
    return {
      // What is too short to be told from the noise is a microsecond.
      launchMicroseconds: Math.max(1, launch),
      gigabytesPerSecond: memoryProbe.work / memory / 1e3,
      cacheGigabytesPerSecond: cacheProbe.work / cache / 1e3,
      gigaflopsPerSecond: filled.probe.work / filled.microseconds / 1e3,
      barrierNanoseconds: Math.max(barriers, 1e-3 * alone) * 1e3 / (2 * barrierProbe(true).work),
      // Work done at once, in units of what few invocations do alone: one workgroup counts as 64 invocations.
      parallelWorkgroups: Math.max(1 / 64, (filled.probe.work / filled.microseconds / (fewProbe.work / alone)) * (fewProbe.invocations / 64)),
    };
  } finally {
    device.release(buffers, []);
  }
}
