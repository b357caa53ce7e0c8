// Signed Certificate Timestamps, RFC 6962 §3.2 and §3.3, with the leaf_index extension of C2SP static-ct-api v1.0.0.
// The extensions of an SCT are signed data and are kept as they are. Narrow: version 1, ECDSA and RSA.

import { concat, demand, equalBytes, Problem } from "../core/index.ts";
import { verifyWithAlgorithm } from "./algorithm.ts";
import { readDer } from "./der.ts";
import * as der from "./der-write.ts";
import type { HashAlgorithm } from "./digest.ts";
import { rememberedFingerprint } from "./fingerprint.ts";
import { keyFingerprint, type PublicKey } from "./key.ts";
import { oids } from "./oid.ts";
import { schemeHash, type Signer } from "./signature.ts";
import { TlsReader, tlsUint, tlsVector } from "./tls.ts";
import type { ExtensionTemplate } from "./x509-extensions.ts";

const code = "crypto/sct-invalid";
export const sctLimits = { maxScts: 16, maxListBytes: 65_536 } as const;

export interface SignedCertificateTimestamp {
  /** SHA-256 of the log's SPKI. */
  readonly logId: Uint8Array;
  readonly timestampMs: number;
  /** CtExtensions without the length before it; signed. */
  readonly extensions: Uint8Array;
  readonly algorithm: { readonly family: "ecdsa" | "rsa-pkcs1"; readonly hash: HashAlgorithm };
  readonly signature: Uint8Array;
}

/** What a log signs: a certificate, or the TBS of one without poison and SCTs, with the hash of its issuer's key. */
export type SignedEntry =
  | { readonly type: "x509"; readonly certificate: Uint8Array }
  | { readonly type: "precert"; readonly tbs: Uint8Array; readonly issuerKeyHash: Uint8Array };

// RFC 5246 §7.4.1.4.1: HashAlgorithm and SignatureAlgorithm.
const hashCodes: readonly (readonly [HashAlgorithm, number])[] = [
  ["sha256", 4],
  ["sha384", 5],
  ["sha512", 6],
];
const familyCodes = [
  ["rsa-pkcs1", 1],
  ["ecdsa", 3],
] as const;

/** Reads one SerializedSCT. Problem `crypto/sct-invalid`. */
export function parseSct(bytes: Uint8Array): SignedCertificateTimestamp {
  const reader = new TlsReader(bytes);
  demand(reader.uint(1) === 0, code, "a signed certificate timestamp is not of version 1");
  const logId = reader.bytes(32);
  const timestampMs = reader.uint(8);
  const extensions = reader.vector(2);
  const hashCode = reader.uint(1);
  const familyCode = reader.uint(1);
  const hash = hashCodes.find(([, number]) => number === hashCode)?.[0];
  const family = familyCodes.find(([, number]) => number === familyCode)?.[0];
  const known = hash !== undefined && family !== undefined;
  demand(known, code, "the signature algorithm of a signed certificate timestamp is not supported");
  const signature = reader.vector(2);
  reader.finish();
  return { logId, timestampMs, extensions, algorithm: { family, hash }, signature };
}

/** SerializedSCT. */
export function encodeSct(sct: SignedCertificateTimestamp): Uint8Array {
  const { family, hash } = sct.algorithm;
  const hashCode = hashCodes.find(([name]) => name === hash)?.[1] ?? 0;
  const familyCode = familyCodes.find(([name]) => name === family)?.[1] ?? 0;
  return concat(
    Uint8Array.of(0),
    sct.logId,
    tlsUint(8, sct.timestampMs),
    tlsVector(2, sct.extensions),
    Uint8Array.of(hashCode, familyCode),
    tlsVector(2, sct.signature),
  );
}

/** The SCTs in the value of the X.509 extension 1.3.6.1.4.1.11129.2.4.2; at least one. Problem `crypto/sct-invalid`. */
export function parseSctList(extensionValue: Uint8Array): readonly SignedCertificateTimestamp[] {
  const input = { what: "list of signed certificate timestamps", code, maxBytes: sctLimits.maxListBytes } as const;
  const outer = new TlsReader(readDer(extensionValue, input, (reader) => reader.octetString()));
  const list = new TlsReader(outer.vector(2));
  outer.finish();
  const scts: SignedCertificateTimestamp[] = [];
  while (!list.done) {
    demand(scts.length < sctLimits.maxScts, code, `more than ${sctLimits.maxScts} signed certificate timestamps`);
    scts.push(parseSct(list.vector(2)));
  }
  demand(scts.length > 0, code, "a list of signed certificate timestamps is empty");
  return scts;
}

