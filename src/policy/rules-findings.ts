// Rules about what the subject is made of. A known bad finding always fails; the absence of findings passes only when
// the parts are known, every one of them could be looked up, and there was data to look it up in.

import { formatUtcSeconds, hourMs, type JsonObject, type ProblemCode } from "../core/index.ts";
import type { AdvisoryDataFact, Facts, FindingFact } from "./facts.ts";
import { limits, type RuleOf } from "./model.ts";
import { fail, held, pass, undetermined, type Verdict } from "./verdict.ts";

const severities = ["low", "moderate", "high", "critical"] as const;

export function noKnownExploited(_rule: RuleOf<"no-known-exploited">, facts: Facts): readonly Verdict[] {
  const verdicts = ofFindings(facts, "known exploited vulnerability", (finding) => {
    if (finding.knownExploited === undefined) return undefined;
    return { code: "policy/known-exploited", says: `known to be exploited since ${finding.knownExploited.dateAdded}` };
  });
  const { advisoryData } = facts;
  if (advisoryData.status !== "present" || advisoryData.value.exploitedAsOf !== undefined) return verdicts;
  const sentence = "there is no catalogue of known exploited vulnerabilities";
  return [
    ...verdicts.filter(({ outcome }) => outcome !== "pass"),
    undetermined("policy/evidence-unavailable", sentence, {}, "update the advisory data"),
  ];
}

export function noMalicious(_rule: RuleOf<"no-malicious">, facts: Facts): readonly Verdict[] {
  return ofFindings(facts, "malicious package", (finding) =>
    finding.malicious ? { code: "policy/malicious", says: "which calls it malicious" } : undefined,
  );
}

/** An advisory that states no severity counts as the worst. */
export function noVulnerable(rule: RuleOf<"no-vulnerable">, facts: Facts): readonly Verdict[] {
  const least = severities.indexOf(rule.minimumSeverity);
  return ofFindings(facts, `vulnerability of severity ${rule.minimumSeverity} or above`, ({ severity }) => {
    if (severity !== undefined && severities.indexOf(severity) < least) return undefined;
    return { code: "policy/vulnerable", says: `severity ${severity ?? "not stated"}` };
  });
}

interface Complaint {
  readonly code: ProblemCode;
  readonly says: string;
}

function ofFindings(
  facts: Facts,
  noun: string,
  judge: (finding: FindingFact) => Complaint | undefined,
): readonly Verdict[] {
  const { findings } = facts;
  // What was found is true even when it could not be renewed.
  const found = findings.status === "present" || findings.status === "stale" ? findings.value.found : [];
  const complaints = [...found].sort(byPackage).flatMap((finding) => {
    const complaint = judge(finding);
    return complaint === undefined ? [] : [complain(finding, complaint)];
  });
  const verdicts = [...complaints, ...gaps(facts)];
  if (verdicts.length > 0) return verdicts;
  const count = facts.dependencies.status === "present" ? facts.dependencies.value.count : 0;
  return [pass(`no ${noun} among ${count} packages`, { packages: count })];
}

function byPackage(a: FindingFact, b: FindingFact): number {
  const left = `${a.package}\n${a.version}\n${a.id}`;
  const right = `${b.package}\n${b.version}\n${b.id}`;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function complain(finding: FindingFact, { code, says }: Complaint): Verdict {
  const { id, aliases, package: name, version } = finding;
  const also = aliases.length === 0 ? "" : ` (${aliases.join(", ")})`;
  const sentence = `${name} ${version} is affected by ${id}${also}, ${says}`;
  return { ...fail(code, sentence, findingJson(finding), remedy(finding)), finding };
}

function remedy({ package: name, version, upgrade, fixedVersions }: FindingFact): string {
  const to = upgrade ?? fixedVersions[0];
  return to === undefined
    ? `remove ${name} ${version}: no fixed version is known`
    : `upgrade ${name} from ${version} to ${to}`;
}

function findingJson(finding: FindingFact): JsonObject {
  const { id, aliases, ecosystem, version, severity, malicious, knownExploited, fixedVersions } = finding;
  return {
    id,
    aliases: [...aliases],
    ecosystem,
    package: finding.package,
    version,
    ...(severity === undefined ? {} : { severity }),
    malicious,
    ...(knownExploited === undefined ? {} : { knownExploited: { ...knownExploited } }),
    fixedVersions: [...fixedVersions],
  };
}

/** Everything that keeps "nothing was found" from meaning "there is nothing". */
function gaps({ dependencies, findings, advisoryData }: Facts): readonly Verdict[] {
  const out: Verdict[] = [
    held(dependencies, "list of packages"),
    held(findings, "result of matching packages with advisories"),
    held(advisoryData, "advisory data"),
  ].flatMap((fact) => ("outcome" in fact ? [fact] : []));
  if (dependencies.status === "present" && dependencies.value.sources.length === 0) {
    out.push(fail("policy/evidence-absent", "no lockfile or bill of materials names the packages", {}));
  }
  if (findings.status === "present" || findings.status === "stale") out.push(...unanswered(findings.value.unanswered));
  return out;
}

/** One verdict for each reason, since one missing feed may concern a thousand packages. */
function unanswered(
  items: readonly { readonly package: string; readonly version: string; readonly reason: string }[],
): readonly Verdict[] {
  const byReason = new Map<string, string[]>();
  for (const { package: name, version, reason } of items) {
    byReason.set(reason, [...(byReason.get(reason) ?? []), `${name} ${version}`]);
  }
  return [...byReason].sort().map(([reason, packages]) => {
    const subject = packages.length === 1 ? packages[0] : `${packages.length} packages`;
    const sentence = `${subject} could not be matched with advisories: ${reason}`;
    return undetermined("policy/advisories-unanswered", sentence, { reason, packages: packages.sort() });
  });
}

/** Both the advisories and the catalogue, where there is one, are of the last `maxAgeHours` hours. */
export function advisoryDataFresh(rule: RuleOf<"advisory-data-fresh">, facts: Facts): readonly Verdict[] {
  const { advisoryData, now } = facts;
  const remedy = "update the advisory data";
  const fact = held(advisoryData, "advisory data");
  if ("outcome" in fact) return [{ remedy, ...fact }];
  const oldest = oldestOf(fact.value);
  const newest = Math.max(fact.value.asOf, fact.value.exploitedAsOf ?? 0);
  if (!(newest <= now + limits.clockSkewMs)) {
    return [undetermined("policy/advisory-data-from-the-future", "advisory data is dated after now", {}, remedy)];
  }
  const evidence = { asOf: formatUtcSeconds(oldest), maxAgeHours: rule.maxAgeHours };
  if (now - oldest <= rule.maxAgeHours * hourMs) return [pass(`advisory data is of ${evidence.asOf}`, evidence)];
  const sentence = `advisory data is of ${evidence.asOf}, more than ${rule.maxAgeHours} hours ago`;
  return [fail("policy/advisory-data-old", sentence, evidence, remedy)];
}

function oldestOf({ asOf, exploitedAsOf }: AdvisoryDataFact): number {
  return exploitedAsOf === undefined ? asOf : Math.min(asOf, exploitedAsOf);
}
