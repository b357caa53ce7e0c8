// Keys of TAP 21: keytype `ml-dsa`, schemes `ml-dsa-44/1`, `ml-dsa-65/1`, `ml-dsa-87/1`. What is signed is not the
// canonical JSON but "tuf", the version of the scheme and SHA-512 of it, so that no signature made for another use of
// the same key counts here. The hash is the scheme's own, not HashML-DSA of FIPS 204 §5.4.

import { concat, hex, isProblem, utf8 } from "../core/index.ts";
import {
  digest,
  loadMlDsa,
  mlDsaFingerprint,
  type MlDsaPublicKey,
  parseMlDsaPublicKeyPem,
  verifyMlDsa,
} from "../crypto/index.ts";
import { bindIdentities, hasIdentity, type IdentitySource, type VerifyIdentity } from "./identity.ts";
import type { Key } from "./model.ts";

const keytype = "ml-dsa";
const version = 1;
const separator = concat(utf8("tuf"), Uint8Array.of(version));

/**
 * Makes ready what signatures of these keys need: for an ML-DSA key the implementation, which is loaded when the first
 * such key is met; for an identity the verifier that was handed in. Where there is none, the keys count for nothing.
 */
export async function prepareKeys(keys: ReadonlyMap<string, Key>, verifyIdentity?: VerifyIdentity): Promise<void> {
  bindIdentities(keys, verifyIdentity);
  for (const key of keys.values()) if (key.keytype === keytype) return void (await loadMlDsa());
}

/** As `prepareKeys`, for the keys of delegations: the source is asked only when one of them is an identity. */
export async function prepareDelegatedKeys(keys: ReadonlyMap<string, Key>, source: IdentitySource): Promise<void> {
  if (!hasIdentity(keys)) return prepareKeys(keys);
  // A key object may have been good under an older trust: without one now, it counts for nothing again.
  await prepareKeys(keys, (await source()) ?? (() => false));
}

/** The key of TAP 21, or undefined when it is another kind or malformed. */
export function mlDsaKey(key: Key): { publicKey: MlDsaPublicKey; fingerprint: string } | undefined {
  if (key.keytype !== keytype || key.value === undefined) return undefined;
  try {
    const publicKey = parseMlDsaPublicKeyPem(key.value);
    if (key.scheme !== `${publicKey.type}/${version}`) return undefined;
    return { publicKey, fingerprint: hex(mlDsaFingerprint(publicKey)) };
  } catch (error) {
    if (isProblem(error)) return undefined;
    throw error;
  }
}

/** `canonical` is the canonical JSON of the signed part. False while nothing is loaded that verifies ML-DSA. */
export function verifyMlDsaMetadata(key: MlDsaPublicKey, canonical: Uint8Array, signature: Uint8Array): boolean {
  return verifyMlDsa(key, concat(separator, digest("sha512", canonical)), signature);
}
