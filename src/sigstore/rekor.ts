// Rekor v2's write API, POST /api/v2/log/entries: hashedRekordRequestV002 in, TransparencyLogEntry out.
// sigstore/rekor-tiles api/proto/rekor/v2. Field names in lowerCamelCase or snake_case. The log judges the signature,
// never who signed: a certificate's chain is a verifier's matter. Narrow: hashedrekord alone, as the server has it.

import { base64, Fields, fromUtf8, type JsonObject, parseJson, Problem, type Verified } from "../core/index.ts";
import {
  digestBytes,
  type HashAlgorithm,
  parseCertificate,
  parsePublicKey,
  type PublicKey,
  type Scheme,
  schemeHash,
} from "../crypto/index.ts";
import type { Inclusion } from "../tlog/index.ts";
import { logEntryJson } from "./encode-bundle.ts";
import { either } from "./fulcio.ts";
import { type SigningAlgorithm, signingAlgorithms } from "./key-details.ts";
import { maxCertificateBytes, maxRequestBytes, maxSignatureBytes } from "./limits.ts";
import { type EntryVerifier, type HashedRekord, hashedRekordKind, hashedRekordVersion } from "./rekor-body.ts";

const code = "sigstore/entry-invalid";

/** What the public log does not take either: pure Ed25519 signs no digest, the rest is deprecated. */
const refusedDetails = new Set(["PKIX_ED25519", "PKIX_ECDSA_P384_SHA_256", "PKIX_ECDSA_P521_SHA_256"]);

/** An entry as a client asks for it; the signature is not checked yet. */
export interface LogRequest extends HashedRekord {
  readonly key: PublicKey;
  readonly scheme: Scheme;
}

/** Problems `sigstore/entry-invalid`, `sigstore/entry-type`, `core/json-*`. */
export function parseLogRequest(bytes: Uint8Array): LogRequest {
  const fields = Fields.of(parseJson(bytes, { maxBytes: maxRequestBytes }), "request", code);
  const read = (name: string): LogRequest => parseRequest(fields.object(name));
  const request = either(fields, "hashedRekordRequestV002", "hashed_rekord_request_v002", read);
  if (request === undefined) throw new Problem("sigstore/entry-type", "invalid type, must be hashedrekord");
  return request;
}

function parseRequest(fields: Fields): LogRequest {
  const signature = fields.object("signature");
  const { verifier, key, keyDetails } = parseVerifier(signature.object("verifier"));
  const { scheme, hash } = algorithmOf(key, keyDetails);
  const digest = fields.base64("digest", { max: 64 });
  if (digest.length !== digestBytes[hash]) throw fields.problem("digest", `is not of ${hash}, as ${keyDetails} needs`);
  const content = signature.base64("content", { min: 1, max: maxSignatureBytes });
  return { algorithm: hash, digest, signature: content, verifier, keyDetails, key, scheme };
}

function parseVerifier(fields: Fields): { verifier: EntryVerifier; key: PublicKey; keyDetails: string } {
  const raw = (name: string): Uint8Array => {
    const inner = fields.object(name);
    return (
      either(inner, "rawBytes", "raw_bytes", (each) => inner.base64(each, { min: 1, max: maxCertificateBytes })) ??
      new Uint8Array()
    );
  };
  const certificate = either(fields, "x509Certificate", "x509_certificate", raw);
  const bare = either(fields, "publicKey", "public_key", raw);
  const keyDetails = either(fields, "keyDetails", "key_details", (name) => fields.string(name, { max: 64 }));
  if (keyDetails === undefined) throw fields.problem("keyDetails", "is missing");
  if ((certificate === undefined) === (bare === undefined)) throw fields.problem("verifier", "is not exactly one kind");
  try {
    return certificate === undefined
      ? { verifier: { kind: "publicKey", der: bare! }, key: parsePublicKey(bare!), keyDetails }
      : {
          verifier: { kind: "certificate", der: certificate },
          key: parseCertificate(certificate).publicKey,
          keyDetails,
        };
  } catch (cause) {
    throw new Problem(code, "request's certificate or key is not valid", { cause });
  }
}

function algorithmOf(key: PublicKey, keyDetails: string): { scheme: Scheme; hash: HashAlgorithm } {
  const algorithm: SigningAlgorithm | undefined = refusedDetails.has(keyDetails)
    ? undefined
    : signingAlgorithms(key).find((each) => each.keyDetails === keyDetails);
  const hash = algorithm && schemeHash(algorithm.scheme);
  if (algorithm === undefined || hash === undefined) {
    throw new Problem(code, "request's keyDetails does not fit its key or is not accepted by this log");
  }
  return { scheme: algorithm.scheme, hash };
}

/** The JSON that a client sends for an entry. */
export function hashedRekordRequestJson(entry: HashedRekord): JsonObject {
  const rawBytes = base64(entry.verifier.der);
  const { keyDetails } = entry;
  return {
    hashedRekordRequestV002: {
      digest: base64(entry.digest),
      signature: {
        content: base64(entry.signature),
        verifier:
          entry.verifier.kind === "certificate"
            ? { x509Certificate: { rawBytes }, keyDetails }
            : { publicKey: { rawBytes }, keyDetails },
      },
    },
  };
}

/** An entry whose signature was checked, with the bytes that are its leaf. */
export interface LoggableEntry extends HashedRekord {
  readonly canonicalizedBody: Uint8Array;
}

/**
 * The log's answer, a TransparencyLogEntry's JSON, for an entry that was appended with its canonical body as the leaf.
 * `logId` is the whole 32-byte key id of the checkpoint's key (C2SP signed-note), `noteKeyId(origin, key)`.
 */
export function transparencyLogEntry(
  entry: Verified<LoggableEntry>,
  inclusion: Inclusion,
  logId: Uint8Array,
): JsonObject {
  const { index, root, size, proof, checkpoint } = inclusion;
  return logEntryJson({
    logIndex: index,
    logId,
    kind: hashedRekordKind,
    version: hashedRekordVersion,
    integratedTime: 0,
    inclusionProof: {
      logIndex: index,
      rootHash: root,
      treeSize: size,
      hashes: proof,
      checkpoint: fromUtf8(checkpoint),
    },
    canonicalizedBody: entry.canonicalizedBody,
  });
}
