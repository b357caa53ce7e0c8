import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dayMs,
  isJsonObject,
  isProblem,
  type Json,
  type JsonObject,
  minuteMs,
  parseJson,
  utf8,
} from "../core/index.ts";
import { createSigner, generateKey, randomBytes } from "../crypto/index.ts";
import {
  bundleOf,
  encodeBundle,
  identityFromClaims,
  issueSigningCertificate,
  parseSigningCertificateRequest,
  prepareTrust,
  signEnvelope,
  signingCertificateJson,
  statementPayloadType,
  verifyPossession,
} from "../sigstore/index.ts";
import {
  createIdentityKey,
  createRoot,
  type Key,
  parseRoot,
  prepareKeys,
  type RoleSigner,
  signMetadata,
  topLevel,
  validSigners,
} from "../tuf/index.ts";
import { type Instance, newInstance, newSerialNumber, startMs, statementOf } from "../../test/sigstore-instance.ts";
import type { SigningWorld } from "./attest.ts";
import { identitySigner, identityVerifier } from "./tuf-identity.ts";

const issuer = "https://issuer.example.org";
const alice = "https://example.org/alice";
const bob = "https://example.org/bob";
const message = utf8('{"_type":"targets"}');

/** What an organisation's services give to whoever holds a token of this issuer for this name. */
function signingAs(instance: Instance, name: string, by = issuer): SigningWorld {
  const claims = { iss: by, sub: name, build_signer_uri: name };
  const identity = identityFromClaims(claims, { kind: "build" });
  return {
    random: { bytes: randomBytes, key: generateKey },
    token: async () => "token",
    challenge: () => identity.challenge,
    trust: instance.trust,
    services: {
      async signingCertificate(json) {
        const request = parseSigningCertificateRequest(utf8(JSON.stringify(json)));
        const chain = await issueSigningCertificate({
          identity,
          publicKey: verifyPossession(request, identity.challenge),
          ca: instance.ca,
          ctLogs: instance.ctLogs,
          nowMs: instance.now,
          serialNumber: newSerialNumber(),
        });
        return signingCertificateJson(chain);
      },
      addEntry: (request) => instance.rekor.add(request),
      timestamp: (query) => instance.answerTimestamp(query),
    },
  };
}

async function bundleBy(instance: Instance, name = alice, by = issuer, over = message): Promise<JsonObject> {
  const { extra } = await identitySigner(signingAs(instance, name, by), by, name).sign(over);
  const bundle = extra?.["bundle"];
  assert.ok(isJsonObject(bundle));
  return bundle;
}

test("an identity's signature is a bundle that holds for this identity, issuer and message alone", async () => {
  const instance = await newInstance();
  const signer = identitySigner(signingAs(instance, alice), issuer, alice);
  const { sig, extra } = await signer.sign(message);
  const bundle = extra!["bundle"] as JsonObject;
  // As securesystemslib has it.
  assert.equal(sig, (bundle["messageSignature"] as JsonObject)["signature"]);
  const verify = identityVerifier(instance.trust);
  assert.equal(verify({ issuer, identity: alice }, message, bundle), true);
  const others = [
    { issuer, identity: bob },
    { issuer, identity: `${alice}/` },
    { issuer, identity: alice.toUpperCase() },
    { issuer, identity: ".*" },
    { issuer, identity: "" },
    { issuer: "https://other.example.org", identity: alice },
    { issuer: `${issuer}/`, identity: alice },
    { issuer: "", identity: alice },
  ];
  for (const each of others) assert.equal(verify(each, message, bundle), false, JSON.stringify(each));
  assert.equal(verify({ issuer, identity: alice }, utf8('{"_type":"targetz"}'), bundle), false);
});

test("a token of somebody else signs nothing as this identity", async () => {
  const instance = await newInstance();
  const wrong = [
    [identitySigner(signingAs(instance, bob), issuer, alice), "sigstore/identity-mismatch"],
    [
      identitySigner(signingAs(instance, alice, "https://other.example.org"), issuer, alice),
      "sigstore/issuer-mismatch",
    ],
  ] as const;
  for (const [signer, code] of wrong) {
    await assert.rejects(signer.sign(message), (error) => isProblem(error, code));
  }
});

