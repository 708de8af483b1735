/**
 * Reads the numeric cases of public suites: one JSON file a family, in the folder that NORMFUSE_CASES names. Numbers are
 * rounded to their dtype here, as the format asks; nothing of the data is kept in the repository.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { InternalError } from "../../../compiler/errors.ts";
import { roundToHalf } from "../../../compiler/kernel/numbers.ts";

export type CaseDType = "float32" | "float64" | "float16" | "int64" | "int32" | "bool";

export interface CaseTensor {
  readonly name: string;
  /** Position among the operator's formal operands, where it differs from that in the list. */
  readonly slot?: number;
  readonly shape: readonly number[];
  readonly dtype: CaseDType;
  readonly data: readonly (number | string)[];
}

export interface CaseTolerance {
  readonly ulp?: number;
  readonly atol?: number;
  readonly rtol?: number;
}

export interface Case {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly opset: number | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly inputs: readonly CaseTensor[];
  readonly outputs: readonly CaseTensor[];
  readonly tol?: CaseTolerance;
  readonly note?: string;
}

export interface Family {
  readonly name: string;
  readonly cases: readonly Case[];
}

/** Where the cases are, or undefined when they are not on this machine. */
export function casesFolder(root: string): string | undefined {
  const folder = process.env["NORMFUSE_CASES"] ?? path.join(root, "../shared/cases/open");
  return existsSync(folder) ? folder : undefined;
}

export function readFamilies(folder: string): Family[] {
  return readdirSync(folder).filter((name) => name.endsWith(".json")).sort().map((name) => {
    const content = JSON.parse(readFileSync(path.join(folder, name), "utf8")) as { readonly cases: readonly Case[] } | readonly Case[];
    return { name: name.slice(0, -".json".length), cases: "cases" in content ? content.cases : content };
  });
}

const rounding: Readonly<Record<CaseDType, (value: number) => number>> = {
  float32: Math.fround, float64: (value) => value, float16: roundToHalf, int64: (value) => value, int32: (value) => value, bool: (value) => (value === 0 ? 0 : 1),
};

/** The numbers of a tensor, rounded to its dtype. */
export function numbersOf(tensor: CaseTensor): Float64Array {
  const round = rounding[tensor.dtype];
  if (!round) throw new InternalError("conformance", `dtype '${tensor.dtype}'`);
  return Float64Array.from(tensor.data, (value) => round(Number(value)));
}
