import assert from "node:assert/strict";
import { test } from "node:test";
import { newInstance, newSigner } from "../../test/sigstore-instance.ts";
import { isProblem, utf8 } from "../core/index.ts";
import { signMessage, type SignOptions } from "./index.ts";

const artifact = utf8("a widget");
const world = await newInstance();
const options: SignOptions = {
  signer: newSigner("ecdsa-p256"),
  material: { kind: "certificate", chain: world.chain },
  services: world.services,
  trust: world.trust,
};

test("a bundle that our own verifier refuses is not given away", async (t) => {
  const other = await newInstance();
  const cases: readonly (readonly [string, SignOptions, string])[] = [
    ["another instance's trust root", { ...options, trust: other.trust }, "sigstore/log-threshold"],
    ["no log", { ...options, services: { ...world.services, logs: [] } }, "sigstore/log-threshold"],
    ["no timestamp", { ...options, services: { ...world.services, timestamps: [] } }, "sigstore/time-missing"],
    [
      "another identity",
      { ...options, identity: { issuer: "i", subjectAlternativeName: "s" } },
      "sigstore/issuer-mismatch",
    ],
    [
      "a certificate of another key",
      { ...options, material: { kind: "certificate", chain: () => world.chain(newSigner("ecdsa-p256")) } },
      "sigstore/entry-signature",
    ],
  ];
  for (const [name, given, code] of cases) {
    await t.test(name, async () => {
      await assert.rejects(signMessage(artifact, given), (error) => isProblem(error) && error.code === code);
    });
  }
});

test("an answer of the log that is no entry is refused", async () => {
  const logs = [async () => ({ message: "busy" })];
  const signed = signMessage(artifact, { ...options, services: { ...world.services, logs } });
  await assert.rejects(signed, (error) => isProblem(error, "sigstore/log-answer-invalid"));
});
