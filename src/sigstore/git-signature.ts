// A signature of git in gitsign's form (sigstore/gitsign docs/bundle-cms.md): a detached CMS message (RFC 5652) over
// the object's bytes, whose signed attributes are what a bundle would call the artifact; log entries and timestamps
// stand beside the signature as unsigned attributes. Here it is read, written, and turned into a bundle and back.
// Stricter: an unsigned attribute of another type is refused, as are two messages in one armour. Narrow: gitsign's
// "online" mode, which leaves the log entry out and searches the log for it, is not supported.

import { canonicalJson, demand, fromUtf8, Problem } from "../core/index.ts";
import {
  type Certificate,
  der,
  type DetachedSignedData,
  digest,
  encodeAttribute,
  encodeDetachedSignedData,
  encodePem,
  encodeSignedAttributes,
  isSelfIssued,
  oids,
  parseCertificate,
  parseDetachedSignedData,
  parsePem,
  readDer,
  timestampTokenBytes,
} from "../crypto/index.ts";
import { type SigningAlgorithm, signingAlgorithms } from "./key-details.ts";
import { maxEntryBytes, maxLogEntries, maxTimestamps } from "./limits.ts";
import { encodeLogEntryProtobuf, parseLogEntryProtobuf, type StoredLogEntry } from "./log-entry-protobuf.ts";
import type { Bundle, TransparencyLogEntry } from "./model.ts";
import { bundleMediaType } from "./parse-bundle.ts";
import { canonicalBody, type HashedRekord, hashedRekordKind, hashedRekordVersion } from "./rekor-body.ts";
import { hashedRekordV1Json } from "./rekor-v1.ts";

/** The label that git knows signatures of `gpg.format x509` by. */
export const gitSignatureLabel = "SIGNED MESSAGE";
const code = "sigstore/git-signature-invalid";
const hash = "sha256";
const hashedRekordV1 = "0.0.1";

export interface GitSignature {
  readonly signedData: DetachedSignedData;
  readonly logEntries: readonly StoredLogEntry[];
  /** DER of TimeStampToken (RFC 3161 §2.4.2). */
  readonly timestamps: readonly Uint8Array[];
}

/**
 * The signature of its armoured text, nothing of it verified.
 * Problems `sigstore/git-signature-invalid`, `sigstore/log-entry-invalid`, `crypto/pem-invalid`, `crypto/cms-invalid`.
 */
export function parseGitSignature(armoured: Uint8Array): GitSignature {
  const [message, ...others] = parsePem(fromUtf8(armoured), gitSignatureLabel) as [Uint8Array, ...Uint8Array[]];
  demand(others.length === 0, code, "the signature is more than one message");
  const signedData = parseDetachedSignedData(message);
  const { unsignedAttributes } = signedData;
  const known: ReadonlySet<string> = new Set([oids.transparencyLogEntry, oids.timeStampToken]);
  const unknown = [...unsignedAttributes.keys()].find((type) => !known.has(type));
  demand(unknown === undefined, code, `the signature has an unsigned attribute ${unknown}, which nothing vouches for`);
  const entries = unsignedAttributes.get(oids.transparencyLogEntry) ?? [];
  const timestamps = unsignedAttributes.get(oids.timeStampToken) ?? [];
  const few = entries.length <= maxLogEntries && timestamps.length <= maxTimestamps;
  demand(few, code, "the signature has too many log entries or timestamps");
  const input = { what: "log entry", code, maxBytes: 4 * maxEntryBytes } as const;
  const logEntries = entries.map((value) =>
    parseLogEntryProtobuf(readDer(value, input, (reader) => reader.octetString())),
  );
  return { signedData, logEntries, timestamps };
}

/** A signature as a bundle, and the bytes that this bundle is about: the signed attributes. */
export interface GitSignatureBundle {
  readonly bundle: Bundle;
  readonly artifact: Uint8Array;
}

/**
 * The bundle of a signature whose certificate is this one; bodies of log entries that are left out are made anew.
 * Problems `sigstore/signature-algorithm`, `sigstore/log-entry-unsupported`.
 */
