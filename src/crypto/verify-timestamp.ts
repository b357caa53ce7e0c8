// Verification of a time-stamp token, RFC 3161 §2.2 to §2.4 with RFC 5816. Stricter: the signer's certificate is the
// one that both the SignerInfo and the signed ESSCertID or ESSCertIDv2 name, never the first of the token's bag that
// looks like it (CVE-2026-39984); the authority's own window counts. ESSCertID identifies by SHA-1 and is still what
// many authorities write; nothing rests on that digest alone, as name, serial number, signature and path must fit too.

import { createHash } from "node:crypto";
import { demand, equalBytes, markVerified, Problem, type Verified } from "../core/index.ts";
import { readHashAlgorithm } from "./algorithm.ts";
import { cmsInput, type SignedData } from "./cms.ts";
import { type DerReader, derTag, readDer } from "./der.ts";
import * as der from "./der-write.ts";
import { digest, type HashAlgorithm } from "./digest.ts";
import { oids } from "./oid.ts";
import { parseTimestamp, type TimestampToken, type TstInfo } from "./rfc3161.ts";
import { demandCovers, demandSigned, identifies } from "./verify-cms.ts";
import { type PreparedAnchors, prepareAnchors, verifyPath } from "./verify-path.ts";
import { type Certificate, parseCertificate } from "./x509.ts";

/** When an authority is trusted; both ends belong to it. */
export interface TimestampWindow {
  readonly startMs: number;
  readonly endMs?: number | undefined;
}

/** A trusted authority, its chain signatures verified once. */
export interface TimestampAuthority {
  readonly anchors: PreparedAnchors;
  /** Its signing certificates, where they are known: then nothing else may sign. */
  readonly leaves: readonly Certificate[];
  readonly validFor: TimestampWindow;
}

export interface VerifiedTimestamp {
  readonly timeMs: number;
  readonly info: TstInfo;
  /** Signer to anchor. */
  readonly path: readonly Certificate[];
}

/**
 * An authority of its certificates, leaf to root or without the leaf: the last is the trust anchor, of the others
 * those that are no authority are its signing certificates. Problem `crypto/path-untrusted` when there is none.
 */
export function prepareTimestampAuthority(authority: {
  readonly certificates: readonly Certificate[];
  readonly validFor: TimestampWindow;
}): TimestampAuthority {
  const { certificates, validFor } = authority;
  const others = certificates.slice(0, -1);
  const leaves = others.filter((certificate) => certificate.basicConstraints?.ca !== true);
  return { anchors: prepareAnchors(certificates.slice(-1), others), leaves, validFor };
}

/**
 * The time at which `data` existed, as this authority signed it, of a token or a response that grants one. A nonce
 * that is given must stand in the token. Problem `crypto/timestamp-invalid`, `-rejected`, `-imprint`, `-nonce`,
 * `-signer`, `-signature`, `-window`; `crypto/path-*` for the signer's path at that time; `crypto/algorithm-unsupported`.
 */
export function verifyTimestamp(
  tokenOrResponse: Uint8Array,
  expected: { readonly data: Uint8Array; readonly authority: TimestampAuthority; readonly nonce?: Uint8Array },
): Verified<VerifiedTimestamp> {
  const { data, authority, nonce } = expected;
  const token = parseTimestamp(tokenOrResponse);
  checkImprint(token.info, data);
  checkNonce(token.info, nonce);
  const signer = findSigner(token.signedData, authority);
  const { signedData } = token;
  demandCovers(signedData.signer, signedData.contentType, signedData.content, subject);
  demandSigned(signedData.signer, signer, subject);
  const path = verifyPath(signer, { anchors: authority.anchors, atMs: token.info.genTimeMs, usage: "timeStamping" });
  checkName(token, signer);
  checkWindow(token.info, authority.validFor);
  return markVerified({ timeMs: token.info.genTimeMs, info: token.info, path });
}

const subject = { what: "time-stamp", code: "crypto/timestamp-signature" } as const;

function checkImprint({ imprint }: TstInfo, data: Uint8Array): void {
  const same = equalBytes(imprint.digest, digest(imprint.hashAlgorithm, data));
  demand(same, "crypto/timestamp-imprint", "the time-stamp is of other data");
}

/** RFC 3161 §2.4.2: the nonce must be there when the request had one. */
function checkNonce(info: TstInfo, nonce: Uint8Array | undefined): void {
  if (nonce === undefined) return;
  const wanted = readDer(der.integer(nonce), cmsInput, (reader) => reader.integer());
  const same = info.nonce !== undefined && equalBytes(info.nonce, wanted);
  demand(same, "crypto/timestamp-nonce", "the time-stamp does not carry the nonce that was sent");
}

