// sigstore-js 4 signs at our services and verifies what we sign. It takes http addresses as they are. Three limits of
// this release that the tests go around, each of which is the peer's choice:
// - Its timestamp client asks in JSON, which our timestamp authority takes beside RFC 3161's own form.
// - It asks the log to take an attestation as `dsse` 0.0.2; our log takes what Rekor v2 §6.1.4 has left, `hashedrekord`
//   over the DSSE pre-authentication encoding. So it signs artifacts here, not attestations.
// - It compares such an entry of an attestation with the payload's digest; the test hands it the comparison with the
//   encoding's, all else it does itself.

import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { bundleFromJSON, bundleToJSON } from "@sigstore/bundle";
import { SigningConfig, TrustedRoot } from "@sigstore/protobuf-specs";
import {
  bundleBuilderFromSigningConfig,
  FulcioSigner,
  MessageSignatureBundleBuilder,
  RekorWitness,
  TSAWitness,
} from "@sigstore/sign";
import { getTrustedRoot, initTUF } from "@sigstore/tuf";
import { type SignedEntity, toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { verify } from "sigstore";
import { paths } from "../../src/api/index.ts";
import { equalBytes, fromBase64, fromUtf8, utf8 } from "../../src/core/index.ts";
import { digest, preAuthenticationEncoding } from "../../src/crypto/index.ts";
import { parseBundle, statementPayloadType, verifyBundle } from "../../src/sigstore/index.ts";
import { type RunningInstance, startInstance, temporaryFolder } from "../instance.ts";
import { type BundleJson, type SignedPair, signPair, tamperedForms } from "./tampered.ts";

let instance: RunningInstance;
let signed: SignedPair;
before(async () => {
  instance = await startInstance();
  signed = await signPair(instance);
});
after(() => instance.close());

const artifact = Buffer.from("an artifact that sigstore-js signs");
const once = { retry: false, timeout: 5000 };

function accept(bundle: Uint8Array, bytes: Uint8Array): void {
  const identity = { issuer: instance.url, subjectAlternativeName: instance.identity };
  verifyBundle(parseBundle(bundle), { trust: instance.trust, artifact: { kind: "bytes", bytes }, identity });
}

async function tufOptions(t: TestContext) {
  return { mirrorURL: `${instance.url}${paths.tuf}`, rootPath: instance.rootPath, cachePath: await temporaryFolder(t) };
}

/** The peer's own reading of our bundle, with the one comparison from the head of this file. */
function entityOf(json: BundleJson, bytes: Uint8Array): SignedEntity {
  const entity = toSignedEntity(bundleFromJSON(json), Buffer.from(bytes));
  const { dsseEnvelope } = json;
  if (dsseEnvelope === undefined) return entity;
  const { signature: theirs } = entity;
  const encoding = preAuthenticationEncoding(statementPayloadType, fromBase64(dsseEnvelope.payload));
  const signature: SignedEntity["signature"] = {
    signature: theirs.signature,
    compareSignature: (other) => theirs.compareSignature(other),
    verifySignature: (key) => theirs.verifySignature(key),
    compareDigest: (other) => equalBytes(other, digest("sha256", encoding)),
  };
  return { ...entity, signature };
}

async function verifier(): Promise<Verifier> {
  const root = TrustedRoot.fromJSON(JSON.parse(fromUtf8(await instance.target("trusted_root.json"))));
  return new Verifier(toTrustMaterial(root), { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 });
}

/** The peer's policy is a pattern. */
function policy(identity = instance.identity) {
  return { subjectAlternativeName: `^${identity}$`, extensions: { issuer: instance.url } };
}

test("sigstore-js signs an artifact with our certificate, timestamp and log entry, and we accept the bundle", async () => {
  const builder = new MessageSignatureBundleBuilder({
    signer: new FulcioSigner({
      fulcioBaseURL: instance.url,
      identityProvider: { getToken: () => instance.token() },
      ...once,
    }),
    witnesses: [
      new RekorWitness({ rekorBaseURL: instance.url, majorApiVersion: 2, ...once }),
      new TSAWitness({ tsaBaseURL: instance.url, ...once }),
    ],
  });
  const bundle = bundleToJSON(await builder.create({ data: artifact }));
  const { tlogEntries, timestampVerificationData } = bundle.verificationMaterial;
  assert.equal(tlogEntries.length, 1);
  assert.equal(timestampVerificationData?.rfc3161Timestamps.length, 1);
  accept(utf8(JSON.stringify(bundle)), artifact);
  assert.throws(() => accept(utf8(JSON.stringify(bundle)), utf8("another")), { code: "sigstore/digest-mismatch" });
});

test("sigstore-js finds our services by the signing config that our TUF repository gives it", async (t) => {
  const client = await initTUF(await tufOptions(t));
  const signingConfig = SigningConfig.fromJSON(JSON.parse(await client.getTarget("signing_config.v0.2.json")));
  const builder = bundleBuilderFromSigningConfig({
    signingConfig,
    identityProvider: { getToken: () => instance.token() },
    bundleType: "messageSignature",
    fetchOptions: once,
  });
  const bundle = bundleToJSON(await builder.create({ data: artifact }));
  accept(utf8(JSON.stringify(bundle)), artifact);
});

test("sigstore-js gets our trust root by our TUF repository over HTTP and verifies with it", async (t) => {
  const tuf = await tufOptions(t);
  const served = await getTrustedRoot({ ...tuf, ...once });
  assert.deepEqual(served, TrustedRoot.fromJSON(JSON.parse(fromUtf8(await instance.target("trusted_root.json")))));
  const options = {
    tufMirrorURL: tuf.mirrorURL,
    tufRootPath: tuf.rootPath,
    tufCachePath: await temporaryFolder(t),
    certificateIssuer: instance.url,
    certificateIdentityURI: `^${instance.identity}$`,
    ...once,
  };
  const { message } = signed;
  type Serialized = Parameters<typeof verify>[0];
  await verify(message as unknown as Serialized, Buffer.from(signed.artifact), options);
  const changed = Buffer.from([...signed.artifact, 0]);
  await assert.rejects(verify(message as unknown as Serialized, changed, options), { code: "SIGNATURE_ERROR" });
  assert.ok(instance.requests.includes("GET /tuf/timestamp.json 200"));
});

for (const kind of ["message", "attestation"] as const) {
  const what = kind === "message" ? "message signature" : "attestation";

  test(`sigstore-js accepts our ${what} and its signer`, async () => {
    const signer = (await verifier()).verify(entityOf(signed[kind], signed.artifact), policy());
    assert.equal(signer.identity?.subjectAlternativeName, instance.identity);
    assert.equal(signer.identity?.extensions?.issuer, instance.url);
  });

  test(`sigstore-js refuses our ${what} for another identity than it expects`, async () => {
    const entity = entityOf(signed[kind], signed.artifact);
    const refuse = await verifier();
    assert.throws(() => refuse.verify(entity, policy(`${instance.identity}x`)), { code: "UNTRUSTED_SIGNER_ERROR" });
    const elsewhere = { ...policy(), extensions: { issuer: "https://issuer.example.com" } };
    assert.throws(() => refuse.verify(entity, elsewhere), { code: "UNTRUSTED_SIGNER_ERROR" });
  });

  test(`sigstore-js refuses our ${what} in every tampered form`, async () => {
    const other = kind === "message" ? signed.attestation : signed.message;
    const refuse = await verifier();
    for (const [name, form] of tamperedForms(signed[kind], other)) {
      assert.throws(() => refuse.verify(entityOf(form, signed.artifact), policy()), { code: /_ERROR$/ }, name);
    }
  });
}

test("sigstore-js refuses our message signature for a changed artifact", async () => {
  const entity = entityOf(signed.message, utf8("another artifact"));
  const refuse = await verifier();
  assert.throws(() => refuse.verify(entity, policy()), { code: "SIGNATURE_ERROR" });
});

test("a trust root of another organisation makes sigstore-js refuse what we sign", async (t) => {
  const elsewhere = await startInstance(t);
  const root = TrustedRoot.fromJSON(JSON.parse(fromUtf8(await elsewhere.target("trusted_root.json"))));
  const refuse = new Verifier(toTrustMaterial(root));
  assert.throws(() => refuse.verify(entityOf(signed.message, signed.artifact)), { code: "TIMESTAMP_ERROR" });
});
