/** Names in the emitted reference: host tensors, extents and values once each, loop indices and accumulators beside them. */
import { javascriptFunctions } from "../ops/javascript.ts";
import { randomFunctions } from "../ops/random.ts";

/** Words that cannot name a constant, and the names that the module itself uses. */
const taken = (
  "await break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in " +
  "instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield " +
  "eval arguments undefined NaN Infinity Math Number Object Float64Array Error inputs parameters run"
).split(" ");

const loopNames = ["i", "j", "k", "l", "p", "q", "r", "s", "t", "u"];

export class Names {
  readonly #taken = new Set<string>([...taken, ...[...javascriptFunctions, ...randomFunctions].map(({ name }) => name)]);

  /** A name of the function's scope like `wanted`, which may hold dots and other characters. */
  declare(wanted: string): string {
    const plain = wanted.replace(/[^\w$]/g, "_").replace(/^(?=\d)/, "_");
    let name = plain;
    for (let n = 2; this.#taken.has(name); n++) name = `${plain}_${n}`;
    this.#taken.add(name);
    return name;
  }

  /** Index of the n-th loop of a nest. Host tensors and extents must have been declared. */
  loop(n: number): string {
    const free = loopNames.filter((name) => !this.#taken.has(name));
    return free[n] ?? this.local(`index${n}`);
  }

  /** A name of a block; the same wherever it is free, as blocks do not see each other. */
  local(wanted: string): string {
    let name = wanted;
    while (this.#taken.has(name)) name += "_";
    return name;
  }
}
