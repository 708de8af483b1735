/** Values for a model's parameters, as `--params` names them: a file of tensors by path, or a seed for the initialisers of the source. */
import { readSafetensors } from "../../runtime/safetensors.ts";
import type { Tensor } from "../../runtime/tensor.ts";
import { Failure } from "./failure.ts";
import { readBytes } from "./files.ts";
import { readTensors } from "./tensor-json.ts";

export type ParameterSource =
  | { readonly kind: "seed"; readonly seed: number }
  | { readonly kind: "tensors"; readonly tensors: Readonly<Record<string, Tensor>> };

/** Reads `FILE.json`, `FILE.safetensors` or `seed:N`. throws: Failure; RuntimeError for a damaged .safetensors file */
export function readParameters(given: string): ParameterSource {
  const seed = /^seed:(\d+)$/.exec(given);
  if (seed) return { kind: "seed", seed: Number(seed[1]) };
  if (given.startsWith("seed:")) throw new Failure("usage", `--params got '${given}'`, "a seed is a whole number: --params seed:1");
  return { kind: "tensors", tensors: given.endsWith(".safetensors") ? readSafetensors(readBytes(given)) : readTensors(given) };
}
