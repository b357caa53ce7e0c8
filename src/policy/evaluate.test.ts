import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs, hourMs } from "../core/index.ts";
import { evaluate, noExceptions } from "./evaluate.ts";
import { explain, remediesOf } from "./explain.ts";
import { noFacts, type Fact, type Facts, type FindingFact } from "./facts.ts";
import type { Decision, Exception, ExceptionSet, Policy, Rule } from "./model.ts";

const now = Date.UTC(2026, 5, 1);
const subject = { name: "shop-1.0.jar", digests: { sha256: "ab".repeat(32) } };
const signer = { issuer: "https://issuer.example", identity: "build@example.org" };

const rules: readonly Rule[] = [
  { id: "signed", mode: "enforce", rule: "signed-by", signers: [signer], threshold: 1 },
  { id: "level", mode: "enforce", rule: "build-level", minimum: 2, builders: ["https://builder.example"] },
  {
    id: "source",
    mode: "enforce",
    rule: "built-from",
    sources: [{ uri: "git+https://git.example/shop", refs: ["refs/heads/main"] }],
  },
  { id: "isolated", mode: "enforce", rule: "isolation", allowed: ["bubblewrap"] },
  { id: "steps", mode: "enforce", rule: "layout", layout: "release", steps: ["test"] },
  { id: "age", mode: "enforce", rule: "minimum-age", hours: 72 },
  { id: "no-kev", mode: "enforce", rule: "no-known-exploited" },
  { id: "no-malware", mode: "enforce", rule: "no-malicious" },
  { id: "no-high", mode: "enforce", rule: "no-vulnerable", minimumSeverity: "high" },
  { id: "fresh", mode: "enforce", rule: "advisory-data-fresh", maxAgeHours: 24 },
];

function policy(...chosen: readonly Rule[]): Policy {
  return { name: "production", version: 3, digest: `sha256:${"00".repeat(32)}`, rules: chosen };
}

function present<T>(value: T): Fact<T> {
  return { status: "present", value };
}

const good: Facts = {
  subject,
  now,
  signatures: present([{ ...signer, logIndex: 7, timeMs: now - hourMs }]),
  provenance: present({
    builderId: "https://builder.example",
    level: 3,
    buildType: "https://builder.example/gradle",
    sourceUri: "git+https://git.example/shop",
    sourceCommit: "c0ffee",
    sourceRef: "refs/heads/main",
    isolation: "bubblewrap",
  }),
  layout: present({ name: "release", steps: ["build", "test"] }),
  dependencies: present({ count: 2, sources: ["gradle.lockfile"] }),
  findings: present({ found: [], unanswered: [] }),
  advisoryData: present({ asOf: now - hourMs, exploitedAsOf: now - 2 * hourMs }),
  publishedAt: present(now - 4 * dayMs),
};

const log4shell: FindingFact = {
  id: "GHSA-jfh8-c2jp-5v3q",
  aliases: ["CVE-2021-44228"],
  ecosystem: "Maven",
  package: "org.apache.logging.log4j:log4j-core",
  version: "2.14.1",
  purl: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
  severity: "critical",
  malicious: false,
  knownExploited: { dateAdded: "2021-12-10", dueDate: "2021-12-24" },
  fixedVersions: ["2.15.0"],
  upgrade: "2.15.0",
};

function withFindings(...found: readonly FindingFact[]): Facts {
  return { ...good, findings: present({ found, unanswered: [] }) };
}

function decide(facts: Facts, exceptions: ExceptionSet = noExceptions): Decision {
  return evaluate(policy(...rules), exceptions, facts);
}

function codes({ reasons }: Decision, outcome: string): readonly string[] {
  return reasons.filter((reason) => reason.outcome === outcome).map(({ code }) => code);
}

function only(id: string): Policy {
  return policy(...rules.filter((rule) => rule.id === id));
}

test("a subject with every fact in order is admitted, with a reason for each rule", () => {
  const decision = decide(good);
  assert.equal(decision.outcome, "admitted");
  assert.deepEqual(
    decision.reasons.map(({ rule, outcome }) => [rule, outcome]),
    rules.map(({ id }) => [id, "pass"]),
  );
});

test("a subject about which nothing is known is refused, with every reason listed", () => {
  const decision = decide(noFacts(subject, now));
  assert.equal(decision.outcome, "refused");
  assert.deepEqual(new Set(decision.reasons.map(({ rule }) => rule)), new Set(rules.map(({ id }) => id)));
  assert.ok(decision.reasons.every(({ outcome, code }) => outcome === "fail" && code === "policy/evidence-absent"));
});

