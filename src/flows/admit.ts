// The decision on a release, and its record: facts, policy, decision, and a signed verification summary (SLSA v1.2
// verification_summary) that later look-ups and other verifiers can rely on.

import { digestHex, type LocalSigner } from "../crypto/index.ts";
import { encodeStatement } from "../intoto/index.ts";
import { type Decision, evaluate } from "../policy/index.ts";
import { encodeBundle, signEnvelope, statementPayloadType } from "../sigstore/index.ts";
import { createVerificationSummary } from "../slsa/index.ts";
import { type AdvisorySource, releaseFacts } from "./facts.ts";
import { targetPaths } from "./project-targets.ts";
import type { Release } from "./release.ts";
import type { ConsumerTrust } from "./trust.ts";
import { type ReleaseEvidence, verifyRelease } from "./verify-release.ts";

/** Who signs summaries: a name that consumers know, and a key. */
export interface Verifier {
  readonly id: string;
  readonly version: string;
  readonly signer: LocalSigner;
}

export interface Judgement {
  readonly decision: Decision;
  readonly evidence: ReleaseEvidence;
}

export interface Admission extends Judgement {
  /** A Sigstore bundle of one DSSE envelope, signed with the verifier's key. */
  readonly summary: Uint8Array;
}

/** Verifies and decides. A "no" is a decision, never a Problem. */
export function judgeRelease(
  release: Release,
  consumer: ConsumerTrust,
  advisories: AdvisorySource,
  now: number,
): Judgement {
  const evidence = verifyRelease(release, consumer, advisories.index);
  const facts = releaseFacts(release, evidence, consumer.project, advisories, now);
  return { decision: evaluate(consumer.policy, consumer.exceptions, facts), evidence };
}

/** As `judgeRelease`, with the summary signed. Problems come from the signer alone. */
export async function admitRelease(
  release: Release,
  consumer: ConsumerTrust,
  advisories: AdvisorySource,
  verifier: Verifier,
  now: number,
): Promise<Admission> {
  const judgement = judgeRelease(release, consumer, advisories, now);
  return { ...judgement, summary: await signSummary(release, consumer, judgement, verifier, now) };
}

/** SLSA v1.2 verification summary of a judgement, signed with the verifier's key. */
export async function signSummary(
  release: Release,
  consumer: ConsumerTrust,
  { evidence, decision }: Judgement,
  verifier: Verifier,
  now: number,
): Promise<Uint8Array> {
  const admitted = decision.outcome === "admitted";
  const level = evidence.provenance.held[0]?.level ?? 0;
  const statement = createVerificationSummary([{ name: release.name, digest: new Map([["sha256", release.sha256]]) }], {
    verifier: { id: verifier.id, version: new Map([["sealwright", verifier.version]]) },
    timeVerifiedMs: now,
    resourceUri: `pkg:generic/${encodeURIComponent(consumer.project)}`,
    policy: { uri: targetPaths.policy, digest: new Map([["sha256", consumer.policy.digest.replace(/^sha256:/, "")]]) },
    inputAttestations: [...release.bundles].map(([name, bytes]) => ({
      uri: name,
      digest: new Map([["sha256", digestHex("sha256", bytes)]]),
    })),
    verificationResult: admitted ? "PASSED" : "FAILED",
    verifiedLevels: admitted ? [`SLSA_BUILD_LEVEL_${level}`] : ["FAILED"],
    slsaVersion: "1.2",
  });
  const bundle = await signEnvelope(statementPayloadType, encodeStatement(statement), {
    signer: verifier.signer,
    material: { kind: "publicKey", hint: verifier.id },
    // A verifier's summary is between it and who reads it: no log, no timestamp.
    services: { timestamps: [], logs: [] },
    trust: consumer.trust,
    thresholds: { logs: 0, timestamps: 0, scts: 0 },
  });
  return encodeBundle(bundle);
}