/** Value of the X.509 extension; RFC 6962 §3.3. */
export function encodeSctList(scts: readonly SignedCertificateTimestamp[]): Uint8Array {
  demand(scts.length > 0 && scts.length <= sctLimits.maxScts, code, `not 1 to ${sctLimits.maxScts} timestamps`);
  return der.octetString(tlsVector(2, concat(...scts.map((sct) => tlsVector(2, encodeSct(sct))))));
}

export function sctListExtension(scts: readonly SignedCertificateTimestamp[]): ExtensionTemplate {
  return { oid: oids.sctList, critical: false, value: encodeSctList(scts) };
}

// TimestampedEntry, RFC 6962 §3.4: the part that the signed input and the Merkle leaf have in common.
function timestampedEntry(entry: SignedEntry, timestampMs: number, extensions: Uint8Array): Uint8Array {
  const signed =
    entry.type === "x509"
      ? concat(tlsUint(2, 0), tlsVector(3, entry.certificate))
      : concat(tlsUint(2, 1), entry.issuerKeyHash, tlsVector(3, entry.tbs));
  return concat(tlsUint(8, timestampMs), signed, tlsVector(2, extensions));
}

/** MerkleTreeLeaf, the input of the leaf hash: RFC 6962 §3.4. */
export function encodeMerkleTreeLeaf(entry: SignedEntry, timestampMs: number, extensions: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0, 0), timestampedEntry(entry, timestampMs, extensions));
}

/** The bytes under the signature of an SCT: RFC 6962 §3.2. */
export function sctSignedData(entry: SignedEntry, timestampMs: number, extensions: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0, 0), timestampedEntry(entry, timestampMs, extensions));
}

/**
 * The time of an SCT, in milliseconds, its log and signature verified. Problem `crypto/sct-invalid`. RFC 6962 §3.2.
 * Whether the log was trusted at that time is the caller's to ask.
 */
export function verifySct(sct: SignedCertificateTimestamp, entry: SignedEntry, logKey: PublicKey): number {
  const fromLog = equalBytes(sct.logId, rememberedFingerprint(logKey));
  demand(fromLog, code, "the signed certificate timestamp is of another log");
  const message = sctSignedData(entry, sct.timestampMs, sct.extensions);
  const valid = verifyWithAlgorithm(sct.algorithm, logKey, message, sct.signature);
  demand(valid, code, "the signature of the signed certificate timestamp is wrong");
  return sct.timestampMs;
}

/** Promises, as a log, that the entry has this time. Problem `crypto/sct-invalid` for a key RFC 6962 has no code for. */
export async function signSct(
  entry: SignedEntry,
  fields: { readonly timestampMs: number; readonly extensions: Uint8Array },
  signer: Signer,
): Promise<SignedCertificateTimestamp> {
  const { timestampMs, extensions } = fields;
  const hash = schemeHash(signer.scheme);
  const family = familyCodes.find(([name]) => signer.scheme.startsWith(`${name}-`))?.[0];
  if (hash === undefined || family === undefined) throw new Problem(code, `a log cannot sign with ${signer.scheme}`);
  const signature = await signer.sign(sctSignedData(entry, timestampMs, extensions));
  return { logId: keyFingerprint(signer.publicKey), timestampMs, extensions, algorithm: { family, hash }, signature };
}

/** CtExtensions with the one extension leaf_index (type 0, 40 bits): static-ct-api. */
export function encodeLeafIndex(index: number): Uint8Array {
  return concat(Uint8Array.of(0), tlsVector(2, tlsUint(5, index)));
}

/** The leaf_index of an SCT's extensions; undefined without one. Others are passed over. Problem `crypto/sct-invalid`. */
export function parseLeafIndex(extensions: Uint8Array): number | undefined {
  const reader = new TlsReader(extensions);
  let index: number | undefined;
  while (!reader.done) {
    const type = reader.uint(1);
    const data = new TlsReader(reader.vector(2));
    if (type !== 0) continue;
    demand(index === undefined, code, "leaf_index stands twice");
    index = data.uint(5);
    data.finish();
  }
  return index;
}
