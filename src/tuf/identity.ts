// Keys of TAP 18: not a public key but an identity, whose every signature brings the certificate and the log entry of
// a key of one use. What Sigstore says of such a bundle is another area's to know: the verifier is handed in, and
// without one these keys count for nothing. Two key ids of one identity are one signer.

import type { Json } from "../core/index.ts";
import type { Key, Signature } from "./model.ts";

export const identityScheme = { keytype: "sigstore-oidc", scheme: "Fulcio" } as const;

/** True when the bundle proves that the identity, as the issuer named it, has signed the message. */
export type VerifyIdentity = (
  key: { readonly issuer: string; readonly identity: string },
  message: Uint8Array,
  bundle: Json,
) => boolean;

const verifiers = new WeakMap<Key, VerifyIdentity>();

/** Lets these keys be verified with; those of other types are passed over. */
export function bindIdentities(keys: ReadonlyMap<string, Key>, verifyIdentity: VerifyIdentity | undefined): void {
  if (verifyIdentity === undefined) return;
  for (const key of keys.values()) if (isIdentity(key)) verifiers.set(key, verifyIdentity);
}

/** The values of `keyval`, when the key is an identity. */
function isIdentity(key: Key): key is Key & { readonly identity: { issuer: string; identity: string } } {
  return key.keytype === identityScheme.keytype && key.scheme === identityScheme.scheme && key.identity !== undefined;
}

/** What to verify with, when the key is an identity for which a verifier was handed in. */
export function identityVerification(
  key: Key,
): { readonly fingerprint: string; verify(canonical: Uint8Array, signature: Signature): boolean } | undefined {
  const verifyIdentity = verifiers.get(key);
  if (verifyIdentity === undefined || !isIdentity(key)) return undefined;
  const { issuer, identity } = key.identity;
  return {
    fingerprint: `identity ${JSON.stringify([issuer, identity])}`,
    verify: (canonical, { bundle }) =>
      bundle !== undefined && issuer !== "" && identity !== "" && verifyIdentity(key.identity, canonical, bundle),
  };
}
