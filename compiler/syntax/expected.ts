/** Words of the messages of the parser: what each rule of the grammar would have taken. */

/** What could have stood where a rule found no alternative. */
export const expectedByRule: Readonly<Record<string, string>> = {
  declaration: "a declaration",
  functionDeclaration: "'{' or '='",
  block: "'let', 'param', 'return' or '}'",
  statement: "a statement",
  letStatement: "a name or '('",
  result: "a type or '('",
  primary: "an expression",
  indexItem: "an index or slice",
  listItem: "an expression",
  shapeItem: "an extent or '...'",
};
