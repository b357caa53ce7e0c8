// SLSA v1.2: Provenance v1 (spec/build-provenance), Verification Summary Attestation v1 (spec/verification_summary),
// and what a verifier decides beforehand (spec/verifying-artifacts): whom it trusts to build, and what it expects.

import type { Json, JsonObject } from "../core/index.ts";
import type { ResourceDescriptor, Subject } from "../intoto/index.ts";

export const provenanceType = "https://slsa.dev/provenance/v1";
export const verificationSummaryType = "https://slsa.dev/verification_summary/v1";

export const limits = {
  descriptors: 65_536,
  versions: 1024,
  targetBytes: 1024 * 1024,
  builders: 4096,
  expectations: 1024,
  levels: 64,
} as const;

export interface Provenance {
  readonly buildDefinition: BuildDefinition;
  readonly runDetails: RunDetails;
}

export interface BuildDefinition {
  readonly buildType: string;
  readonly externalParameters: JsonObject;
  readonly internalParameters: JsonObject;
  readonly resolvedDependencies: readonly ResourceDescriptor[];
}

export interface RunDetails {
  readonly builder: {
    readonly id: string;
    readonly version: ReadonlyMap<string, string>;
    readonly builderDependencies: readonly ResourceDescriptor[];
  };
  readonly metadata: {
    readonly invocationId?: string | undefined;
    readonly startedOnMs?: number | undefined;
    readonly finishedOnMs?: number | undefined;
  };
  readonly byproducts: readonly ResourceDescriptor[];
}

/** Who signed, as Sigstore certified it: both exact. */
export interface SignerIdentity {
  readonly issuer: string;
  readonly identity: string;
}

export type BuildLevel = 0 | 1 | 2 | 3;

/** The roots of trust: which signer may speak for which builder, and the highest Build level to believe of it. */
export interface BuilderTrust {
  readonly builders: readonly (SignerIdentity & { readonly builderId: string; readonly level: BuildLevel })[];
}

/** What values a parameter may have; unset, null and empty are one value. */
export type ParameterRule =
  | { readonly kind: "any" }
  | { readonly kind: "equals"; readonly value: Json }
  | { readonly kind: "oneOf"; readonly values: readonly Json[] }
  | { readonly kind: "startsWith"; readonly prefix: string }
  | { readonly kind: "fields"; readonly fields: ReadonlyMap<string, ParameterRule> };

export interface Expectations {
  /** When given, the builder must be one of these; a builder that nobody vouches for is then taken at level 1. */
  readonly builderIds?: readonly string[] | undefined;
  readonly buildTypes: readonly string[];
  readonly source: SourceExpectation;
  readonly externalParameters: ReadonlyMap<string, ParameterRule>;
}

export interface SourceExpectation {
  /** Repository URI; a leading `git+` makes no difference. */
  readonly repository: string;
  readonly ref?: string | undefined;
  /**
   * Path to the external parameter that names the source. Without it, the source must be the only git repository
   * among the dependencies.
   */
  readonly parameter?: readonly string[] | undefined;
}

export interface Source {
  readonly uri: string;
  readonly ref?: string | undefined;
  readonly gitCommit: string;
}

export interface ProvenanceResult {
  readonly level: BuildLevel;
  readonly builderId: string;
  readonly buildType: string;
  readonly source: Source;
  readonly subject: Subject;
  readonly provenance: Provenance;
}

export interface VerificationSummary {
  readonly verifier: { readonly id: string; readonly version: ReadonlyMap<string, string> };
  readonly timeVerifiedMs?: number | undefined;
  readonly resourceUri: string;
  readonly policy: ResourceDescriptor & { readonly uri: string };
  readonly inputAttestations: readonly ResourceDescriptor[];
  readonly verificationResult: "PASSED" | "FAILED";
  readonly verifiedLevels: readonly string[];
  /** An empty map says that there are no dependencies; undefined says nothing. */
  readonly dependencyLevels?: ReadonlyMap<string, number> | undefined;
  readonly slsaVersion?: string | undefined;
}
