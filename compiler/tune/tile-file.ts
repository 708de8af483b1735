/**
 * Tuned tiles as a file: what `normfuse tune` writes beside a source, and what build, run, check, explain and dev read. Tiles by
 * the name of the kernel; one that does not fit the plan any more is left out when the plan is made. Flow: tune.ts -> here.
 */
import type { TileTable } from "../compile.ts";
import type { Tile } from "../fusion/cost.ts";

const version = 1;

export interface TunedModels {
  /** For people: where the times were taken. */
  readonly adapter: string;
  readonly models: Readonly<Record<string, TileTable>>;
}

/** `net.nf` -> `net.tune.json` */
export const tuneFileOf = (source: string): string => `${source.replace(/\.nf$/, "")}.tune.json`;

export const tunedToJson = (tuned: TunedModels): string => `${JSON.stringify({ version, ...tuned }, undefined, 2)}\n`;

/** Names of the numbers and flags of each tile that can be tuned. */
const fields: Readonly<Record<Tile["template"], readonly string[]>> = {
  contraction: ["threadsX", "threadsY", "rowsPerThread", "columnGroups", "innerBlock", "staged"], rows: ["rowsPerGroup", "lanes"], elementwise: ["threads"], stream: ["threads", "step"],
  sequence: ["rows", "rowLanes", "threads", "columnLanes"], block: [], chunk: [], thread: [],
};

/** throws: Error that says what is wrong with the text */
export function tunedFromJson(text: string): TunedModels {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
  if (!isRecord(value) || value["version"] !== version || !isRecord(value["models"])) throw new Error(`it is no file of tuned tiles of version ${version}`);
  const models = Object.entries(value["models"]).map(([model, kernels]): [string, TileTable] => {
    if (!isRecord(kernels)) throw new Error(`models.${model} is no object of tiles by kernel`);
    return [model, Object.fromEntries(Object.entries(kernels).map(([kernel, tile]) => [kernel, tileFrom(tile, `models.${model}.${kernel}`)]))];
  });
  return { adapter: String(value["adapter"]), models: Object.fromEntries(models) };
}

function tileFrom(value: unknown, at: string): Tile {
  const template = isRecord(value) ? String(value["template"]) : "";
  const tile = isRecord(value) ? value["tile"] : undefined;
  const wanted = Object.hasOwn(fields, template) ? fields[template as Tile["template"]] : [];
  if (wanted.length === 0 || !isRecord(tile)) throw new Error(`${at} has the template '${template}'; tiles can be given for contraction, rows, elementwise and stream`);
  for (const name of wanted) if (typeof tile[name] !== (name === "staged" ? "boolean" : "number")) throw new Error(`${at}.tile.${name} is ${JSON.stringify(tile[name])}`);
  return value as Tile;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;
