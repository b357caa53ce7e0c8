// Predicates of Statements, SLSA v1.2. Unknown fields are ignored; unset, null and empty are one (parsing rules of
// both pages). What must not be ignored, unknown external parameters, is verify.ts's to refuse.

import { emptyObject, Fields, Problem, parseRfc3339, type Json, type JsonObject } from "../core/index.ts";
import { isUnset, parseResourceDescriptor, type ResourceDescriptor, type Statement } from "../intoto/index.ts";
import { checkLevels } from "./level.ts";
import {
  limits,
  provenanceType,
  verificationSummaryType,
  type BuildDefinition,
  type Provenance,
  type RunDetails,
  type VerificationSummary,
} from "./model.ts";

/** Provenance v1 of a Statement. Problems: `slsa/predicate-type`, `slsa/provenance-invalid`. */
export function parseProvenance(statement: Statement): Provenance {
  demandType(statement, provenanceType);
  const fields = Fields.of(statement.predicate, "provenance", "slsa/provenance-invalid");
  return {
    buildDefinition: parseBuildDefinition(fields.object("buildDefinition")),
    runDetails: parseRunDetails(fields.object("runDetails")),
  };
}

function demandType(statement: Statement, expected: string): void {
  if (statement.predicateType === expected) return;
  throw new Problem("slsa/predicate-type", `predicate type is ${statement.predicateType}, not ${expected}`);
}

function parseBuildDefinition(fields: Fields): BuildDefinition {
  return {
    buildType: fields.string("buildType", { min: 1, max: 2048 }),
    externalParameters: objectOf(fields, "externalParameters"),
    internalParameters: objectOf(fields, "internalParameters"),
    resolvedDependencies: descriptors(fields, "resolvedDependencies"),
  };
}

function parseRunDetails(fields: Fields): RunDetails {
  const builder = fields.object("builder");
  const metadata = fields.nullable("metadata", (name) => fields.object(name));
  return {
    builder: {
      id: builder.string("id", { min: 1, max: 2048 }),
      version: versions(builder),
      builderDependencies: descriptors(builder, "builderDependencies"),
    },
    metadata: {
      invocationId: metadata === undefined ? undefined : text(metadata, "invocationId"),
      startedOnMs: metadata === undefined ? undefined : time(metadata, "startedOn"),
      finishedOnMs: metadata === undefined ? undefined : time(metadata, "finishedOn"),
    },
    byproducts: descriptors(fields, "byproducts"),
  };
}

/** Verification summary v1 of a Statement. Problems: `slsa/predicate-type`, `slsa/vsa-invalid`. */
export function parseVerificationSummary(statement: Statement): VerificationSummary {
  demandType(statement, verificationSummaryType);
  const fields = Fields.of(statement.predicate, "summary", "slsa/vsa-invalid");
  const verifier = fields.object("verifier");
  const policy = fields.object("policy");
  const verifiedLevels = fields.strings("verifiedLevels", { max: limits.levels });
  checkLevels(verifiedLevels);
  const inputAttestations = descriptors(fields, "inputAttestations");
  if (inputAttestations.some((each) => each.digest === undefined || each.digest.size === 0)) {
    throw fields.problem("inputAttestations", "has an entry without a digest");
  }
  return {
    verifier: { id: verifier.string("id", { min: 1, max: 2048 }), version: versions(verifier) },
    timeVerifiedMs: time(fields, "timeVerified"),
    resourceUri: fields.string("resourceUri", { min: 1 }),
    policy: { ...parseResourceDescriptor(policy), uri: policy.string("uri", { min: 1 }) },
    inputAttestations,
    verificationResult: fields.oneOf("verificationResult", "PASSED", "FAILED"),
    verifiedLevels,
    dependencyLevels: fields.nullable("dependencyLevels", (name) => parseDependencyLevels(fields.object(name))),
    slsaVersion: text(fields, "slsaVersion"),
  };
}

/** Counts are numbers in the specification and strings in protobuf JSON: both are read. */
function parseDependencyLevels(fields: Fields): ReadonlyMap<string, number> {
  return new Map(fields.names().map((name) => [name, fields.int64(name)]));
}

function objectOf(fields: Fields, name: string): JsonObject {
  return isUnset(fields.value[name]) ? emptyObject<Json>() : fields.object(name).value;
}

function descriptors(fields: Fields, name: string): readonly ResourceDescriptor[] {
  if (isUnset(fields.value[name])) return [];
  return fields.objects(name, { max: limits.descriptors }, parseResourceDescriptor);
}

function versions(fields: Fields): ReadonlyMap<string, string> {
  if (isUnset(fields.value["version"])) return new Map();
  return fields.stringMap("version", { max: limits.versions });
}

function text(fields: Fields, name: string): string | undefined {
  return isUnset(fields.value[name]) ? undefined : fields.string(name);
}

function time(fields: Fields, name: string): number | undefined {
  const value = text(fields, name);
  return value === undefined ? undefined : parseRfc3339(value);
}
