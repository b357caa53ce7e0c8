// Exceptions turn a verdict into "excepted", one verdict by one exception: two partial ones never add up.
// An exception that has ended, or has not begun, changes nothing and is named.

import { formatUtcSeconds } from "../core/index.ts";
import type { Facts } from "./facts.ts";
import type { Exception, ExceptionUse, Reason, Rule } from "./model.ts";
import type { Verdict } from "./verdict.ts";

function state({ created, expires }: Exception, now: number): ExceptionUse["state"] {
  if (now >= expires) return "expired";
  return now < created ? "pending" : "applied";
}

/**
 * Every scope that the exception names must be the verdict's. A verdict that is about no finding is excepted only for
 * a subject, whole: a finding or a package says nothing about a missing signature.
 */
function covers(exception: Exception, { finding }: Verdict, { subject }: Facts): boolean {
  if (exception.subject !== undefined) {
    const digests = Object.entries(subject.digests).map(([algorithm, digest]) => `${algorithm}:${digest}`);
    if (!digests.includes(exception.subject)) return false;
  }
  if (exception.finding !== undefined) {
    if (finding === undefined || ![finding.id, ...finding.aliases].includes(exception.finding)) return false;
  }
  if (exception.package !== undefined) {
    if (finding === undefined || withoutVersion(finding.purl) !== exception.package) return false;
  }
  return true;
}

/** A canonical package URL encodes every `@`, `?` and `#` of its names, so the first one ends them. */
function withoutVersion(purl: string): string {
  return purl.split(/[@?#]/, 1)[0] as string;
}

export interface Ruling {
  readonly reasons: readonly Reason[];
  readonly uses: readonly ExceptionUse[];
}

/** The verdict as reasons of a decision, with the exceptions of its rule applied and the rule's mode. */
export function rule({ id, mode }: Rule, verdict: Verdict, exceptions: readonly Exception[], facts: Facts): Ruling {
  const { outcome, code, sentence, evidence, remedy } = verdict;
  const reason: Reason = { rule: id, outcome, code, sentence, evidence, ...(remedy === undefined ? {} : { remedy }) };
  if (outcome === "pass") return { reasons: [reason], uses: [] };
  const covering = exceptions.filter((exception) => exception.rule === id && covers(exception, verdict, facts));
  const active = covering.find((exception) => state(exception, facts.now) === "applied");
  if (active !== undefined) return { reasons: [excepted(reason, active)], uses: [use(active, facts.now)] };
  const moded: Reason = mode === "warn" ? { ...reason, outcome: "warn" } : reason;
  return {
    reasons: [moded, ...covering.map((exception) => notInForce(moded, exception, facts.now))],
    uses: covering.map((exception) => use(exception, facts.now)),
  };
}

function use(exception: Exception, now: number): ExceptionUse {
  const { id, rule, approvedBy, expires } = exception;
  return { id, rule, state: state(exception, now), approvedBy, expires };
}

function excepted({ rule, code, sentence, evidence }: Reason, exception: Exception): Reason {
  const until = formatUtcSeconds(exception.expires);
  const granted = `exception ${exception.id}, approved by ${exception.approvedBy} until ${until}: ${exception.reason}`;
  return {
    rule,
    outcome: "excepted",
    code: "policy/excepted",
    sentence: `${sentence}; ${granted}`,
    evidence: { ...evidence, excepted: code, exception: exception.id, expires: until },
  };
}

function notInForce({ rule, outcome }: Reason, exception: Exception, now: number): Reason {
  const expired = state(exception, now) === "expired";
  const at = formatUtcSeconds(expired ? exception.expires : exception.created);
  return {
    rule,
    outcome,
    code: expired ? "policy/exception-expired" : "policy/exception-pending",
    sentence: `exception ${exception.id} ${expired ? "expired" : "does not begin before"} ${expired ? "at " : ""}${at}`,
    evidence: { exception: exception.id, at },
  };
}