const factNames = [
  "signatures",
  "provenance",
  "layout",
  "dependencies",
  "findings",
  "advisoryData",
  "publishedAt",
] as const;

for (const name of factNames) {
  test(`${name} that is unavailable or stale leaves the decision undetermined, absent refuses`, () => {
    const held = good[name] as { readonly value: unknown };
    const set = (fact: unknown): Facts => ({ ...good, [name]: fact });
    assert.equal(decide(set({ status: "unavailable", reason: "timeout" })).outcome, "undetermined");
    assert.equal(decide(set({ status: "stale", value: held.value, since: now - dayMs })).outcome, "undetermined");
    assert.equal(decide(set({ status: "absent" })).outcome, "refused");
  });
}

test("evidence that did not verify refuses, and the reason cites its code", () => {
  const refused = [{ code: "sigstore/identity-mismatch", message: "signed by somebody else" }];
  const decision = evaluate(only("signed"), noExceptions, { ...good, signatures: { status: "absent", refused } });
  assert.equal(decision.outcome, "refused");
  assert.equal(decision.reasons[0]?.code, "policy/evidence-refused");
  assert.match(decision.reasons[0]?.sentence ?? "", /sigstore\/identity-mismatch/);
  assert.deepEqual(decision.reasons[0]?.evidence["refused"], refused);
});

test("an identity, an issuer, a builder or a source that only resembles the allowed one is refused", () => {
  const { signatures, provenance } = good;
  assert.ok(signatures.status === "present" && provenance.status === "present");
  const signed = (more: object): Facts => ({ ...good, signatures: present([{ ...signer, timeMs: now, ...more }]) });
  const built = (more: object): Facts => ({ ...good, provenance: present({ ...provenance.value, ...more }) });
  const cases: readonly (readonly [Facts, string])[] = [
    [signed({ identity: "build@example.org.evil" }), "policy/signer-not-allowed"],
    [signed({ issuer: "https://issuer.example/" }), "policy/signer-not-allowed"],
    [{ ...good, signatures: present([]) }, "policy/signer-not-allowed"],
    [built({ builderId: "https://builder.example/evil" }), "policy/builder-not-allowed"],
    [built({ level: 1 }), "policy/build-level-too-low"],
    [built({ level: Number.NaN }), "policy/build-level-too-low"],
    [built({ sourceUri: "git+https://git.example/shop-evil" }), "policy/source-not-allowed"],
    [built({ sourceRef: "refs/heads/main-evil" }), "policy/ref-not-allowed"],
    [built({ sourceRef: undefined }), "policy/ref-not-allowed"],
    [built({ isolation: "none" }), "policy/isolation-not-allowed"],
    [built({ isolation: undefined }), "policy/isolation-not-allowed"],
    [{ ...good, layout: present({ name: "other", steps: ["test"] }) }, "policy/layout-mismatch"],
    [{ ...good, layout: present({ name: "release", steps: ["build"] }) }, "policy/layout-step-missing"],
    [{ ...good, publishedAt: present(now - 72 * hourMs + 1) }, "policy/too-young"],
  ];
  for (const [facts, code] of cases) {
    const decision = decide(facts);
    assert.equal(decision.outcome, "refused", code);
    assert.deepEqual(codes(decision, "fail"), [code]);
  }
});

test("one signer counts once, however often it signed", () => {
  const other = { ...signer, identity: "release@example.org" };
  const two: Rule = { id: "two", mode: "enforce", rule: "signed-by", signers: [signer, other], threshold: 2 };
  const signed = (...by: readonly (typeof signer)[]): Facts => ({
    ...good,
    signatures: present(by.map((each, logIndex) => ({ ...each, logIndex, timeMs: now }))),
  });
  assert.equal(evaluate(policy(two), noExceptions, signed(signer, signer)).outcome, "refused");
  assert.equal(evaluate(policy(two), noExceptions, signed(signer, other)).outcome, "admitted");
});

test("log4shell is refused by both rules it breaks, and the way out is the upgrade, once", () => {
  const decision = decide(withFindings(log4shell));
  assert.equal(decision.outcome, "refused");
  assert.deepEqual(codes(decision, "fail"), ["policy/known-exploited", "policy/vulnerable"]);
  assert.deepEqual(remediesOf(decision), ["upgrade org.apache.logging.log4j:log4j-core from 2.14.1 to 2.15.0"]);
});

