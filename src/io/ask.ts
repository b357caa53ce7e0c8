// Asking a person for a line, on a terminal. Questions go to standard error, so that standard output stays the result.

import { createInterface } from "node:readline";
import { Problem } from "../core/index.ts";

/** Asks for one line. Problem `io/interrupted` when there is none. */
export type Ask = (question: string) => Promise<string>;

/**
 * The terminal is given back after each line: a secret that is asked for next must find nobody who echoes it, and a
 * process must not wait for more.
 */
export function askOnTerminal(
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Ask {
  const ahead: string[] = [];
  return (question) => {
    const line = ahead.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve, reject) => {
      const reader = createInterface({ input, output });
      let isAnswered = false;
      reader.on("line", (given) => {
        // Several lines may come in one piece, as from a pipe.
        if (isAnswered) return void ahead.push(given);
        isAnswered = true;
        resolve(given);
        reader.close();
      });
      reader.on("SIGINT", () => reader.close());
      reader.on("close", () => {
        if (!isAnswered) reject(new Problem("io/interrupted", "there was no answer"));
      });
      reader.setPrompt(question);
      reader.prompt();
    });
  };
}

/** Whether somebody sits at a terminal who can be asked. */
export function isAttended(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}
