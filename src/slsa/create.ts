// Provenance v1 and verification summaries v1 as Statements, SLSA v1.2. Field values are what the specification
// shows: numbers as numbers, times in whole seconds of UTC, nothing for what is unset.

import { demand, emptyObject, formatUtcSeconds, type Json, type JsonObject } from "../core/index.ts";
import {
  createStatement,
  encodeResourceDescriptor,
  encodeStringMap,
  type ResourceDescriptor,
  type Statement,
  type Subject,
} from "../intoto/index.ts";
import { checkIssuable } from "./level.ts";
import { provenanceType, verificationSummaryType, type Provenance, type VerificationSummary } from "./model.ts";
import { parseProvenance, parseVerificationSummary } from "./parse.ts";

/** Provenance of the subjects. Problems: `slsa/provenance-invalid`, `intoto/statement-invalid`. */
export function createProvenance(subject: readonly Subject[], provenance: Provenance): Statement {
  const { buildDefinition, runDetails } = provenance;
  const predicate = {
    buildDefinition: set({
      buildType: buildDefinition.buildType,
      externalParameters: buildDefinition.externalParameters,
      internalParameters: buildDefinition.internalParameters,
      resolvedDependencies: descriptors(buildDefinition.resolvedDependencies),
    }),
    runDetails: set({
      builder: set({
        id: runDetails.builder.id,
        version: encodeStringMap(runDetails.builder.version),
        builderDependencies: descriptors(runDetails.builder.builderDependencies),
      }),
      metadata: set({
        invocationId: runDetails.metadata.invocationId,
        startedOn: time(runDetails.metadata.startedOnMs),
        finishedOn: time(runDetails.metadata.finishedOnMs),
      }),
      byproducts: descriptors(runDetails.byproducts),
    }),
  };
  const statement = createStatement({ subject, predicateType: provenanceType, predicate });
  parseProvenance(statement);
  return statement;
}

/**
 * A verification summary of the subjects. Problem `slsa/vsa-invalid` too for a made-up `SLSA_` result, a passed
 * summary without levels, or a failed one that claims some.
 */
export function createVerificationSummary(subject: readonly Subject[], summary: VerificationSummary): Statement {
  const { verificationResult, verifiedLevels } = summary;
  checkIssuable([...verifiedLevels, ...(summary.dependencyLevels?.keys() ?? [])]);
  const failed = verifiedLevels.every((level) => level === "FAILED");
  const consistent =
    verificationResult === "PASSED" ? verifiedLevels.length > 0 && !verifiedLevels.includes("FAILED") : failed;
  demand(
    consistent,
    "slsa/vsa-invalid",
    `a ${verificationResult} summary cannot have levels ${verifiedLevels.join(", ") || "none"}`,
  );
  const required: JsonObject = {
    verifier: set({ id: summary.verifier.id, version: encodeStringMap(summary.verifier.version) }),
    resourceUri: summary.resourceUri,
    policy: encodeResourceDescriptor(summary.policy),
    verificationResult,
    verifiedLevels,
  };
  const optional = set({
    timeVerified: time(summary.timeVerifiedMs),
    inputAttestations: descriptors(summary.inputAttestations),
    slsaVersion: summary.slsaVersion,
  });
  const { dependencyLevels } = summary;
  // Not through `set`: an empty map is the claim that there are no dependencies.
  const counts: JsonObject = dependencyLevels === undefined ? {} : { dependencyLevels: encodeCounts(dependencyLevels) };
  const predicate = { ...required, ...optional, ...counts };
  const statement = createStatement({ subject, predicateType: verificationSummaryType, predicate });
  parseVerificationSummary(statement);
  return statement;
}

function encodeCounts(counts: ReadonlyMap<string, number>): JsonObject {
  const out = emptyObject<Json>();
  for (const [result, count] of counts) out[result] = count;
  return out;
}

/** Only what is set: unset and empty mean the same to every reader, so we write neither. */
function set(fields: { readonly [name: string]: Json | undefined }): JsonObject {
  const out = emptyObject<Json>();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && (name === "externalParameters" || !isEmpty(value))) out[name] = value;
  }
  return out;
}

function isEmpty(value: Json): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function descriptors(list: readonly ResourceDescriptor[]): JsonObject[] {
  return list.map(encodeResourceDescriptor);
}

function time(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : formatUtcSeconds(ms);
}
