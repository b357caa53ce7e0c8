// Policy documents, https://sealwright.dev/policy/v1. Strict: an unknown field, an unknown rule or a repeated id is
// refused, and so is a rule that nothing could fail. Names are compared exactly; there are no patterns.

import { digestHex } from "../crypto/index.ts";
import { Fields, isProblem, parseJson, Problem, type Json } from "../core/index.ts";
import { limits, type Policy, type Rule, type RuleKind, type RuleOf, type Signer, type Source } from "./model.ts";

const code = "policy/document-invalid";
const policyType = "https://sealwright.dev/policy/v1";
const common = ["id", "description", "rule", "mode"];

/** `sha256:` and the digest of a document's bytes, as decisions and verification summaries cite it. */
export function policyDigest(bytes: Uint8Array): string {
  return `sha256:${digestHex("sha256", bytes)}`;
}

/**
 * The policy that the bytes hold.
 * Problems: `policy/document-invalid`, `policy/rule-unknown`, `policy/rule-duplicate`, `policy/vacuous-rule`,
 * `policy/rule-impossible`, `policy/pattern-unsupported`.
 */
export function parsePolicy(bytes: Uint8Array): Policy {
  const policy = Fields.of(strictJson(bytes, limits.policyBytes, code), "policy", code);
  policy.only("_type", "name", "version", "description", "rules");
  policy.oneOf("_type", policyType);
  const description = policy.optional("description", (name) => policy.string(name, { max: limits.textLength }));
  const rules = policy.objects("rules", { min: 1, max: limits.rules }, rule);
  refuseRepeats(
    rules.map(({ id }) => id),
    "policy/rule-duplicate",
    "rule",
  );
  return {
    name: policy.string("name", { min: 1, max: 200 }),
    version: policy.integer("version", { min: 1 }),
    ...(description === undefined ? {} : { description }),
    digest: policyDigest(bytes),
    rules,
  };
}

/** Strict JSON under a code of this area. */
export function strictJson(
  bytes: Uint8Array,
  maxBytes: number,
  problem: "policy/document-invalid" | "policy/exceptions-invalid",
): Json {
  try {
    return parseJson(bytes, { maxBytes, numbers: "integer" });
  } catch (cause) {
    throw new Problem(problem, isProblem(cause) ? cause.message : "document is not strict JSON", { cause });
  }
}

/** Ids of rules and exceptions: lower case, digits and hyphens would do, upper case and dots are common. */
export function documentId(fields: Fields, name: string): string {
  const id = fields.string(name, { min: 1, max: 64 });
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id)) throw fields.problem(name, "is not an id of letters, digits, . _ -");
  return id;
}

export function refuseRepeats(ids: readonly string[], problem: `policy/${string}`, what: string): void {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) throw new Problem(problem, `${what} ${JSON.stringify(id)} stands twice`);
    seen.add(id);
  }
}

type Parameters<K extends RuleKind> = Omit<RuleOf<K>, "id" | "description" | "mode" | "rule">;

const parsers: { readonly [K in RuleKind]: (fields: Fields) => Parameters<K> } = {
  "signed-by": signedBy,
  "build-level": buildLevel,
  "built-from": (fields) => ({
    sources: nonEmpty(fields, "sources", () => fields.objects("sources", { max: limits.items }, source)),
  }),
  isolation: (fields) => ({ allowed: names(fields, "allowed") }),
  layout: (fields) => ({ layout: exact(fields, "layout"), steps: names(fields, "steps") }),
  "minimum-age": (fields) => ({ hours: above0(fields, "hours", 24 * 365) }),
  "no-known-exploited": () => ({}),
  "no-malicious": () => ({}),
  "no-vulnerable": (fields) => ({
    minimumSeverity: fields.oneOf("minimumSeverity", "low", "moderate", "high", "critical"),
  }),
  "advisory-data-fresh": (fields) => ({ maxAgeHours: above0(fields, "maxAgeHours", 24 * 90) }),
};
const parameterNames: Readonly<Record<RuleKind, readonly string[]>> = {
  "signed-by": ["signers", "threshold"],
  "build-level": ["minimum", "builders"],
  "built-from": ["sources"],
  isolation: ["allowed"],
  layout: ["layout", "steps"],
  "minimum-age": ["hours"],
  "no-known-exploited": [],
  "no-malicious": [],
  "no-vulnerable": ["minimumSeverity"],
  "advisory-data-fresh": ["maxAgeHours"],
};

