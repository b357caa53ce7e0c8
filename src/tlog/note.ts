// Signed notes, C2SP signed-note v1.0.0: parse, sign, key ids and verifier keys. Stricter: 1 MiB and 100 signatures at
// most, and a text that would not come out of the parser again is not signed.

import { base64, concat, demand, fromBase64, hex, isWellFormed, Problem, utf8 } from "../core/index.ts";
import { digest, ed25519PublicKey, parsePublicKey, rawEd25519 } from "../crypto/index.ts";
import type { PublicKey, Scheme } from "../crypto/index.ts";
import type { Note, NoteSignature, NoteSigner, NoteVerifier } from "./model.ts";

const maxNoteCharacters = 1 << 20;
const maxSignatures = 100;
const hintBytes = 4;
const linePrefix = "\u2014 ";

/** Signature type bytes of signed-note "Signature types". */
export const noteType = { ed25519: 1, ecdsa: 2, cosignature: 4, rfc6962: 5, unassigned: 255 } as const;

function invalid(why: string, cause?: unknown): Problem {
  return new Problem("tlog/note-invalid", `note is not valid: ${why}`, { cause });
}

/** Non-empty, no Unicode space, no plus, no control character. */
export function isKeyName(name: string): boolean {
  return name !== "" && isWellFormed(name) && !/[\p{White_Space}+\u0000-\u001f]/u.test(name);
}

/** The text and the signature lines, none of them checked. Problem `tlog/note-invalid`. */
export function parseNote(note: string): Note {
  if (note.length > maxNoteCharacters) throw invalid("it is too long");
  // Control characters below U+0020 other than newline, signed-note "Format".
  if (!isWellFormed(note) || /[\u0000-\u0009\u000b-\u001f]/.test(note)) throw invalid("it holds a control character");
  // The text may hold empty lines: the last one is where it ends.
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0 || !note.endsWith("\n")) throw invalid("no empty line parts text and signatures");
  const lines = note.slice(blank + 2, -1).split("\n");
  if (blank + 2 >= note.length) throw invalid("it has no signature");
  if (lines.length > maxSignatures) throw invalid(`it has more than ${maxSignatures} signatures`);
  return { text: note.slice(0, blank + 1), signatures: lines.map(parseSignatureLine) };
}

function parseSignatureLine(line: string): NoteSignature {
  if (!line.startsWith(linePrefix)) throw invalid("a signature line does not begin with an em dash");
  const [name = "", encoded, ...more] = line.slice(linePrefix.length).split(" ");
  if (!isKeyName(name) || encoded === undefined || more.length > 0) throw invalid("a signature line is malformed");
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(encoded);
  } catch (cause) {
    throw invalid("a signature is not base64", cause);
  }
  if (bytes.length <= hintBytes) throw invalid("a signature is too short");
  return { name, hint: bytes.slice(0, hintBytes), signature: bytes.slice(hintBytes) };
}

/** The note as it is published. Problem `tlog/note-invalid` when it would not come out of `parseNote` the same. */
export function encodeNote(note: Note): string {
  const lines = note.signatures.map(
    ({ name, hint, signature }) => `${linePrefix}${name} ${base64(concat(hint, signature))}\n`,
  );
  const out = `${note.text}\n${lines.join("")}`;
  if (parseNote(out).text !== note.text) throw invalid("its text does not end with a newline");
  return out;
}

/** SHA-256(name || newline || type || material): the recommended key id, all 32 bytes. */
export function typedKeyId(name: string, type: number, material: Uint8Array): Uint8Array {
  demand(isKeyName(name), "tlog/note-invalid", "the name of a note's key is empty or holds a space or a plus");
  return digest("sha256", concat(utf8(`${name}\n`), Uint8Array.of(type), material));
}

/**
 * The key id under which a key signs notes, all 32 bytes: Ed25519 as signed-note recommends, ECDSA the hash of the
 * SPKI, RSA as Rekor v2 does. A line carries the first four.
 */
export function noteKeyId(name: string, key: PublicKey): Uint8Array {
  if (key.type === "ed25519") return typedKeyId(name, noteType.ed25519, rawEd25519(key));
  if (key.type === "rsa") return typedKeyId(name, noteType.unassigned, concat(utf8("PKIX-RSA-PKCS#1v1.5"), key.spki));
  return digest("sha256", key.spki);
}

/** The one scheme a key of this type signs notes with: ECDSA and RSA always over SHA-256. */
export function noteScheme(key: PublicKey): Scheme {
  if (key.type === "ed25519") return "ed25519";
  return key.type === "rsa" ? "rsa-pkcs1-sha256" : `${key.type}-sha256`;
}

/** A verifier for notes that `name` signs with this key. Problem `tlog/note-invalid` for a name that cannot be one. */
export function createNoteVerifier(name: string, key: PublicKey): NoteVerifier {
  demand(isKeyName(name), "tlog/note-invalid", "the name of a note's key is empty or holds a space or a plus");
  return { name, keyId: noteKeyId(name, key), key, scheme: noteScheme(key) };
}

/** Signs a text, which must end with a newline. Problems `tlog/note-invalid`, `tlog/note-scheme`. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  const signatures: NoteSignature[] = [];
  for (const { name, signer } of signers) {
    const usual = signer.scheme === noteScheme(signer.publicKey);
    demand(usual, "tlog/note-scheme", `a note cannot be signed with ${signer.scheme}`);
    const hint = noteKeyId(name, signer.publicKey).slice(0, hintBytes);
    signatures.push({ name, hint, signature: await signer.sign(utf8(text)) });
  }
  return encodeNote({ text, signatures });
}

/** A key as a line of configuration: `name+hint+base64(type || key)`, signed-note "Verifier keys". */
export interface VerifierKey {
  readonly name: string;
  readonly type: number;
  readonly keyId: Uint8Array;
  readonly key: PublicKey;
}

/** Types Ed25519, ECDSA and Ed25519 cosignature. Problem `tlog/vkey-invalid`. */
export function parseVerifierKey(text: string): VerifierKey {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text);
  try {
    const material = fromBase64(match?.[3] ?? "");
    const name = match?.[1] ?? "";
    const type = material[0];
    const raw = material.subarray(1);
    const isEcdsa = type === noteType.ecdsa;
    const known = isEcdsa || type === noteType.ed25519 || type === noteType.cosignature;
    demand(match !== null && known, "tlog/vkey-invalid", "its form or its type is unknown");
    const key = isEcdsa ? parsePublicKey(raw) : ed25519PublicKey(raw);
    demand(!isEcdsa || key.type.startsWith("ecdsa"), "tlog/vkey-invalid", "its key is not of its type");
    const keyId = isEcdsa ? noteKeyId(name, key) : typedKeyId(name, type, raw);
    const isNamed = isKeyName(name) && hex(keyId.subarray(0, hintBytes)) === match[2];
    demand(isNamed, "tlog/vkey-invalid", "its name or its hint is wrong");
    return { name, type, keyId, key };
  } catch (cause) {
    throw new Problem("tlog/vkey-invalid", "text is not a verifier key", { cause });
  }
}

/** The line of configuration that `parseVerifierKey` reads. */
export function encodeVerifierKey(name: string, key: PublicKey, type: 1 | 2 | 4): string {
  const raw = type === noteType.ecdsa ? key.spki : rawEd25519(key);
  const keyId = type === noteType.ecdsa ? noteKeyId(name, key) : typedKeyId(name, type, raw);
  return `${name}+${hex(keyId.subarray(0, hintBytes))}+${base64(concat(Uint8Array.of(type), raw))}`;
}
