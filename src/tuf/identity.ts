// Keys of TAP 18: not a public key but an identity, whose every signature brings the certificate and the log entry of
// a key of one use. What Sigstore says of such a bundle is another area's to know: the verifier is handed in, and
// without one these keys count for nothing. Two key ids of one identity are one signer.

import type { Json } from "../core/index.ts";
import type { Key, Signature, TargetFile, Targets } from "./model.ts";

export const identityScheme = { keytype: "sigstore-oidc", scheme: "Fulcio" } as const;

/** True when the bundle proves that the identity, as the issuer named it, has signed the message. */
export type VerifyIdentity = (
  key: { readonly issuer: string; readonly identity: string },
  message: Uint8Array,
  bundle: Json,
) => boolean;

/**
 * What the identities of delegated roles are verified with, when that is itself a target: asked once the top-level
 * targets are trusted, and only when a delegation has such a key. `read` gives a file that they list, verified;
 * undefined where nothing is stored. Roles of root are never verified with the answer.
 */
export type DelegatedIdentities = (targets: Targets, read: ReadTarget) => Promise<VerifyIdentity | undefined>;
export type ReadTarget = (target: TargetFile) => Promise<Uint8Array | undefined>;

export interface IdentityOptions {
  /** Verifies signatures of identities (TAP 18); without it they count for nothing. */
  readonly verifyIdentity?: VerifyIdentity | undefined;
  /** In its place for delegated roles: with what the top-level targets say. */
  readonly delegatedIdentities?: DelegatedIdentities | undefined;
}

/** What delegated roles are verified with. */
export type IdentitySource = () => Promise<VerifyIdentity | undefined>;

/** Asks `delegatedIdentities` once; again only after it has failed. */
export function identitySource(
  { verifyIdentity, delegatedIdentities }: IdentityOptions,
  targets: Targets,
  read: ReadTarget,
): IdentitySource {
  if (delegatedIdentities === undefined) return async () => verifyIdentity;
  let asked: Promise<VerifyIdentity | undefined> | undefined;
  return () => {
    asked ??= delegatedIdentities(targets, read).catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
    return asked;
  };
}

const verifiers = new WeakMap<Key, VerifyIdentity>();

/** Lets these keys be verified with; those of other types are passed over. */
export function bindIdentities(keys: ReadonlyMap<string, Key>, verifyIdentity: VerifyIdentity | undefined): void {
  if (verifyIdentity === undefined) return;
  for (const key of keys.values()) if (isIdentity(key)) verifiers.set(key, verifyIdentity);
}

export function hasIdentity(keys: ReadonlyMap<string, Key>): boolean {
  return [...keys.values()].some(isIdentity);
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
