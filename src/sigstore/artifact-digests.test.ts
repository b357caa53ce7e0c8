import assert from "node:assert/strict";
import { test } from "node:test";
import { newInstance, newSigner, statementOf } from "../../test/sigstore-instance.ts";
import { isProblem, utf8 } from "../core/index.ts";
import { digest } from "../crypto/index.ts";
import {
  type Bundle,
  digestStream,
  neededDigests,
  signEnvelope,
  signMessage,
  statementPayloadType,
  verifyBundle,
} from "./index.ts";

const world = await newInstance();
const artifact = utf8("a widget of many pieces");
const identity = {
  issuer: "https://ci.example.org",
  subjectAlternativeName: "https://ci.example.org/widget/build.yaml@refs/heads/main",
};
const signing = (signer = newSigner("ecdsa-p256")) => ({
  signer,
  material: { kind: "certificate", chain: world.chain } as const,
  services: world.services,
  trust: world.trust,
});

async function* pieces(): AsyncIterable<Uint8Array> {
  for (let at = 0; at < artifact.length; at += 5) yield artifact.subarray(at, at + 5);
}

test("an artifact verifies as it is read, by the digests that its bundle names", async () => {
  for (const [bundle, hashes] of [
    [await signMessage(artifact, signing()), ["sha256"]],
    [await signMessage(artifact, signing(newSigner("ecdsa-p384"))), ["sha384", "sha256"]],
    [await signEnvelope(statementPayloadType, statementOf(artifact), signing()), ["sha256"]],
  ] as const) {
    assert.deepEqual(neededDigests(bundle), hashes);
    const read = await digestStream(pieces(), neededDigests(bundle));
    assert.deepEqual(read.digests.get("sha256"), digest("sha256", artifact));
    verifyBundle(bundle, { trust: world.trust, artifact: read, identity });
    const other = await digestStream(
      (async function* () {
        yield utf8("another");
      })(),
      neededDigests(bundle),
    );
    assert.throws(() => verifyBundle(bundle, { trust: world.trust, artifact: other, identity }), isProblem);
  }
});

test("pure Ed25519 signs the bytes themselves: it is said, not guessed", () => {
  const signer = newSigner("ed25519");
  const signature = signer.sign(artifact);
  const bundle: Bundle = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    version: "0.3",
    verificationMaterial: { signer: { kind: "publicKey", hint: "" }, logEntries: [], timestamps: [] },
    content: { kind: "message", signature },
  };
  assert.throws(
    () => neededDigests(bundle, signer.publicKey),
    (error) => isProblem(error, "sigstore/artifact-needed"),
  );
  const options = { trust: world.trust, key: signer.publicKey, thresholds: { logs: 0 } };
  verifyBundle(bundle, { ...options, artifact: { kind: "bytes", bytes: artifact } });
  const known = { kind: "digest", algorithm: "sha512", digest: digest("sha512", artifact) } as const;
  assert.throws(
    () => verifyBundle(bundle, { ...options, artifact: known }),
    (error) => isProblem(error, "sigstore/artifact-digest-unsuitable"),
  );
});

test("a digest of another length than its algorithm's, and none at all, are refused", async () => {
  const bundle = await signMessage(artifact, signing());
  for (const digests of [new Map(), new Map([["sha512", digest("sha256", artifact)]])] as const) {
    assert.throws(
      () =>
        verifyBundle(bundle, {
          trust: world.trust,
          artifact: { kind: "digests", digests: digests as never },
          identity,
        }),
      (error) => isProblem(error, "sigstore/artifact-invalid"),
    );
  }
});

test("a statement has at most 65536 subjects", async () => {
  const subject = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `f${index}`, digest: { sha256: "00".repeat(32) } }));
  const sha256 = Buffer.from(digest("sha256", artifact)).toString("hex");
  const sign = (count: number) =>
    signEnvelope(
      statementPayloadType,
      utf8(
        JSON.stringify({
          _type: "https://in-toto.io/Statement/v1",
          subject: [...subject(count - 1), { name: "widget", digest: { sha256 } }],
          predicateType: "https://example.org/p",
        }),
      ),
      signing(),
    );
  const options = { trust: world.trust, artifact: { kind: "bytes", bytes: artifact }, identity } as const;
  verifyBundle(await sign(65_536), options);
  const tooMany = await sign(65_537);
  assert.throws(
    () => verifyBundle(tooMany, options),
    (error) => isProblem(error, "sigstore/statement-invalid"),
  );
});
