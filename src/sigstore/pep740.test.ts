import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fromUtf8, utf8 } from "../core/index.ts";
import { vectors } from "../../test/vectors.ts";
import { newInstance, statementOf } from "../../test/sigstore-instance.ts";
import {
  attestationsOfProvenance,
  type Bundle,
  bundleOfAttestation,
  demandDistribution,
  encodeAttestation,
  encodeBundle,
  identityOf,
  parseTrustedRoot,
  prepareTrust,
  publishPredicateType,
  signEnvelope,
  signMessage,
  statementPayloadType,
  verifyBundle,
} from "./index.ts";
import { createSigner, generateKey, parseCertificate } from "../crypto/index.ts";

const artifact = utf8("widget");

async function options() {
  const world = await newInstance();
  const signer = createSigner(generateKey("ecdsa-p256"));
  const { trust, services } = world;
  return { signer, material: { kind: "certificate" as const, chain: world.chain }, services, trust };
}

test("a bundle becomes PyPI's attestation and the same bundle again, and still verifies", async () => {
  const signing = await options();
  const bundle = await signEnvelope(statementPayloadType, statementOf(artifact, publishPredicateType), signing);
  const attestation = encodeAttestation(bundle);
  assert.deepEqual(Object.keys(JSON.parse(fromUtf8(attestation)) as object), [
    "version",
    "verification_material",
    "envelope",
  ]);
  const again = bundleOfAttestation(attestation);
  assert.deepEqual(encodeBundle(again), encodeBundle(bundle));
  const subjectAlternativeName = "https://ci.example.org/widget/build.yaml@refs/heads/main";
  const verify = (bytes: Uint8Array) =>
    verifyBundle(again, {
      trust: signing.trust,
      artifact: { kind: "bytes", bytes },
      identity: { issuer: "https://ci.example.org", subjectAlternativeName },
      predicateType: publishPredicateType,
    });
  const { content } = verify(artifact);
  assert(content.kind === "envelope");
  demandDistribution(content.statement, "widget.tar");
  assert.throws(() => demandDistribution(content.statement, "gadget.tar"), { code: "sigstore/subject-mismatch" });
  assert.throws(() => verify(utf8("gadget")), { code: "sigstore/subject-mismatch" });
});

test("what PyPI's attestation cannot say is refused", async () => {
  const signing = await options();
  const message = await signMessage(artifact, signing);
  assert.throws(() => encodeAttestation(message), { code: "sigstore/attestation-unsupported" });
  const bundle = await signEnvelope(statementPayloadType, statementOf(artifact), signing);
  const { verificationMaterial } = bundle;
  const byKey: Bundle = {
    ...bundle,
    verificationMaterial: { ...verificationMaterial, signer: { kind: "publicKey", hint: "" } },
  };
  assert.throws(() => encodeAttestation(byKey), { code: "sigstore/attestation-unsupported" });
  const unlogged: Bundle = { ...bundle, verificationMaterial: { ...verificationMaterial, logEntries: [] } };
  assert.throws(() => encodeAttestation(unlogged), { code: "sigstore/attestation-unsupported" });
});

test("an attestation of another version, without entries or with unknown fields is refused", async () => {
  const signing = await options();
  const bundle = await signEnvelope(statementPayloadType, statementOf(artifact), signing);
  type Form = { version: number; verification_material: { transparency_entries: unknown[] }; extra?: number };
  const changed = (change: (form: Form) => void): Uint8Array => {
    const form = JSON.parse(fromUtf8(encodeAttestation(bundle))) as Form;
    change(form);
    return utf8(JSON.stringify(form));
  };
  for (const bytes of [
    changed((form) => (form.version = 2)),
    changed((form) => (form.verification_material.transparency_entries = [])),
    changed((form) => (form.extra = 1)),
    utf8("{}"),
  ]) {
    assert.throws(() => bundleOfAttestation(bytes), { code: "sigstore/attestation-invalid" });
  }
});

function publicTrust(t: TestContext) {
  const folder = vectors(t, "sigstore/public-good");
  return folder === undefined
    ? undefined
    : prepareTrust(parseTrustedRoot(readFileSync(join(folder, "trusted_root.json"))));
}

test("attestations as PyPI published them verify for their files and for no other", (t) => {
  const folder = process.env["SEALWRIGHT_PYPI_ATTESTATIONS"] ?? vectors(t, "pypi");
  const trust = folder === undefined ? undefined : publicTrust(t);
  if (folder === undefined || trust === undefined) return;
  let verified = 0;
  for (const name of readdirSync(folder)) {
    const file = /^(.+)\.(?:(?:publish|slsa)\.)?(attestation|provenance)$/.exec(name);
    if (file === null || !existsSync(join(folder, file[1]!))) continue;
    const bytes = readFileSync(join(folder, name));
    const bundles =
      file[2] === "provenance"
        ? attestationsOfProvenance(bytes).map(({ bundle }) => bundle)
        : [bundleOfAttestation(bytes)];
    const content = readFileSync(join(folder, file[1]!));
    for (const bundle of bundles) {
      const { signer: leaf } = bundle.verificationMaterial;
      assert(leaf.kind === "certificate");
      const check = (artifactBytes: Uint8Array) =>
        verifyBundle(bundle, {
          trust,
          artifact: { kind: "bytes", bytes: artifactBytes },
          // Who signed is each publisher's own; that it is who the certificate says is what is checked.
          identity: identityOf(parseCertificate(leaf.leaf)),
        });
      const { content: held } = check(content);
      assert(held.kind === "envelope");
      demandDistribution(held.statement, file[1]!);
      assert.throws(() => check(utf8("another")), { code: "sigstore/subject-mismatch" }, name);
      verified++;
    }
  }
  assert(verified > 0, "no published attestation was found");
});
