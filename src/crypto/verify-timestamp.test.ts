import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { isProblem, type ProblemCode, utf8 } from "../core/index.ts";
import { type Issued, issue, issueChain, leafExtensions, someTimeMs } from "../../test/authority.ts";
import { vectors } from "../../test/vectors.ts";
import {
  type Certificate,
  createSignedData,
  createSigner,
  createTimestampRequest,
  createTimestampResponse,
  der,
  digest,
  encodeAttribute,
  type KeyType,
  oids,
  parseCertificate,
  parseTimestamp,
  parseTimestampRequest,
  parseTimestampResponse,
  prepareTimestampAuthority,
  verifyTimestamp,
} from "./index.ts";

const data = utf8("a signature");
const nonce = Uint8Array.of(0xff, 7);
const validFor = { startMs: someTimeMs - 1000, endMs: someTimeMs + 1000 };
const refusedAs = (code: ProblemCode) => (error: unknown) => {
  if (!isProblem(error, code)) throw error;
  return true;
};

interface WorldOptions {
  readonly keyType?: KeyType;
  readonly certReq?: boolean;
  readonly genTimeMs?: number;
}

async function world({ keyType = "ecdsa-p256", certReq = true, genTimeMs = someTimeMs }: WorldOptions = {}) {
  const { root, intermediate, leaf } = await issueChain("timeStamping", keyType);
  const chain = [leaf, intermediate, root].map(({ certificate }) => certificate);
  const imprint = { hashAlgorithm: "sha256", digest: digest("sha256", data) } as const;
  const request = parseTimestampRequest(createTimestampRequest({ imprint, nonce, certReq }));
  const signer = createSigner(leaf.key);
  const response = await createTimestampResponse({ request, signer, chain, genTimeMs, serialNumber: nonce });
  const parsed = parseTimestampResponse(response);
  assert.ok(parsed.granted);
  const known = prepareTimestampAuthority({ certificates: chain, validFor });
  const unknown = prepareTimestampAuthority({ certificates: chain.slice(1), validFor });
  return { root, intermediate, leaf, chain, response, token: parsed.token, known, unknown };
}

test("a token gives its time, as response or bare, whoever knows the certificate", async () => {
  for (const keyType of ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa"] as const) {
    const { response, token, known, unknown } = await world({ keyType });
    for (const bytes of [response, token])
      for (const authority of [known, unknown]) {
        const { timeMs, path } = verifyTimestamp(bytes, { data, authority, nonce });
        assert.deepEqual([timeMs, path.length], [someTimeMs, 3], keyType);
      }
  }
});

test("a token without certificates needs an authority that has them", async () => {
  const { token, known, unknown } = await world({ certReq: false });
  assert.equal(verifyTimestamp(token, { data, authority: known }).timeMs, someTimeMs);
  assert.throws(() => verifyTimestamp(token, { data, authority: unknown }), refusedAs("crypto/timestamp-signer"));
});

test("other data, another nonce, another authority and another time are refused", async () => {
  const { token, known } = await world();
  const other = await world();
  const check = (expected: Partial<Parameters<typeof verifyTimestamp>[1]>, code: ProblemCode) =>
    assert.throws(() => verifyTimestamp(token, { data, authority: known, ...expected }), refusedAs(code));
  check({ data: utf8("another signature") }, "crypto/timestamp-imprint");
  check({ nonce: Uint8Array.of(7) }, "crypto/timestamp-nonce");
  check({ authority: other.known }, "crypto/timestamp-signer");
  check({ authority: other.unknown }, "crypto/path-untrusted");
  check({ authority: { ...known, validFor: { startMs: someTimeMs + 1 } } }, "crypto/timestamp-window");
  check({ authority: { ...known, validFor: { startMs: 0, endMs: someTimeMs - 1 } } }, "crypto/timestamp-window");
  const edge = { ...known, validFor: { startMs: someTimeMs, endMs: someTimeMs } };
  assert.equal(verifyTimestamp(token, { data, authority: edge }).timeMs, someTimeMs);
});

test("a nonce that was sent must come back", async () => {
  const { leaf, chain, known } = await world();
  const imprint = { hashAlgorithm: "sha256", digest: digest("sha256", data) } as const;
  const request = parseTimestampRequest(createTimestampRequest({ imprint }));
  const signer = createSigner(leaf.key);
  const without = await createTimestampResponse({ request, signer, chain, genTimeMs: someTimeMs, serialNumber: nonce });
  assert.equal(verifyTimestamp(without, { data, authority: known }).timeMs, someTimeMs);
  const expected = { data, authority: known, nonce };
  assert.throws(() => verifyTimestamp(without, expected), refusedAs("crypto/timestamp-nonce"));
});

