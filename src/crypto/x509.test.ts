import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { isProblem, Problem } from "../core/index.ts";
import { issue, issueChain, someTimeMs } from "../../test/authority.ts";
import {
  basicConstraints,
  createCertificate,
  createSigner,
  der,
  encodePem,
  generateKey,
  keyUsage,
  oids,
  parseCertificate,
  parseCertificateOf,
  parseCertificatesPem,
  subjectAlternativeName,
  utf8Extension,
} from "./index.ts";

const invalid = (error: unknown) => isProblem(error, "crypto/certificate-invalid");

test("a certificate says what its template said", async () => {
  const { leaf, intermediate } = await issueChain("codeSigning");
  const { certificate } = leaf;
  assert.deepEqual(certificate.issuer, intermediate.certificate.subject);
  assert.deepEqual(certificate.authorityKeyId, intermediate.certificate.subjectKeyId);
  assert.deepEqual(certificate.subject, Uint8Array.of(0x30, 0));
  assert.deepEqual(certificate.subjectAltNames, [{ type: "email", value: "who@example.com" }]);
  assert.deepEqual(certificate.extendedKeyUsage, [oids.codeSigning]);
  assert.deepEqual([...(certificate.keyUsage ?? [])], ["digitalSignature"]);
  assert.deepEqual(certificate.publicKey.spki, leaf.key.publicKey.spki);
  assert.deepEqual(intermediate.certificate.basicConstraints, { ca: true, pathLength: 0 });
});

test("another implementation reads and verifies certificates of every key type", async () => {
  for (const keyType of ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa"] as const) {
    const { root, intermediate, leaf } = await issueChain("codeSigning", keyType);
    const peer = [leaf, intermediate, root].map(({ certificate }) => new X509Certificate(certificate.raw));
    assert.ok(peer[0]?.verify(peer[1]!.publicKey) && peer[1]?.verify(peer[2]!.publicKey), keyType);
    assert.ok(peer[1]?.checkIssued(peer[2]!), keyType);
    assert.equal(Date.parse(peer[0]!.validTo), leaf.certificate.notAfterMs);
  }
});

test("every kind of alternative name survives, and an unknown kind still counts", async () => {
  const names = [
    { type: "uri", value: "https://example.com/a" },
    { type: "dns", value: "example.com" },
    { type: "other", oid: oids.fulcioUsername, value: "grüße!example.com" },
  ] as const;
  const { certificate } = await issue("names", { extensions: [subjectAlternativeName(names, { critical: false })] });
  assert.deepEqual(certificate.subjectAltNames, names);
  const ip = { oid: oids.subjectAltName, critical: false, value: der.sequence(der.encode(0x87, new Uint8Array(4))) };
  const other = await issue("ip", { extensions: [ip] });
  assert.deepEqual(other.certificate.subjectAltNames, [{ type: "other", value: "870400000000" }]);
});

test("templates that RFC 5280 does not allow are refused", async () => {
  const poor = { value: new Uint8Array(), critical: false };
  const cases = [
    { serialNumber: new Uint8Array(20) },
    { serialNumber: new Uint8Array(21).fill(1) },
    { notBeforeMs: someTimeMs, notAfterMs: someTimeMs - 1000 },
    { extensions: [utf8Extension("1.2.3", "a"), utf8Extension("1.2.3", "b")] },
    { extensions: [{ oid: oids.keyUsage, ...poor }] },
    { subject: {} },
  ];
  for (const template of cases) await assert.rejects(issue("x", { template }), invalid, JSON.stringify(template));
  const stranger = createSigner(generateKey("ecdsa-p256"));
  const { certificate } = await issue("x");
  const template = { ...certificate, subject: {}, extensions: [] };
  await assert.rejects(createCertificate(template, { certificate, signer: stranger }), invalid);
});

test("the same template gives the same bytes to sign", async () => {
  const key = generateKey("ed25519");
  const signer = createSigner(key);
  const template = {
    serialNumber: Uint8Array.of(0x80),
    subject: { commonName: "same" },
    notBeforeMs: Date.UTC(2049, 11, 31),
    notAfterMs: Date.UTC(2050, 0, 1),
    publicKey: key.publicKey,
    extensions: [basicConstraints({ ca: true }), keyUsage("keyCertSign")],
  };
  const [first, second] = [
    await createCertificate(template, { signer }),
    await createCertificate(template, { signer }),
  ];
  assert.deepEqual(first, second);
  const { notAfterMs, serialNumber } = parseCertificate(first);
  assert.equal(notAfterMs, template.notAfterMs);
  assert.deepEqual(serialNumber, Uint8Array.of(0, 0x80));
});

const splice = (raw: Uint8Array, from: readonly number[], to: readonly number[]): Uint8Array => {
  const at = Buffer.from(raw).indexOf(Buffer.from(from));
  assert.ok(at >= 0);
  const out = raw.slice();
  out.set(to, at);
  return out;
};

test("old versions, differing algorithms and encoded defaults are refused", async () => {
  const { certificate } = await issue("strict", { extensions: [basicConstraints({ ca: true })] });
  const { raw } = certificate;
  const refused = [
    splice(raw, [0xa0, 3, 2, 1, 2], [0xa0, 3, 2, 1, 1]),
    splice(raw, [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]),
    splice(raw, [1, 1, 0xff], [1, 1, 0]),
    splice(raw, [1, 1, 0xff], [1, 1, 1]),
    raw.subarray(0, -1),
    Uint8Array.of(...raw, 0),
    new Uint8Array(70_000),
    new Uint8Array(),
  ];
  for (const bytes of refused) assert.throws(() => parseCertificate(bytes), invalid);
});

test("a parsed certificate does not change with its input", async () => {
  const { certificate } = await issue("copy");
  const bytes = certificate.raw.slice();
  const parsed = parseCertificate(bytes);
  bytes.fill(0);
  assert.deepEqual(parsed.raw, certificate.raw);
});

test("a certificate read for a known key must be for that key", async () => {
  const { certificate, key } = await issue("known");
  assert.equal(parseCertificateOf(key.publicKey, certificate.raw).publicKey, key.publicKey);
  const other = generateKey("ecdsa-p256").publicKey;
  assert.throws(() => parseCertificateOf(other, certificate.raw), invalid);
});

test("PEM gives the certificates in order, and not too many of them", async () => {
  const { root, leaf } = await issueChain("timeStamping");
  const pem = encodePem("CERTIFICATE", leaf.certificate.raw);
  const text = pem + encodePem("CERTIFICATE", root.certificate.raw);
  const parsed = parseCertificatesPem(text);
  assert.deepEqual(
    parsed.map(({ raw }) => raw),
    [leaf.certificate.raw, root.certificate.raw],
  );
  assert.throws(() => parseCertificatesPem(pem.repeat(33)), invalid);
  assert.throws(() => parseCertificatesPem(""), Problem);
});

test("a changed certificate is read or refused with a Problem, never anything else", async () => {
  const { leaf } = await issueChain("codeSigning");
  const { raw } = leaf.certificate;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: raw.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }),
      (changes) => {
        const bytes = raw.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          parseCertificate(bytes);
        } catch (error) {
          assert.ok(isProblem(error), String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