test("a bundle without log entry, without time, of an expired certificate or of another instance is no signature", async () => {
  const instance = await newInstance();
  const verify = identityVerifier(instance.trust);
  const key = { issuer, identity: alice };
  const bundle = await bundleBy(instance);
  const material = bundle["verificationMaterial"] as JsonObject;
  const without = (field: string, value: Json): JsonObject => ({
    ...bundle,
    verificationMaterial: { ...material, [field]: value },
  });
  assert.equal(verify(key, message, without("tlogEntries", [])), false);
  assert.equal(verify(key, message, without("timestampVerificationData", { rfc3161Timestamps: [] })), false);
  const other = await newInstance();
  assert.equal(verify(key, message, await bundleBy(other)), false);
  assert.equal(identityVerifier(other.trust)(key, message, bundle), false);
  // The certificate is issued, then the signature is stamped when it has ended.
  const late = signingAs(instance, alice);
  const services = {
    ...late.services,
    timestamp: (query: Uint8Array) => {
      instance.now = startMs + 60 * minuteMs;
      return late.services.timestamp(query);
    },
  };
  await assert.rejects(identitySigner({ ...late, services }, issuer, alice).sign(message), (error) => isProblem(error));
});

test("what is no bundle, or is one over a statement about the message, is no signature", async () => {
  const instance = await newInstance();
  const verify = identityVerifier(instance.trust);
  const key = { issuer: "https://ci.example.org", identity: String(instance.identity.subjectAlternativeName.value) };
  const envelope = await signEnvelope(statementPayloadType, statementOf(message), {
    signer: createSigner(generateKey("ecdsa-p256")),
    material: { kind: "certificate", chain: (signer) => instance.chain(signer) },
    services: instance.services,
    trust: instance.trust,
  });
  const json = parseJson(encodeBundle(envelope), { maxBytes: 1 << 20 });
  assert.equal(bundleOf(json).content.kind, "dsse");
  assert.equal(verify(key, message, json), false);
  for (const each of [null, {}, [], "bundle", 1, { mediaType: "x" }]) assert.equal(verify(key, message, each), false);
});

test("an identity counts once in a threshold, under however many key ids, and not at all without a verifier", async () => {
  const instance = await newInstance();
  const [aliceKey, bobKey] = [createIdentityKey(issuer, alice), createIdentityKey(issuer, bob)];
  const again: Key = { ...aliceKey, keyid: "another-name" };
  const keys = [aliceKey, again, bobKey];
  const role = { keys, threshold: 2 };
  const signed = createRoot({
    version: 1,
    expiresMs: startMs + dayMs,
    roles: { root: role, targets: role, snapshot: role, timestamp: role },
  });
  const as = (name: string): RoleSigner => identitySigner(signingAs(instance, name), issuer, name);
  const count = async (signers: readonly RoleSigner[], trust: Instance["trust"] | undefined): Promise<number> => {
    const root = parseRoot(await signMetadata(signed, signers, keys), 1 << 20);
    await prepareKeys(root.signed.keys, trust === undefined ? undefined : identityVerifier(trust));
    return validSigners(root, topLevel(root, "root")).length;
  };
  assert.equal(await count([as(alice)], instance.trust), 1);
  assert.equal(await count([{ ...as(alice), keyObject: again } as RoleSigner, as(alice)], instance.trust), 1);
  assert.equal(await count([as(alice), as(bob)], instance.trust), 2);
  assert.equal(await count([as(alice), as(bob)], undefined), 0);
  assert.equal(await count([as(alice), as(bob)], (await newInstance()).trust), 0);
});

test("an identity's key object and its id are those of securesystemslib", () => {
  const key = createIdentityKey("https://github.com/login/oauth", "someone@example.com");
  assert.equal(key.keyid, "d368e7a7b2bcca6b3f9bd5773fb91e30e517fb4688c660a1d57d854c6a8e18d0");
  assert.throws(
    () => createIdentityKey("", "x"),
    (error) => isProblem(error, "tuf/key-unsupported"),
  );
  assert.throws(
    () => createIdentityKey("x", ""),
    (error) => isProblem(error, "tuf/key-unsupported"),
  );
});

test("a trust root without logs is verified by its timestamps, and by them alone", async () => {
  const instance = await newInstance();
  const bundle = await bundleBy(instance);
  const material = bundle["verificationMaterial"] as JsonObject;
  const unlogged = { ...bundle, verificationMaterial: { ...material, tlogEntries: [] } };
  const trust = prepareTrust({ ...instance.root, logs: [] });
  assert.equal(identityVerifier(trust)({ issuer, identity: alice }, message, unlogged), true);
});
