/**
 * The grammar of one declaration, without actions: tokens in, concrete syntax tree out. Expressions are a flat run of
 * operands and operators, which keeps the recursion per bracket shallow; build-tree.ts applies the precedence.
 */
import { CstParser, type CstNode, type IRecognitionException, type IToken } from "chevrotain";
import { expectedByRule } from "./expected.ts";
import { allTokens, token } from "./tokens.ts";

class DeclarationParser extends CstParser {
  constructor() {
    super([...allTokens], {
      recoveryEnabled: true,
      maxLookahead: 2,
      nodeLocationTracking: "onlyOffset",
      // A message says only what was expected; parse.ts adds what was found.
      errorMessageProvider: {
        buildMismatchTokenMessage: ({ expected, ruleName }) => (ruleName === "block" ? expectedByRule["block"] : undefined) ?? expected.LABEL ?? expected.name,
        buildNotAllInputParsedMessage: () => "a declaration",
        buildNoViableAltMessage: ({ ruleName }) => expectedByRule[ruleName] ?? "something else",
        buildEarlyExitMessage: ({ ruleName }) => expectedByRule[ruleName] ?? "something else",
      },
    });
    this.performSelfAnalysis();
  }

  /**
   * Items between commas, with an optional comma after the last. Used at most once in a rule: the indices 8 and 9 are its
   * own, and `further` consumes the same thing as `first` under another index, as the grammar recorder demands.
   */
  private separated(first: () => void, further: () => void): void {
    this.OPTION8(() => {
      first();
      this.MANY9(() => {
        this.CONSUME8(token.comma);
        further();
      });
      this.OPTION9(() => this.CONSUME9(token.comma));
    });
  }

