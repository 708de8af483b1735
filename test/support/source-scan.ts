/** Reads TypeScript sources with TypeScript's own parser, for the tests of the house rules: imports, forbidden syntax, literals. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

export interface Source {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Sources under `folders`, sorted by path. */
export function readSources(root: string, folders: readonly string[], endings: readonly string[] = [".ts"]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => endings.some((ending) => name.endsWith(ending)) && !name.split(path.sep).includes("node_modules"))
      .map((name) => path.posix.join(folder, ...name.split(path.sep)))
      .sort()
      .map((file) => ({ path: file, text: readFileSync(path.join(root, file), "utf8") })),
  );
}

const parse = ({ path: file, text }: Source): ts.SourceFile => ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);

function walk(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => walk(child, see));
}

export interface Import {
  /** A path in the repository for relative specifiers, else the package or `node:` name as written. */
  readonly target: string;
  readonly relative: boolean;
  /** `import()` at run time. */
  readonly dynamic: boolean;
}

/** Everything that a file imports or re-exports, types too. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, dynamic: boolean): void => {
    if (!specifier || !ts.isStringLiteral(specifier)) return;
    const relative = specifier.text.startsWith(".");
    found.push({ target: relative ? path.posix.join(path.posix.dirname(source.path), specifier.text) : specifier.text, relative, dynamic });
  };
  walk(parse(source), (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier, false);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], true);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, false);
  });
  return found;
}

/** Forbidden syntax, as `path:line: what`. */
export function forbiddenSyntax(source: Source): string[] {
  const file = parse(source);
  const found: string[] = [];
  const report = (at: ts.Node | number, what: string): void => {
    const position = typeof at === "number" ? at : at.getStart(file);
    found.push(`${source.path}:${file.getLineAndCharacterOfPosition(position).line + 1}: ${what}`);
  };
  walk(file, (node) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) report(node, "any");
    else if (ts.isEnumDeclaration(node)) report(node, "enum");
    else if (ts.isModuleDeclaration(node)) report(node, "namespace");
    else if (ts.isNonNullExpression(node)) report(node, "non-null assertion");
    else if (ts.isExportAssignment(node)) report(node, "default export");
    else if (ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)) report(node, "default export");
    else if (ts.isExportDeclaration(node) && !node.exportClause) report(node, "export *");
    else if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier) && /^\.(?!.*\.(?:ts|mjs|json|nf)$)/.test(node.moduleSpecifier.text)) report(node, "import without its ending");
  });
  for (const match of source.text.matchAll(/\/[/*]+\s*@ts-(?:ignore|expect-error|nocheck)/g)) report(match.index, "type check switched off");
  for (const match of source.text.matchAll(/(?:\/\/|^\s*\/?\*).*?\b(?:TODO|FIXME|XXX|HACK)\b/gm)) report(match.index, "note to self");
  return found;
}

/** Text of every string literal and every fixed part of a template. */
export function stringLiterals(source: Source): string[] {
  const found: string[] = [];
  walk(parse(source), (node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node)) found.push(node.text);
  });
  return found;
}

/** Lines that call `.replace` or `.replaceAll` with a regular expression. */
export function regexReplacements(source: Source): number[] {
  const file = parse(source);
  const lines: number[] = [];
  walk(file, (node) => {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
    const [first] = node.arguments;
    if (/^replace(All)?$/.test(node.expression.name.text) && first && (ts.isRegularExpressionLiteral(first) || ts.isNewExpression(first))) lines.push(file.getLineAndCharacterOfPosition(node.expression.name.getStart(file)).line + 1);
  });
  return lines;
}

/** Circles of files that import each other, each from its first file in order of path; dynamic imports do not count. */
export function importCycles(sources: readonly Source[]): string[][] {
  const graph = new Map(sources.map((source) => [source.path, importsOf(source).filter((one) => one.relative && !one.dynamic).map(({ target }) => target)]));
  const state = new Map<string, "open" | "done">();
  const cycles: string[][] = [];
  const trail: string[] = [];
  const visit = (file: string): void => {
    state.set(file, "open");
    trail.push(file);
    for (const next of graph.get(file) ?? []) {
      if (state.get(next) === "open") cycles.push([...trail.slice(trail.indexOf(next)), next]);
      else if (!state.has(next) && graph.has(next)) visit(next);
    }
    trail.pop();
    state.set(file, "done");
  };
  for (const file of graph.keys()) if (!state.has(file)) visit(file);
  return cycles;
}

/** Files that `start` reaches by static imports, itself among them. */
export function reachable(sources: readonly Source[], start: string): Set<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const found = new Set<string>();
  const queue = [start];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const source = byPath.get(file);
    if (!source || found.has(file)) continue;
    found.add(file);
    for (const one of importsOf(source)) if (one.relative && !one.dynamic) queue.push(one.target);
  }
  return found;
}
