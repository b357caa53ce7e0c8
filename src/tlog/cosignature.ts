// Witness cosignatures, C2SP tlog-cosignature, the Ed25519 kind (type 0x04). The ML-DSA-44 kind is not implemented.

import { concat, demand, utf8 } from "../core/index.ts";
import { rawEd25519 } from "../crypto/index.ts";
import type { PublicKey } from "../crypto/index.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { isCount } from "./merkle.ts";
import type { Note, NoteSigner } from "./model.ts";
import { encodeNote, noteType, parseNote, typedKeyId } from "./note.ts";
import { encodeUint } from "./wire.ts";

/** A witness as a log or a client knows it. */
export interface Witness {
  readonly name: string;
  /** All 32 bytes of the key id; a line carries the first four. */
  readonly keyId: Uint8Array;
  readonly key: PublicKey;
}

/** A witness by its key. Problem `crypto/key-unsupported` unless the key is Ed25519. */
export function createWitness(name: string, key: PublicKey): Witness {
  return { name, keyId: typedKeyId(name, noteType.cosignature, rawEd25519(key)), key };
}

/** What a witness signs (tlog-cosignature "Ed25519 signed message"). */
export function cosignedMessage(text: string, timeSeconds: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${text}`);
}

/**
 * The note with a witness's line added. Whether the tree is consistent with the one last cosigned is the caller's
 * to check first. Problems `tlog/note-invalid`, `tlog/checkpoint-invalid`, `tlog/note-scheme`.
 */
export async function cosignCheckpoint(note: string, signer: NoteSigner, timeSeconds: number): Promise<string> {
  const parsed: Note = parseNote(note);
  parseCheckpoint(parsed.text);
  demand(signer.signer.scheme === "ed25519", "tlog/note-scheme", "a witness signs with Ed25519");
  demand(isCount(timeSeconds), "tlog/note-invalid", "the time of a cosignature is not a number of seconds");
  const { name, keyId } = createWitness(signer.name, signer.signer.publicKey);
  const signature = await signer.signer.sign(cosignedMessage(parsed.text, timeSeconds));
  const line = { name, hint: keyId.slice(0, 4), signature: concat(encodeUint(timeSeconds, 8), signature) };
  return encodeNote({ text: parsed.text, signatures: [...parsed.signatures, line] });
}
