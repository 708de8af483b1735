/** Our own plans as peers: by the constants of the planner, without fusion, and the bare products of a workload. */
import { readFileSync } from "node:fs";
import { compileModel, type PlanOptions } from "../../../compiler/index.ts";
import { explain } from "../../../compiler/report/explain.ts";
import { constantsFromJson } from "../../../compiler/tune/constants.ts";
import { openWebGpu } from "../../../runtime/devices/webgpu-node.ts";
import { load } from "../../../runtime/index.ts";
import { modelOf, parametersOf } from "../data.ts";
import { nodeAdapter } from "../gpu-globals.ts";
import { joined, type OpenOptions, type Peer } from "./peer.ts";

interface Variant {
  readonly model: "Workload" | "Bare";
  readonly options: PlanOptions;
  /** Plans with the constants that were measured in this run. */
  readonly calibrated: boolean;
}

const peer = (name: string, variant: Variant): Peer => ({
  name, group: "adapter",
  open: async ({ adapter, costFile }: OpenOptions) => {
    const device = await openWebGpu({ prefer: nodeAdapter(adapter) });
    const cost = variant.calibrated && costFile !== undefined && costFile !== "" ? { cost: constantsFromJson(readFileSync(costFile, "utf8")) } : {};
    return {
      description: device.description,
      build: async (workload) => {
        const model = modelOf(workload, variant.model);
        const { e, plan, artifact } = compileModel(model, "wgsl", { ...variant.options, ...cost, assume: workload.bind });
        const { dispatches, bytes } = explain(model.name, e, plan, workload.bind);
        const parameters = parametersOf(workload, artifact);
        const program = await load(artifact, device);
        await program.prepare(parameters);
        return {
          dispatches, plannedBytes: bytes.planned,
          run: async (inputs) => joined(Object.values((await program.run(inputs)).outputs).map(({ data }) => data as Float32Array)),
          dispose: () => program.dispose(),
        };
      },
    };
  },
});

export const normfuse = peer("normfuse", { model: "Workload", options: { cost: "software" }, calibrated: true });
export const normfuseGpuPlan = peer("normfuse-gpu-plan", { model: "Workload", options: { cost: "gpu" }, calibrated: false });
export const normfuseUnfused = peer("normfuse-unfused", { model: "Workload", options: { cost: "software", fusion: "none" }, calibrated: true });
export const normfuseBare = peer("normfuse-bare", { model: "Bare", options: { cost: "software" }, calibrated: true });
