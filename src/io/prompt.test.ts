import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { isProblem } from "../core/index.ts";
import { readSecret } from "./prompt.ts";

class Terminal extends EventEmitter {
  raw = false;
  shown = "";
  setRawMode(raw: boolean): void {
    this.raw = raw;
  }
  resume(): void {}
  pause(): void {}
  write = (text: string): void => void (this.shown += text);
  type(bytes: Uint8Array | string): void {
    assert.ok(this.raw, "the terminal would echo");
    this.emit("data", Buffer.from(bytes as string));
  }
}

test("a secret is read without echo, edited, and the terminal is as before", async () => {
  const terminal = new Terminal();
  const answer = readSecret(terminal, terminal.write, "PIN: ");
  const euro = Buffer.from("€");
  terminal.type("old\x15pas");
  terminal.type("xy\x7f\b");
  terminal.type(euro.subarray(0, 1));
  terminal.type(euro.subarray(1));
  terminal.type("s\rrest");
  assert.equal(await answer, "pas€s");
  assert.equal(terminal.shown, "PIN: \n");
  assert.equal(terminal.raw, false);
  assert.equal(terminal.listenerCount("data"), 0);
});

for (const [name, keys] of [
  ["an interrupt", "xyz\x03"],
  ["an end of input", "xyz\x04"],
] as const) {
  test(`${name} gives up, and what was typed is nowhere`, async () => {
    const terminal = new Terminal();
    const answer = readSecret(terminal, terminal.write, "PIN: ");
    terminal.type(keys);
    await assert.rejects(answer, (error) => isProblem(error, "io/interrupted") && !String(error).includes("xyz"));
    assert.equal(terminal.raw, false);
    assert.ok(!terminal.shown.includes("xyz"));
  });
}

test("what is typed after a thousand characters is not kept", async () => {
  const terminal = new Terminal();
  const answer = readSecret(terminal, terminal.write, "");
  terminal.type("x".repeat(5000));
  terminal.type("\n");
  assert.equal((await answer).length, 1024);
});
