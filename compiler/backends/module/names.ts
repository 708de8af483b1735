/** Names in the generated module, from the names of the model: file, constants, types, property keys. Used by emit.ts. */

/** `LnLstm` -> `ln-lstm`, `MNISTNet` -> `mnist-net`. */
export const kebabCase = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .replace(/_+/g, "-")
    .toLowerCase();

/** Words that cannot name a constant of a module, and the names that the generated module uses itself. */
const takenConstants = new Set(
  ("await break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in " +
    "instanceof interface let load new normfuse null package private protected public reference return static super switch this throw true try typeof " +
    "var void while with yield eval arguments undefined").split(" "),
);

const takenTypes = new Set(["Promise", "Readonly", "Record"]);

/** `LnLstm` -> `lnLstm`; a name that is taken gets the ending `Model`. */
export function constantName(model: string): string {
  const name = kebabCase(model).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return takenConstants.has(name) ? `${name}Model` : name;
}

/** `ln_lstm` -> `LnLstm`; a name that is taken gets the ending `Model`. */
export function typeName(model: string): string {
  const name = model.replace(/(?:^|_+)([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return takenTypes.has(name) ? `${name}Model` : name;
}

export const propertyKey = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));
