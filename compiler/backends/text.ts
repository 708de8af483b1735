/** Text of an expression with how tightly it binds, so that parentheses come from precedence and nothing else. */

export interface Printed {
  readonly text: string;
  /** Higher binds tighter; `primary` never needs parentheses. */
  readonly level: number;
}

export const primary = 9;

export const atom = (text: string): Printed => ({ text, level: primary });

/** The text as an operand that must bind at least as tightly as `level`. */
export const operand = (printed: Printed, level: number): string => (printed.level < level ? `(${printed.text})` : printed.text);

/** Lines of a text with their nesting depth. */
export class Lines {
  private readonly lines: string[] = [];
  private depth = 0;

  add(line: string): void {
    this.lines.push(line === "" ? "" : "  ".repeat(this.depth) + line);
  }

  /** `open`, the lines that `inside` adds one step deeper, `close`. */
  block(open: string, inside: () => void, close = "}"): void {
    this.add(open);
    this.depth++;
    inside();
    this.depth--;
    this.add(close);
  }

  /** A branch; the second part only if given. */
  branch(open: string, then: () => void, otherwise?: () => void): void {
    this.block(open, then, otherwise ? "} else {" : "}");
    if (!otherwise) return;
    this.depth++;
    otherwise();
    this.depth--;
    this.add("}");
  }

  text(): string {
    return `${this.lines.join("\n")}\n`;
  }
}
