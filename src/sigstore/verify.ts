// Verification of a bundle: Sigstore client specification §4 with the steps of the public verifiers, in their order.
// What it gives is all that later code may rest on; nothing of an unverified bundle is worth reading.

import { demand, markVerified, type Verified } from "../core/index.ts";
import { type Certificate, type HashAlgorithm, type PublicKey, schemeHash } from "../crypto/index.ts";
import { createSteps, explainIdentity, type Recorder } from "./explain.ts";
import { type ExpectedIdentity, identityOf, isExpected, isIdentity, type SignerIdentity } from "./identity.ts";
import { type SigningAlgorithm, signingAlgorithms } from "./key-details.ts";
import { maxThreshold } from "./limits.ts";
import { type Bundle, contains, type TimeRange } from "./model.ts";
import type { Trust } from "./trust.ts";
import { readCertificate, refuseForeignRoots, verifyCertificatePath, verifyScts } from "./verify-certificate.ts";
import {
  type Artifact,
  digestMissing,
  type SignedContent,
  signedContent,
  type Statement,
  verifyContentSignature,
  verifyEnvelopeContent,
} from "./verify-content.ts";
import { type VerifiedLogEntry, verifyLogEntries, verifyLogWindows } from "./verify-log.ts";
import { verifyTimestamps } from "./verify-timestamps.ts";
import type { Witnessed, WitnessRequirement } from "./verify-witnesses.ts";

interface CommonOptions {
  readonly trust: Trust;
  readonly artifact: Artifact;
  /** The in-toto predicate type that the statement must have. */
  readonly predicateType?: string;
  readonly thresholds?: Thresholds;
  /** A quorum of witnesses that every counted log entry's checkpoint must have. */
  readonly witnesses?: WitnessRequirement;
  /** Is told of every step and what it found. */
  readonly recorder?: Recorder;
}

/**
 * How many operators must vouch. Left out, one of each kind that the trust root lists at all is needed, so that an
 * instance without a log or without CT verifies by its timestamps; 0 must be said where the root has some.
 */
export interface Thresholds {
  readonly logs?: number;
  readonly scts?: number;
  readonly timestamps?: number;
  /** Operators of either kind, timestamp authority or log, that state a time. */
  readonly times?: number;
}

export interface KeylessOptions extends CommonOptions {
  /** Whom the bundle must be from; of several, any one. */
  readonly identity: ExpectedIdentity | readonly [ExpectedIdentity, ...ExpectedIdentity[]];
  readonly key?: never;
}

export interface KeyOptions extends CommonOptions {
  readonly key: PublicKey;
  /** When the key may have signed; then a verified time is needed, and each must lie in it. */
  readonly keyValidFor?: TimeRange;
  /** What the bundle must call the key, where the caller holds several. */
  readonly keyHint?: string;
  readonly identity?: never;
}

export type VerifyOptions = KeylessOptions | KeyOptions;

export interface VerifiedTime {
  readonly source: "timestamp" | "log";
  readonly atMs: number;
  readonly operator: string;
}

export interface VerifiedBundle {
  readonly content:
    | { readonly kind: "message"; readonly algorithm: HashAlgorithm; readonly digest: Uint8Array }
    | {
        readonly kind: "envelope";
        readonly payloadType: string;
        readonly payload: Uint8Array;
        readonly statement: Statement | undefined;
      };
  readonly signer:
    | { readonly kind: "identity"; readonly identity: SignerIdentity; readonly certificate: Certificate }
    | { readonly kind: "key"; readonly key: PublicKey };
  /** Every time at which the signature is known to have existed. */
  readonly times: readonly VerifiedTime[];
  readonly logEntries: readonly {
    readonly baseUrl: string;
    readonly logId: Uint8Array;
    readonly logIndex: number;
    readonly kind: string;
    readonly version: string;
    /** Who cosigned its checkpoint; empty where nobody was asked for. */
    readonly witnesses: readonly Witnessed[];
  }[];
}

/**
 * Verifies a bundle against a trust root, for one artifact and one identity or key. Throws a Problem `sigstore/*` for
 * whatever does not hold; see the steps. No clock is read: validity is judged at the verified times of signing.
 */