test("a finding without a fix is to be removed", () => {
  const { upgrade: _, ...rest } = log4shell;
  const decision = decide(withFindings({ ...rest, fixedVersions: [] }));
  assert.match(remediesOf(decision)[0] ?? "", /^remove .*log4j-core 2\.14\.1/);
});

test("a finding without a severity counts as the worst, one below the bar does not count", () => {
  const { severity: _, knownExploited: __, ...unstated } = log4shell;
  assert.equal(decide(withFindings(unstated)).outcome, "refused");
  assert.equal(decide(withFindings({ ...unstated, severity: "moderate" })).outcome, "admitted");
});

test("a malicious package is refused", () => {
  const { knownExploited: _, ...rest } = log4shell;
  const decision = evaluate(only("no-malware"), noExceptions, withFindings({ ...rest, malicious: true }));
  assert.deepEqual(codes(decision, "fail"), ["policy/malicious"]);
});

test("a stale finding is still a finding", () => {
  const findings = { status: "stale", value: { found: [log4shell], unanswered: [] }, since: now - dayMs } as const;
  assert.equal(evaluate(only("no-kev"), noExceptions, { ...good, findings }).outcome, "refused");
});

test("no findings pass only when all packages could be looked up, in named lists, with a catalogue", () => {
  const item = { package: "a", version: "1", reason: "there is no advisory data for ecosystem Nowhere" };
  const cases: readonly (readonly [Partial<Facts>, string])[] = [
    [{ findings: present({ found: [], unanswered: [item] }) }, "undetermined"],
    [{ dependencies: present({ count: 0, sources: [] }) }, "refused"],
    [{ dependencies: present({ count: 0, sources: ["package-lock.json"] }) }, "admitted"],
    [{ advisoryData: present({ asOf: now }) }, "undetermined"],
  ];
  for (const [more, outcome] of cases) {
    assert.equal(evaluate(only("no-kev"), noExceptions, { ...good, ...more }).outcome, outcome);
  }
});

test("packages that one missing feed concerns make one reason, which names them", () => {
  const unanswered = ["b", "a"].map((name) => ({ package: name, version: "1", reason: "no data" }));
  const decision = evaluate(only("no-malware"), noExceptions, {
    ...good,
    findings: present({ found: [], unanswered }),
  });
  assert.equal(decision.reasons.length, 1);
  assert.deepEqual(decision.reasons[0]?.evidence["packages"], ["a 1", "b 1"]);
});

test("advisory data that is too old, of either kind, or dated after now, does not pass", () => {
  const at = (asOf: number, exploitedAsOf: number) =>
    evaluate(only("fresh"), noExceptions, { ...good, advisoryData: present({ asOf, exploitedAsOf }) });
  assert.equal(at(now - 24 * hourMs, now).outcome, "admitted");
  assert.equal(at(now - 24 * hourMs - 1, now).outcome, "refused");
  assert.equal(at(now, now - 24 * hourMs - 1).outcome, "refused");
  assert.equal(at(now + dayMs, now).outcome, "undetermined");
  assert.equal(at(Number.NaN, now).outcome, "undetermined");
});

test("a rule that only warns never decides, and its reason is still given", () => {
  const warning = policy(...rules.map((rule) => ({ ...rule, mode: "warn" }) as Rule));
  const decision = evaluate(warning, noExceptions, noFacts(subject, now));
  assert.equal(decision.outcome, "admitted");
  assert.ok(decision.reasons.every(({ outcome }) => outcome === "warn"));
});

const exception: Exception = {
  id: "EX-1",
  rule: "no-kev",
  finding: "CVE-2021-44228",
  reason: "the fix is being tested",
  approvedBy: "security@example.org",
  created: now - dayMs,
  expires: now + dayMs,
};

function granted(...exceptions: readonly Exception[]): ExceptionSet {
  return { digest: `sha256:${"11".repeat(32)}`, exceptions };
}

function excepted(changes: Partial<Exception>, facts: Facts = withFindings(log4shell), rule = "no-kev"): Decision {
  return evaluate(only(rule), granted({ ...exception, rule, ...changes }), facts);
}

test("an exception for an alias of the finding admits, and is named with who approved it", () => {
  const decision = excepted({});
  assert.equal(decision.outcome, "admitted");
  assert.deepEqual(codes(decision, "excepted"), ["policy/excepted"]);
  assert.match(decision.reasons[0]?.sentence ?? "", /EX-1, approved by security@example\.org until 2026-06-02/);
  assert.deepEqual(
    decision.exceptions.map(({ id, state }) => [id, state]),
    [["EX-1", "applied"]],
  );
});

