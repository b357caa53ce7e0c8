import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { utf8 } from "../core/index.ts";
import { issueChain, someTimeMs } from "../../test/authority.ts";
import {
  type Certificate,
  createCertificationRequest,
  createSigner,
  createTimestampFailure,
  createTimestampRequest,
  createTimestampResponse,
  digest,
  encodePem,
  encodePrivateKeyPem,
  parseCertificate,
  parseCertificationRequest,
  parseTimestampRequest,
  prepareTimestampAuthority,
  verifyTimestamp,
} from "./index.ts";

/** A folder to run the `openssl` program in; skips the test, with the reason, where there is none. */
function workshop(t: TestContext) {
  if (spawnSync("openssl", ["version"]).status !== 0) {
    t.skip("skipped: no openssl program");
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "openssl-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return {
    file: (name: string, content: Uint8Array | string) => writeFileSync(join(folder, name), content),
    read: (name: string) => new Uint8Array(readFileSync(join(folder, name))),
    openssl: (...args: readonly string[]) =>
      execFileSync("openssl", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
  };
}

const pem = (certificate: Certificate) => encodePem("CERTIFICATE", certificate.raw);
const at = String(someTimeMs / 1000);
const data = utf8("a signature\n");
const imprint = { hashAlgorithm: "sha256", digest: digest("sha256", data) } as const;

test("openssl reads and verifies our certificates", async (t) => {
  const shop = workshop(t);
  if (shop === undefined) return;
  for (const keyType of ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa"] as const) {
    const { root, intermediate, leaf } = await issueChain("timeStamping", keyType);
    shop.file("root.pem", pem(root.certificate));
    shop.file("middle.pem", pem(intermediate.certificate));
    shop.file("leaf.pem", pem(leaf.certificate));
    const verify = ["verify", "-x509_strict", "-attime", at, "-purpose", "timestampsign", "-CAfile", "root.pem"];
    assert.match(shop.openssl(...verify, "-untrusted", "middle.pem", "leaf.pem"), /OK/);
    assert.match(shop.openssl("asn1parse", "-in", "leaf.pem"), /SEQUENCE/);
    assert.match(shop.openssl("x509", "-in", "leaf.pem", "-noout", "-text"), /Time Stamping/);
  }
});

test("openssl reads and verifies our time-stamps", async (t) => {
  const shop = workshop(t);
  if (shop === undefined) return;
  shop.file("data", data);
  for (const keyType of ["ecdsa-p256", "ecdsa-p384", "rsa"] as const) {
    const { root, intermediate, leaf } = await issueChain("timeStamping", keyType);
    shop.file("root.pem", pem(root.certificate));
    shop.file("untrusted.pem", pem(intermediate.certificate) + pem(leaf.certificate));
    const chain = [leaf, intermediate, root].map(({ certificate }) => certificate);
    shop.openssl("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query");
    const request = parseTimestampRequest(shop.read("query"));
    assert.deepEqual(request.imprint, imprint);
    const template = { request, chain, signer: createSigner(leaf.key), genTimeMs: someTimeMs };
    shop.file("reply", await createTimestampResponse({ ...template, serialNumber: Uint8Array.of(0xee, 1) }));
    const text = shop.openssl("ts", "-reply", "-in", "reply", "-text");
    assert.match(text, /Status: Granted[^]*1\.3\.6\.1\.4\.1\.57264\.2[^]*0xEE01[^]*CN *= *timestamps/);
    const trust = ["-attime", at, "-CAfile", "root.pem", "-untrusted", "untrusted.pem"];
    assert.match(shop.openssl("ts", "-verify", "-queryfile", "query", "-in", "reply", ...trust), /Verification: OK/);
    assert.match(shop.openssl("ts", "-verify", "-data", "data", "-in", "reply", ...trust), /Verification: OK/);
  }
  shop.file("refusal", createTimestampFailure("badAlg", "no such digest"));
  const refusal = shop.openssl("ts", "-reply", "-in", "refusal", "-text");
  assert.match(refusal, /Rejected[^]*no such digest[^]*unrecognized or unsupported algorithm/);
});

const authorityConfig = `[tsa]
default_tsa = here
[here]
serial = serial
default_policy = 1.2.3.4
other_policies = 1.2.3.5
digests = sha256
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 3
tsa_name = yes
ess_cert_id_chain = yes
`;

test("we verify the time-stamps of openssl, with either identifier of the signer", async (t) => {
  const shop = workshop(t);
  if (shop === undefined) return;
  const { root, intermediate, leaf } = await issueChain("timeStamping");
  const certificates = [leaf, intermediate, root].map(({ certificate }) => certificate);
  shop.file("authority.cnf", authorityConfig);
  shop.file("serial", "01");
  shop.file("leaf.pem", pem(leaf.certificate));
  shop.file("chain.pem", pem(intermediate.certificate));
  shop.file("key.pem", encodePrivateKeyPem(leaf.key));
  const nonce = Uint8Array.of(0xfe, 2);
  const fields = { imprint, nonce, policy: "1.2.3.5", certReq: true };
  shop.file("query", createTimestampRequest(fields));
  const authority = prepareTimestampAuthority({ certificates, validFor: { startMs: 0 } });
  // The program stamps with the host's clock.
  for (const hash of ["sha1", "sha256", "sha512"]) {
    shop.file("authority.cnf", `${authorityConfig}ess_cert_id_alg = ${hash}\nsigner_digest = sha384\n`);
    const files = ["-queryfile", "query", "-signer", "leaf.pem", "-inkey", "key.pem", "-chain", "chain.pem"];
    shop.openssl("ts", "-reply", "-config", "authority.cnf", ...files, "-out", "reply");
    const reply = shop.read("reply");
    const verified = verifyTimestamp(reply, { data, authority, nonce });
    assert.deepEqual([verified.info.accuracyMs, verified.info.policy], [1501, "1.2.3.5"], hash);
  }
});

test("requests for certificates are understood both ways", async (t) => {
  const shop = workshop(t);
  if (shop === undefined) return;
  const { leaf } = await issueChain("codeSigning");
  shop.file("key.pem", encodePrivateKeyPem(leaf.key));
  const extension = ["-addext", "subjectAltName=email:who@example.com"];
  shop.openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=who", ...extension, "-out", "theirs.pem");
  const theirs = parseCertificationRequest(new TextDecoder().decode(shop.read("theirs.pem")));
  assert.deepEqual(theirs.publicKey.spki, leaf.key.publicKey.spki);
  const ours = await createCertificationRequest({ commonName: "who" }, createSigner(leaf.key));
  shop.file("ours.pem", encodePem("CERTIFICATE REQUEST", ours));
  assert.match(shop.openssl("req", "-in", "ours.pem", "-verify", "-noout", "-subject"), /CN *= *who/);
});

test("we read the certificates that openssl makes", (t) => {
  const shop = workshop(t);
  if (shop === undefined) return;
  const subject = ["-subj", "/C=DE/O=Tests/CN=them", "-addext", "subjectAltName=URI:https://example.com,IP:10.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", "key.pem"];
  shop.openssl("req", "-x509", ...key, ...subject, "-days", "20000", "-outform", "DER", "-out", "certificate");
  const certificate = parseCertificate(shop.read("certificate"));
  assert.equal(certificate.basicConstraints?.ca, true);
  assert.equal(certificate.publicKey.type, "ecdsa-p384");
  assert.equal(certificate.subjectAltNames.length, 2);
});
