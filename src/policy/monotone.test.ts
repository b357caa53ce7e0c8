// The decision as a whole: whatever policy, facts and exceptions, less evidence never admits what more did not, and
// more that is bad never admits either.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { dayMs, hourMs } from "../core/index.ts";
import { evaluate } from "./evaluate.ts";
import type { Fact, Facts, FindingFact, FindingsFact } from "./facts.ts";
import type { Exception, Policy, Rule } from "./model.ts";

const now = Date.UTC(2026, 5, 1);
const few = fc.constantFrom("a", "b", "c");
const digest = "ab".repeat(32);

function fact<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Fact<T>> {
  return fc.oneof(
    { weight: 6, arbitrary: value.map((each) => ({ status: "present", value: each }) as Fact<T>) },
    { weight: 1, arbitrary: fc.constant<Fact<T>>({ status: "absent" }) },
    { weight: 1, arbitrary: fc.constant<Fact<T>>({ status: "absent", refused: [{ code: "a/b", message: "m" }] }) },
    { weight: 1, arbitrary: fc.constant<Fact<T>>({ status: "unavailable", reason: "r" }) },
    { weight: 1, arbitrary: value.map((each) => ({ status: "stale", value: each, since: now }) as Fact<T>) },
  );
}

const finding: fc.Arbitrary<FindingFact> = fc
  .record({
    id: few,
    name: few,
    malicious: fc.boolean(),
    exploited: fc.boolean(),
    severity: fc.constantFrom("low", "high", undefined),
  })
  .map(({ id, name, malicious, exploited, severity }) => ({
    id,
    aliases: [`CVE-${id}`],
    ecosystem: "npm",
    package: name,
    version: "1.0.0",
    purl: `pkg:npm/${name}@1.0.0`,
    malicious,
    fixedVersions: [],
    ...(exploited ? { knownExploited: { dateAdded: "2026-01-01", dueDate: "2026-01-02" } } : {}),
    ...(severity === undefined ? {} : { severity }),
  }));

const signature = fc.record({ issuer: few, identity: few, timeMs: fc.constant(now) });
const facts: fc.Arbitrary<Facts> = fc.record({
  subject: fc.constant({ name: "s", digests: { sha256: digest } }),
  now: fc.constant(now),
  signatures: fact(fc.array(signature, { maxLength: 4 })),
  provenance: fact(
    fc.record({
      builderId: few,
      level: fc.constantFrom(0, 1, 2, 3),
      buildType: few,
      sourceUri: few,
      sourceCommit: few,
      sourceRef: few,
      isolation: few,
    }),
  ),
  layout: fact(fc.record({ name: few, steps: fc.uniqueArray(few) })),
  dependencies: fact(fc.constant({ count: 3, sources: ["package-lock.json"] })),
  findings: fact(
    fc.record({
      found: fc.array(finding, { maxLength: 2 }),
      unanswered: fc.array(fc.record({ package: few, version: few, reason: few }), { maxLength: 1 }),
    }),
  ),
  advisoryData: fact(fc.nat(30).map((hours) => ({ asOf: now - hours * hourMs, exploitedAsOf: now - hours * hourMs }))),
  publishedAt: fact(fc.nat(100).map((hours) => now - hours * hourMs)),
});

