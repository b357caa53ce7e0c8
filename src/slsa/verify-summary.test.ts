import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs, hourMs, isProblem, type Json, type ProblemCode } from "../core/index.ts";
import { encodeStatement, parseStatement, type Statement } from "../intoto/index.ts";
import { createVerificationSummary } from "./create.ts";
import type { VerificationSummary } from "./model.ts";
import { parseVerificationSummary } from "./parse.ts";
import { verifySummary, type SummaryInput } from "./verify-summary.ts";

const now = Date.UTC(2030, 0, 2);
const sha256 = "ab".repeat(32);
const subject = [{ name: "app", digest: new Map([["sha256", sha256]]) }];
const signer = { issuer: "https://issuer.example", identity: "https://verifier.example/signer" };
const policyDigest = "ef".repeat(32);
const summary: VerificationSummary = {
  verifier: { id: "https://verifier.example", version: new Map([["sealwright", "0.1.0"]]) },
  timeVerifiedMs: now - hourMs,
  resourceUri: "oci://registry.example/app",
  policy: { uri: "https://policy.example/p", digest: new Map([["sha256", policyDigest]]) },
  inputAttestations: [{ uri: "https://a.example/1", digest: new Map([["sha256", "cd".repeat(32)]]) }],
  verificationResult: "PASSED",
  verifiedLevels: ["SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_4", "SLSA_SOURCE_TWO_PARTY_REVIEWED", "ORG_OK"],
  dependencyLevels: new Map([["SLSA_BUILD_LEVEL_2", 5]]),
  slsaVersion: "1.2",
};

function made(changes: Partial<VerificationSummary> = {}): Statement {
  return createVerificationSummary(subject, { ...summary, ...changes });
}

function input(changes: Partial<SummaryInput> = {}): SummaryInput {
  return {
    statement: made(),
    artifactDigest: { algorithm: "sha256", digestHex: sha256 },
    signer,
    verifiers: [{ ...signer, verifierId: "https://verifier.example" }],
    resourceUri: summary.resourceUri,
    levels: ["SLSA_BUILD_LEVEL_2"],
    now,
    ...changes,
  };
}

function refuses(code: ProblemCode, changes: Partial<SummaryInput>): void {
  assert.throws(
    () => verifySummary(input(changes)),
    (error) => isProblem(error, code),
    code,
  );
}

/** The statement with fields of its predicate replaced. */
function altered(fields: { readonly [name: string]: Json }): Partial<SummaryInput> {
  const statement = made();
  return { statement: { ...statement, predicate: { ...statement.predicate, ...fields } } };
}

test("a summary survives its bytes", () => {
  assert.deepEqual(parseVerificationSummary(parseStatement(encodeStatement(made()))), summary);
});

test("a summary for the artifact, resource, verifier and levels verifies", () => {
  for (const level of ["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_0", "SLSA_SOURCE_LEVEL_4", "ORG_OK"]) {
    assert.deepEqual(verifySummary(input({ levels: [level] })).summary, summary);
  }
  const policy = { uri: "https://policy.example/p", digest: { algorithm: "sha256", digestHex: policyDigest } } as const;
  assert.ok(verifySummary(input({ policy, maxAgeMs: hourMs })));
});

test("each of the steps to verify a summary refuses what fails it", () => {
  refuses("slsa/subject-mismatch", { artifactDigest: { algorithm: "sha256", digestHex: "00".repeat(32) } });
  refuses("slsa/predicate-type", {
    statement: { ...made(), predicateType: "https://slsa.dev/verification_summary/v0.2" },
  });
  refuses("slsa/vsa-verifier", { signer: { ...signer, identity: "x" } });
  refuses("slsa/vsa-verifier", { signer: { ...signer, issuer: "x" } });
  refuses("slsa/vsa-verifier", { verifiers: [] });
  refuses("slsa/vsa-verifier", { verifiers: [{ ...signer, verifierId: "https://other.example" }] });
  refuses("slsa/vsa-resource", { resourceUri: "oci://registry.example/other" });
  refuses("slsa/vsa-result", { statement: made({ verificationResult: "FAILED", verifiedLevels: ["FAILED"] }) });
  refuses("slsa/vsa-result", altered({ verificationResult: "FAILED" }));
  refuses("slsa/vsa-level", { levels: ["SLSA_BUILD_LEVEL_4"] });
  refuses("slsa/vsa-level", { levels: ["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_REPRODUCED"] });
  refuses("slsa/vsa-level", { levels: ["SLSA_BUILD_LEVEL_UNEVALUATED"] });
  refuses("slsa/vsa-level", { levels: [] });
});

