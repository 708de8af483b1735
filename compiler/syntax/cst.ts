/** Reading the concrete syntax tree that the parser makes: children by name, and their spans. Used by the build files. */
import type { CstElement, CstNode, IToken } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../source/source-file.ts";
import type { Block, Comment, Parameter } from "./tree.ts";

export interface BuildContext {
  readonly file: SourceFile;
  readonly comments: readonly Comment[];
}

/** What the build functions share. */
export interface Builder extends BuildContext {
  readonly diagnostics: Diagnostic[];
  /** The block or parameter list below a node; scans inside expressions have both. */
  readonly block: (parent: CstNode) => Block;
  readonly parameters: (parent: CstNode) => Parameter[];
}

const isNode = (element: CstElement): element is CstNode => "children" in element;

/** The child of a rule that only chooses between others. */
export const chosenNode = (parent: CstNode): CstNode | undefined => Object.values(parent.children).flat().find(isNode);

export function nodesOf(parent: CstNode, key: string): CstNode[] {
  return (parent.children[key] ?? []).filter(isNode);
}

export const nodeOf = (parent: CstNode, key: string): CstNode | undefined => nodesOf(parent, key)[0];

/** Tokens really in the text; those that recovery invented have no place and are left out. */
export function tokensOf(parent: CstNode, key: string): IToken[] {
  return (parent.children[key] ?? []).filter((element): element is IToken => !isNode(element) && !Number.isNaN(element.startOffset));
}

export const tokenOf = (parent: CstNode, key: string): IToken | undefined => tokensOf(parent, key)[0];

export const tokenSpan = (t: IToken, builder: BuildContext): Span => ({ file: builder.file, start: t.startOffset, end: (t.endOffset ?? t.startOffset) + 1 });

export function nodeSpan(node: CstNode, builder: BuildContext): Span {
  const start = node.location?.startOffset ?? 0;
  const end = (node.location?.endOffset ?? start - 1) + 1;
  return Number.isNaN(start) || Number.isNaN(end) ? { file: builder.file, start: 0, end: 0 } : { file: builder.file, start, end: Math.max(start, end) };
}
