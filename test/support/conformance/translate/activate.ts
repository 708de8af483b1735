/** The activation that a fused operator of TensorFlow.js applies to its result. */
import { listed, type Step } from "../draft.ts";
import type { View } from "../view.ts";

export function activate(view: View, y: Step, slope: Step | undefined): Step {
  const { draft } = view;
  const name = view.text("activation", "linear");
  switch (name) {
    case "linear":
      return y;
    case "relu":
    case "relu6":
    case "elu":
    case "sigmoid":
      return draft.map(name, y);
    case "leakyrelu":
      return draft.map("leaky_relu", y, [view.number("leakyreluAlpha", 0.2)]);
    case "prelu":
      return slope ? draft.where(draft.join(">", y, draft.number(0), "bool"), y, draft.mul(y, slope)) : listed("prelu without weights");
    default:
      return listed(`activation ${name}`);
  }
}
