// The one kind of expected failure. Thrown, never returned, so that a forgotten check fails closed.
// A bug is an `assert`, a policy's "no" is a value: neither is a Problem.

/** A stable code: the folder or verb it comes from, a slash, the reason. Part of the interface: never renamed. */
export type ProblemCode = `${string}/${string}`;

export class Problem extends Error {
  override readonly name = "Problem";
  /** What the user can do next; a sentence, lower case. */
  readonly hint: string | undefined;

  constructor(
    readonly code: ProblemCode,
    message: string,
    options: { readonly cause?: unknown; readonly hint?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
  }
}

/** True for a Problem, with this code when one is given. */
export function isProblem(value: unknown, code?: ProblemCode): value is Problem {
  return value instanceof Problem && (code === undefined || value.code === code);
}

/** Throws a Problem unless the condition holds. */
export function demand(condition: boolean, code: ProblemCode, message: string): asserts condition {
  if (!condition) throw new Problem(code, message);
}

/** A bug if it fails: the program's own reasoning is wrong, not its input. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** The chain of messages from the outermost to the first cause, each once. */
export function problemChain(error: unknown): string[] {
  const lines: string[] = [];
  for (let at: unknown = error; at !== undefined && lines.length < 16;) {
    const line = at instanceof Error ? at.message : String(at);
    if (!lines.includes(line)) lines.push(line);
    at = at instanceof Error ? at.cause : undefined;
  }
  return lines;
}
