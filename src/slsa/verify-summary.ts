// Verification summaries: SLSA v1.2 spec/verification_summary, "How to verify", from the step after the envelope's
// signature. Beyond it: a maximum age, and a required policy.

import { demand, markVerified, minuteMs, type Verified } from "../core/index.ts";
import type { ArtifactDigest, ResourceDescriptor, Statement, Subject } from "../intoto/index.ts";
import { includesLevel } from "./level.ts";
import type { SignerIdentity, VerificationSummary } from "./model.ts";
import { parseVerificationSummary } from "./parse.ts";
import { demandStatementV1, demandSubject } from "./verify.ts";

/** How far a verifier's clock may be ahead of ours. */
const clockSkewMs = 5 * minuteMs;

export interface SummaryInput {
  /** From an envelope whose signature is verified to be `signer`'s. */
  readonly statement: Statement;
  readonly artifactDigest: ArtifactDigest;
  readonly signer: SignerIdentity;
  /** Which signer may speak for which verifier. */
  readonly verifiers: readonly (SignerIdentity & { readonly verifierId: string })[];
  readonly resourceUri: string;
  /** Every one of these must be verified; a higher level of the same track implies a lower one. */
  readonly levels: readonly string[];
  /** Milliseconds since epoch. */
  readonly now: number;
  readonly maxAgeMs?: number | undefined;
  readonly policy?: { readonly uri?: string | undefined; readonly digest?: ArtifactDigest | undefined } | undefined;
}

export interface SummaryResult {
  readonly subject: Subject;
  readonly summary: VerificationSummary;
}

/**
 * Verifies a summary for one artifact.
 * Problems: `slsa/statement-type`, `slsa/subject-mismatch`, `slsa/predicate-type`, `slsa/vsa-invalid`,
 * `slsa/vsa-verifier`, `slsa/vsa-resource`, `slsa/vsa-result`, `slsa/vsa-level`, `slsa/vsa-expired`,
 * `slsa/vsa-policy`.
 */
export function verifySummary(input: SummaryInput): Verified<SummaryResult> {
  const { statement, signer, verifiers, levels } = input;
  demandStatementV1(statement);
  const subject = demandSubject(statement, input.artifactDigest); // 2
  const summary = parseVerificationSummary(statement); // 3
  const { id } = summary.verifier;
  const paired = verifiers.some(
    (each) => each.verifierId === id && each.issuer === signer.issuer && each.identity === signer.identity,
  );
  demand(paired, "slsa/vsa-verifier", `${signer.identity} may not sign for verifier ${id}`); // 4
  const resource = summary.resourceUri === input.resourceUri;
  demand(resource, "slsa/vsa-resource", `the summary is of ${summary.resourceUri}, not of ${input.resourceUri}`); // 5
  demand(summary.verificationResult === "PASSED", "slsa/vsa-result", "the summary says that verification failed"); // 6
  demand(levels.length > 0, "slsa/vsa-level", "no level is expected of the summary"); // 7
  for (const level of levels) {
    const verified = includesLevel(summary.verifiedLevels, level);
    demand(verified, "slsa/vsa-level", `${level} is not among ${summary.verifiedLevels.join(", ") || "no levels"}`);
  }
  checkAge(summary, input.now, input.maxAgeMs);
  checkPolicy(summary.policy, input.policy);
  return markVerified<SummaryResult>({ subject, summary });
}

function checkAge(summary: VerificationSummary, now: number, maxAgeMs: number | undefined): void {
  const time = summary.timeVerifiedMs;
  const plausible = time === undefined || time <= now + clockSkewMs;
  demand(plausible, "slsa/vsa-expired", "the summary is from the future");
  if (maxAgeMs === undefined) return;
  demand(time !== undefined, "slsa/vsa-expired", "the summary does not say when it was made");
  demand(now - time <= maxAgeMs, "slsa/vsa-expired", "the summary is too old");
}

function checkPolicy(policy: ResourceDescriptor, expected: SummaryInput["policy"]): void {
  if (expected?.uri !== undefined) {
    demand(
      policy.uri === expected.uri,
      "slsa/vsa-policy",
      `the summary is by policy ${policy.uri}, not ${expected.uri}`,
    );
  }
  if (expected?.digest !== undefined) {
    const { algorithm, digestHex } = expected.digest;
    demand(policy.digest?.get(algorithm) === digestHex, "slsa/vsa-policy", "the summary is by another policy version");
  }
}