export function verifyBundle(bundle: Bundle, options: VerifyOptions): Verified<VerifiedBundle> {
  const { trust, artifact, witnesses } = options;
  const { logEntries, timestamps } = bundle.verificationMaterial;
  const needed = thresholdsOf(options);
  const logNeeded = { threshold: needed.logs, witnesses };
  const step = createSteps({ bundle, artifact }, options.recorder);
  // The numbers are those of the client specification's steps. The tenth is out of its place, as it costs a comparison
  // and says most plainly that another artifact was given; the second needs the times of the fourth to end.
  const signer = step("material", () => readSigner(bundle, options)); //                                        1
  const content = step("content", () => signedContent(bundle, artifact, signer)); //                            10
  const logged = step("log", () => verifyLogEntries(logEntries, content, trust, logNeeded)); //                 2
  const { signature } = content;
  const stamped = step("timestamps", () => verifyTimestamps(timestamps, signature, trust, needed.timestamps)); // 3
  const times = step("times", () => timesOf(logged, stamped, needed.times)); //                                 4
  const timesMs = times.map(({ atMs }) => atMs);
  step("logWindow", () => verifyLogWindows(logged, timesMs)); //                                                2
  const { certificate } = signer;
  if (certificate === undefined) {
    step("keyWindow", () => verifyKeyWindow(options, timesMs)); //                                              7
  } else {
    const path = step("certificatePath", () => verifyCertificatePath(certificate, timesMs, trust)); //          5
    step("scts", () => verifyScts(certificate, path[1]!, trust, needed.scts)); //                               6
  }
  const algorithms = possibleAlgorithms(content, logged);
  step("signature", () => verifyContentSignature(content, algorithms)); //                                      8
  const verified = step("subject", () => verifyContent(content, options, algorithms)); //                       8
  const who = step("identity", () => verifySigner(signer, options)); //                                         9
  return markVerified({ content: verified, signer: who, times, logEntries: logged.map(placeOf) });
}

function thresholdsOf({ trust, thresholds = {}, key, witnesses }: VerifyOptions): Required<Thresholds> {
  const usual = (given: number | undefined, usualValue: number): number => {
    const value = given ?? usualValue;
    const valid = Number.isSafeInteger(value) && value >= 0 && value <= maxThreshold;
    demand(valid, "sigstore/threshold-invalid", `a threshold is not a whole number from 0 to ${maxThreshold}`);
    return value;
  };
  const logs = usual(thresholds.logs, trust.logs.length === 0 ? 0 : 1);
  const timestamps = usual(thresholds.timestamps, 0);
  // A bare key's signature with neither log nor time is the key's word alone: the caller must ask for that in so many words.
  const vouched = key === undefined || logs + timestamps > 0 || thresholds.logs === 0;
  demand(vouched, "sigstore/threshold-invalid", "the trust root has no log and no other proof is asked for");
  const witnessed = witnesses === undefined || logs > 0;
  demand(witnessed, "sigstore/threshold-invalid", "witnesses are asked for, but no log entry that they could cosign");
  return {
    logs,
    timestamps,
    times: usual(thresholds.times, 0),
    scts: usual(thresholds.scts, trust.ctLogs.length === 0 ? 0 : 1),
  };
}

interface Signer {
  readonly key: PublicKey;
  readonly certificate: Certificate | undefined;
  readonly verifier: SignedContent["verifier"];
}

function readSigner(bundle: Bundle, options: VerifyOptions): Signer {
  const material = bundle.verificationMaterial.signer;
  if (options.key !== undefined) {
    const bare = material.kind === "publicKey";
    demand(bare, "sigstore/signer-mismatch", "the bundle is signed with a certificate, a key was expected");
    const named = options.keyHint === undefined || options.keyHint === material.hint;
    demand(named, "sigstore/signer-mismatch", "the bundle names another key than the one expected");
    return { key: options.key, certificate: undefined, verifier: { kind: "publicKey", der: options.key.spki } };
  }
  const certified = material.kind === "certificate";
  demand(certified, "sigstore/signer-mismatch", "the bundle is signed with a key, an identity was expected");
  const certificate = readCertificate(material.leaf);
  refuseForeignRoots(material.rest, options.trust);
  return { key: certificate.publicKey, certificate, verifier: { kind: "certificate", der: material.leaf } };
}

