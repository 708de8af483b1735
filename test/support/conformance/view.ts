/** What a translation asks of a case: operands by place or name, attributes with their defaults, and the draft that it writes to. */
import type { Case, CaseTensor } from "./cases.ts";
import { numbersOf } from "./cases.ts";
import { Draft, listed, type Step } from "./draft.ts";

export class View {
  readonly case: Case;
  readonly draft: Draft;

  constructor(given: Case) {
    this.case = given;
    this.draft = new Draft(given);
  }

  get inputCount(): number {
    return this.case.inputs.length;
  }

  tensor(which: number | string): CaseTensor | undefined {
    const { inputs } = this.case;
    if (typeof which === "string") return inputs.find(({ name }) => name === which);
    return inputs.find((tensor, i) => (tensor.slot ?? i) === which);
  }

  has(which: number | string): boolean {
    return this.tensor(which) !== undefined;
  }

  /** An operand as an input of the model. */
  in(which: number | string): Step {
    const tensor = this.tensor(which);
    return tensor ? this.draft.use(tensor) : listed(`operand '${which}' is absent`);
  }

  optional(which: number | string): Step | undefined {
    const tensor = this.tensor(which);
    return tensor && this.draft.use(tensor);
  }

  inputs(): Step[] {
    return this.case.inputs.map((tensor) => this.draft.use(tensor));
  }

  /** An operand whose values the program is made for, such as axes or a shape. */
  values(which: number | string): readonly number[] | undefined {
    const tensor = this.tensor(which);
    return tensor && [...numbersOf(tensor)];
  }

  number(name: string, otherwise: number): number {
    const value = this.case.attributes[name];
    return value === undefined || value === null ? otherwise : Number(value);
  }

  flag(name: string, otherwise = false): boolean {
    const value = this.case.attributes[name];
    return value === undefined || value === null ? otherwise : Boolean(value);
  }

  text(name: string, otherwise: string): string {
    const value = this.case.attributes[name];
    return typeof value === "string" ? value : otherwise;
  }

  /** A number counts as a list of one; absent or null is undefined. */
  numbers(name: string): readonly number[] | undefined {
    const value = this.case.attributes[name];
    if (value === undefined || value === null) return undefined;
    return Array.isArray(value) ? value.map(Number) : [Number(value)];
  }

  /** One number for each axis: a single number counts for all. */
  each(name: string, count: number, otherwise: number): readonly number[] {
    const given = this.numbers(name);
    if (!given || given.length === 0) return new Array<number>(count).fill(otherwise);
    return given.length === 1 ? new Array<number>(count).fill(given[0] ?? otherwise) : given;
  }

  attribute(name: string): unknown {
    return this.case.attributes[name];
  }

  get outputShape(): readonly number[] {
    return this.case.outputs[0]?.shape ?? [];
  }
}

/** Gives the outputs of the program, in the order of the case's. Throws `Listed` for what cannot be said. */
export type Translate = (view: View) => Step | readonly Step[];

export type Translations = Readonly<Record<string, Translate>>;
