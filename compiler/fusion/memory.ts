/** Which values of a program are in memory: what a placement decides. By number, since the search asks all the time. */

export class Memory {
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #flags: Uint8Array;

  /** `numbers`: of the program's definitions, from 0. */
  constructor(numbers: ReadonlyMap<string, number>, ...stored: readonly Iterable<string>[]) {
    this.#numbers = numbers;
    this.#flags = new Uint8Array(numbers.size);
    for (const names of stored) for (const name of names) this.#set(name, 1);
  }

  has(name: string): boolean {
    const number = this.#numbers.get(name);
    return number !== undefined && this.#flags[number] === 1;
  }

  hasNumber(number: number): boolean {
    return this.#flags[number] === 1;
  }

  /** Into memory, or out of it. */
  flip(name: string): void {
    this.#set(name, this.has(name) ? 0 : 1);
  }

  #set(name: string, flag: 0 | 1): void {
    const number = this.#numbers.get(name);
    if (number !== undefined) this.#flags[number] = flag;
  }
}