function timesOf(
  logged: readonly VerifiedLogEntry[],
  stamped: readonly { readonly atMs: number; readonly operator: string }[],
  threshold: number,
): readonly VerifiedTime[] {
  const times: readonly VerifiedTime[] = [
    ...stamped.map(({ atMs, operator }) => ({ source: "timestamp" as const, atMs, operator })),
    ...logged.flatMap(({ integratedMs, logs }) =>
      integratedMs === undefined ? [] : [{ source: "log" as const, atMs: integratedMs, operator: logs[0]!.operator }],
    ),
  ];
  const operators = new Set(times.map(({ operator }) => operator)).size;
  const counted = `${operators} of ${threshold} needed operators state a time`;
  demand(operators >= threshold, "sigstore/time-threshold", counted);
  return times;
}

function verifyKeyWindow(
  { keyValidFor }: VerifyOptions & { keyValidFor?: TimeRange },
  timesMs: readonly number[],
): TimeRange | undefined {
  if (keyValidFor === undefined) return undefined;
  demand(timesMs.length > 0, "sigstore/time-missing", "no verified time says when the key signed");
  const valid = timesMs.every((atMs) => contains(keyValidFor, atMs));
  demand(valid, "sigstore/key-expired", "the key was not valid at the time of signing");
  return keyValidFor;
}

/** What the key allows, and every log entry with it. */
function possibleAlgorithms(content: SignedContent, logged: readonly VerifiedLogEntry[]): readonly SigningAlgorithm[] {
  return signingAlgorithms(content.key).filter((algorithm) =>
    logged.every(({ algorithms }) => algorithms.some((each) => each.keyDetails === algorithm.keyDetails)),
  );
}

function verifyContent(
  content: SignedContent,
  { artifact, predicateType }: VerifyOptions,
  algorithms: readonly SigningAlgorithm[],
): VerifiedBundle["content"] {
  if (content.envelope !== undefined) {
    const { payloadType, payload } = content.envelope;
    const statement = verifyEnvelopeContent(content.envelope, artifact, predicateType);
    return { kind: "envelope", payloadType, payload, statement };
  }
  demand(predicateType === undefined, "sigstore/predicate-type-mismatch", "the bundle holds no statement");
  if (artifact.kind === "digest") return { kind: "message", algorithm: artifact.algorithm, digest: artifact.digest };
  const usual = algorithms.map(({ scheme }) => schemeHash(scheme)).filter((each) => each !== undefined);
  const algorithm = [...usual, "sha256" as const].find((each) => content.digestOf(each) !== undefined);
  if (algorithm === undefined) throw digestMissing();
  return { kind: "message", algorithm, digest: content.digestOf(algorithm)! };
}

function verifySigner(signer: Signer, options: VerifyOptions): VerifiedBundle["signer"] {
  const { recorder } = options;
  if (options.key !== undefined) {
    recorder?.found(explainIdentity(undefined, []));
    return { kind: "key", key: options.key };
  }
  const certificate = signer.certificate!;
  const identity = identityOf(certificate);
  const expected: readonly ExpectedIdentity[] = isList(options.identity) ? options.identity : [options.identity];
  // Told before it is compared: on a mismatch this is what one wants to see.
  recorder?.found(explainIdentity(identity, expected));
  const named = expected.every((each) => each.issuer !== "" && each.subjectAlternativeName !== "");
  demand(expected.length > 0 && named, "sigstore/identity-expected", "no identity is expected");
  const issued = expected.some(({ issuer }) => isExpected(identity.issuer, issuer));
  demand(issued, "sigstore/issuer-mismatch", `the signer's identity is from ${JSON.stringify(identity.issuer)}`);
  const matches = expected.some((each) => isIdentity(identity, each));
  const who = JSON.stringify(identity.subjectAlternativeName);
  demand(matches, "sigstore/identity-mismatch", `the signer is ${who}, which is not who was expected`);
  return { kind: "identity", identity, certificate };
}

function isList(identity: KeylessOptions["identity"]): identity is readonly [ExpectedIdentity, ...ExpectedIdentity[]] {
  return Array.isArray(identity);
}

function placeOf({ entry, logs, witnesses }: VerifiedLogEntry): VerifiedBundle["logEntries"][number] {
  const { logId, logIndex, kind, version } = entry;
  return { baseUrl: logs[0]!.baseUrl, logId, logIndex, kind, version, witnesses };
}