test("a level that was not evaluated satisfies itself alone", () => {
  const statement = made({ verifiedLevels: ["SLSA_BUILD_LEVEL_UNEVALUATED"] });
  assert.ok(verifySummary(input({ statement, levels: ["SLSA_BUILD_LEVEL_UNEVALUATED"] })));
  refuses("slsa/vsa-level", { statement, levels: ["SLSA_BUILD_LEVEL_0"] });
});

test("a summary that is too old, undated, from the future or by another policy is refused", () => {
  refuses("slsa/vsa-expired", { maxAgeMs: hourMs - 1 });
  refuses("slsa/vsa-expired", { statement: made({ timeVerifiedMs: undefined }), maxAgeMs: dayMs });
  refuses("slsa/vsa-expired", { now: now - dayMs });
  assert.ok(verifySummary(input({ statement: made({ timeVerifiedMs: undefined }) })));
  refuses("slsa/vsa-policy", { policy: { uri: "https://policy.example/q" } });
  refuses("slsa/vsa-policy", { policy: { digest: { algorithm: "sha256", digestHex: "00".repeat(32) } } });
  refuses("slsa/vsa-policy", { policy: { digest: { algorithm: "sha512", digestHex: policyDigest } } });
});

test("a summary that breaks the schema is refused", () => {
  refuses("slsa/vsa-invalid", altered({ verifiedLevels: ["SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3"] }));
  refuses("slsa/vsa-invalid", altered({ verifiedLevels: ["SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_UNEVALUATED"] }));
  refuses("slsa/vsa-invalid", altered({ inputAttestations: [{ uri: "https://a.example/1" }] }));
  refuses("slsa/vsa-invalid", altered({ dependencyLevels: { SLSA_BUILD_LEVEL_1: -1 } }));
  refuses("slsa/vsa-invalid", altered({ verificationResult: "passed" }));
  refuses("slsa/vsa-invalid", altered({ policy: { digest: { sha256: policyDigest } } }));
  for (const name of ["verifier", "resourceUri", "policy", "verificationResult", "verifiedLevels"]) {
    refuses("slsa/vsa-invalid", altered({ [name]: null }));
  }
});

test("dependency counts are numbers or digits, and none is not the same as not said", () => {
  const levels = (value: Json) => verifySummary(input(altered({ dependencyLevels: value }))).summary.dependencyLevels;
  assert.deepEqual(levels({ SLSA_BUILD_LEVEL_1: "5" }), new Map([["SLSA_BUILD_LEVEL_1", 5]]));
  assert.equal(levels({})?.size, 0);
  assert.equal(levels(null), undefined);
  assert.deepEqual(made({ dependencyLevels: new Map() }).predicate["dependencyLevels"], Object.create(null));
  assert.equal(made({ dependencyLevels: undefined }).predicate["dependencyLevels"], undefined);
  assert.deepEqual(
    { ...(made().predicate["dependencyLevels"] as object) },
    { SLSA_BUILD_LEVEL_2: 5 },
    "counts are written as numbers",
  );
});

test("no summary is issued with a made-up SLSA result or a result that contradicts its levels", () => {
  for (const changes of [
    { verifiedLevels: ["SLSA_GREAT"] },
    { verifiedLevels: [] },
    { verifiedLevels: ["FAILED"] },
    { verificationResult: "FAILED" },
    { dependencyLevels: new Map([["SLSA_BUILD", 1]]) },
    { verifiedLevels: ["SLSA_BUILD_LEVEL_1", "SLSA_BUILD_LEVEL_2"] },
    { inputAttestations: [{ uri: "https://a.example/1" }] },
  ] as const) {
    assert.throws(
      () => made(changes),
      (error) => isProblem(error, "slsa/vsa-invalid"),
    );
  }
});