interface Forgery {
  readonly signer: Issued;
  /** Whom the SignerInfo and the ESSCertIDv2 name; the signer unless given. */
  readonly sid?: Certificate;
  readonly ess?: Certificate | undefined;
  readonly bag: readonly Certificate[];
}

/** The content of a true token, signed by somebody else. */
function forge(token: Uint8Array, { signer, sid, bag, ...rest }: Forgery): Promise<Uint8Array> {
  const ess = "ess" in rest ? rest.ess : signer.certificate;
  const identifier = (of: Certificate) =>
    der.sequence(der.sequence(der.sequence(der.octetString(digest("sha256", of.raw)))));
  return createSignedData(
    {
      contentType: oids.tstInfo,
      content: parseTimestamp(token).signedData.content,
      certificate: sid ?? signer.certificate,
      certificates: bag.map(({ raw }) => raw),
      attributes: ess === undefined ? [] : [encodeAttribute(oids.signingCertificateV2, identifier(ess))],
    },
    createSigner(signer.key),
  );
}

test("the true authority's certificate in the bag does not help another signer (CVE-2026-39984)", async () => {
  const { token, intermediate, leaf, known, unknown } = await world();
  const extensions = leafExtensions("codeSigning");
  const stranger = await issue("timestamps", { issuer: intermediate, extensions });
  const bag = [leaf.certificate, stranger.certificate];
  const refuses = async (forgery: Forgery, code: ProblemCode) => {
    const bytes = await forge(token, forgery);
    const expected = { data, authority: unknown };
    assert.throws(() => verifyTimestamp(bytes, expected), refusedAs(code));
    assert.throws(() => verifyTimestamp(bytes, { ...expected, authority: known }), isProblem);
  };
  await refuses({ signer: stranger, bag }, "crypto/path-usage");
  await refuses({ signer: stranger, ess: leaf.certificate, bag }, "crypto/timestamp-signer");
  await refuses({ signer: stranger, sid: leaf.certificate, bag }, "crypto/timestamp-signer");
  const claimed = { sid: leaf.certificate, ess: leaf.certificate };
  await refuses({ signer: stranger, ...claimed, bag }, "crypto/timestamp-signature");
  await refuses({ signer: stranger, ess: undefined, bag }, "crypto/timestamp-signer");
});

test("strangers' certificates in the bag change nothing for the true signer", async () => {
  const { token, leaf, unknown } = await world();
  const stranger = await issue("stranger", { extensions: leafExtensions("timeStamping") });
  const bytes = await forge(token, { signer: leaf, bag: [stranger.certificate, leaf.certificate] });
  assert.equal(verifyTimestamp(bytes, { data, authority: unknown }).timeMs, someTimeMs);
});

test("a known authority's other certificates may not sign for it", async () => {
  const { token, intermediate, known, unknown } = await world();
  const sibling = await issue("timestamps", { issuer: intermediate, extensions: leafExtensions("timeStamping") });
  const bytes = await forge(token, { signer: sibling, bag: [sibling.certificate] });
  assert.equal(verifyTimestamp(bytes, { data, authority: unknown }).timeMs, someTimeMs);
  const expected = { data, authority: known };
  assert.throws(() => verifyTimestamp(bytes, expected), refusedAs("crypto/timestamp-signer"));
});

test("a certificate that was not valid at the time of the token is refused", async () => {
  const { token, intermediate, unknown } = await world();
  const template = { notAfterMs: someTimeMs - 1 };
  const expired = await issue("timestamps", {
    issuer: intermediate,
    extensions: leafExtensions("timeStamping"),
    template,
  });
  const bytes = await forge(token, { signer: expired, bag: [expired.certificate] });
  assert.throws(() => verifyTimestamp(bytes, { data, authority: unknown }), refusedAs("crypto/path-expired"));
});

