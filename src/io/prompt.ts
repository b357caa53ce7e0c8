// Asking a person for a secret at a terminal, without echo. What is typed is never a part of a message, a log or an
// argument.

import { openSync } from "node:fs";
import { ReadStream } from "node:tty";
import { Problem } from "../core/index.ts";

/** Asks for a secret, and gives what was typed. Problem `io/interrupted`. */
export type SecretPrompt = (question: string) => Promise<string>;

/** The part of a terminal that a prompt needs; `process.stdin` when it is one. */
export interface SecretInput {
  setRawMode(raw: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
  on(event: "data" | "end", listener: (chunk: Uint8Array) => void): unknown;
  off(event: "data" | "end", listener: (chunk: Uint8Array) => void): unknown;
}

const maxCharacters = 1024;
const [interrupt, endOfInput, backspace, deleteKey, eraseLine, escape] = ["\x03", "\x04", "\b", "\x7f", "\x15", "\x1b"];

/** One line from a terminal in raw mode, in which nothing is echoed. */
export function readSecret(input: SecretInput, write: (text: string) => void, question: string): Promise<string> {
  write(question);
  input.setRawMode(true);
  input.resume();
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    // A character may come in two chunks.
    const decoder = new TextDecoder();
    const finish = (settle: () => void): void => {
      input.off("data", take);
      input.off("end", stop);
      input.setRawMode(false);
      input.pause();
      write("\n");
      settle();
    };
    const stop = (): void => finish(() => reject(new Problem("io/interrupted", "no secret was entered")));
    const take = (chunk: Uint8Array): void => {
      for (const character of decoder.decode(chunk, { stream: true })) {
        if (character === "\r" || character === "\n") return finish(() => resolve(typed.join("")));
        if (character === interrupt || character === endOfInput || character === escape) return stop();
        if (character === eraseLine) typed = [];
        else if (character === backspace || character === deleteKey) typed.pop();
        else if (typed.length < maxCharacters) typed.push(character);
      }
    };
    input.on("data", take);
    input.on("end", stop);
  });
}

/**
 * A prompt at this process's terminal, even when its input or output goes elsewhere; undefined where there is no
 * terminal. The question goes to standard error or to the terminal itself, never to standard output.
 */
export function terminalPrompt(): SecretPrompt | undefined {
  if (process.stdin.isTTY && process.stderr.isTTY) {
    return (question) => readSecret(process.stdin, (text) => process.stderr.write(text), question);
  }
  try {
    const descriptor = openSync("/dev/tty", "r+");
    const terminal = new ReadStream(descriptor);
    terminal.pause();
    terminal.unref();
    return async (question) => {
      terminal.ref();
      try {
        return await readSecret(terminal, (text) => void process.stderr.write(text), question);
      } finally {
        terminal.unref();
      }
    };
  } catch {
    return undefined;
  }
}
