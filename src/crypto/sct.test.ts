import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { equalBytes, isProblem } from "../core/index.ts";
import { issue, issueChain, leafExtensions, someTimeMs } from "../../test/authority.ts";
import { vectors } from "../../test/vectors.ts";
import {
  createSigner,
  encodeLeafIndex,
  encodeMerkleTreeLeaf,
  encodeSctList,
  encodeTbsCertificate,
  generateKey,
  keyFingerprint,
  parseCertificate,
  parseLeafIndex,
  parsePublicKey,
  parseSctList,
  poisonExtension,
  precertEntry,
  precertEntryOfTbs,
  removeScts,
  sctListExtension,
  signSct,
  verifySct,
} from "./index.ts";

const refused = (error: unknown) => isProblem(error, "crypto/sct-invalid");
const fields = { timestampMs: someTimeMs, extensions: encodeLeafIndex(7) };

async function world() {
  const { intermediate } = await issueChain("codeSigning");
  const serialNumber = Uint8Array.of(1, 2, 3);
  const { key, certificate: bare } = await issue("leaf", {
    issuer: intermediate,
    extensions: leafExtensions("codeSigning"),
    template: { serialNumber },
  });
  const issueAgain = (...extra: ReturnType<typeof poisonExtension>[]) =>
    issue("leaf", {
      key,
      issuer: intermediate,
      extensions: leafExtensions("codeSigning"),
      template: {
        serialNumber,
        extensions: [...[...bare.extensions].map(([oid, { critical, value }]) => ({ oid, critical, value })), ...extra],
      },
    });
  const log = createSigner(generateKey("ecdsa-p256"));
  return { issuerKey: intermediate.key.publicKey, bare, issueAgain, log };
}

test("precertificate, template and final certificate are one entry to the log", async () => {
  const { issuerKey, bare, issueAgain, log } = await world();
  const fromTbs = precertEntryOfTbs(bare.tbs, issuerKey);
  const precertificate = await issueAgain(poisonExtension());
  assert.deepEqual(precertEntry(precertificate.certificate, issuerKey), fromTbs);
  const sct = await signSct(fromTbs, fields, log);
  const final = await issueAgain(sctListExtension([sct]));
  assert.deepEqual(precertEntry(final.certificate, issuerKey), fromTbs);
  const [embedded] = parseSctList(final.certificate.extensions.get("1.3.6.1.4.1.11129.2.4.2")!.value);
  assert.deepEqual(embedded, sct);
  const entry = precertEntry(final.certificate, issuerKey);
  assert.equal(verifySct(embedded!, entry, log.publicKey), someTimeMs);
  const leaf = encodeMerkleTreeLeaf(entry, sct.timestampMs, sct.extensions);
  assert.deepEqual(leaf.subarray(0, 12), Uint8Array.of(0, 0, 0, 0, ...leaf.subarray(4, 10), 0, 1));
  assert.ok(equalBytes(leaf.subarray(12, 44), keyFingerprint(issuerKey)));
});

test("a promise of another log, time, extension, issuer or certificate is refused", async () => {
  const { issuerKey, bare, issueAgain, log } = await world();
  const entry = precertEntryOfTbs(bare.tbs, issuerKey);
  const sct = await signSct(entry, fields, log);
  const other = generateKey("ecdsa-p256").publicKey;
  assert.equal(verifySct(sct, entry, log.publicKey), someTimeMs);
  assert.throws(() => verifySct(sct, entry, other), refused);
  assert.throws(() => verifySct({ ...sct, logId: keyFingerprint(other) }, entry, other), refused);
  assert.throws(() => verifySct({ ...sct, timestampMs: 1 }, entry, log.publicKey), refused);
  assert.throws(() => verifySct({ ...sct, extensions: new Uint8Array() }, entry, log.publicKey), refused);
  assert.throws(() => verifySct(sct, precertEntryOfTbs(bare.tbs, other), log.publicKey), refused);
  assert.throws(() => verifySct(sct, { type: "x509", certificate: bare.tbs }, log.publicKey), refused);
  const both = await issueAgain(poisonExtension(), sctListExtension([sct]));
  assert.throws(() => precertEntry(both.certificate, issuerKey), refused);
  assert.throws(() => precertEntry(bare, issuerKey), refused);
});

