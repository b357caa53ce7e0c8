import assert from "node:assert/strict";
import { test } from "node:test";
import { newInstance, newRekorLog, newSigner } from "../../test/sigstore-instance.ts";
import { isProblem, utf8 } from "../core/index.ts";
import { type Bundle, Explanation, prepareTrust, signMessage, verifyBundle } from "./index.ts";

const world = await newInstance();
const artifact = utf8("a widget");
const bundle = await signMessage(artifact, {
  signer: newSigner("ecdsa-p256"),
  material: { kind: "certificate", chain: world.chain },
  services: world.services,
  trust: world.trust,
});
const options = {
  artifact: { kind: "bytes", bytes: artifact },
  identity: {
    issuer: "https://ci.example.org",
    subjectAlternativeName: "https://ci.example.org/widget/build.yaml@refs/heads/main",
  },
} as const;

function withCheckpoint(change: (note: string) => string): Bundle {
  const material = bundle.verificationMaterial;
  const logEntries = material.logEntries.map((entry) => {
    const proof = entry.inclusionProof!;
    return { ...entry, inclusionProof: { ...proof, checkpoint: change(proof.checkpoint!) } };
  });
  return { ...bundle, verificationMaterial: { ...material, logEntries } };
}

test("a checkpoint that differs by one character from a remembered one is verified anew", () => {
  const trust = prepareTrust(world.root);
  verifyBundle(bundle, { ...options, trust });
  const signed = bundle.verificationMaterial.logEntries[0]!.inclusionProof!.checkpoint!;
  for (let at = 0; at < signed.length; at++) {
    const poisoned = withCheckpoint((note) => note.slice(0, at) + (note[at] === "A" ? "B" : "A") + note.slice(at + 1));
    assert.throws(() => verifyBundle(poisoned, { ...options, trust }), isProblem, `character ${at}`);
  }
  verifyBundle(bundle, { ...options, trust });
});

test("what one trust root remembers, another does not believe", async () => {
  const other = await newRekorLog("log.example.org", "example.org");
  // The same id and name with another key: only the memory could make it pass.
  const swapped = { ...world.root, logs: [{ ...other.instance, logId: world.rekor.instance.logId }] };
  verifyBundle(bundle, { ...options, trust: prepareTrust(world.root) });
  assert.throws(
    () => verifyBundle(bundle, { ...options, trust: prepareTrust(swapped) }),
    (error) => isProblem(error, "sigstore/log-proof-invalid"),
  );
});

test("a remembered checkpoint proves no other leaf", async () => {
  const trust = prepareTrust(world.root);
  verifyBundle(bundle, { ...options, trust });
  const material = bundle.verificationMaterial;
  const moved = material.logEntries.map((entry) => ({
    ...entry,
    inclusionProof: { ...entry.inclusionProof!, hashes: [new Uint8Array(32)] },
  }));
  assert.throws(
    () => verifyBundle({ ...bundle, verificationMaterial: { ...material, logEntries: moved } }, { ...options, trust }),
    (error) => isProblem(error, "sigstore/log-proof-invalid"),
  );
});

test("an explanation has every step and what it found, and ends with the one that failed", () => {
  const told = new Explanation();
  verifyBundle(bundle, { ...options, trust: world.trust, recorder: told });
  const steps = told.steps(false);
  assert.deepEqual(
    steps.map(({ step }) => step),
    [
      "material",
      "content",
      "log",
      "timestamps",
      "times",
      "logWindow",
      "certificatePath",
      "scts",
      "signature",
      "subject",
      "identity",
    ],
  );
  const log = steps.find(({ step }) => step === "log")!;
  assert.ok(log.findings.some(([what, value]) => what === "checkpoint" && value.startsWith("log.example.org, size ")));
  const failed = new Explanation();
  const other = { ...options.identity, subjectAlternativeName: "https://ci.example.org/other" };
  assert.throws(() => verifyBundle(bundle, { ...options, identity: other, trust: world.trust, recorder: failed }));
  const last = failed.steps(true).at(-1)!;
  assert.deepEqual([last.step, last.number, last.result], ["identity", 9, "failed"]);
  assert.ok(last.findings.some(([what, value]) => what === "expected" && value.includes("/other")));
});
