// Identities as TUF keys, TAP 18: a role's key is who an issuer says somebody is, and a signature is a Sigstore bundle
// over the canonical JSON. Laid out as securesystemslib does: `sig` is the signature in base64, `bundle` the rest.
// Stricter: the bundle must hold a message signature, since an envelope over a statement says something else; nothing
// separates what an identity signs here from other bytes that it signs, so it should sign nothing else: docs/keys.md.

import { base64, isProblem, type Json, parseJson, Problem } from "../core/index.ts";
import {
  type Bundle,
  bundleOf,
  encodeBundle,
  parseTrustedRoot,
  prepareTrust,
  type Trust,
  verifyBundle,
} from "../sigstore/index.ts";
import {
  createIdentityKey,
  type DelegatedIdentities,
  type MetadataSigner,
  openRepository,
  type Repository,
  type RepositoryStore,
  type VerifyIdentity,
} from "../tuf/index.ts";
import { signBlob, type SigningWorld } from "./attest.ts";
import { targetPaths } from "./project-targets.ts";

const maxBundleBytes = 1024 * 1024;

/** Whatever makes bundles: services that a signing config names, say. */
export interface IdentitySigning {
  readonly trust: Trust;
  /** A message signature by a key of one use. */
  sign(message: Uint8Array): Promise<Bundle>;
}

/**
 * Signs metadata as an identity, with a fresh key each time. Problems `sigstore/identity-mismatch` and
 * `sigstore/issuer-mismatch`, with nothing given away, when the token that signs is another's (the log has an entry by
 * then); `tuf/key-unsupported` for an empty issuer or identity.
 */
export function identitySigner(
  signing: SigningWorld | IdentitySigning,
  issuer: string,
  identity: string,
): MetadataSigner {
  const keyObject = createIdentityKey(issuer, identity);
  return {
    keyObject,
    async sign(message) {
      const bundle = await ("sign" in signing ? signing.sign(message) : signBlob(message, signing));
      const sig = demandIdentity(bundle, { issuer, identity }, message, signing.trust);
      return { sig: base64(sig), extra: { bundle: parseJson(encodeBundle(bundle), { maxBytes: maxBundleBytes }) } };
    },
  };
}

/**
 * What TUF verifies signatures of identities with: exactly this issuer and this name, by a certificate that was valid
 * at the verified time of signing, with the log entries, SCTs and timestamps that the trust root asks for.
 */
export function identityVerifier(trust: Trust): VerifyIdentity {
  return (key, message, json: Json) => {
    try {
      demandIdentity(bundleOf(json), key, message, trust);
      return true;
    } catch (error) {
      if (isProblem(error)) return false;
      throw error;
    }
  };
}

/**
 * What identities of delegated roles are verified with, by consumers and publishers alike: the trust root that the
 * top-level targets themselves list, never one that is reached by delegation. Without it they count for nothing.
 */
export const trustedIdentities: DelegatedIdentities = async ({ targets }, read) => {
  const target = targets.get(targetPaths.trustedRoot);
  const bytes = target && (await read(target));
  return bytes && identityVerifier(prepareTrust(parseTrustedRoot(bytes)));
};

/** As `openRepository`, with the repository's own trust in identities. */
export function openPublished(store: RepositoryStore): Promise<Repository> {
  return openRepository(store, { delegatedIdentities: trustedIdentities });
}

function demandIdentity(
  bundle: Bundle,
  { issuer, identity }: { readonly issuer: string; readonly identity: string },
  message: Uint8Array,
  trust: Trust,
): Uint8Array {
  const { content } = bundle;
  if (content.kind !== "message") {
    throw new Problem("sigstore/content-mismatch", "the bundle holds an envelope, not a signature of the metadata");
  }
  verifyBundle(bundle, {
    trust,
    artifact: { kind: "bytes", bytes: message },
    identity: { issuer, subjectAlternativeName: identity },
  });
  return content.signature;
}
