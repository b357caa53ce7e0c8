import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commandsOf, runGuide } from "./guide-run.ts";

describe("every command of the guide to keys and ceremonies does what the guide says", () => {
  const blocks = runGuide("tuf");

  test("the guide shows every verb that a ceremony, a rotation and a recovery take", () => {
    const all = commandsOf(blocks);
    for (const verb of ["ceremony", "respond", "receive", "status", "publish", "key", "recover", "log", "export"])
      assert(
        all.some(({ text }) => text.startsWith(`sealwright tuf ${verb}`)),
        verb,
      );
    assert(all.some(({ text }) => text.includes("--dry-run")));
  });
});