  readonly declaration = this.RULE("declaration", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.importDeclaration) }, { ALT: () => this.SUBRULE(this.constDeclaration) },
      { ALT: () => this.SUBRULE(this.functionDeclaration) }, { ALT: () => this.SUBRULE(this.trainDeclaration) },
    ]);
    this.MANY(() => this.CONSUME(token.semicolon));
  });

  readonly importDeclaration = this.RULE("importDeclaration", () => {
    this.CONSUME(token.importWord);
    this.OPTION(() => {
      this.SUBRULE(this.importList);
      this.CONSUME(token.fromWord);
    });
    this.CONSUME(token.string);
  });

  readonly importList = this.RULE("importList", () => {
    this.CONSUME(token.leftBrace);
    this.separated(() => this.CONSUME(token.name), () => this.CONSUME7(token.name));
    this.CONSUME(token.rightBrace);
  });

  readonly constDeclaration = this.RULE("constDeclaration", () => {
    this.CONSUME(token.constWord);
    this.CONSUME(token.name);
    this.OPTION(() => {
      this.CONSUME(token.colon);
      this.SUBRULE(this.type);
    });
    this.CONSUME(token.assign);
    this.SUBRULE(this.expression);
  });

  readonly functionDeclaration = this.RULE("functionDeclaration", () => {
    this.OR([
      { ALT: () => this.CONSUME(token.fnWord) },
      { ALT: () => this.CONSUME(token.layerWord) },
      { ALT: () => this.CONSUME(token.modelWord) },
    ]);
    this.CONSUME(token.name);
    this.OPTION(() => this.SUBRULE(this.extentNames));
    this.SUBRULE(this.parameters);
    this.OPTION2(() => {
      this.CONSUME(token.arrow);
      this.SUBRULE(this.result);
    });
    this.OPTION3(() => {
      this.CONSUME(token.whereWord);
      this.SUBRULE(this.expression, { LABEL: "constraint" });
    });
    this.OR2([
      { ALT: () => this.SUBRULE(this.block) },
      {
        ALT: () => {
          this.CONSUME(token.assign);
          this.SUBRULE2(this.expression, { LABEL: "value" });
        },
      },
    ]);
  });

  readonly trainDeclaration = this.RULE("trainDeclaration", () => {
    this.CONSUME(token.trainWord);
    this.CONSUME(token.name, { LABEL: "trainName" });
    this.CONSUME(token.forWord);
    this.CONSUME2(token.name, { LABEL: "modelName" });
    this.OPTION(() => this.SUBRULE(this.extentNames));
    this.SUBRULE(this.parameters);
    this.SUBRULE(this.block);
  });

  readonly extentNames = this.RULE("extentNames", () => {
    this.CONSUME(token.leftBracket);
    this.separated(() => this.CONSUME(token.name), () => this.CONSUME7(token.name));
    this.CONSUME(token.rightBracket);
  });

  readonly parameters = this.RULE("parameters", () => {
    this.CONSUME(token.leftParen);
    this.separated(() => this.SUBRULE(this.parameter), () => this.SUBRULE9(this.parameter));
    this.CONSUME(token.rightParen);
  });

  readonly parameter = this.RULE("parameter", () => {
    this.CONSUME(token.name);
    this.OPTION(() => {
      this.CONSUME(token.colon);
      this.SUBRULE(this.type);
    });
    this.OPTION2(() => {
      this.CONSUME(token.assign);
      this.SUBRULE(this.expression);
    });
  });

  readonly result = this.RULE("result", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.type) },
      {
        ALT: () => {
          this.CONSUME(token.leftParen);
          this.separated(() => this.SUBRULE(this.resultItem), () => this.SUBRULE9(this.resultItem));
          this.CONSUME(token.rightParen);
        },
      },
    ]);
  });

  readonly resultItem = this.RULE("resultItem", () => {
    this.OPTION(() => {
      this.CONSUME(token.name);
      this.CONSUME(token.colon);
    });
    this.SUBRULE(this.type);
  });

  readonly type = this.RULE("type", () => {
    this.CONSUME(token.name);
    this.OPTION(() => this.SUBRULE(this.shape));
  });

  readonly shape = this.RULE("shape", () => {
    this.CONSUME(token.leftBracket);
    this.separated(() => this.SUBRULE(this.shapeItem), () => this.SUBRULE9(this.shapeItem));
    this.CONSUME(token.rightBracket);
  });

  readonly shapeItem = this.RULE("shapeItem", () => {
    this.OR([{ ALT: () => this.CONSUME(token.ellipsis) }, { ALT: () => this.SUBRULE(this.expression) }]);
  });

  readonly block = this.RULE("block", () => {
    this.CONSUME(token.leftBrace);
    this.MANY(() => this.SUBRULE(this.statement));
    this.CONSUME(token.rightBrace);
  });

  readonly statement = this.RULE("statement", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.letStatement) },
      { ALT: () => this.SUBRULE(this.paramStatement) },
      { ALT: () => this.SUBRULE(this.returnStatement) },
      { ALT: () => this.SUBRULE(this.nextStatement) },
      { ALT: () => this.SUBRULE(this.emitStatement) },
      { ALT: () => this.SUBRULE(this.minimizeStatement) },
      { ALT: () => this.CONSUME(token.semicolon) },
    ]);
  });

  readonly letStatement = this.RULE("letStatement", () => {
    this.CONSUME(token.letWord);
    this.OR([{ ALT: () => this.CONSUME(token.name) }, { ALT: () => this.SUBRULE(this.namePattern) }]);
    this.OPTION(() => {
      this.CONSUME(token.colon);
      this.SUBRULE(this.type);
    });
    this.CONSUME(token.assign);
    this.SUBRULE(this.expression);
  });

  readonly namePattern = this.RULE("namePattern", () => {
    this.CONSUME(token.leftParen);
    this.separated(() => this.CONSUME(token.name), () => this.CONSUME7(token.name));
    this.CONSUME(token.rightParen);
  });

  readonly paramStatement = this.RULE("paramStatement", () => {
    this.CONSUME(token.paramWord);
    this.CONSUME(token.name);
    this.CONSUME(token.colon);
    this.SUBRULE(this.type);
    this.OPTION(() => {
      this.CONSUME(token.assign);
      this.SUBRULE(this.expression);
    });
  });

  readonly returnStatement = this.RULE("returnStatement", () => {
    this.CONSUME(token.returnWord);
    this.SUBRULE(this.expression);
  });

  readonly nextStatement = this.RULE("nextStatement", () => {
    this.CONSUME(token.nextWord);
    this.OR([{ ALT: () => this.CONSUME(token.name) }, { ALT: () => this.SUBRULE(this.namePattern) }]);
    this.CONSUME(token.assign);
    this.SUBRULE(this.expression);
  });

  readonly emitStatement = this.RULE("emitStatement", () => {
    this.CONSUME(token.emitWord);
    this.OR([
      // Two names in a row: 'last' is a word here, and a name like any other elsewhere.
      { GATE: () => this.LA(1).image === "last" && this.LA(2).tokenType === token.name, ALT: () => this.SUBRULE(this.lastCarry) },
      { ALT: () => this.SUBRULE(this.expression) },
    ]);
  });

  readonly lastCarry = this.RULE("lastCarry", () => {
    this.CONSUME(token.name, { LABEL: "word" });
    this.CONSUME2(token.name, { LABEL: "carry" });
  });

  readonly minimizeStatement = this.RULE("minimizeStatement", () => {
    this.CONSUME(token.minimizeWord);
    this.SUBRULE(this.expression, { LABEL: "goal" });
    this.CONSUME(token.usingWord);
    this.SUBRULE2(this.expression, { LABEL: "optimiser" });
  });

  readonly expression = this.RULE("expression", () => {
    this.SUBRULE(this.operand);
    this.MANY(() => {
      this.CONSUME(token.binaryOperator);
      this.SUBRULE2(this.operand);
    });
  });

  readonly operand = this.RULE("operand", () => {
    this.MANY(() => this.CONSUME(token.prefixOperator));
    this.SUBRULE(this.primary);
    this.MANY2(() => this.SUBRULE(this.suffix));
  });

  readonly suffix = this.RULE("suffix", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.callSuffix) }, { ALT: () => this.SUBRULE(this.indexSuffix) }]);
  });

  readonly callSuffix = this.RULE("callSuffix", () => {
    this.CONSUME(token.leftParen);
    this.separated(() => this.SUBRULE(this.argument), () => this.SUBRULE9(this.argument));
    this.CONSUME(token.rightParen);
  });

  readonly indexSuffix = this.RULE("indexSuffix", () => {
    this.CONSUME(token.leftBracket);
    this.separated(() => this.SUBRULE(this.indexItem), () => this.SUBRULE9(this.indexItem));
    this.CONSUME(token.rightBracket);
  });

  readonly argument = this.RULE("argument", () => {
    this.OPTION(() => {
      this.CONSUME(token.name);
      this.CONSUME(token.assign);
    });
    this.SUBRULE(this.expression);
  });

  readonly indexItem = this.RULE("indexItem", () => {
    this.OR([
      { ALT: () => this.CONSUME(token.ellipsis) },
      {
        ALT: () => {
          this.SUBRULE(this.expression, { LABEL: "start" });
          this.OPTION(() => this.SUBRULE(this.sliceRest));
        },
      },
      { ALT: () => this.SUBRULE2(this.sliceRest) },
    ]);
  });

  /** What follows the start of a slice: `:`, `: stop`, `: stop : step`, `:: step`. */
  readonly sliceRest = this.RULE("sliceRest", () => {
    this.CONSUME(token.colon);
    this.OPTION(() => this.SUBRULE(this.expression, { LABEL: "stop" }));
    this.OPTION2(() => {
      this.CONSUME2(token.colon);
      this.OPTION3(() => this.SUBRULE2(this.expression, { LABEL: "step" }));
    });
  });

  readonly primary = this.RULE("primary", () => {
    this.OR([
      { ALT: () => this.CONSUME(token.number) },
      { ALT: () => this.CONSUME(token.name) },
      { ALT: () => this.CONSUME(token.string) },
      { ALT: () => this.CONSUME(token.trueWord) }, { ALT: () => this.CONSUME(token.falseWord) },
      { ALT: () => this.CONSUME(token.noneWord) },
      { ALT: () => this.CONSUME(token.infWord) },
      { ALT: () => this.CONSUME(token.nanWord) },
      // `where(c, a, b)` is a function; `grad` and `repeat` are reserved and look like functions.
      { ALT: () => this.CONSUME(token.whereWord) },
      { ALT: () => this.CONSUME(token.gradWord) },
      { ALT: () => this.CONSUME(token.repeatWord) },
      { ALT: () => this.SUBRULE(this.parenthesised) },
      { ALT: () => this.SUBRULE(this.list) },
      { ALT: () => this.SUBRULE(this.scan) },
      { ALT: () => this.SUBRULE(this.choice) },
    ]);
  });

  readonly parenthesised = this.RULE("parenthesised", () => {
    this.CONSUME(token.leftParen);
    this.separated(() => this.SUBRULE(this.expression), () => this.SUBRULE9(this.expression));
    this.CONSUME(token.rightParen);
  });

  readonly list = this.RULE("list", () => {
    this.CONSUME(token.leftBracket);
    this.separated(() => this.SUBRULE(this.listItem), () => this.SUBRULE9(this.listItem));
    this.CONSUME(token.rightBracket);
  });

  readonly listItem = this.RULE("listItem", () => {
    this.OR([{ ALT: () => this.CONSUME(token.ellipsis) }, { ALT: () => this.SUBRULE(this.expression) }]);
  });

  /** Decided at compile time. */
  readonly choice = this.RULE("choice", () => {
    this.CONSUME(token.ifWord);
    this.SUBRULE(this.expression, { LABEL: "condition" });
    this.CONSUME(token.thenWord);
    this.SUBRULE2(this.expression, { LABEL: "whenTrue" });
    this.CONSUME(token.elseWord);
    this.SUBRULE3(this.expression, { LABEL: "whenFalse" });
  });

  readonly scanNames = this.RULE("scanNames", () => {
    this.CONSUME(token.leftParen);
    this.AT_LEAST_ONE_SEP({ SEP: token.comma, DEF: () => this.CONSUME(token.name) });
    this.CONSUME(token.rightParen);
  });

  /** A word here, and a name like any other elsewhere: no name can follow an expression. */
  readonly backwards = this.RULE("backwards", () => {
    this.CONSUME(token.name);
    this.OPTION(() => {
      this.CONSUME(token.ifWord);
      this.SUBRULE(this.expression);
    });
  });

  readonly scan = this.RULE("scan", () => {
    this.CONSUME(token.scanWord);
    this.OR([{ ALT: () => this.CONSUME(token.name) }, { ALT: () => this.SUBRULE(this.scanNames) }]);
    this.CONSUME(token.inWord);
    this.SUBRULE(this.expression);
    this.OPTION({ GATE: () => this.LA(1).image === "backwards", DEF: () => this.SUBRULE(this.backwards) });
    this.CONSUME(token.withWord);
    this.SUBRULE(this.parameters);
    this.SUBRULE(this.block);
  });
}

const parser = new DeclarationParser();

export interface ParsedDeclaration {
  /** Absent when not even the first token fits. */
  readonly node: CstNode | undefined;
  readonly errors: readonly IRecognitionException[];
}

/** Parses the tokens of one declaration. The parser object is reset by each call, so nothing is carried over. */
export function parseDeclaration(tokens: readonly IToken[]): ParsedDeclaration {
  parser.input = [...tokens];
  const node: CstNode | undefined = parser.declaration();
  return { node, errors: parser.errors };
}
