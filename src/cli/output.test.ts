import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../core/index.ts";
import { exitCodeOf, Output } from "./output.ts";

function capture(color: boolean, form: "text" | "json" = "text") {
  const said = { out: "", err: "" };
  const streams = {
    out: (text: string) => void (said.out += text),
    err: (text: string) => void (said.err += text),
    color,
  };
  return { said, out: new Output(streams, form, false) };
}

const hostile = "name\u001b[2J\u001b[32madmitted\u001b[0m\u009b1m\u202egnp\r";

test("nothing that others wrote steers the terminal, in results, progress and errors", () => {
  for (const color of [true, false]) {
    const { said, out } = capture(color);
    out.line(hostile);
    out.progress(hostile);
    out.table(["a"], [[hostile]]);
    out.error(new Problem("io/read", hostile, { cause: new Error(hostile), hint: hostile }));
    // Our own colours are all that is left.
    const plain = (said.out + said.err).replaceAll(/\u001b\[(?:0|1|2|31|32|33)m/g, color ? "" : "$&");
    assert.doesNotMatch(plain, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.ok(!said.out.includes("\u001b[2J"));
  }
});

test("colours are ours alone, and only where they are wanted", () => {
  const [plain, colored] = [capture(false), capture(true)];
  for (const { out } of [plain, colored]) out.line(out.style("yes", "green"));
  assert.equal(plain.said.out, "yes\n");
  assert.equal(colored.said.out, "\u001b[32myes\u001b[0m\n");
});

test("evidence that is false is 1, a world that could not answer is 2, and so is a bug", () => {
  assert.equal(exitCodeOf(new Problem("sigstore/identity-mismatch", "no")), 1);
  assert.equal(exitCodeOf(new Problem("tuf/rollback", "no")), 1);
  assert.equal(exitCodeOf(new Problem("io/unreachable", "no answer")), 2);
  assert.equal(exitCodeOf(new Error("bug")), 2);
});
