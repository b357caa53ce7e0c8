// What a verification did, step by step, for who asks: `verifyBundle` tells a recorder where it is and what it found.
// Nobody listening costs nothing: the words are made only for a recorder. The numbers are those of the steps of the
// client specification §4 as the public verifiers have them.

import { formatUtcSeconds, hex } from "../core/index.ts";
import { type Certificate, digestHex, keyFingerprint, type PublicKey } from "../crypto/index.ts";
import { expectedText, type ExpectedIdentity, type SignerIdentity } from "./identity.ts";
import type { SigningAlgorithm } from "./key-details.ts";
import type { Bundle, TimeRange } from "./model.ts";
import type { Artifact, SignedContent } from "./verify-content.ts";
import type { VerifiedSct } from "./verify-certificate.ts";
import type { VerifiedLogEntry } from "./verify-log.ts";
import type { VerifiedStamp } from "./verify-timestamps.ts";
import type { VerifiedBundle, VerifiedTime } from "./verify.ts";

/** What each step gives. */
export interface StepResults {
  readonly material: { readonly key: PublicKey; readonly certificate: Certificate | undefined };
  readonly content: SignedContent;
  readonly log: readonly VerifiedLogEntry[];
  readonly timestamps: readonly VerifiedStamp[];
  readonly times: readonly VerifiedTime[];
  readonly logWindow: void;
  readonly certificatePath: readonly Certificate[];
  readonly scts: readonly VerifiedSct[];
  readonly keyWindow: TimeRange | undefined;
  readonly signature: SigningAlgorithm;
  readonly subject: VerifiedBundle["content"];
  readonly identity: VerifiedBundle["signer"];
}

export type StepName = keyof StepResults;

export const verificationSteps: { readonly [Name in StepName]: { readonly number: number; readonly what: string } } = {
  material: { number: 1, what: "who signed what, in which form" },
  content: { number: 10, what: "the digest that the bundle names is the artifact's" },
  log: { number: 2, what: "the log entries are in their logs and about this bundle" },
  timestamps: { number: 3, what: "timestamps over the signature" },
  times: { number: 4, what: "when the signature existed" },
  logWindow: { number: 2, what: "the logs were trusted at those times" },
  certificatePath: { number: 5, what: "the certificate leads to a trusted authority at every time" },
  scts: { number: 6, what: "the certificate was promised to a CT log" },
  keyWindow: { number: 7, what: "the key was valid at those times" },
  signature: { number: 8, what: "the signature is over this content" },
  subject: { number: 8, what: "the content is about the artifact" },
  identity: { number: 9, what: "the signer is who was expected" },
};

/** One thing that was found: what it is, and its value. */
export type Finding = readonly [what: string, value: string];

export interface Recorder {
  /** The step that is being done; where a Problem ends the verification, the last one begun is the one that failed. */
  begin(step: StepName): void;
  found(findings: readonly Finding[]): void;
}

export interface ExplainedStep {
  readonly step: StepName;
  readonly number: number;
  readonly what: string;
  readonly result: "passed" | "failed";
  readonly findings: readonly Finding[];
}

/** Keeps what it is told. */
export class Explanation implements Recorder {
  private readonly done: { step: StepName; findings: Finding[] }[] = [];

  begin(step: StepName): void {
    this.done.push({ step, findings: [] });
  }

  found(findings: readonly Finding[]): void {
    this.done.at(-1)?.findings.push(...findings);
  }

  /** The steps in their order; of a verification that failed, up to the one where it did. */
  steps(failed: boolean): readonly ExplainedStep[] {
    return this.done.map(({ step, findings }, index) => ({
      step,
      ...verificationSteps[step],
      result: failed && index === this.done.length - 1 ? "failed" : "passed",
      findings,
    }));
  }
}

interface Asked {
  readonly bundle: Bundle;
  readonly artifact: Artifact;
}

/** Runs each step of one verification, and tells the recorder where there is one. What a step gives is passed on. */
export function createSteps(asked: Asked, recorder: Recorder | undefined) {
  return <Name extends StepName, Result extends StepResults[Name]>(name: Name, verify: () => Result): Result => {
    if (recorder === undefined) return verify();
    recorder.begin(name);
    const found = verify();
    recorder.found(explainers[name](found, asked));
    return found;
  };
}

