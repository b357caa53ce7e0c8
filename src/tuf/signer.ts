// Who signs metadata: a key of ours, or something whose signatures carry more than `sig`, such as an identity's
// (TAP 18: a `bundle` beside it).

import { hex, type JsonObject } from "../core/index.ts";
import type { Signer } from "../crypto/index.ts";
import { signerKey, usableKey } from "./key.ts";
import type { Key } from "./model.ts";

export interface MetadataSigner {
  /** The key object as metadata lists it. */
  readonly keyObject: Key;
  /** `sig` as it stands in the file, and the fields beside it. */
  sign(message: Uint8Array): Promise<{ readonly sig: string; readonly extra?: JsonObject }>;
}

export type RoleSigner = Signer | MetadataSigner;

const known = new WeakMap<RoleSigner, Key>();

/** The key object that a signer signs as. Problem `tuf/key-unsupported`. */
export function signerKeyObject(signer: RoleSigner): Key {
  const key = known.get(signer) ?? ("keyObject" in signer ? signer.keyObject : signerKey(signer));
  // One object for each signer: what is known of a key is known by its object.
  known.set(signer, key);
  return key;
}

/** The fields of one signature but its key id. */
export async function signWith(
  signer: RoleSigner,
  message: Uint8Array,
): Promise<JsonObject & { readonly sig: string }> {
  if (!("keyObject" in signer)) return { sig: hex(await signer.sign(message)) };
  const { sig, extra } = await signer.sign(message);
  return { ...extra, sig };
}

/** Those of `keys` that a signer signs for: the same public key and scheme under any id, or the very key object. */
export function keysHeld(signer: RoleSigner, keys: Iterable<Key>): Key[] {
  const own = signerKeyObject(signer);
  const usable = usableKey(own);
  return [...keys].filter((key) => {
    const other = usableKey(key);
    if (usable === undefined || other === undefined) {
      return key.keyid === own.keyid && key.keytype === own.keytype && key.scheme === own.scheme;
    }
    return other.fingerprint === usable.fingerprint && other.scheme === usable.scheme;
  });
}
