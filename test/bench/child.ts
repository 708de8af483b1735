/** The process of one peer: takes orders one after the other, so that a crash of a library loses this peer alone. */
import { compileModel } from "../../compiler/index.ts";
import { deviation, inputsOf, modelOf, oracleOf, parametersOf, type Rows, type Tensors } from "./data.ts";
import { dispatchCount } from "./gpu-globals.ts";
import { peerOf } from "./peers/all.ts";
import type { Built, OpenPeer } from "./peers/peer.ts";
import type { Answer, Order } from "./protocol.ts";
import { type Workload, workloads } from "./workloads.ts";

interface Open {
  readonly peer: OpenPeer;
  readonly name: string;
}

interface Current {
  readonly built: Built;
  readonly inputs: Tensors;
}

let open: Open | undefined;
let current: Current | undefined;

async function obey(order: Order): Promise<Answer> {
  switch (order.kind) {
    case "open": {
      const start = performance.now();
      const peer = await peerOf(order.peer).open({ adapter: order.adapter, costFile: order.costFile });
      open = { peer, name: order.peer };
      return { kind: "opened", description: peer.description, milliseconds: performance.now() - start };
    }
    case "prepare": {
      const workload = workloads.find(({ id }) => id === order.workload);
      if (!open || !workload) throw new Error(`prepare of ${order.workload} before open`);
      return prepare(open, workload);
    }
    case "run": {
      if (!current) throw new Error("run before prepare");
      const milliseconds: number[] = [];
      const processor: number[] = [];
      const end = performance.now() + order.milliseconds;
      while (milliseconds.length < order.calls || performance.now() < end) {
        const [start, used] = [performance.now(), process.cpuUsage()];
        await current.built.run(current.inputs);
        milliseconds.push(performance.now() - start);
        const { user, system } = process.cpuUsage(used);
        processor.push((user + system) / 1e3);
      }
      return { kind: "ran", milliseconds, processor };
    }
    case "dispose": {
      await current?.built.dispose();
      current = undefined;
      return { kind: "disposed" };
    }
    default:
      return order satisfies never;
  }
}

async function prepare({ peer, name }: Open, workload: Workload): Promise<Answer> {
  const model = modelOf(workload, "Workload");
  const parameters = parametersOf(workload, compileModel(model, "wasm").artifact);
  const inputs = inputsOf(workload, model, "ordinary");
  const start = performance.now();
  const built = await peer.build(workload, parameters);
  const first = await built.run(inputs);
  const cold = performance.now() - start;
  const before = dispatchCount();
  const hostile = await built.run(inputsOf(workload, model, "hostile"));
  const counted = dispatchCount() - before;
  current = { built, inputs };
  // The bare products compute something else.
  const compared = (rows: Rows, got: Float32Array) => (name === "normfuse-bare" ? { overRms: 0, broken: 0 } : deviation(got, oracleOf(workload, rows), rowWidth(workload)));
  const dispatches = built.dispatches ?? (counted > 0 ? counted : undefined);
  return { kind: "prepared", prepared: { cold, dispatches, plannedBytes: built.plannedBytes, ordinary: compared("ordinary", first), hostile: compared("hostile", hostile) } };
}

/** Last axis of the output; of an image, a channel of it. */
function rowWidth({ form }: Workload): number {
  switch (form.kind) {
    case "mlp":
      return form.widths[3];
    case "group-norm-convolution":
      return form.side * form.side;
    case "norm":
    case "lstm":
    case "norm-product-gelu":
    case "gated":
    case "block":
    case "residual-norm":
      return form.width;
    default:
      return form satisfies never;
  }
}

/** One order at a time, in the order of arrival. */
let last: Promise<unknown> = Promise.resolve();

process.on("message", (order: Order) => {
  last = last.then(async () => {
    let answer: Answer;
    try {
      answer = await obey(order);
    } catch (thrown) {
      answer = { kind: "failed", why: thrown instanceof Error ? thrown.message.split("\n").slice(0, 3).join(" ") : String(thrown) };
    }
    process.send?.(answer);
  });
});
process.on("disconnect", () => process.exit(0));
