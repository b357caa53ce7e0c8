// The CT log's side of issuance: RFC 6962 §3.1 to §3.4 and C2SP static-ct-api v1.0.0. A precertificate becomes a leaf
// that holds its own index, and the answer is a signed certificate timestamp that holds it too.
// Narrow: precertificates of our own authority; chains of others are not judged here.

import { base64, concat, demand, type JsonObject } from "../core/index.ts";
import {
  digest,
  encodeLeafIndex,
  encodeMerkleTreeLeaf,
  encodeSct,
  precertEntry,
  type SignedCertificateTimestamp,
  type Signer,
  signSct,
} from "../crypto/index.ts";
import type { Log, LogEntry } from "../tlog/index.ts";
import type { PrecertificateSubmission } from "./fulcio-certificate.ts";

/** The leaf's hash input and the record of the data tile for a precertificate at `index`. */
export function precertificateLogEntry(
  submission: PrecertificateSubmission,
  timestampMs: number,
  index: number,
): LogEntry {
  const { precertificate, chain } = submission;
  demand(chain.length > 0, "sigstore/ct-chain", "precertificate comes without its issuer");
  const leaf = encodeMerkleTreeLeaf(
    precertEntry(precertificate, chain[0]!.publicKey),
    timestampMs,
    encodeLeafIndex(index),
  );
  // TileLeaf: the leaf without version and type, the precertificate itself, the fingerprints of its chain.
  const fingerprints = chain.map(({ raw }) => digest("sha256", raw));
  const record = concat(leaf.subarray(2), vector(3, precertificate.raw), vector(2, concat(...fingerprints)));
  return { leaf, record };
}

/** A vector of TLS: its length in `lengthBytes` bytes before it (RFC 5246 §4.3). */
function vector(lengthBytes: number, content: Uint8Array): Uint8Array {
  const length = Array.from(
    { length: lengthBytes },
    (_, at) => (content.length >> (8 * (lengthBytes - 1 - at))) & 0xff,
  );
  return concat(Uint8Array.from(length), content);
}

/** Logs a precertificate and promises it: the answer is given once the entry is durable and published. */
export async function addPrecertificate(
  log: Pick<Log, "appendWith">,
  signer: Signer,
  submission: PrecertificateSubmission,
  nowMs: number,
): Promise<SignedCertificateTimestamp> {
  const { index } = await log.appendWith((at) => precertificateLogEntry(submission, nowMs, at));
  const entry = precertEntry(submission.precertificate, submission.chain[0]!.publicKey);
  return signSct(entry, { timestampMs: nowMs, extensions: encodeLeafIndex(index) }, signer);
}

/** The answer to add-pre-chain, RFC 6962 §4.2. */
export function addChainJson(sct: SignedCertificateTimestamp): JsonObject {
  const signatureAt = 1 + 32 + 8 + 2 + sct.extensions.length;
  return {
    sct_version: 0,
    id: base64(sct.logId),
    timestamp: sct.timestampMs,
    extensions: base64(sct.extensions),
    signature: base64(encodeSct(sct).subarray(signatureAt)),
  };
}
