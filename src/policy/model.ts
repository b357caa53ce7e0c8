// Policy and exception documents, and the decision they lead to. Formats: https://sealwright.dev/policy/v1 and
// https://sealwright.dev/exceptions/v1; both are TUF targets.

import type { JsonObject, ProblemCode } from "../core/index.ts";

export interface Signer {
  readonly issuer: string;
  readonly identity: string;
}

export interface Source {
  readonly uri: string;
  /** Any ref when missing. */
  readonly refs?: readonly string[];
}

interface Common {
  readonly id: string;
  readonly description?: string;
  readonly mode: "enforce" | "warn";
}

export type Rule = Common &
  (
    | { readonly rule: "signed-by"; readonly signers: readonly Signer[]; readonly threshold: number }
    | { readonly rule: "build-level"; readonly minimum: 1 | 2 | 3; readonly builders: readonly string[] }
    | { readonly rule: "built-from"; readonly sources: readonly Source[] }
    | { readonly rule: "isolation"; readonly allowed: readonly string[] }
    | { readonly rule: "layout"; readonly layout: string; readonly steps: readonly string[] }
    | { readonly rule: "minimum-age"; readonly hours: number }
    | { readonly rule: "no-known-exploited" }
    | { readonly rule: "no-malicious" }
    | { readonly rule: "no-vulnerable"; readonly minimumSeverity: "low" | "moderate" | "high" | "critical" }
    | { readonly rule: "advisory-data-fresh"; readonly maxAgeHours: number }
  );
export type RuleKind = Rule["rule"];
/** The rule of one kind, with its parameters. */
export type RuleOf<K extends RuleKind> = Extract<Rule, { readonly rule: K }>;

export interface Policy {
  readonly name: string;
  readonly version: number;
  readonly description?: string;
  /** `sha256:` and the digest of the document's bytes. */
  readonly digest: string;
  readonly rules: readonly Rule[];
}

/** One approved, temporary deviation. It applies where every scope it names applies. */
export interface Exception {
  readonly id: string;
  /** The id of a rule of the policy. */
  readonly rule: string;
  /** Advisory id or alias. */
  readonly finding?: string;
  /** Package URL without version. */
  readonly package?: string;
  /** `sha256:` and digest. */
  readonly subject?: string;
  readonly reason: string;
  readonly approvedBy: string;
  readonly created: number;
  readonly expires: number;
}

export interface ExceptionSet {
  readonly digest: string;
  readonly exceptions: readonly Exception[];
}

export type ReasonOutcome = "pass" | "fail" | "undetermined" | "excepted" | "warn";

/** One thing that a rule found. A rule gives at least one. */
export interface Reason {
  readonly rule: string;
  readonly outcome: ReasonOutcome;
  readonly code: ProblemCode;
  readonly sentence: string;
  readonly evidence: JsonObject;
  /** The shortest way out, a sentence. */
  readonly remedy?: string;
}

/** An exception that had to do with this decision. */
export interface ExceptionUse {
  readonly id: string;
  readonly rule: string;
  readonly state: "applied" | "expired" | "pending";
  readonly approvedBy: string;
  readonly expires: number;
}

export interface Decision {
  /** `refused` and `undetermined` both mean: not admitted. */
  readonly outcome: "admitted" | "refused" | "undetermined";
  readonly subject: { readonly name: string; readonly digests: Readonly<Record<string, string>> };
  readonly policy: { readonly name: string; readonly version: number; readonly digest: string };
  readonly exceptionsDigest?: string;
  readonly decidedAt: number;
  /** Every reason of every rule, in the order of the policy. */
  readonly reasons: readonly Reason[];
  readonly exceptions: readonly ExceptionUse[];
}

/** Limits of this area, in one place. */
export const limits = {
  policyBytes: 1024 * 1024,
  rules: 500,
  items: 1_000,
  textLength: 2_048,
  exceptionsBytes: 8 * 1024 * 1024,
  exceptions: 10_000,
  /** The longest an exception may last: 90 days. */
  exceptionMs: 90 * 86_400_000,
  /** Advisory data up to this far ahead of the clock is taken for a clock that is a little off. */
  clockSkewMs: 5 * 60_000,
} as const;
