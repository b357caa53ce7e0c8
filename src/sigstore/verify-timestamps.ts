// RFC 3161 timestamps of a bundle: client specification §4 step 3. Each is verified against one authority as a unit:
// signature, chain at its own time, purposes, imprint over the raw signature bytes, and that authority's window.

import { demand, isProblem, Problem, type ProblemCode } from "../core/index.ts";
import { type Certificate, verifyTimestamp } from "../crypto/index.ts";
import type { Trust } from "./trust.ts";

export interface VerifiedStamp {
  readonly atMs: number;
  /** Whom it counts for. */
  readonly operator: string;
  readonly uri: string;
  /** The authority's signer, to its anchor. */
  readonly path: readonly Certificate[];
}

/**
 * The times that trusted authorities state; thresholds count operators. A timestamp of an authority that the trust
 * root does not know is passed over: it could as well be missing. A known one's that fails is refused.
 * Problems `sigstore/timestamp-invalid`, `sigstore/timestamp-threshold`.
 */
export function verifyTimestamps(
  timestamps: readonly Uint8Array[],
  signature: Uint8Array,
  trust: Trust,
  threshold: number,
): readonly VerifiedStamp[] {
  const verified = timestamps.flatMap((token) => verifyToken(token, signature, trust));
  const operators = new Set(verified.map(({ operator }) => operator));
  const unknown = timestamps.length - verified.length;
  const rest = unknown === 0 ? "" : `; ${unknown} of unknown authorities`;
  const counted = `the bundle has timestamps of ${operators.size} of ${threshold} needed authorities${rest}`;
  demand(operators.size >= threshold, "sigstore/timestamp-threshold", counted);
  return verified;
}

// What an authority that did not make the token answers.
const otherAuthority: ReadonlySet<ProblemCode> = new Set(["crypto/timestamp-signer", "crypto/path-untrusted"]);

function verifyToken(token: Uint8Array, signature: Uint8Array, trust: Trust): readonly VerifiedStamp[] {
  let failure: unknown;
  for (const { authority, operator, uri } of trust.timestampAuthorities) {
    try {
      const { timeMs, path } = verifyTimestamp(token, { data: signature, authority });
      return [{ atMs: timeMs, operator, uri, path }];
    } catch (problem) {
      if (!isProblem(problem)) throw problem;
      if (!otherAuthority.has(problem.code)) failure ??= problem;
    }
  }
  if (failure === undefined) return [];
  throw new Problem("sigstore/timestamp-invalid", "a timestamp of a known authority is not valid", { cause: failure });
}
