// The checkpoint signature of C2SP static-ct-api "Checkpoints", type 0x05: an RFC 6962 TreeHeadSignature in a note. It
// does not cover the origin line; the key alone says which log it is.

import { concat, demand } from "../core/index.ts";
import { digest } from "../crypto/index.ts";
import type { PublicKey, Signer } from "../crypto/index.ts";
import { encodeCheckpoint } from "./checkpoint.ts";
import { hashSize } from "./merkle.ts";
import type { Checkpoint } from "./model.ts";
import { encodeNote, noteScheme, noteType, typedKeyId } from "./note.ts";
import { encodeUint, WireReader } from "./wire.ts";

/** A CT log's key as clients of its checkpoints know it. RFC 6962 §2.1.4: P-256 or RSA, SHA-256. */
export interface Rfc6962Verifier {
  /** The submission prefix without scheme and trailing slash; also the origin. */
  readonly name: string;
  readonly key: PublicKey;
}

/** RFC 6962 §3.2 LogID: SHA-256 of the SPKI. */
export function ctLogId(key: PublicKey): Uint8Array {
  return digest("sha256", key.spki);
}

export function rfc6962KeyId(name: string, key: PublicKey): Uint8Array {
  return typedKeyId(name, noteType.rfc6962, ctLogId(key));
}

/** RFC 6962 §3.5: version v1, type tree_hash, timestamp in ms, size, root. */
export function treeHeadMessage(timestampMs: number, size: number, root: Uint8Array): Uint8Array {
  demand(root.length === hashSize, "tlog/checkpoint-invalid", "a root hash does not have 32 bytes");
  return concat(Uint8Array.of(0, 1), encodeUint(timestampMs, 8), encodeUint(size, 8), root);
}

// RFC 5246 §7.4.1.4.1: sha256(4), then rsa(1) or ecdsa(3).
function signatureAlgorithm(key: PublicKey): Uint8Array {
  const supported = key.type === "ecdsa-p256" || key.type === "rsa";
  demand(supported, "tlog/note-scheme", `a CT log's key is P-256 or RSA, not ${key.type}`);
  return Uint8Array.of(4, key.type === "rsa" ? 1 : 3);
}

/** The signed checkpoint of a CT log. `timestampMs` since the epoch. Problems `tlog/note-scheme`, `tlog/note-invalid`. */
export async function createRfc6962Note(
  head: { readonly origin: string; readonly size: number; readonly root: Uint8Array },
  signer: Signer,
  timestampMs: number,
): Promise<string> {
  const usual = signer.scheme === noteScheme(signer.publicKey);
  demand(usual, "tlog/note-scheme", `a checkpoint cannot be signed with ${signer.scheme}`);
  const algorithm = signatureAlgorithm(signer.publicKey);
  const checkpoint: Checkpoint = { ...head, extensions: [] };
  const signed = await signer.sign(treeHeadMessage(timestampMs, head.size, head.root));
  const signature = concat(encodeUint(timestampMs, 8), algorithm, encodeUint(signed.length, 2), signed);
  const hint = rfc6962KeyId(head.origin, signer.publicKey).slice(0, 4);
  return encodeNote({ text: encodeCheckpoint(checkpoint), signatures: [{ name: head.origin, hint, signature }] });
}

/** RFC6962NoteSignature, parsed. Problem `tlog/checkpoint-invalid`. */
export function parseRfc6962Signature(
  bytes: Uint8Array,
  key: PublicKey,
): { readonly timestampMs: number; readonly signature: Uint8Array } {
  const reader = new WireReader(bytes, "tlog/checkpoint-invalid", "tree head signature");
  const timestampMs = reader.uint(8);
  const [hash, kind] = signatureAlgorithm(key);
  const algorithm = reader.take(2);
  if (algorithm[0] !== hash || algorithm[1] !== kind) throw reader.problem("is not of the key's algorithm");
  const signature = reader.opaque(2);
  reader.end();
  return { timestampMs, signature };
}
