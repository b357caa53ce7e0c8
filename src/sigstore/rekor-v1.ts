// Rekor v1's write API as a client meets it: POST /api/v1/log/entries (sigstore/rekor openapi.yaml). An artifact's
// signature becomes a hashedrekord 0.0.1, an envelope's a dsse 0.0.1; the answer, a map of one, becomes the
// TransparencyLogEntry that bundles hold. Stricter than other clients: an answer without a signed entry timestamp,
// a checkpoint and a proof is none.

import { base64, Fields, fromHex, hex, type Json, type JsonObject, parseJson, Problem, utf8 } from "../core/index.ts";
import { encodeEnvelope, encodePem, type Envelope } from "../crypto/index.ts";
import { maxBodyBytes, maxCheckpointChars, maxProofHashes, maxSignatureBytes } from "./limits.ts";
import type { TransparencyLogEntry } from "./model.ts";
import type { EntryVerifier, HashedRekord } from "./rekor-body.ts";

const code = "sigstore/log-answer-invalid";
const version = "0.0.1";

function verifierPem({ kind, der }: EntryVerifier): string {
  return base64(utf8(encodePem(kind === "certificate" ? "CERTIFICATE" : "PUBLIC KEY", der)));
}

/** The proposed entry for a signature over an artifact. */
export function hashedRekordV1Json({ algorithm, digest, signature, verifier }: HashedRekord): JsonObject {
  return {
    apiVersion: version,
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm, value: hex(digest) } },
      signature: { content: base64(signature), publicKey: { content: verifierPem(verifier) } },
    },
  };
}

/** The proposed entry for an envelope with one signature. */
export function dsseV1Json(envelope: Envelope, verifier: EntryVerifier): JsonObject {
  const proposedContent = {
    envelope: JSON.stringify(encodeEnvelope(envelope)),
    verifiers: [verifierPem(verifier)],
  };
  return { apiVersion: version, kind: "dsse", spec: { proposedContent } };
}

/** The one entry of an answer. Problem `sigstore/log-answer-invalid`. */
export function logEntryOfV1(answer: Json): TransparencyLogEntry {
  const map = Fields.of(answer, "log's answer", code);
  const [uuid, ...others] = map.names();
  if (uuid === undefined || others.length > 0) throw new Problem(code, "log's answer is not exactly one entry");
  const entry = map.object(uuid);
  const body = entry.base64("body", { min: 1, max: maxBodyBytes });
  const kind = Fields.of(parseJson(body, { maxBytes: maxBodyBytes }), "log entry", code);
  const verification = entry.object("verification");
  const proof = verification.object("inclusionProof");
  return {
    // In the answer this one runs over all shards, the proof's own does not.
    logIndex: entry.integer("logIndex"),
    logId: bytesOf(entry, "logID"),
    kind: kind.string("kind", { max: 64 }),
    version: kind.string("apiVersion", { max: 64 }),
    integratedTime: entry.integer("integratedTime"),
    signedEntryTimestamp: verification.base64("signedEntryTimestamp", { min: 1, max: maxSignatureBytes }),
    inclusionProof: {
      logIndex: proof.integer("logIndex"),
      rootHash: bytesOf(proof, "rootHash"),
      treeSize: proof.integer("treeSize"),
      hashes: proof.strings("hashes", { max: maxProofHashes }).map((each) => hashOf(each, proof, "hashes")),
      checkpoint: proof.string("checkpoint", { min: 1, max: maxCheckpointChars }),
    },
    canonicalizedBody: body,
  };
}

function bytesOf(fields: Fields, name: string): Uint8Array {
  return hashOf(fields.string(name, { max: 64 }), fields, name);
}

function hashOf(text: string, fields: Fields, name: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/.test(text)) throw fields.problem(name, "is not a SHA-256 hash in hexadecimal digits");
  return fromHex(text);
}