test("an exception ends with its last moment and does not begin before its first, and the decision says so", () => {
  const expired = excepted({ expires: now });
  assert.equal(expired.outcome, "refused");
  assert.deepEqual(codes(expired, "fail"), ["policy/known-exploited", "policy/exception-expired"]);
  assert.equal(expired.exceptions[0]?.state, "expired");
  assert.equal(excepted({ expires: now + 1 }).outcome, "admitted");
  const pending = excepted({ created: now + 1 });
  assert.deepEqual(codes(pending, "fail"), ["policy/known-exploited", "policy/exception-pending"]);
  assert.equal(excepted({ created: now }).outcome, "admitted");
});

test("an exception applies only where each of its scopes does", () => {
  const digest = `sha256:${subject.digests.sha256}`;
  const purl = "pkg:maven/org.apache.logging.log4j/log4j-core";
  const cases: readonly (readonly [Partial<Exception>, string])[] = [
    [{ package: purl, subject: digest }, "admitted"],
    [{ subject: `sha256:${"cd".repeat(32)}` }, "refused"],
    [{ package: `${purl}-evil` }, "refused"],
    [{ package: "pkg:maven/org.apache.logging.log4j/log4j" }, "refused"],
    [{ finding: "CVE-2021-45046" }, "refused"],
    [{ rule: "other" }, "refused"],
  ];
  for (const [changes, outcome] of cases) assert.equal(excepted(changes).outcome, outcome, JSON.stringify(changes));
});

test("two exceptions that each cover a part do not add up", () => {
  const { finding: _, ...rest } = exception;
  const purl = "pkg:maven/org.apache.logging.log4j/log4j-core";
  const other = `sha256:${"cd".repeat(32)}`;
  const set = granted(
    { ...exception, subject: other },
    { ...rest, id: "EX-2", package: purl, finding: "CVE-2021-45046" },
  );
  assert.equal(evaluate(only("no-kev"), set, withFindings(log4shell)).outcome, "refused");
});

test("an exception for one finding leaves the next one refused", () => {
  const decision = excepted({}, withFindings(log4shell, { ...log4shell, id: "GHSA-other", aliases: [] }));
  assert.equal(decision.outcome, "refused");
  assert.deepEqual(codes(decision, "excepted"), ["policy/excepted"]);
});

test("a missing signature is excepted for a subject alone, not by a finding or a package", () => {
  const { finding: _, ...rest } = exception;
  const facts = noFacts(subject, now);
  const set = (more: Partial<Exception>) => granted({ ...rest, rule: "signed", ...more });
  const digest = `sha256:${subject.digests.sha256}`;
  assert.equal(evaluate(only("signed"), set({ subject: digest }), facts).outcome, "admitted");
  assert.equal(evaluate(only("signed"), set({ subject: digest, finding: "x" }), facts).outcome, "refused");
  assert.equal(evaluate(only("signed"), set({ package: "pkg:npm/a" }), facts).outcome, "refused");
});

test("an exception for a rule that the policy does not have is pointed out", () => {
  const decision = evaluate(only("signed"), granted({ ...exception, rule: "typo" }), good);
  assert.equal(decision.outcome, "admitted");
  assert.deepEqual(codes(decision, "warn"), ["policy/exception-unknown-rule"]);
});

test("a policy without rules and a time that is none are bugs, not admissions", () => {
  assert.throws(() => evaluate(policy(), noExceptions, good), /assertion failed/);
  assert.throws(() => decide({ ...good, now: Number.NaN }), /assertion failed/);
});

test("the explanation says what failed first, then the way out", () => {
  assert.deepEqual(
    explain(evaluate(policy(...rules.slice(0, 1), ...rules.slice(6, 7)), noExceptions, withFindings(log4shell))),
    [
      `refused: shop-1.0.jar (sha256:${subject.digests.sha256}) by policy production, version 3`,
      "  fail no-kev: org.apache.logging.log4j:log4j-core 2.14.1 is affected by GHSA-jfh8-c2jp-5v3q (CVE-2021-44228), known to be exploited since 2021-12-10 [policy/known-exploited]",
      "  pass signed: signed by build@example.org (https://issuer.example)",
      "way out:",
      "  upgrade org.apache.logging.log4j:log4j-core from 2.14.1 to 2.15.0",
    ],
  );
});

test("nothing in an explanation can steer a terminal", () => {
  const lines = explain(decide(withFindings({ ...log4shell, package: "a\u001b[2J\nadmitted\u202e" })));
  assert.ok(lines.every((line) => !/[\u0000-\u001f\u202e]/.test(line)));
});
