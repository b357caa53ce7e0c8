// Which lines of a note count, C2SP signed-note "Signatures". Stricter: a known key whose signature fails refuses the
// whole note (the text says SHOULD), and so does a known key that signs twice.

import { demand, equalBytes, markVerified, utf8 } from "../core/index.ts";
import type { Verified } from "../core/index.ts";
import { verifySignature } from "../crypto/index.ts";
import type { Note, NoteSignature, NoteVerifier } from "./model.ts";
import { parseNote } from "./note.ts";

/** A key, by the name and id that its lines carry, and the check of what follows the hint. */
export interface LineVerifier {
  readonly name: string;
  readonly keyId: Uint8Array;
  verify(note: Note, signature: Uint8Array): boolean;
}

/**
 * The lines of a note that known keys made, every one checked; lines of other keys are passed over.
 * Problems: `tlog/note-signature-invalid` when one fails, `tlog/note-duplicate` when a key signs twice.
 */
export function verifiedLines<T extends LineVerifier>(
  note: Note,
  verifiers: readonly T[],
): { readonly line: NoteSignature; readonly verifier: T }[] {
  const found: { line: NoteSignature; verifier: T }[] = [];
  for (const verifier of verifiers) {
    const lines = note.signatures.filter((line) => isLineOf(line, verifier));
    const [line] = lines;
    if (line === undefined) continue;
    demand(lines.length === 1, "tlog/note-duplicate", `${verifier.name} signed the note twice`);
    const good = verifier.verify(note, line.signature);
    demand(good, "tlog/note-signature-invalid", `the signature of ${verifier.name} on the note is wrong`);
    found.push({ line, verifier });
  }
  return found;
}

function isLineOf(line: NoteSignature, key: { readonly name: string; readonly keyId: Uint8Array }): boolean {
  return line.name === key.name && equalBytes(line.hint, key.keyId.subarray(0, line.hint.length));
}

/** Checks a line made over the note's text as it stands. */
export function textVerifier(verifier: NoteVerifier): LineVerifier {
  const { name, keyId, key, scheme } = verifier;
  return { name, keyId, verify: (note, signature) => verifySignature(key, scheme, utf8(note.text), signature) };
}

/**
 * A note that at least one of the keys signed, with the lines of those keys alone.
 * Problems: `tlog/note-invalid`, `tlog/note-unsigned`, `tlog/note-signature-invalid`, `tlog/note-duplicate`.
 */
export function verifyNote(text: string, verifiers: readonly NoteVerifier[]): Verified<Note> {
  const note = parseNote(text);
  const lines = verifiedLines(note, verifiers.map(textVerifier));
  demand(lines.length > 0, "tlog/note-unsigned", "no known key signed the note");
  return markVerified({ text: note.text, signatures: lines.map(({ line }) => line) });
}
