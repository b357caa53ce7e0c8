// From verified evidence to facts: the one translator. Policy sees nothing else, so what is not written here cannot
// sway a decision. "Not offered" is absent; "offered and refused" is absent with the refusals; "could not be asked" is
// unavailable.

import type { AdvisoryIndex } from "../advisories/index.ts";
import {
  type Fact,
  type Facts,
  type FindingFact,
  type FindingsFact,
  noFacts,
  type ProvenanceFact,
} from "../policy/index.ts";
import type { ProvenanceResult } from "../slsa/index.ts";
import type { Release } from "./release.ts";
import type { Checked, MatchedDependency, ReleaseEvidence } from "./verify-release.ts";

/** The advisory data that was matched against. */
export interface AdvisorySource {
  readonly index: AdvisoryIndex;
  /** When the data was current, ms. */
  readonly asOfMs: number;
  readonly exploitedAsOfMs: number | undefined;
}

function fact<T, U>(checked: Checked<T>, value: (held: readonly T[]) => U): Fact<U> {
  const refused = checked.refused.length === 0 ? {} : { refused: checked.refused };
  return checked.held.length === 0
    ? { status: "absent", ...refused }
    : { status: "present", value: value(checked.held), ...refused };
}

/** As `fact`, of evidence that counts only whole: one lockfile that was refused leaves open what is in it. */
function wholeFact<T, U>(checked: Checked<T>, value: (held: readonly T[]) => U): Fact<U> {
  return checked.refused.length === 0 ? fact(checked, value) : { status: "absent", refused: checked.refused };
}

/** Facts of a release. What the evidence does not show is absent, with the refusals that say why. */
export function releaseFacts(
  release: Release,
  evidence: ReleaseEvidence,
  project: string,
  advisories: AdvisorySource,
  now: number,
): Facts {
  const { dependencies } = evidence;
  return {
    ...noFacts({ name: release.name, digests: { sha256: release.sha256 } }, now),
    signatures: fact(evidence.signatures, (held) =>
      held.map(({ bundle, signer }) => ({
        ...signer,
        ...(bundle.logEntries[0] === undefined ? {} : { logIndex: bundle.logEntries[0].logIndex }),
        timeMs: Math.min(...bundle.times.map(({ atMs }) => atMs)),
      })),
    ),
    provenance: fact(evidence.provenance, ([first]) => provenanceFact(first!)),
    layout: fact(evidence.layout, ([chain]) => ({ name: project, steps: [...chain!.steps.keys()] })),
    dependencies: wholeFact(dependencies, (held) => ({
      count: held.reduce((sum, { matched }) => sum + matched.length, 0),
      sources: held.map(({ lockfile }) => lockfile),
    })),
    ...advisoryFacts(
      wholeFact(dependencies, (held) => {
        const { found, unanswered } = findingsOf(held.flatMap(({ matched }) => matched));
        const unread = evidence.unreadableLockfiles.map((path) => ({
          package: path,
          version: "",
          reason: "this lockfile's format is not read",
        }));
        return { found, unanswered: [...unanswered, ...unread] };
      }),
      advisories,
    ),
  };
}

/** Facts of a lockfile alone, as `check` has them. */
export function dependencyFacts(
  name: string,
  sha256: string,
  matched: readonly MatchedDependency[],
  advisories: AdvisorySource,
  now: number,
): Facts {
  return {
    ...noFacts({ name, digests: { sha256 } }, now),
    dependencies: { status: "present", value: { count: matched.length, sources: [name] } },
    ...advisoryFacts({ status: "present", value: findingsOf(matched) }, advisories),
  };
}

function advisoryFacts(findings: Fact<FindingsFact>, source: AdvisorySource): Pick<Facts, "findings" | "advisoryData"> {
  const { asOfMs, exploitedAsOfMs } = source;
  const exploited = exploitedAsOfMs === undefined ? {} : { exploitedAsOf: exploitedAsOfMs };
  return { findings, advisoryData: { status: "present", value: { asOf: asOfMs, ...exploited } } };
}

function provenanceFact(result: ProvenanceResult): ProvenanceFact {
  const { level, builderId, buildType, source, provenance } = result;
  const isolation = provenance.buildDefinition.internalParameters["isolation"];
  return {
    builderId,
    level,
    buildType,
    sourceUri: source.uri,
    sourceCommit: source.gitCommit,
    ...(source.ref === undefined ? {} : { sourceRef: source.ref }),
    ...(typeof isolation === "string" ? { isolation } : {}),
  };
}

function findingsOf(matched: readonly MatchedDependency[]): FindingsFact {
  return {
    found: matched.flatMap(({ dependency, match }) =>
      match.findings.map((finding): FindingFact => ({
        id: finding.id,
        aliases: finding.aliases,
        ecosystem: dependency.ecosystem,
        package: dependency.name,
        version: dependency.version,
        purl: dependency.purl,
        malicious: finding.malicious,
        fixedVersions: finding.fixedVersions,
        ...(finding.severity === undefined ? {} : { severity: finding.severity }),
        ...(finding.knownExploited === undefined ? {} : { knownExploited: finding.knownExploited }),
        ...(match.upgrade === undefined ? {} : { upgrade: match.upgrade }),
      })),
    ),
    unanswered: matched.flatMap(({ dependency, match }) =>
      match.unanswered.map(({ reason }) => ({ package: dependency.name, version: dependency.version, reason })),
    ),
  };
}
