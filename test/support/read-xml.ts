/** Reads XML strictly enough to tell well-formed from not: elements, attributes, text, entities. No DTD, no comments. */

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** Text directly inside, entities resolved. */
  readonly text: string;
}

const named: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function resolved(text: string): string {
  if (/[<]|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-f]+);)/i.test(text)) throw new Error(`not escaped: ${text}`);
  return text.replace(/&(#x?)?(\w+);/g, (_, number: string | undefined, body: string) => (number === undefined ? (named[body] ?? "") : String.fromCodePoint(Number.parseInt(body, number === "#x" ? 16 : 10))));
}

/** The root element. throws: where the text is not well-formed */
export function readXml(text: string): Element {
  if (/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text)) throw new Error("a character that XML cannot hold");
  let rest = text.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, "");
  if (rest === text) throw new Error("no XML declaration");
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const found = pattern.exec(rest);
    if (!found || found.index !== 0) return undefined;
    rest = rest.slice(found[0].length);
    return found;
  };
  const element = (): Element => {
    const [, name = ""] = take(/<([a-z]+)/) ?? [];
    if (name === "") throw new Error(`no element at: ${rest.slice(0, 40)}`);
    const attributes: Record<string, string> = {};
    for (let found = take(/ ([a-z]+)="([^"<]*)"/); found; found = take(/ ([a-z]+)="([^"<]*)"/)) {
      const [, key = "", value = ""] = found;
      if (Object.hasOwn(attributes, key)) throw new Error(`twice: ${key}`);
      attributes[key] = resolved(value);
    }
    if (take(/\/>/)) return { name, attributes, children: [], text: "" };
    if (!take(/>/)) throw new Error(`<${name}> does not end: ${rest.slice(0, 40)}`);
    const children: Element[] = [];
    let inside = "";
    while (!rest.startsWith("</")) {
      if (rest === "") throw new Error(`<${name}> is not closed`);
      if (rest.startsWith("<")) children.push(element());
      else inside += resolved(take(/[^<]+/)?.[0] ?? "");
    }
    if (!take(new RegExp(`</${name}>`))) throw new Error(`<${name}> is closed by ${rest.slice(0, 20)}`);
    return { name, attributes, children, text: inside };
  };
  const root = element();
  if (rest.trim() !== "") throw new Error(`after the root: ${rest}`);
  return root;
}

/** All elements of a name, in order of the text. */
export const elementsOf = (root: Element, name: string): Element[] => [...(root.name === name ? [root] : []), ...root.children.flatMap((child) => elementsOf(child, name))];
