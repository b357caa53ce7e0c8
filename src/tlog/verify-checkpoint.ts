// A checkpoint one of whose signatures is the log's. Stricter than C2SP tlog-checkpoint: the origin is the name of the
// log's key unless the caller says which origins that key may speak for (Rekor v1 adds a tree id to it).

import { demand, markVerified } from "../core/index.ts";
import type { Verified } from "../core/index.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import type { Checkpoint, NoteVerifier } from "./model.ts";
import { verifyNote } from "./verify-note.ts";

/**
 * The tree head of a signed note. Problems: those of `verifyNote`, `tlog/checkpoint-invalid`,
 * `tlog/checkpoint-origin` when the origin is not one the key may speak for.
 */
export function verifyCheckpoint(
  note: string,
  verifier: NoteVerifier,
  isOrigin: (origin: string) => boolean = (origin) => origin === verifier.name,
): Verified<Checkpoint> {
  const checkpoint = parseCheckpoint(verifyNote(note, [verifier]).text);
  demand(isOrigin(checkpoint.origin), "tlog/checkpoint-origin", "the checkpoint's origin is not the log's");
  return markVerified(checkpoint);
}
