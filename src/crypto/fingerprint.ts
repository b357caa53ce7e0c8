// Fingerprints of keys that are asked for again and again: those of logs and authorities, whose key objects a trust root
// keeps. Remembered by the object, never by its bytes, and gone with it.

import { keyFingerprint, type PublicKey } from "./key.ts";

const fingerprints = new WeakMap<PublicKey, Uint8Array>();

/** As `keyFingerprint`; the bytes are shared and must not be changed. */
export function rememberedFingerprint(key: PublicKey): Uint8Array {
  const known = fingerprints.get(key) ?? keyFingerprint(key);
  fingerprints.set(key, known);
  return known;
}
