/** Places the comments of a file while it is printed: each goes to the first gap that the printer opens after it. */
import { concat, hardLine, type Layout } from "./layout.ts";
import type { Comment } from "./tree.ts";

export class CommentPlacer {
  readonly #text: string;
  readonly #comments: readonly Comment[];
  #next = 0;

  constructor(text: string, comments: readonly Comment[]) {
    this.#text = text;
    this.#comments = comments;
  }

  /** What stands in a gap that ends at `offset`: `separator`, or the comments that were waiting, each ending its line. */
  gap(offset: number, separator: Layout): Layout {
    const waiting = this.take(offset);
    if (waiting.length === 0) return separator;
    return concat(...waiting.map((comment) => concat(this.ownLine(comment) ? hardLine : " ", comment.text)), hardLine);
  }

  /** The comments that start before `offset` and were not placed yet. */
  take(offset: number): Comment[] {
    const waiting: Comment[] = [];
    for (let comment = this.#comments[this.#next]; comment && comment.start < offset; comment = this.#comments[this.#next]) {
      waiting.push(comment);
      this.#next++;
    }
    return waiting;
  }

  /** Comments inside what ended at `end` that found no gap, and the one that follows on its line. */
  takeTrailing(end: number): Comment[] {
    const inside = this.take(end);
    const next = this.#comments[this.#next];
    return next && /^[ \t;,]*$/.test(this.#text.slice(end, next.start)) ? [...inside, ...this.take(next.start + 1)] : inside;
  }

  ownLine(comment: Comment): boolean {
    const before = this.#text.lastIndexOf("\n", comment.start - 1);
    return this.#text.slice(before + 1, comment.start).trim() === "";
  }

  /** A blank line stands right above `offset`. */
  blankAbove(offset: number): boolean {
    return /\n[ \t\r]*\n[ \t\r]*$/.test(this.#text.slice(Math.max(0, offset - 200), offset));
  }
}