export function bundleOfGitSignature(signature: GitSignature, certificate: Certificate): GitSignatureBundle {
  const { signedData, logEntries, timestamps } = signature;
  const { signer, certificates } = signedData;
  const { digestAlgorithm: algorithm, signedBytes } = signer;
  const { keyDetails } = algorithmOf(signature, certificate);
  const made: HashedRekord = {
    algorithm,
    digest: digest(algorithm, signedBytes),
    signature: signer.signature,
    verifier: { kind: "certificate", der: certificate.raw },
    keyDetails,
  };
  const rest = certificates.filter((each) => !sameBytes(each, certificate.raw));
  const bundle: Bundle = {
    mediaType: bundleMediaType,
    version: "0.3",
    verificationMaterial: {
      signer: { kind: "certificate", leaf: certificate.raw, rest },
      logEntries: logEntries.map((entry) => completeEntry(entry, made)),
      timestamps,
    },
    content: { kind: "message", signature: signer.signature, messageDigest: { algorithm, digest: made.digest } },
  };
  return { bundle, artifact: signedBytes };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** What the message says it was signed with, among what a log takes of such a key. */
function algorithmOf({ signedData }: GitSignature, { publicKey }: Certificate): SigningAlgorithm {
  const { signatureAlgorithm, digestAlgorithm } = signedData.signer;
  const { family } = signatureAlgorithm;
  const name = family === "ecdsa" ? publicKey.type : family;
  const found = signingAlgorithms(publicKey).find(({ scheme }) => scheme === `${name}-${digestAlgorithm}`);
  if (found !== undefined) return found;
  throw new Problem("sigstore/signature-algorithm", "the signature is of an algorithm that no log takes");
}

/**
 * gitsign leaves the body out, as everything in it stands elsewhere in the message. It also calls entries of Rekor v2
 * 0.0.1, which tells itself by the promise that Rekor v1 always gives and Rekor v2 never.
 */
function completeEntry(stored: StoredLogEntry, made: HashedRekord): TransparencyLogEntry {
  if (stored.canonicalizedBody !== undefined) return { ...stored, canonicalizedBody: stored.canonicalizedBody };
  const promised = stored.signedEntryTimestamp !== undefined;
  const known = stored.kind === hashedRekordKind && [hashedRekordV1, hashedRekordVersion].includes(stored.version);
  demand(known, "sigstore/log-entry-unsupported", "log entry's kind and version are not supported");
  return promised && stored.version === hashedRekordV1
    ? { ...stored, canonicalizedBody: canonicalJson(hashedRekordV1Json(made)) }
    : { ...stored, version: hashedRekordVersion, canonicalizedBody: canonicalBody(made) };
}

/** What makes a bundle over bytes, and knows afterwards which certificates came with the leaf. */
export interface GitSigner {
  signMessage(bytes: Uint8Array): Promise<Bundle>;
  chain(): readonly Uint8Array[];
}

/**
 * The armoured signature over an object of git without its signature. `nowMs` is what the signer says of the time;
 * nothing rests on it. Problems of the signer; `sigstore/signer-unsupported` for another than a certificate with SHA-256.
 */
export async function signGitObject(payload: Uint8Array, signer: GitSigner, nowMs: number): Promise<string> {
  const times = [encodeAttribute(oids.signingTime, der.time(nowMs))];
  const signedBytes = encodeSignedAttributes({ contentType: oids.data, content: payload, hash }, times);
  const bundle = await signer.signMessage(signedBytes);
  return encodeGitSignature(bundle, signedBytes, signer.chain());
}

/** The armoured signature of a bundle over signed attributes. `chain` are certificates above the bundle's leaf. */
export function encodeGitSignature(bundle: Bundle, signedBytes: Uint8Array, chain: readonly Uint8Array[]): string {
  const { signer, logEntries, timestamps } = bundle.verificationMaterial;
  const unsupported = "sigstore/signer-unsupported";
  demand(
    bundle.content.kind === "message",
    unsupported,
    "a signature of git is over bytes, this bundle holds a statement",
  );
  demand(
    signer.kind === "certificate",
    unsupported,
    "a signature of git needs a certificate, the signer has a key alone",
  );
  const certificate = parseCertificate(signer.leaf);
  const algorithm = signingAlgorithms(certificate.publicKey).find(({ scheme }) => scheme.endsWith(`-${hash}`));
  const sha256 = bundle.content.messageDigest?.algorithm === hash;
  demand(algorithm !== undefined && sha256, unsupported, "signatures of git are made with SHA-256");
  // sigstore_bundle.proto: signers must not include root certificates.
  const above = chain.filter((each) => !isSelfIssued(parseCertificate(each)));
  const entries = logEntries.map((entry) =>
    der.octetString(encodeLogEntryProtobuf({ ...entry, canonicalizedBody: undefined })),
  );
  const tokens = timestamps.map(timestampTokenBytes);
  const message = encodeDetachedSignedData({
    certificate,
    certificates: [signer.leaf, ...above],
    hash,
    scheme: algorithm.scheme,
    signedBytes,
    signature: bundle.content.signature,
    unsignedAttributes: [
      ...(entries.length === 0 ? [] : [encodeAttribute(oids.transparencyLogEntry, ...entries)]),
      ...(tokens.length === 0 ? [] : [encodeAttribute(oids.timeStampToken, ...tokens)]),
    ],
  });
  return encodePem(gitSignatureLabel, message);
}
