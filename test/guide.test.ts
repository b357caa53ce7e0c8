import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commandsOf, runGuide } from "./guide-run.ts";

describe("every command of the guide does what the guide says", () => {
  const blocks = runGuide("first-release");

  test("the guide shows init, up, build, verify, check, a refusal and a consumer", () => {
    const all = commandsOf(blocks);
    for (const verb of ["init", "up", "build", "verify", "check"])
      assert(
        all.some(({ text }) => text.startsWith(`sealwright ${verb}`)),
        verb,
      );
    assert(all.some(({ exitCode }) => exitCode === 1));
    assert(all.some(({ text }) => text.includes("--root root.json --mirror")));
  });
});