/** The rules a policy can be made of. */
export const ruleKinds = Object.keys(parsers) as readonly RuleKind[];

function rule(fields: Fields): Rule {
  const id = documentId(fields, "id");
  const kind = fields.string("rule", { max: 64 });
  if (!isRuleKind(kind)) {
    throw new Problem("policy/rule-unknown", `rule ${id} is of unknown kind ${JSON.stringify(kind)}`, {
      hint: `known are ${ruleKinds.join(", ")}`,
    });
  }
  fields.only(...common, ...parameterNames[kind]);
  const description = fields.optional("description", (name) => fields.string(name, { max: limits.textLength }));
  return {
    id,
    ...(description === undefined ? {} : { description }),
    mode: fields.oneOf("mode", "enforce", "warn"),
    rule: kind,
    ...parsers[kind](fields),
  } as Rule;
}

function isRuleKind(kind: string): kind is RuleKind {
  return Object.hasOwn(parsers, kind);
}

function vacuous(fields: Fields, name: string, what: string): Problem {
  return new Problem(
    "policy/vacuous-rule",
    `a rule that nothing can fail is refused: ${fields.problem(name, what).message}`,
  );
}

function nonEmpty<T>(fields: Fields, name: string, read: () => readonly T[]): readonly T[] {
  if (!fields.has(name)) throw vacuous(fields, name, "is missing");
  const items = read();
  if (items.length === 0) throw vacuous(fields, name, "is empty");
  return items;
}

/** A name to be compared whole. What looks like a pattern would silently match nothing, so it is refused. */
function checked(fields: Fields, name: string, text: string): string {
  if (text === "") throw vacuous(fields, name, "holds an empty text");
  if (text.length > limits.textLength) throw fields.problem(name, "holds a text that is too long");
  if (/\*|^\^|\$$/.test(text)) {
    throw new Problem(
      "policy/pattern-unsupported",
      `${fields.problem(name, "holds a pattern").message}; names are compared exactly`,
    );
  }
  return text;
}

function exact(fields: Fields, name: string): string {
  return checked(fields, name, fields.string(name));
}

function names(fields: Fields, name: string): readonly string[] {
  const texts = nonEmpty(fields, name, () => fields.strings(name, { max: limits.items }));
  return texts.map((text) => checked(fields, name, text));
}

function above0(fields: Fields, name: string, max: number): number {
  if (fields.integer(name, { max }) === 0) throw vacuous(fields, name, "is 0");
  return fields.integer(name, { max });
}

function signedBy(fields: Fields): Parameters<"signed-by"> {
  const signers = nonEmpty(fields, "signers", () =>
    fields.objects("signers", { max: limits.items }, (each): Signer => {
      each.only("issuer", "identity");
      return { issuer: exact(each, "issuer"), identity: exact(each, "identity") };
    }),
  );
  const threshold = fields.optional("threshold", (name) => fields.integer(name)) ?? 1;
  if (threshold === 0) throw vacuous(fields, "threshold", "is 0");
  const distinct = new Set(signers.map(({ issuer, identity }) => JSON.stringify([issuer, identity])));
  if (distinct.size < signers.length) throw fields.problem("signers", "names a signer twice");
  if (threshold > distinct.size) {
    throw new Problem("policy/rule-impossible", fields.problem("threshold", "is above the number of signers").message);
  }
  return { signers, threshold };
}

function buildLevel(fields: Fields): Parameters<"build-level"> {
  const minimum = fields.integer("minimum", { max: 3 });
  if (minimum === 0) throw vacuous(fields, "minimum", "is 0");
  return { minimum: minimum as 1 | 2 | 3, builders: names(fields, "builders") };
}

function source(fields: Fields): Source {
  fields.only("uri", "refs");
  const uri = exact(fields, "uri");
  return fields.has("refs") ? { uri, refs: names(fields, "refs") } : { uri };
}