const mode = fc.constantFrom<"enforce" | "warn">("enforce", "enforce", "enforce", "warn");
const bodies: fc.Arbitrary<object> = fc.oneof(
  fc.record({
    rule: fc.constant("signed-by"),
    signers: fc.uniqueArray(fc.record({ issuer: few, identity: few }), { minLength: 1, maxLength: 4 }),
    threshold: fc.constantFrom(1, 2),
  }),
  fc.record({
    rule: fc.constant("build-level"),
    minimum: fc.constantFrom(1, 2, 3),
    builders: fc.uniqueArray(few, { minLength: 1 }),
  }),
  fc.record({
    rule: fc.constant("built-from"),
    sources: fc.array(fc.record({ uri: few, refs: fc.uniqueArray(few, { minLength: 1 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
  fc.record({ rule: fc.constant("isolation"), allowed: fc.uniqueArray(few, { minLength: 1 }) }),
  fc.record({ rule: fc.constant("layout"), layout: few, steps: fc.uniqueArray(few, { minLength: 1, maxLength: 2 }) }),
  fc.record({ rule: fc.constant("minimum-age"), hours: fc.integer({ min: 1, max: 50 }) }),
  fc.constant({ rule: "no-known-exploited" }),
  fc.constant({ rule: "no-malicious" }),
  fc.record({ rule: fc.constant("no-vulnerable"), minimumSeverity: fc.constantFrom("low", "high") }),
  fc.record({ rule: fc.constant("advisory-data-fresh"), maxAgeHours: fc.integer({ min: 1, max: 40 }) }),
);
const policy: fc.Arbitrary<Policy> = fc.array(fc.tuple(mode, bodies), { minLength: 1, maxLength: 4 }).map((rules) => ({
  name: "p",
  version: 1,
  digest: "sha256:00",
  rules: rules.map(([mode, body], index) => ({ id: `r${index}`, mode, ...body }) as Rule),
}));

const exception: fc.Arbitrary<Exception> = fc
  .record({
    rule: fc.constantFrom("r0", "r1", "r2", "r3"),
    scope: fc.oneof(
      few.map((name) => ({ finding: name })),
      few.map((name) => ({ package: `pkg:npm/${name}` })),
      fc.constant({ subject: `sha256:${digest}` }),
    ),
    days: fc.constantFrom(-1, 1),
  })
  .map(({ rule, scope, days }) => ({
    id: "EX",
    rule,
    ...scope,
    reason: "r",
    approvedBy: "a",
    created: now - 2 * dayMs,
    expires: now + days * dayMs,
  }));
const exceptions = fc.array(exception, { maxLength: 3 }).map((list) => ({ digest: "sha256:11", exceptions: list }));

const names = [
  "signatures",
  "provenance",
  "layout",
  "dependencies",
  "findings",
  "advisoryData",
  "publishedAt",
] as const;

/** The same facts with one of them taken away, or its signatures thinned out. */
const lessEvidence: fc.Arbitrary<(before: Facts) => Facts> = fc.oneof(
  fc.constantFrom(...names).chain((name) =>
    fc
      .constantFrom<Fact<never>>(
        { status: "absent" },
        { status: "absent", refused: [{ code: "a/b", message: "m" }] },
        { status: "unavailable", reason: "r" },
      )
      .map((gone) => (before: Facts): Facts => ({ ...before, [name]: gone })),
  ),
  fc.constantFrom(...names).map((name) => (before: Facts): Facts => {
    const held = before[name];
    return held.status === "present" ? { ...before, [name]: { ...held, status: "stale", since: now } } : before;
  }),
  fc.nat(3).map((index) => (before: Facts): Facts => {
    const { signatures } = before;
    if (signatures.status !== "present") return before;
    return { ...before, signatures: { ...signatures, value: signatures.value.filter((_, at) => at !== index) } };
  }),
);

/** The same facts with something bad added. */
const moreBad: fc.Arbitrary<(before: Facts) => Facts> = fc.oneof(
  finding.map((each) => (before: Facts) => addToFindings(before, { found: [each], unanswered: [] })),
  few.map(
    (each) => (before: Facts) =>
      addToFindings(before, { found: [], unanswered: [{ package: each, version: "1", reason: "r" }] }),
  ),
  fc.constantFrom(...names).map((name) => (before: Facts): Facts => ({
    ...before,
    [name]: { ...before[name], refused: [{ code: "a/b", message: "m" }] },
  })),
);

function addToFindings(before: Facts, { found, unanswered }: FindingsFact): Facts {
  const { findings } = before;
  if (findings.status !== "present") return before;
  const value = {
    found: [...findings.value.found, ...found],
    unanswered: [...findings.value.unanswered, ...unanswered],
  };
  return { ...before, findings: { ...findings, value } };
}

for (const [what, change] of [
  ["taking evidence away", lessEvidence],
  ["adding what is bad", moreBad],
] as const) {
  test(`${what} never admits what was not admitted before`, () => {
    let admitted = 0;
    fc.assert(
      fc.property(
        policy,
        exceptions,
        facts,
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (p, e, before, changes) => {
          const after = changes.reduce((each, next) => next(each), before);
          const was = evaluate(p, e, before).outcome;
          if (was === "admitted") admitted++;
          else assert.notEqual(evaluate(p, e, after).outcome, "admitted");
        },
      ),
      { numRuns: 4_000 },
    );
    assert.ok(admitted > 100, "both kinds of outcome were seen");
  });
}

test("the same policy, exceptions and facts give the same decision, whatever the order of the findings", () => {
  fc.assert(
    fc.property(policy, exceptions, facts, (p, e, before) => {
      const first = evaluate(p, e, before);
      assert.deepEqual(evaluate(p, e, before), first);
      if (before.findings.status !== "present") return;
      const found = [...before.findings.value.found].reverse();
      const turned = { ...before, findings: { ...before.findings, value: { ...before.findings.value, found } } };
      assert.equal(evaluate(p, e, turned).outcome, first.outcome);
    }),
    { numRuns: 2_000 },
  );
});

test("an admitted subject has no enforced rule that fails or is undetermined, and no rule is passed over", () => {
  fc.assert(
    fc.property(policy, exceptions, facts, (p, e, before) => {
      const { outcome, reasons } = evaluate(p, e, before);
      for (const rule of p.rules) assert.ok(reasons.some((reason) => reason.rule === rule.id));
      const open = reasons.some((reason) => reason.outcome === "fail" || reason.outcome === "undetermined");
      assert.equal(outcome === "admitted", !open);
    }),
    { numRuns: 2_000 },
  );
});
