/**
 * Takes index arithmetic that a loop does not change out of it, for targets whose compilers leave it in place
 * (WebAssembly engines do). Only integers without loads are moved: they have no effect, cannot fail, and are cheap even if
 * the loop has no turn.
 */
import { freshName } from "./names.ts";
import type { Expression, Kernel, Statement } from "./node.ts";
import { withExpressions, withOperands } from "./rewrite.ts";
import { childrenOf, declaredNames, sameExpression, visitStatements } from "./traverse.ts";

type Loop = Extract<Statement, { kind: "for" }>;

interface Hoisted {
  readonly name: string;
  readonly value: Expression;
}

/** The names that a loop gives a value: its counter, and what its body declares or assigns. */
function namesSetIn(loop: Loop): Set<string> {
  const names = new Set([loop.name]);
  visitStatements(loop.body, (statement) => {
    if (statement.kind === "let" || statement.kind === "var" || statement.kind === "assign" || statement.kind === "for") names.add(statement.name);
  });
  return names;
}

/** A quotient may be by zero where the loop has no turn. */
const mayFail = (e: Expression): boolean => e.kind === "instruction" && (e.op === "div" || e.op === "rem") && !(e.args[1]?.kind === "const" && e.args[1].value > 0);

function isInvariant(e: Expression, set: ReadonlySet<string>): boolean {
  if (e.kind === "load" || e.kind === "element" || e.kind === "subgroup" || mayFail(e)) return false;
  if (e.kind === "ref") return !set.has(e.name);
  return childrenOf(e).every((child) => isInvariant(child, set));
}

const isWorthwhile = (e: Expression): boolean => e.type.scalar === "i32" && e.type.lanes === 1 && (e.kind === "instruction" || (e.kind === "extent" && typeof e.extent === "object"));

/** A sum whose constant end the access adds by itself keeps that end. */
const keepsConstant = (e: Expression): boolean => e.kind === "instruction" && e.op === "add" && e.args[1]?.kind === "const" && e.args[0] !== undefined && !isWorthwhile(e.args[0]);

class Hoisting {
  readonly #taken: Set<string>;

  constructor(kernel: Kernel) {
    this.#taken = declaredNames(kernel);
  }

  block(statements: readonly Statement[]): readonly Statement[] {
    return statements.flatMap((statement): readonly Statement[] => {
      if (statement.kind === "if") return [{ ...statement, then: this.block(statement.then), otherwise: this.block(statement.otherwise) }];
      if (statement.kind !== "for") return [statement];
      const inner: Loop = { ...statement, body: this.block(statement.body) };
      const set = namesSetIn(inner);
      const moved: Hoisted[] = [];
      const body = inner.body.map((each) => this.#rewriteStatement(each, set, moved));
      // What was taken out of inner loops may leave this one too.
      const kept: Statement[] = [];
      const lifted: Statement[] = [];
      for (const each of body) (each.kind === "let" && this.#isOwn(each.name) && isInvariant(each.value, set) ? lifted : kept).push(each);
      return [...moved.map(({ name, value }): Statement => ({ kind: "let", name, value })), ...lifted, { ...inner, body: kept }];
    });
  }

  readonly #own = new Set<string>();

  #isOwn(name: string): boolean {
    return this.#own.has(name);
  }

  #rewriteStatement(statement: Statement, set: ReadonlySet<string>, moved: Hoisted[]): Statement {
    const of = (e: Expression): Expression => this.#rewrite(e, set, moved);
    const nested = (statements: readonly Statement[]): readonly Statement[] => statements.map((inner) => this.#rewriteStatement(inner, set, moved));
    if (statement.kind === "let" && this.#isOwn(statement.name)) return statement;
    return withExpressions(statement, of, nested);
  }

  #rewrite(e: Expression, set: ReadonlySet<string>, moved: Hoisted[]): Expression {
    if (isWorthwhile(e) && !keepsConstant(e) && isInvariant(e, set)) {
      const known = moved.find(({ value }) => sameExpression(value, e));
      const name = known?.name ?? freshName("invariant", this.#taken);
      this.#own.add(name);
      if (!known) moved.push({ name, value: e });
      return { kind: "ref", type: e.type, name };
    }
    return withOperands(e, (inner) => this.#rewrite(inner, set, moved));
  }
}

/** The kernel with invariant index arithmetic before its loops. */
export const hoistInvariants = (kernel: Kernel): Kernel => ({ ...kernel, body: new Hoisting(kernel).block(kernel.body) });