test("removing the list leaves every other byte, and the field goes with its last extension", async () => {
  const { issuerKey, bare, log } = await world();
  const sct = await signSct(precertEntryOfTbs(bare.tbs, issuerKey), fields, log);
  const template = { ...bare, subject: { commonName: "x" }, extensions: [] };
  const without = encodeTbsCertificate(template, bare.issuer, "ed25519");
  const alone = { ...template, extensions: [sctListExtension([sct])] };
  assert.deepEqual(removeScts(encodeTbsCertificate(alone, bare.issuer, "ed25519")), without);
});

test("leaf_index is 40 bits, unknown extensions are passed over, a second one is refused", () => {
  for (const index of [0, 1, 2 ** 40 - 1]) assert.equal(parseLeafIndex(encodeLeafIndex(index)), index);
  assert.equal(parseLeafIndex(new Uint8Array()), undefined);
  assert.equal(parseLeafIndex(Uint8Array.of(9, 0, 1, 5, ...encodeLeafIndex(3))), 3);
  for (const bad of [[0], [0, 0, 4, 1, 1, 1, 1], [0, 0, 6, 1, 1, 1, 1, 1, 1], [0, 0, 5, 1]])
    assert.throws(() => parseLeafIndex(Uint8Array.from(bad)), refused);
  assert.throws(() => parseLeafIndex(Uint8Array.of(...encodeLeafIndex(1), ...encodeLeafIndex(1))), refused);
});

test("a changed list of timestamps is read or refused with a Problem", async () => {
  const { issuerKey, bare, log } = await world();
  const list = encodeSctList([await signSct(precertEntryOfTbs(bare.tbs, issuerKey), fields, log)]);
  for (const bad of [
    [4, 0],
    [4, 2, 0, 0],
    [4, 4, 0, 2, 0, 0],
    [4, 3, 0, 0, 0],
  ])
    assert.throws(() => parseSctList(Uint8Array.from(bad)), refused);
  fc.assert(
    fc.property(fc.nat({ max: list.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
      const bytes = list.slice();
      bytes[at] = value;
      try {
        parseSctList(bytes);
      } catch (error) {
        assert.ok(isProblem(error), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

interface Raw {
  readonly rawBytes: string;
}
interface Trust {
  readonly ctlogs: readonly { readonly publicKey: Raw; readonly logId: { readonly keyId: string } }[];
  readonly certificateAuthorities: readonly { readonly certChain: { readonly certificates: readonly Raw[] } }[];
}

const bytesOf = (raw: Raw) => Buffer.from(raw.rawBytes, "base64");

test("certificates that Fulcio issued carry timestamps that verify", (t) => {
  const folder = vectors(t, "sigstore/conformance/bundle-verify");
  if (folder === undefined) return;
  let verified = 0;
  let indexed = 0;
  for (const name of readdirSync(folder).filter((each) => !each.endsWith("_fail"))) {
    const own = join(folder, name, "trusted_root.json");
    const path = existsSync(own) ? own : join(folder, "../../public-good/trusted_root.json");
    const file = join(folder, name, "bundle.sigstore.json");
    if (!existsSync(file)) continue;
    const { verificationMaterial: material } = JSON.parse(readFileSync(file, "utf8"));
    const raw = material.certificate ?? material.x509CertificateChain?.certificates[0];
    if (raw === undefined) continue;
    const trust: Trust = JSON.parse(readFileSync(path, "utf8"));
    const leaf = parseCertificate(bytesOf(raw));
    const issuers = trust.certificateAuthorities.flatMap((authority) => authority.certChain.certificates.map(bytesOf));
    const issuer = issuers
      .map(parseCertificate)
      .find(
        ({ subject, subjectKeyId }) =>
          equalBytes(subject, leaf.issuer) && equalBytes(subjectKeyId!, leaf.authorityKeyId!),
      );
    const value = leaf.extensions.get("1.3.6.1.4.1.11129.2.4.2")?.value;
    if (value === undefined) continue;
    for (const sct of parseSctList(value)) {
      const keyId = Buffer.from(sct.logId).toString("base64");
      const log = trust.ctlogs.find(({ logId }) => logId.keyId === keyId);
      assert.ok(log !== undefined && issuer !== undefined, name);
      const ms = verifySct(sct, precertEntry(leaf, issuer.publicKey), parsePublicKey(bytesOf(log.publicKey)));
      assert.ok(ms >= leaf.notBeforeMs - 1000 && ms <= leaf.notAfterMs, name);
      verified++;
      if (sct.extensions.length > 0 && parseLeafIndex(sct.extensions) !== undefined) indexed++;
    }
  }
  assert.ok(verified >= 10, `${verified} verified`);
  assert.ok(indexed >= 1, "none with leaf_index");
});
