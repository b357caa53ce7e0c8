import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commandsOf, runGuide } from "./guide-run.ts";

describe("every command of the guide to signing commits does what the guide says", () => {
  const blocks = runGuide("git");

  test("the guide signs and verifies a commit and a tag, by git and by the verb, with refusals", () => {
    const all = commandsOf(blocks).map(({ text }) => text);
    for (const part of [
      "commit --quiet --gpg-sign",
      "tag --sign",
      "git verify-commit",
      "git verify HEAD",
      "verify-tag v2",
    ])
      assert(
        all.some((text) => text.includes(part)),
        part,
      );
    assert(commandsOf(blocks).filter(({ exitCode }) => exitCode === 1).length >= 4);
  });
});
