import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { codeOf } from "../../test/world.ts";
import { askOnTerminal } from "./ask.ts";

test("each question gets the next line, also when several came at once, and the end of input is no answer", async () => {
  const input = new PassThrough();
  let shown = "";
  const output = new PassThrough().on("data", (text) => (shown += String(text)));
  const ask = askOnTerminal(input, output);
  const first = ask("Who? ");
  input.write("alice\nbob\n");
  assert.equal(await first, "alice");
  assert.equal(await ask("And? "), "bob");
  const last = ask("Else? ");
  input.end();
  assert.equal(await codeOf(last), "io/interrupted");
  assert.match(shown, /Who\? [^]*Else\? /);
});
