import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, fromUtf8, hex, utf8 } from "../core/index.ts";
import { createSigner, encodePem, encodePublicKeyPem, generateKey } from "../crypto/index.ts";
import { newInstance } from "../../test/sigstore-instance.ts";
import {
  bundleOfLegacyAttestation,
  bundleOfLegacySignature,
  encodeSimpleSigning,
  legacyAnnotations,
  logEntryOfV1,
  parseSimpleSigning,
  signMessage,
  verifyBundle,
} from "./index.ts";

const digest = `sha256:${"ab".repeat(32)}`;
const payload = encodeSimpleSigning("registry.example/app", { digest, annotations: new Map([["team", "blue"]]) });

async function signed() {
  const world = await newInstance();
  const signer = createSigner(generateKey("ecdsa-p256"));
  const material = { kind: "certificate" as const, chain: world.chain };
  const bundle = await signMessage(payload, { signer, material, services: world.services, trust: world.trust });
  const annotations = legacyAnnotations(
    bundle,
    world.ca.chain.map(({ raw }) => raw),
  );
  return { world, bundle, annotations, signer };
}

test("the signed text names the image by its digest and gives its annotations back", () => {
  assert.deepEqual(parseSimpleSigning(payload), { digest, annotations: new Map([["team", "blue"]]) });
  const bare = encodeSimpleSigning("registry.example/app", { digest, annotations: new Map() });
  assert.match(fromUtf8(bare), /"optional":null/);
  for (const [from, to] of [
    ["cosign container image signature", "another signature"],
    [digest, "sha256:ab"],
    ["critical", "harmless"],
  ] as const) {
    assert.throws(() => parseSimpleSigning(utf8(fromUtf8(payload).replace(from, to))), {
      code: "sigstore/legacy-invalid",
    });
  }
});

test("a certificate that is a bare key, two certificates or none at all is refused, never taken for a key", async () => {
  const { annotations, signer, world } = await signed();
  const name = "dev.sigstore.cosign/certificate";
  const leaf = annotations[name]!;
  const forms = [
    encodePublicKeyPem(signer.publicKey),
    leaf + encodePem("CERTIFICATE", world.ca.chain[0]!.raw),
    "",
    "text",
  ];
  for (const form of forms) {
    const read = () => bundleOfLegacySignature({ ...annotations, [name]: form });
    assert.throws(read, { code: "sigstore/legacy-invalid" });
  }
  // Without one it is a key's, which nobody who expects an identity accepts.
  const { [name]: _certificate, ...rest } = annotations;
  const bundle = bundleOfLegacySignature(rest);
  assert.equal(bundle.verificationMaterial.signer.kind, "publicKey");
  const identity = { issuer: "https://ci.example.org", subjectAlternativeName: "https://ci.example.org/widget" };
  const artifact = { kind: "bytes", bytes: payload } as const;
  assert.throws(() => verifyBundle(bundle, { trust: world.trust, artifact, identity }), {
    code: "sigstore/signer-mismatch",
  });
});

test("a layer without a signature, or with an entry that is none, is refused", async () => {
  const { annotations } = await signed();
  const read = (changed: Readonly<Record<string, string>>) => bundleOfLegacySignature({ ...annotations, ...changed });
  for (const changed of [
    { "dev.cosignproject.cosign/signature": "" },
    { "dev.cosignproject.cosign/signature": "not base64!" },
    { "dev.sigstore.cosign/bundle": "{}" },
    { "dev.sigstore.cosign/rfc3161timestamp": "{}" },
  ]) {
    assert.throws(() => read(changed), { code: "sigstore/legacy-invalid" });
  }
  const envelope = { payloadType: "x", payload: utf8("x"), signatures: [] };
  assert.throws(() => bundleOfLegacyAttestation(annotations, envelope), { code: "sigstore/legacy-invalid" });
});

test("an entry of Rekor v2 is left out, as this form has no word for it", async () => {
  const { annotations } = await signed();
  assert.equal(annotations["dev.sigstore.cosign/bundle"], undefined);
});

test("an answer of Rekor v1 without promise, proof or checkpoint, or of several entries, is none", () => {
  const hash = hex(new Uint8Array(32));
  const inclusionProof = { logIndex: 1, rootHash: hash, treeSize: 2, hashes: [hash], checkpoint: "a note" };
  const body = base64(utf8('{"apiVersion":"0.0.1","kind":"hashedrekord"}'));
  const signedEntryTimestamp = base64(utf8("promise"));
  const entry = {
    body,
    integratedTime: 1,
    logID: hash,
    logIndex: 1001,
    verification: { inclusionProof, signedEntryTimestamp },
  };
  const { logIndex, inclusionProof: proof, kind } = logEntryOfV1({ [hash]: entry });
  assert.deepEqual([logIndex, proof?.logIndex, kind], [1001, 1, "hashedrekord"]);
  const verification = entry.verification;
  for (const answer of [
    {},
    { [hash]: entry, another: entry },
    { [hash]: { ...entry, logID: "ab" } },
    { [hash]: { ...entry, verification: { inclusionProof } } },
    { [hash]: { ...entry, verification: { signedEntryTimestamp } } },
    { [hash]: { ...entry, verification: { ...verification, inclusionProof: { ...inclusionProof, checkpoint: "" } } } },
    { [hash]: { ...entry, verification: { ...verification, inclusionProof: { ...inclusionProof, hashes: ["AB"] } } } },
  ]) {
    assert.throws(() => logEntryOfV1(answer), { code: "sigstore/log-answer-invalid" });
  }
});
