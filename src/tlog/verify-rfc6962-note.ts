// A static-ct-api checkpoint that the CT log's key signed.

import { demand, isProblem, markVerified } from "../core/index.ts";
import type { Verified } from "../core/index.ts";
import { verifySignature } from "../crypto/index.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import type { Checkpoint } from "./model.ts";
import { noteScheme, parseNote } from "./note.ts";
import { parseRfc6962Signature, rfc6962KeyId, treeHeadMessage } from "./rfc6962-note.ts";
import type { Rfc6962Verifier } from "./rfc6962-note.ts";
import { verifiedLines } from "./verify-note.ts";

/** A checkpoint and the time in the log's signature. */
export interface TimedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly timestampMs: number;
}

/**
 * The tree head of a CT log's signed note; its origin is the verifier's name. Problems: `tlog/note-invalid`,
 * `tlog/note-unsigned`, `tlog/note-signature-invalid`, `tlog/note-duplicate`, `tlog/checkpoint-invalid`,
 * `tlog/checkpoint-origin`.
 */
export function verifyRfc6962Note(text: string, verifier: Rfc6962Verifier): Verified<TimedCheckpoint> {
  const note = parseNote(text);
  const checkpoint = parseCheckpoint(note.text);
  const { name, key } = verifier;
  const check = (_: unknown, bytes: Uint8Array): boolean => isTreeHeadSignature(checkpoint, bytes, verifier);
  const [found] = verifiedLines(note, [{ name, keyId: rfc6962KeyId(name, key), verify: check }]);
  demand(found !== undefined, "tlog/note-unsigned", "the CT log's key did not sign the checkpoint");
  demand(checkpoint.origin === name, "tlog/checkpoint-origin", "the checkpoint's origin is not the log's");
  // static-ct-api: the signature covers no extension line, so there may be none.
  demand(checkpoint.extensions.length === 0, "tlog/checkpoint-invalid", "a CT log's checkpoint has extension lines");
  return markVerified({ checkpoint, timestampMs: parseRfc6962Signature(found.line.signature, key).timestampMs });
}

function isTreeHeadSignature(checkpoint: Checkpoint, bytes: Uint8Array, { key }: Rfc6962Verifier): boolean {
  try {
    const { timestampMs, signature } = parseRfc6962Signature(bytes, key);
    const message = treeHeadMessage(timestampMs, checkpoint.size, checkpoint.root);
    return verifySignature(key, noteScheme(key), message, signature);
  } catch (error) {
    if (isProblem(error, "tlog/checkpoint-invalid")) return false;
    throw error;
  }
}
