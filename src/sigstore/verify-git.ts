// Verification of a signature of git over an object's own bytes: the message covers them (RFC 5652 §5.6), and its
// bundle holds as any other (client specification §4). The bytes are those that git keeps; nothing is made anew from a
// parsed commit, where a second header could hide (GHSA-7rmh-48mx-2vwc).

import { Problem, type Verified } from "../core/index.ts";
import { verifyDetachedSignature } from "../crypto/index.ts";
import { bundleOfGitSignature, type GitSignature } from "./git-signature.ts";
import { type ExpectedIdentity, identityOf } from "./identity.ts";
import type { Trust } from "./trust.ts";
import { type Thresholds, type VerifiedBundle, verifyBundle } from "./verify.ts";

export interface GitVerifyOptions {
  readonly trust: Trust;
  /**
   * Whom the signature must be from; of several, any one. `whoever` establishes who signed and leaves it to the caller
   * to ask whether that may be: `isIdentity`.
   */
  readonly identity: ExpectedIdentity | readonly [ExpectedIdentity, ...ExpectedIdentity[]] | "whoever";
  readonly thresholds?: Thresholds;
}

/**
 * Verifies a signature over `payload`, the object without it. Problems `crypto/cms-*`, and those of `verifyBundle`;
 * `sigstore/git-log-entry-missing` where the trust root has logs and the signature no entry of any.
 */
export function verifyGitSignature(
  payload: Uint8Array,
  signature: GitSignature,
  { trust, identity, thresholds }: GitVerifyOptions,
): Verified<VerifiedBundle> {
  const certificate = verifyDetachedSignature(signature.signedData, payload);
  const needsLog = (thresholds?.logs ?? trust.logs.length) > 0;
  if (needsLog && signature.logEntries.length === 0) {
    throw new Problem("sigstore/git-log-entry-missing", "the signature does not hold its log entry", {
      hint: "gitsign leaves it out in its mode online: sign with gitsign.rekorMode offline",
    });
  }
  const { bundle, artifact } = bundleOfGitSignature(signature, certificate);
  return verifyBundle(bundle, {
    trust,
    artifact: { kind: "bytes", bytes: artifact },
    identity: identity === "whoever" ? identityOf(certificate) : identity,
    ...(thresholds === undefined ? {} : { thresholds }),
  });
}
