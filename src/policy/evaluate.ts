// The decision: a pure function of policy, exceptions and facts. The command line, the build task, the admission
// webhook and the re-scan all run this one.

import { assert } from "../core/index.ts";
import { rule as applyRule } from "./apply-exceptions.ts";
import type { Facts } from "./facts.ts";
import type { Decision, ExceptionSet, ExceptionUse, Policy, Reason, Rule } from "./model.ts";
import { buildLevel, builtFrom, isolation, layoutFollowed, minimumAge, signedBy } from "./rules-evidence.ts";
import { advisoryDataFresh, noKnownExploited, noMalicious, noVulnerable } from "./rules-findings.ts";
import type { Verdict } from "./verdict.ts";

/** No exceptions, for where none are granted. */
export const noExceptions: ExceptionSet = { digest: "", exceptions: [] };

/**
 * Admitted when every enforced rule passes or is excepted; refused when one fails; otherwise undetermined.
 * Every rule is evaluated and every reason listed, whatever the first ones say.
 */
export function evaluate(policy: Policy, exceptions: ExceptionSet, facts: Facts): Decision {
  assert(policy.rules.length > 0, "a policy has rules");
  assert(Number.isSafeInteger(facts.now), "now is a time in ms");
  const reasons: Reason[] = [];
  const uses = new Map<string, ExceptionUse>();
  for (const rule of policy.rules) {
    const verdicts = verdictsOf(rule, facts);
    assert(verdicts.length > 0, "a rule says something");
    for (const verdict of verdicts) {
      const ruling = applyRule(rule, verdict, exceptions.exceptions, facts);
      reasons.push(...ruling.reasons);
      for (const use of ruling.uses) uses.set(use.id, use);
    }
  }
  reasons.push(...unknownRules(policy, exceptions));
  const { name, version, digest } = policy;
  return {
    outcome: outcomeOf(reasons),
    subject: facts.subject,
    policy: { name, version, digest },
    ...(exceptions.digest === "" ? {} : { exceptionsDigest: exceptions.digest }),
    decidedAt: facts.now,
    reasons,
    exceptions: [...uses.values()],
  };
}

function outcomeOf(reasons: readonly Reason[]): Decision["outcome"] {
  if (reasons.some(({ outcome }) => outcome === "fail")) return "refused";
  return reasons.some(({ outcome }) => outcome === "undetermined") ? "undetermined" : "admitted";
}

function verdictsOf(rule: Rule, facts: Facts): readonly Verdict[] {
  switch (rule.rule) {
    case "signed-by":
      return signedBy(rule, facts);
    case "build-level":
      return buildLevel(rule, facts);
    case "built-from":
      return builtFrom(rule, facts);
    case "isolation":
      return isolation(rule, facts);
    case "layout":
      return layoutFollowed(rule, facts);
    case "minimum-age":
      return minimumAge(rule, facts);
    case "no-known-exploited":
      return noKnownExploited(rule, facts);
    case "no-malicious":
      return noMalicious(rule, facts);
    case "no-vulnerable":
      return noVulnerable(rule, facts);
    case "advisory-data-fresh":
      return advisoryDataFresh(rule, facts);
  }
}

/** An exception for a rule that is not there is a slip in one of the two documents: said, but it decides nothing. */
function unknownRules(policy: Policy, { exceptions }: ExceptionSet): readonly Reason[] {
  const known = new Set(policy.rules.map(({ id }) => id));
  return exceptions
    .filter(({ rule }) => !known.has(rule))
    .map(({ id, rule }) => ({
      rule,
      outcome: "warn",
      code: "policy/exception-unknown-rule",
      sentence: `exception ${id} is for rule ${rule}, which this policy does not have`,
      evidence: { exception: id },
    }));
}