const explainers: {
  readonly [Name in StepName]: (found: StepResults[Name], asked: Asked) => readonly Finding[];
} = {
  material({ key, certificate }, { bundle }) {
    const { logEntries, timestamps } = bundle.verificationMaterial;
    return [
      ["bundle", `${bundle.mediaType}, ${bundle.content.kind === "dsse" ? "DSSE envelope" : "message signature"}`],
      ["holds", `${logEntries.length} log entries, ${timestamps.length} timestamps`],
      ["key", `${key.type}, SPKI sha256:${hex(keyFingerprint(key))}`],
      ...(certificate === undefined ? [] : [certificateFinding("certificate", certificate)]),
    ];
  },
  content: (content, { artifact }) =>
    content.envelope === undefined
      ? [["artifact", artifactText(artifact)]]
      : [["envelope", content.envelope.payloadType]],
  log(verified, { bundle }) {
    const unknown = bundle.verificationMaterial.logEntries.length - verified.length;
    return [...verified.flatMap(explainEntry), ...passedOver(unknown, "entries of unknown logs")];
  },
  timestamps(stamped, { bundle }) {
    const unknown = bundle.verificationMaterial.timestamps.length - stamped.length;
    return [
      ...stamped.flatMap(({ atMs, uri, operator, path }) => [
        ["timestamp", `${formatUtcSeconds(atMs)} by ${uri}, operator ${operator}`] as const,
        certificateFinding("signed by", path[0]!),
      ]),
      ...passedOver(unknown, "timestamps of unknown authorities"),
    ];
  },
  times: (times) =>
    times.length === 0
      ? [["time", "none is stated in a verifiable way"]]
      : times.map(({ source, atMs, operator }) => ["time", `${formatUtcSeconds(atMs)} (${source} of ${operator})`]),
  logWindow: () => [],
  certificatePath: (path) =>
    path.map((certificate, index) =>
      certificateFinding(index === 0 ? "leaf" : index === path.length - 1 ? "anchor" : "intermediate", certificate),
    ),
  scts: (scts) =>
    scts.length === 0
      ? [["SCT", "none was asked for"]]
      : scts.map(({ baseUrl, operator, timestampMs }) => [
          "SCT",
          `${formatUtcSeconds(timestampMs)} by ${baseUrl}, operator ${operator}`,
        ]),
  keyWindow: (range) => [["window", range === undefined ? "none was given for the key" : rangeText(range)]],
  signature: ({ scheme, keyDetails }) => [["algorithm", `${scheme} (${keyDetails})`]],
  subject: (content, { artifact }) =>
    content.kind === "envelope" && content.statement !== undefined
      ? [
          ["statement", `${content.statement.type}, ${content.statement.subjects.length} subjects`],
          ["predicate", content.statement.predicateType],
          ["compared", artifactText(artifact)],
        ]
      : [["compared", artifactText(artifact)]],
  // Told before it is compared, by `explainIdentity`.
  identity: () => [],
};

function passedOver(count: number, what: string): readonly Finding[] {
  return count === 0 ? [] : [["passed over", `${count} ${what}`]];
}

function certificateFinding(what: string, certificate: Certificate): Finding {
  const { raw, serialNumber, notBeforeMs, notAfterMs } = certificate;
  const validity = rangeText({ startMs: notBeforeMs, endMs: notAfterMs });
  return [what, `serial ${hex(serialNumber)}, valid ${validity}, sha256:${digestHex("sha256", raw)}`];
}

function rangeText({ startMs, endMs }: TimeRange): string {
  return `${formatUtcSeconds(startMs)} to ${endMs === undefined ? "further notice" : formatUtcSeconds(endMs)}`;
}

function artifactText(artifact: Artifact): string {
  switch (artifact.kind) {
    case "bytes":
      return `${artifact.bytes.length} bytes, sha256:${digestHex("sha256", artifact.bytes)}`;
    case "digest":
      return `${artifact.algorithm}:${hex(artifact.digest)}`;
    case "digests":
      return [...artifact.digests].map(([algorithm, value]) => `${algorithm}:${hex(value)}`).join(", ");
    case "envelope":
      return `a payload of type ${artifact.payloadType}`;
  }
}

function explainEntry({ entry, logs, integratedMs, checkpoint, witnesses }: VerifiedLogEntry): readonly Finding[] {
  const { kind, version, logIndex, logId, inclusionProof, canonicalizedBody } = entry;
  const log = logs[0]!;
  const findings: Finding[] = [
    ["entry", `${log.baseUrl} index ${logIndex}, log id ${hex(logId)}, operator ${log.operator}`],
    ["body", `${kind} ${version} of ${canonicalizedBody.length} bytes: this signature, signer and digest`],
  ];
  if (integratedMs !== undefined) {
    findings.push(["promise", `signed by the log, integrated ${formatUtcSeconds(integratedMs)}`]);
  }
  if (checkpoint !== undefined && inclusionProof !== undefined) {
    const { origin, size, root } = checkpoint;
    findings.push(["checkpoint", `${origin}, size ${size}, root ${hex(root)}, signed by the log`]);
    const { logIndex: leaf, hashes } = inclusionProof;
    findings.push(["inclusion", `leaf ${leaf} leads to the root by ${hashes.length} hashes`]);
  }
  for (const { name, timeSeconds } of witnesses) {
    findings.push(["cosigned", `${name} at ${formatUtcSeconds(timeSeconds * 1000)}`]);
  }
  return findings;
}

/** Who signed and who was expected; no identity for a key, which is the one that was given. */
export function explainIdentity(
  identity: SignerIdentity | undefined,
  expected: readonly ExpectedIdentity[],
): readonly Finding[] {
  if (identity === undefined) return [["key", "the one that was given"]];
  const { issuer, subjectAlternativeName: name, subjectAlternativeNameType: type, extensions } = identity;
  return [
    ["issuer", issuer],
    ["subject alternative name", `${name} (${type})`],
    ...expected.map((each): Finding => [
      "expected",
      `${expectedText(each.subjectAlternativeName)} of ${expectedText(each.issuer)}`,
    ]),
    ...extensions,
  ];
}
