import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commandsOf, runGuide } from "./guide-run.ts";

describe("every command of the guide to signing does what the guide says", () => {
  const blocks = runGuide("signing");

  test("the guide signs and verifies a file, by an identity and by a key, an attestation and a folder", () => {
    const all = commandsOf(blocks).map(({ text }) => text);
    const shown = ["sealwright sign hello.sh", "sealwright attest", "sealwright sign site", "sealwright verify site"];
    for (const start of shown)
      assert(
        all.some((text) => text.startsWith(start)),
        start,
      );
    assert(all.some((text) => text.includes("--key release.pem")));
    assert(commandsOf(blocks).some(({ exitCode }) => exitCode === 1));
  });
});
