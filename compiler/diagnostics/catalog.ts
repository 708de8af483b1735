/**
 * Every diagnostic of the language: code, title, message, explanation and an example that provokes it. Messages are
 * built here and nowhere else; `explain E0301`, the generated spec table and the error cases all read this table.
 */
import type { Span } from "../source/source-file.ts";
import type { Diagnostic, Note, Severity } from "./diagnostic.ts";

export interface Entry<Arguments extends readonly string[]> {
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  readonly message: (...parts: Arguments) => string;
  readonly explanation: string;
  /** A program that gives this code. */
  readonly example: string;
}

function error<Arguments extends readonly string[]>(code: string, title: string, message: (...parts: Arguments) => string, explanation: string, example: string): Entry<Arguments> {
  return { code, severity: "error", title, message, explanation, example };
}

function warning<Arguments extends readonly string[]>(code: string, title: string, message: (...parts: Arguments) => string, explanation: string, example: string): Entry<Arguments> {
  return { code, severity: "warning", title, message, explanation, example };
}

export const catalog = {
  // Text and syntax
  unexpectedCharacter: error("E0001", "unexpected character", (text) => `unexpected character ${text}`,
    "The text holds a character that begins no token. Names are ASCII letters, digits and `_`.",
    "const a = 1 $ 2"),
  unexpectedToken: error("E0002", "unexpected token", (expected, found) => `expected ${expected}, found ${found}`,
    "The parser met a word or symbol that cannot stand here. It resumes at the next declaration.",
    "fn f(x: f32) -> f32 { let = x\n  return x }"),
  unclosedBracket: error("E0003", "bracket never closed", (open, close) => `'${open}' is never closed: expected '${close}' here`,
    "A bracket is still open where a new statement or declaration begins, where another bracket closes, or where the file ends. The note shows where it was opened.",
    "fn f(x: f32) -> f32 {\n  return x\nfn g(x: f32) -> f32 = x"),
  strayBracket: error("E0004", "closing bracket without an opening one", (close) => `'${close}' closes nothing`,
    "There is a closing bracket that no opening bracket belongs to.",
    "const a = (1 + 2))"),
  nestingTooDeep: error("E0005", "nested too deeply", (what, limit) => `${what} nested more than ${limit} deep`,
    "Brackets, prefix operators and calls of functions may be nested to a fixed depth only. Name the inner parts with `let`.",
    `const a = ${"(".repeat(210)}1${")".repeat(210)}`),
  numberOutOfRange: error("E0006", "number out of range", (text) => `${text} is out of range for a number`,
    "A number must be finite as a 64-bit float. Write `inf` for infinity.",
    "const a = 1e999"),
  unclosedString: error("E0007", "string never closed", (text) => `the string ${text} is not closed`,
    "A string ends with a quotation mark on the line where it begins.",
    'import "./dense.nf'),

  // Names and modules
  unknownName: error("E0101", "unknown name", (name) => `unknown name '${name}'`,
    "Nothing of this name is in scope: no local value, no declaration, no import, no library function and no built-in op.",
    "fn f(x: f32[n]) = sofmax(x)"),
  duplicateName: error("E0102", "name declared twice", (name) => `'${name}' is already declared`,
    "Two declarations of one file, or two bindings of one function, have the same name. Names of the library may be declared anew.",
    "const a = 1\nconst a = 2"),
  unknownType: error("E0103", "unknown type", (name) => `unknown type '${name}'`,
    "Types are f32, f16, i32, u32 and bool, each with an optional shape; in functions and layers also float, number and any, where an argument decides. Parameters may also be of the compile-time types int, flag and axes.",
    "fn f(x: float32[n]) = x"),
  importNotFound: error("E0104", "import not found", (specifier) => `cannot find "${specifier}"`,
    "The host could not supply the file that an import names. The path is relative to the importing file.",
    'import "./missing.nf"'),
  notExported: error("E0105", "name not in the imported file", (name, path) => `"${path}" declares no '${name}'`,
    "An import names something that the other file does not declare.",
    'import { Nothing } from "./dense.nf"'),
  importCycle: error("E0106", "files import each other", (cycle) => `import cycle: ${cycle}`,
    "Two or more files import each other in a circle. Move what they share into a third file.",
    'import "./cycle.nf"'),
  recursion: error("E0107", "recursive function", (cycle) => `recursive definition: ${cycle}`,
    "Functions are expanded where they are called, so none may call itself, directly or through others.",
    "fn f(x: f32[n]) -> f32[n] = f(x)"),

  // Calls
  notCallable: error("E0201", "not a function", (what) => `${what} cannot be called`,
    "Only functions, layers, models, built-in ops and named layer instances can be applied to arguments.",
    "fn f(x: f32[n]) = x(x)"),
  notAValue: error("E0202", "not a tensor", (what) => `${what} is not a tensor`,
    "A function, string, list or tuple, or an optional argument that is not there, stands where a tensor or number is needed.",
    "fn f(x: f32[n]) = x + f"),
  missingArgument: error("E0203", "missing argument", (name, callee) => `'${callee}' needs an argument for '${name}'`,
    "An argument without a default was not given.",
    "fn f(x: f32[n]) = matmul(x)"),
  tooManyArguments: error("E0204", "too many arguments", (callee, count, given) => `'${callee}' takes ${count}, but ${given} are given`,
    "More arguments were given than the function has parameters.",
    "fn f(x: f32[n]) = exp(x, x)"),
  unknownArgument: error("E0205", "unknown argument name", (name, callee) => `'${callee}' has no parameter '${name}'`,
    "A named argument must carry the name of a parameter or attribute.",
    "fn f(x: f32[n]) = sum(x, axes = 0)"),
  repeatedArgument: error("E0206", "argument given twice", (name, callee) => `'${name}' of '${callee}' is given twice`,
    "One parameter got two arguments, by position and by name or twice by name.",
    "fn f(x: f32[n]) = exp(x, x = x)"),
  positionalAfterNamed: error("E0207", "argument without name after a named one", (callee) => `a positional argument of '${callee}' follows a named one`,
    "Positional arguments come first.",
    "fn f(x: f32[n]) = where(condition = x > 0, x, x)"),
  argumentMismatch: error("E0208", "argument does not fit", (name, callee, wanted, given) => `argument '${name}' of '${callee}' must be ${wanted}, but is ${given}`,
    "The type of an argument does not match the type of its parameter.",
    "fn g(x: f32[n, n]) = x\nfn f(x: f32[a, b]) = g(x)"),
  notCompileTime: error("E0209", "not a compile-time value", (name, wanted) => `'${name}' must be ${wanted} known at compile time`,
    "Attributes such as an axis decide the shape of a result, so they must be literals, constants or compile-time parameters.",
    "fn f(x: f32[n]) = sum(x, axis = x)"),
  layerInFunction: error("E0210", "layer applied in a function", (name) => `layer '${name}' cannot be applied in a 'fn'`,
    "A layer owns parameters; a `fn` is pure and has no place for them. Make the enclosing function a layer.",
    "layer L[N](x: f32[..., N]) -> f32[..., N] {\n  param w: f32[N]\n  return x * w\n}\nfn f(x: f32[n]) = x |> L[n]"),
  compileTimeType: error("E0211", "compile-time type out of place", (name) => `'${name}' is a type of parameters of functions and layers only`,
    "`int`, `real`, `flag`, `axes` and `function` are types of compile-time parameters of a `fn` or `layer`; tensors and results cannot have them.",
    "fn f(x: f32[n]) -> int = x"),

  // Shapes and types
  operandMismatch: error("E0301", "operands do not fit", (message) => message,
    "The operands of an operator or built-in op violate one of its constraints. The notes show the operands' types.",
    "fn f(x: f32[3], y: f32[4]) = x + y"),
  resultMismatch: error("E0302", "result does not have the declared type", (name, declared, actual) => `'${name}' is declared as ${declared}, but is ${actual}`,
    "The value does not have the type that was written for it.",
    "fn f(x: f32[n, m]) -> f32[m] = x"),
  unsolvedExtent: error("E0303", "extent not known", (name, callee) => `cannot find out extent '${name}' of '${callee}'`,
    "An extent name that the argument shapes do not determine must be given in brackets.",
    "layer L[K, N](x: f32[..., K]) -> f32[..., N] {\n  param w: f32[K, N]\n  return x @ w\n}\nmodel M[B](x: f32[B, 3]) -> f32[B, 4] {\n  return L(x)\n}"),
  extentCount: error("E0304", "wrong number of extents", (name, count, given) => `'${name}' takes ${count}, but ${given} given in brackets`,
    "The bracketed extents of a function or layer are those of its declaration, in order.",
    "fn g[N](x: f32[N]) = x\nfn f(x: f32[n]) = g[n, n](x)"),
  invalidExtent: error("E0305", "not an extent", (why) => why,
    "Extents are built from names, whole numbers, + - * / and parentheses.",
    "fn f(x: f32[1.5]) = x"),
  unknownExtent: error("E0306", "unknown extent", (name) => `unknown extent '${name}'`,
    "In a layer or model, and in the result and body of any function, an extent name must be declared in the brackets after the name or occur in a parameter's type.",
    "fn f(x: f32[n]) -> f32[m] = x"),
  misplacedEllipsis: error("E0307", "'...' out of place", (why) => why,
    "`...` stands for any leading axes: at most once, first, and only where a parameter's type gives it a meaning.",
    "fn f(x: f32[n, ...]) = x"),
  destructuringMismatch: error("E0308", "wrong number of names", (names, actual) => `${names} names for ${actual}`,
    "A destructuring `let` needs exactly as many names as the tuple has elements.",
    "fn f(x: f32[n]) {\n  let (a, b, c) = (x, x)\n  return a + b + c\n}"),
  invalidIndex: error("E0309", "index out of place", (why) => why,
    "Indices and slice bounds are compile-time integers or extents, one for each axis at most, and within the axis.",
    "fn f(x: f32[3]) = x[7]"),
  raggedList: error("E0310", "list is not a tensor", (why) => why,
    "A list literal is a constant tensor: it holds numbers, or lists of one shape.",
    "fn f(x: f32[2]) = x + [[1, 2], [3]]"),
  unknownExtentBinding: error("E0311", "extent cannot be bound", (what, value) => `${what} cannot be ${value}`,
    "An extent is a positive whole number. Shapes that come out negative or zero are refused as well.",
    "fn f(x: f32[0]) = x"),
  constraintFails: error("E0312", "constraint fails", (constraint, name, extents) => `'${name}' asks for ${constraint}, but ${extents}`,
    "A 'where' clause states what must hold of the extents; it is checked wherever the function is applied.",
    "fn halves[N](x: f32[N]) -> f32[N] where N % 2 == 0 = x\nmodel M(x: f32[3]) -> f32[3] {\n  return halves(x)\n}"),
  scanBody: error("E0313", "scan", (what) => `${what}`,
    "A scan names the elements of its sequences, and carries with a type and an initial value. Its body gives each carry its next value and emits what is wanted of every step.",
    "fn f(xs: f32[T, N]) -> f32[T, N] {\n  return scan x in xs with (h: f32[N] = 0) {\n    emit h + x\n  }\n}"),

  // Structure
  missingReturn: error("E0401", "no return", (name) => `'${name}' returns nothing`,
    "Every function body ends in one `return`.",
    "fn f(x: f32[n]) {\n}"),
  afterReturn: error("E0402", "statement after return", () => "statement after 'return'",
    "A body returns once, at its end.",
    "fn f(x: f32[n]) {\n  return x\n  let y = x\n}"),
  misplacedParam: error("E0403", "param outside a layer", (name) => `'${name}' has parameters, but is a 'fn'`,
    "`param` belongs in a layer or model; a `fn` is pure.",
    "fn f(x: f32[n]) {\n  param w: f32[n]\n  return x * w\n}"),
  unknownInitialiser: error("E0404", "unknown initialiser", (text) => `${text} is no initialiser`,
    "Initialisers are zeros, ones, constant(v), glorot_uniform, he_normal, orthogonal, normal(deviation), uniform(bound), or a number.",
    "model M(x: f32[2]) -> f32[2] {\n  param w: f32[2] = glorot\n  return x * w\n}"),
  missingType: error("E0405", "parameter without type", (name) => `parameter '${name}' needs a type`,
    "Parameters of functions, layers and models carry their types.",
    "fn f(x) = x"),
  modelInput: error("E0406", "not possible for a model", (why) => why,
    "A model is called by the host: its inputs are tensors without defaults, of a fixed rank and dtype.",
    "model M(x: f32[...]) -> f32[...] {\n  return x\n}"),
  notConstant: error("E0407", "not a constant", (name) => `'${name}' is not a constant`,
    "A `const` is a number, truth value or list of numbers that the compiler can compute.",
    "fn one() = [1]\nconst a = sum(one())"),
  functionDefault: error("E0408", "function parameter without default", (name) => `'${name}' is a function and needs a default`,
    "A body is checked on its own, with the default of each parameter of type `function`, so there must be one.",
    "fn f(x: f32[n], g: function) = g(x)"),

  unusedLet: warning("E0801", "unused name", (name) => `'${name}' is never used`,
    "A `let` whose value nobody reads. Begin the name with `_` to keep it.",
    "fn f(x: f32[n]) {\n  let y = exp(x)\n  return x\n}"),

  notSupported: error("E0901", "not supported yet", (what) => `${what} is not supported yet`,
    "The word is reserved for a form of the language that this version does not compile.",
    "fn f(x: f32[n]) = grad(x)"),
  tooLarge: error("E0902", "program too large", (what, limit) => `the program expands to more than ${limit} ${what}`,
    "Functions and layers are expanded where they are applied. A program that doubles itself again and again has no sensible kernel.",
    "layer A0(x: f32) -> f32 {\n  param w: f32\n  return x * w\n}\n" +
      Array.from({ length: 18 }, (_, i) => `layer A${i + 1}(x: f32) -> f32 {\n  return A${i}(A${i}(x))\n}`).join("\n") +
      "\nmodel M(x: f32) -> f32 {\n  return A18(x)\n}"),
} as const;

export type CatalogKey = keyof typeof catalog;

/** All entries, for tools that list or explain them. */
export const entries: readonly Entry<string[]>[] = Object.values(catalog) as unknown as readonly Entry<string[]>[];

/** The entry of a code such as `E0301`. */
export const findEntry = (code: string): Entry<string[]> | undefined => entries.find((entry) => entry.code === code);

export interface Details {
  readonly notes?: readonly Note[];
  readonly hint?: string | undefined;
}

/** Makes a diagnostic from its catalog entry. */
export function diagnose<Arguments extends readonly string[]>(entry: Entry<Arguments>, span: Span, parts: Arguments, details: Details = {}): Diagnostic {
  return {
    code: entry.code,
    severity: entry.severity,
    message: entry.message(...parts),
    span,
    notes: details.notes ?? [],
    ...(details.hint === undefined ? {} : { hint: details.hint }),
  };
}