interface SigningCertificateId {
  readonly hash: HashAlgorithm | "sha1";
  readonly digest: Uint8Array;
  readonly issuerSerial: { readonly names: Uint8Array; readonly serialNumber: Uint8Array } | undefined;
}

/** The one certificate that the signed identifier and the SignerInfo both name (RFC 5816 §2.2.1, RFC 5652 §5.3). */
function findSigner(signedData: SignedData, authority: TimestampAuthority): Certificate {
  const id = readSigningCertificate(signedData);
  const hash = (raw: Uint8Array) => (id.hash === "sha1" ? sha1(raw) : digest(id.hash, raw));
  const fits = (raw: Uint8Array) => equalBytes(hash(raw), id.digest);
  const certificate =
    authority.leaves.find(({ raw }) => fits(raw)) ?? parseEmbedded(signedData.certificates.find(fits));
  const known = authority.leaves.length === 0 || authority.leaves.includes(certificate);
  demand(known, "crypto/timestamp-signer", "the time-stamp is not signed by this authority's certificate");
  const named = identifies(signedData.signer.sid, certificate) && matchesIssuerSerial(id, certificate);
  demand(named, "crypto/timestamp-signer", "the time-stamp names two different certificates as its signer's");
  return certificate;
}

function parseEmbedded(raw: Uint8Array | undefined): Certificate {
  if (raw === undefined)
    throw new Problem("crypto/timestamp-signer", "the certificate of the time-stamp's signer is missing");
  return parseCertificate(raw);
}

function matchesIssuerSerial({ issuerSerial }: SigningCertificateId, certificate: Certificate): boolean {
  if (issuerSerial === undefined) return true;
  const names = der.sequence(der.explicit(4, certificate.issuer));
  return equalBytes(issuerSerial.names, names) && equalBytes(issuerSerial.serialNumber, certificate.serialNumber);
}

/** RFC 3161 §2.4.2 as it was before RFC 5816. */
function sha1(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha1").update(bytes).digest());
}

/** The first identifier, which is the signer's (RFC 5035 §3, §5.4); ESSCertID counts where there is no ESSCertIDv2. */
function readSigningCertificate({ signer }: SignedData): SigningCertificateId {
  const second = signer.signedAttributes.get(oids.signingCertificateV2);
  const value = second ?? signer.signedAttributes.get(oids.signingCertificate);
  if (value === undefined) throw new Problem("crypto/timestamp-signer", "the time-stamp does not identify its signer");
  const byDefault = second === undefined ? "sha1" : "sha256";
  return readDer(value, cmsInput, (reader) =>
    reader.sequence((attribute) => {
      const limits = { min: 1, max: maxCertificateIds };
      const [first] = attribute.sequence((list) => list.list(limits, (id) => readCertificateId(id, byDefault)));
      attribute.optional(derTag.sequence, (policies) => policies.element());
      return first as SigningCertificateId;
    }),
  );
}

const maxCertificateIds = 8;

function readCertificateId(reader: DerReader, byDefault: "sha1" | "sha256"): SigningCertificateId {
  return reader.sequence((id) => {
    const hash = byDefault === "sha1" ? byDefault : (id.optional(derTag.sequence, readHashAlgorithm) ?? byDefault);
    const digest = id.octetString();
    const issuerSerial = id.optional(derTag.sequence, (field) =>
      field.sequence((pair) => ({ names: pair.element(derTag.sequence).raw, serialNumber: pair.integer() })),
    );
    return { hash, digest, issuerSerial };
  });
}

/** RFC 3161 §2.4.2: the name in the token must be one of the certificate's; a directory name is compared. */
function checkName({ info }: TimestampToken, certificate: Certificate): void {
  if (info.tsa?.[0] !== 0xa4) return;
  const same = equalBytes(info.tsa, der.explicit(4, certificate.subject));
  demand(same, "crypto/timestamp-signer", "the time-stamp names another authority than its certificate");
}

function checkWindow({ genTimeMs }: TstInfo, { startMs, endMs }: TimestampWindow): void {
  const within = startMs <= genTimeMs && (endMs === undefined || genTimeMs <= endMs);
  demand(within, "crypto/timestamp-window", "the authority is not trusted at the time of the time-stamp");
}