test("no changed byte of what is signed is accepted, and nothing but a Problem is thrown", async () => {
  const { response, known } = await world();
  const { signedData } = parseTimestamp(response);
  const spans = [signedData.content, signedData.signer.signedBytes.subarray(1), signedData.signer.signature];
  const signed = spans.map((span) => {
    const start = Buffer.from(response).indexOf(Buffer.from(span));
    assert.ok(start > 0);
    return [start, start + span.length] as const;
  });
  const change = fc.tuple(fc.nat({ max: response.length - 1 }), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(change, ([at, mask]) => {
      const bytes = response.slice();
      bytes[at] = bytes[at]! ^ mask;
      const covered = signed.some(([from, to]) => at >= from && at < to);
      try {
        verifyTimestamp(bytes, { data, authority: known, nonce });
        assert.ok(!covered, `changed byte ${at} was accepted`);
      } catch (error) {
        assert.ok(isProblem(error), String(error));
      }
    }),
    { numRuns: 1500 },
  );
});

interface Bundle {
  readonly verificationMaterial: {
    readonly timestampVerificationData?: {
      readonly rfc3161Timestamps?: readonly { readonly signedTimestamp: string }[];
    };
  };
  readonly messageSignature?: { readonly signature: string };
  readonly dsseEnvelope?: { readonly signatures: readonly { readonly sig: string }[] };
}
interface TrustedRoot {
  readonly timestampAuthorities: readonly {
    readonly certChain: { readonly certificates: readonly { readonly rawBytes: string }[] };
    readonly validFor: { readonly start: string; readonly end?: string | null };
  }[];
}

const bytesOf = (text: string) => Buffer.from(text, "base64");

function readCase(folder: string, name: string) {
  const file = join(folder, name, "bundle.sigstore.json");
  if (!existsSync(file) || name === "bundle-malformed-json_fail") return undefined;
  const bundle: Bundle = JSON.parse(readFileSync(file, "utf8"));
  const [stamp] = bundle.verificationMaterial.timestampVerificationData?.rfc3161Timestamps ?? [];
  if (stamp === undefined) return undefined;
  const own = join(folder, name, "trusted_root.json");
  const path = existsSync(own) ? own : join(folder, "../../public-good/trusted_root.json");
  const root: TrustedRoot = JSON.parse(readFileSync(path, "utf8"));
  const [first] = root.timestampAuthorities;
  assert.ok(first !== undefined);
  const { start, end } = first.validFor;
  const authority = prepareTimestampAuthority({
    certificates: first.certChain.certificates.map(({ rawBytes }) => parseCertificate(bytesOf(rawBytes))),
    validFor: { startMs: Date.parse(start), endMs: typeof end === "string" ? Date.parse(end) : undefined },
  });
  const signature = bundle.messageSignature?.signature ?? bundle.dsseEnvelope!.signatures[0]!.sig;
  return { token: bytesOf(stamp.signedTimestamp), data: bytesOf(signature), authority };
}

/** Where the time-stamp itself is what is wrong; the other `_fail` cases hold a good one. */
const badTimestamps: Readonly<Record<string, ProblemCode>> = {
  "rekor2-timestamp-outside-trust-root-tsa-validity_fail": "crypto/timestamp-window",
  "rekor2-timestamp-outside-tsa-cert-validity_fail": "crypto/path-expired",
  "rekor2-timestamp-payload-mismatch_fail": "crypto/timestamp-imprint",
  "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": "crypto/timestamp-signer",
  "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": "crypto/timestamp-signer",
};

test("tokens of other authorities verify, and those that the conformance suite calls bad do not", (t) => {
  const folder = vectors(t, "sigstore/conformance/bundle-verify");
  if (folder === undefined) return;
  let verified = 0;
  for (const name of readdirSync(folder)) {
    const found = readCase(folder, name);
    if (found === undefined) continue;
    const { token, ...expected } = found;
    const code = badTimestamps[name];
    if (code === undefined) {
      assert.ok(verifyTimestamp(token, expected).timeMs > 0, name);
      verified++;
    } else assert.throws(() => verifyTimestamp(token, expected), refusedAs(code), name);
  }
  assert.ok(verified >= 20, `${verified} verified`);
});

test("a token with RSA, SHA-512 and the older ESSCertID verifies under its own authority", (t) => {
  const folder = vectors(t, "sigstore/conformance/bundle-verify");
  if (folder === undefined) return;
  const found = readCase(folder, "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail");
  assert.ok(found !== undefined);
  const certificates = parseTimestamp(found.token).signedData.certificates.map(parseCertificate);
  const authority = prepareTimestampAuthority({ certificates, validFor: { startMs: 0 } });
  const { timeMs } = verifyTimestamp(found.token, { data: found.data, authority });
  assert.equal(timeMs, Date.UTC(2025, 7, 6, 19, 38, 49));
});
