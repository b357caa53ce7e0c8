// Provenance against roots of trust and expectations: SLSA v1.2 spec/verifying-artifacts, from the step after the
// envelope's signature, which Sigstore verifies. Stricter: the source commit must be there; a builder that nobody
// vouches for is refused unless the expectations name it. Narrow: dependencies are not verified recursively (Step 3).

import { demand, markVerified, Problem, type Verified } from "../core/index.ts";
import { matchSubject, statementType, type ArtifactDigest, type Statement, type Subject } from "../intoto/index.ts";
import type { BuilderTrust, BuildLevel, Expectations, ProvenanceResult, SignerIdentity } from "./model.ts";
import { checkParameters } from "./parameters.ts";
import { parseProvenance } from "./parse.ts";
import { expectedSource } from "./source.ts";

export interface ProvenanceInput {
  /** From an envelope whose signature is verified to be `signer`'s. */
  readonly statement: Statement;
  readonly artifactDigest: ArtifactDigest;
  readonly signer: SignerIdentity;
  readonly trust: BuilderTrust;
  readonly expectations: Expectations;
}

/**
 * Decides whether the provenance is what was expected, and at which Build level.
 * Problems: `slsa/statement-type`, `slsa/predicate-type`, `slsa/provenance-invalid`, `slsa/subject-mismatch`,
 * `slsa/builder-untrusted`, `slsa/builder-signer-mismatch`, `slsa/build-type`, `slsa/external-parameter`,
 * `slsa/source-mismatch`.
 */
export function verifyProvenance(input: ProvenanceInput): Verified<ProvenanceResult> {
  const { statement, signer, trust, expectations } = input;
  demandStatementV1(statement);
  const subject = demandSubject(statement, input.artifactDigest); // Step 1.2
  const provenance = parseProvenance(statement); // Step 1.3
  const { buildDefinition, runDetails } = provenance;
  const builderId = runDetails.builder.id;
  const level = builderLevel(builderId, signer, trust, expectations); // Step 1.4
  const { buildType } = buildDefinition;
  demand(expectations.buildTypes.includes(buildType), "slsa/build-type", `build type ${buildType} is not expected`);
  checkParameters(buildDefinition.externalParameters, expectations.externalParameters); // Step 2
  const source = expectedSource(buildDefinition, expectations.source);
  return markVerified<ProvenanceResult>({ level, builderId, buildType, source, subject, provenance });
}

/** Problem `slsa/statement-type`: version 0.1 was parsed on request, but v1 predicates go with Statement v1. */
export function demandStatementV1(statement: Statement): void {
  demand(statement.type === statementType, "slsa/statement-type", `statement type is not ${statementType}`);
}

/** Problem `slsa/subject-mismatch`. */
export function demandSubject(statement: Statement, artifact: ArtifactDigest): Subject {
  const subject = matchSubject(statement, artifact);
  if (subject !== undefined) return subject;
  const message = `no subject of the attestation has ${artifact.algorithm} ${artifact.digestHex}`;
  throw new Problem("slsa/subject-mismatch", message);
}

/** "Consumers MUST accept only specific signer-builder pairs"; an unknown builder is level 1 at the most. */
function builderLevel(
  builderId: string,
  signer: SignerIdentity,
  trust: BuilderTrust,
  expectations: Expectations,
): BuildLevel {
  const named = expectations.builderIds?.includes(builderId);
  demand(named !== false, "slsa/builder-untrusted", `builder ${builderId} is not an expected one`);
  const known = trust.builders.filter((each) => each.builderId === builderId);
  const pair = known.find((each) => each.issuer === signer.issuer && each.identity === signer.identity);
  if (pair !== undefined) return pair.level;
  demand(
    known.length === 0,
    "slsa/builder-signer-mismatch",
    `${signer.identity} may not sign for builder ${builderId}`,
  );
  demand(named === true, "slsa/builder-untrusted", `builder ${builderId} is not in the roots of trust`);
  return 1;
}
