// What a person or a program reads: lines and tables as text, or one JSON document. Colours only on a terminal that
// wants them (https://no-color.org). Results go to standard output, progress and errors to standard error; in JSON form
// standard output gets exactly one document, which is the error's when there is no result.

import { isProblem, printable, problemChain } from "../core/index.ts";

export interface Streams {
  out(text: string): void;
  err(text: string): void;
  readonly color: boolean;
}

export type OutputForm = "text" | "json";

/** Private characters that stand for SGR codes until a text is shown. */
const markBase = 0xe000;
const codes = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;
export type Style = keyof typeof codes;

/** 0 is yes, 1 is a verification's or policy's no, 2 is "could not tell". */
export type ExitCode = 0 | 1 | 2;

/** Where a verb says what it does and what came of it. */
export class Output {
  private hasDocument = false;

  constructor(
    private readonly streams: Streams,
    readonly form: OutputForm,
    private readonly quiet: boolean,
  ) {}

  /** Text between marks that become colours when it is shown, so that what is shown can be cleaned as a whole. */
  style(text: string, style: Style): string {
    return `${String.fromCharCode(markBase + codes[style])}${text}${String.fromCharCode(markBase)}`;
  }

  /** What reaches a terminal: nothing that others wrote can steer it. */
  private shown(text: string): string {
    const clean = text.split("\n").map(printable).join("\n");
    return clean.replaceAll(/[\uE000-\uE0FF]/g, (mark) =>
      this.streams.color ? `\u001b[${mark.charCodeAt(0) - markBase}m` : "",
    );
  }

  /** A line of the result; not in JSON form, where `document` is the result. */
  line(text = ""): void {
    if (this.form === "text") this.streams.out(this.shown(`${text}\n`));
  }

  /** The result as JSON, printed once, at the end. */
  document(value: unknown): void {
    if (this.form !== "json") return;
    this.streams.out(`${JSON.stringify(value, null, 2)}\n`);
    this.hasDocument = true;
  }

  /** What is being done; silent with --quiet, on standard error in JSON form. */
  progress(text: string): void {
    if (this.quiet) return;
    if (this.form === "text") this.streams.out(this.shown(`${text}\n`));
    else this.streams.err(this.shown(`${text}\n`));
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? "").length)));
    const draw = (row: readonly string[]): string =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] as number))).join("  ");
    this.line(this.style(draw(head), "bold"));
    for (const row of rows) this.line(draw(row));
  }

  /** The chain of an error once, lower case, then what to do next. */
  error(error: unknown): void {
    const problem = isProblem(error) ? error : undefined;
    if (this.form === "json") {
      const document = {
        error: { code: problem?.code ?? "program/bug", message: problemChain(error).join(": "), hint: problem?.hint },
      };
      if (this.hasDocument) this.streams.err(`${JSON.stringify(document)}\n`);
      else this.document(document);
      return;
    }
    const [first, ...causes] = problemChain(error);
    const say = (line: string): void => this.streams.err(this.shown(`${line}\n`));
    say(`${this.style("error", "red")}: ${first} ${this.style(`[${problem?.code ?? "program/bug"}]`, "dim")}`);
    for (const cause of causes) say(`  because: ${cause}`);
    if (problem?.hint !== undefined) say(`  next: ${problem.hint}`);
    if (problem === undefined && error instanceof Error && error.stack !== undefined) say(error.stack);
  }
}

/** Codes of failures that leave the question open: nothing was found false, something could not be had. */
const couldNotTell = [
  "io/",
  "api/",
  "server/",
  "organisation/",
  "program/",
  "cli/",
  // Nothing to match, or nothing to match it with.
  "advisories/",
  "packages/",
  "policy/no-dependency-rule",
  "tuf/metadata-missing",
  // Nothing was found false: the key is elsewhere, or somebody else came first.
  "keys/",
  "tuf/key-not-here",
  "tuf/conflict",
  "tuf/proposal-unknown",
  "tuf/proposal-ambiguous",
  // The call was wrong, not what it is about.
  "tuf/role-name",
  "tuf/bins-count",
  "tuf/bins-missing",
  "crypto/passphrase-wrong",
  "build/pipeline-missing",
  "build/release-folder",
];

/** Exit code of an error: a Problem in evidence is a no, one of the world or the call is "could not tell". */
export function exitCodeOf(error: unknown): 1 | 2 {
  if (!isProblem(error)) return 2;
  return couldNotTell.some((prefix) => error.code.startsWith(prefix)) ? 2 : 1;
}
