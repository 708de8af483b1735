/**
 * A small pretty printer: documents of text, possible line breaks, indentation and groups. A group is set on one line
 * when it fits, else all its own breaks are taken. Iterative throughout, so long programs are no problem.
 */

export type Layout =
  | string
  | { readonly kind: "line"; readonly flat: string; readonly hard: boolean }
  | { readonly kind: "concat"; readonly parts: readonly Layout[] }
  | { readonly kind: "indent"; readonly inner: Layout }
  | { readonly kind: "group"; readonly inner: Layout }
  /** One text when the surrounding group is broken, nothing when it is flat. */
  | { readonly kind: "broken"; readonly text: string };

export const concat = (...parts: readonly Layout[]): Layout => ({ kind: "concat", parts });
export const indent = (inner: Layout): Layout => ({ kind: "indent", inner });
export const group = (inner: Layout): Layout => ({ kind: "group", inner });
export const whenBroken = (text: string): Layout => ({ kind: "broken", text });
/** A space, or a line break. */
export const line: Layout = { kind: "line", flat: " ", hard: false };
/** Nothing, or a line break. */
export const softLine: Layout = { kind: "line", flat: "", hard: false };
/** Always a line break; it breaks every group around it. */
export const hardLine: Layout = { kind: "line", flat: "", hard: true };

interface Item {
  readonly depth: number;
  readonly flat: boolean;
  readonly layout: Layout;
}

/** Sets a document in lines of at most `width` columns where possible, indented by two spaces a level. */
export function render(layout: Layout, width: number): string {
  const out: string[] = [];
  let column = 0;
  const stack: Item[] = [{ depth: 0, flat: false, layout }];
  for (let item = stack.pop(); item; item = stack.pop()) {
    const { depth, flat, layout: at } = item;
    if (typeof at === "string") {
      out.push(at);
      column += at.length;
      continue;
    }
    switch (at.kind) {
      case "line":
        if (flat && !at.hard) {
          out.push(at.flat);
          column += at.flat.length;
        } else {
          out.push("\n", "  ".repeat(depth));
          column = depth * 2;
        }
        break;
      case "concat":
        for (let i = at.parts.length - 1; i >= 0; i--) stack.push({ depth, flat, layout: at.parts[i] ?? "" });
        break;
      case "indent":
        stack.push({ depth: depth + 1, flat, layout: at.inner });
        break;
      case "group":
        stack.push({ depth, flat: flat || fits(at.inner, width - column, stack), layout: at.inner });
        break;
      case "broken":
        if (!flat) {
          out.push(at.text);
          column += at.text.length;
        }
        break;
      default:
        at satisfies never;
    }
  }
  return out.join("").replace(/[ \t]+$/gm, "");
}

/** Whether `layout`, set flat, and what follows it up to the next possible break, stays within `room` columns. */
function fits(layout: Layout, room: number, rest: readonly Item[]): boolean {
  let left = room;
  let following = rest.length;
  const stack: { readonly flat: boolean; readonly layout: Layout }[] = [{ flat: true, layout }];
  while (left >= 0) {
    const item = stack.pop() ?? rest[--following];
    if (!item) return true;
    const at = item.layout;
    if (typeof at === "string") {
      left -= at.length;
      continue;
    }
    switch (at.kind) {
      case "line":
        if (item.flat && at.hard) return false;
        if (!item.flat) return true;
        left -= at.flat.length;
        break;
      case "concat":
        for (let i = at.parts.length - 1; i >= 0; i--) stack.push({ flat: item.flat, layout: at.parts[i] ?? "" });
        break;
      case "indent":
      case "group":
        stack.push({ flat: item.flat, layout: at.inner });
        break;
      case "broken":
        if (!item.flat) left -= at.text.length;
        break;
      default:
        at satisfies never;
    }
  }
  return false;
}
