// What one rule says before exceptions and modes are applied, and what it says when evidence is not there.

import { formatUtcSeconds, type JsonObject, type ProblemCode } from "../core/index.ts";
import type { Fact, FindingFact, Refusal } from "./facts.ts";

export interface Verdict {
  readonly outcome: "pass" | "fail" | "undetermined";
  readonly code: ProblemCode;
  readonly sentence: string;
  readonly evidence: JsonObject;
  readonly remedy?: string;
  /** The finding that the verdict is about, for exceptions that name one. */
  readonly finding?: FindingFact;
}

export function pass(sentence: string, evidence: JsonObject): Verdict {
  return { outcome: "pass", code: "policy/satisfied", sentence, evidence };
}

export function fail(code: ProblemCode, sentence: string, evidence: JsonObject, remedy?: string): Verdict {
  return { outcome: "fail", code, sentence, evidence, ...(remedy === undefined ? {} : { remedy }) };
}

export function undetermined(code: ProblemCode, sentence: string, evidence: JsonObject, remedy?: string): Verdict {
  return { outcome: "undetermined", code, sentence, evidence, ...(remedy === undefined ? {} : { remedy }) };
}

/** Refused evidence as a decision cites it. */
export function refusals(refused: readonly Refusal[] | undefined): JsonObject {
  if (refused === undefined || refused.length === 0) return {};
  return { refused: refused.map(({ code, message }) => ({ code, message })) };
}

/** A fact's value, or why it cannot be used. Only `present` gives a value, so nothing else can lead to a pass. */
export function held<T>(fact: Fact<T>, noun: string): { readonly value: T } | Verdict {
  const evidence = refusals(fact.refused);
  switch (fact.status) {
    case "present":
      return { value: fact.value };
    case "unavailable":
      return undetermined("policy/evidence-unavailable", `${noun} could not be checked: ${fact.reason}`, evidence);
    case "stale": {
      const since = formatUtcSeconds(fact.since);
      const sentence = `${noun} could not be renewed since ${since}`;
      return undetermined("policy/evidence-stale", sentence, { ...evidence, since });
    }
    case "absent": {
      const [first] = fact.refused ?? [];
      if (first === undefined) return fail("policy/evidence-absent", `there is no ${noun}`, evidence);
      const sentence = `the ${noun} that was offered did not verify: ${first.message} (${first.code})`;
      return fail("policy/evidence-refused", sentence, evidence);
    }
  }
}
