/** Prints plain data as a TypeScript literal that people can read: short parts on one line, shader text as template strings. */
import { propertyKey } from "./names.ts";

export type Data = string | number | boolean | readonly Data[] | { readonly [key: string]: Data | undefined };

/** unit: columns */
const lineWidth = 120;

/** A template string with the very same text; carriage returns are escaped, as templates turn them into line feeds. */
export const templateString = (text: string): string =>
  `\`${text.replace(/[\\`]|\$(?=\{)/g, "\\$&").replace(/\r/g, "\\r")}\``;

const printString = (text: string): string => (text.includes("\n") ? templateString(text) : JSON.stringify(text));

/** The literal; lines after the first begin with `indent`, except those of template strings. */
export function printLiteral(value: Data, indent = ""): string {
  if (typeof value === "string") return printString(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "boolean") return String(value);
  const inner = `${indent}  `;
  const [open, close] = isList(value) ? ["[", "]"] : ["{", "}"];
  const parts = isList(value)
    ? value.map((item) => printLiteral(item, inner))
    : Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [`${propertyKey(key)}: ${printLiteral(item, inner)}`]));
  if (parts.length === 0) return open + close;
  const line = isList(value) ? `[${parts.join(", ")}]` : `{ ${parts.join(", ")} }`;
  if (!line.includes("\n") && indent.length + line.length <= lineWidth) return line;
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${indent}${close}`;
}

const isList = (value: readonly Data[] | { readonly [key: string]: Data | undefined }): value is readonly Data[] => Array.isArray(value);
