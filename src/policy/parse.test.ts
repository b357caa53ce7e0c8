import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, utf8, type ProblemCode } from "../core/index.ts";
import { parsePolicy, policyDigest, ruleKinds } from "./parse.ts";
import { parseExceptions } from "./parse-exceptions.ts";

function bytes(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

function policy(...rules: readonly object[]): Uint8Array {
  return bytes({ _type: "https://sealwright.dev/policy/v1", name: "p", version: 1, rules });
}

function refuses(read: () => unknown, code: ProblemCode): void {
  assert.throws(read, (error) => isProblem(error, code) || assert.fail(`${code} was expected, not ${String(error)}`));
}

const signer = { issuer: "https://issuer.example", identity: "build@example.org" };
const good: readonly { readonly rule: string; readonly [name: string]: unknown }[] = [
  { rule: "signed-by", signers: [signer], threshold: 1 },
  { rule: "build-level", minimum: 3, builders: ["https://builder.example/v1"] },
  { rule: "built-from", sources: [{ uri: "git+https://git.example/shop", refs: ["refs/heads/main"] }] },
  { rule: "isolation", allowed: ["bubblewrap"] },
  { rule: "layout", layout: "release", steps: ["test"] },
  { rule: "minimum-age", hours: 72 },
  { rule: "no-known-exploited" },
  { rule: "no-malicious" },
  { rule: "no-vulnerable", minimumSeverity: "high" },
  { rule: "advisory-data-fresh", maxAgeHours: 24 },
].map((rule) => ({ id: `r-${rule.rule}`, mode: "enforce", ...rule }));

test("a policy of every kind of rule is read as it stands, and its digest is of its bytes", () => {
  const document = policy(...good);
  const read = parsePolicy(document);
  assert.deepEqual(JSON.parse(JSON.stringify(read.rules)), JSON.parse(JSON.stringify(good)));
  assert.deepEqual(read.rules.map(({ rule }) => rule).sort(), [...ruleKinds].sort());
  assert.equal(read.digest, policyDigest(document));
  assert.match(read.digest, /^sha256:[0-9a-f]{64}$/);
});

for (const rule of good) {
  test(`${rule.rule} with a field that it does not know is refused`, () => {
    refuses(() => parsePolicy(policy({ ...rule, subjectRegExp: ".*" })), "policy/document-invalid");
  });
  for (const name of Object.keys(rule).filter((each) => !["id", "mode", "rule", "threshold"].includes(each))) {
    test(`${rule.rule} without ${name} is refused`, () => {
      const { [name]: _, ...rest } = rule;
      assert.throws(
        () => parsePolicy(policy(rest)),
        (error) => isProblem(error) && error.code.startsWith("policy/"),
      );
    });
  }
}

test("a rule that nothing can fail is refused when the policy loads", () => {
  const base = { id: "a", mode: "enforce" };
  const vacuous: readonly object[] = [
    { rule: "signed-by", signers: [] },
    { rule: "signed-by" },
    { rule: "signed-by", signers: [signer], threshold: 0 },
    { rule: "signed-by", signers: [{ ...signer, identity: "" }] },
    { rule: "build-level", minimum: 0, builders: ["b"] },
    { rule: "build-level", minimum: 1, builders: [] },
    { rule: "build-level", minimum: 1 },
    { rule: "built-from", sources: [] },
    { rule: "built-from", sources: [{ uri: "u", refs: [] }] },
    { rule: "isolation", allowed: [] },
    { rule: "layout", layout: "", steps: ["a"] },
    { rule: "layout", layout: "l", steps: [] },
    { rule: "minimum-age", hours: 0 },
    { rule: "advisory-data-fresh", maxAgeHours: 0 },
  ];
  for (const rule of vacuous) refuses(() => parsePolicy(policy({ ...base, ...rule })), "policy/vacuous-rule");
});

test("a policy without rules, with a rule twice, or with an unknown one is refused", () => {
  const rule = { id: "a", mode: "enforce", rule: "no-malicious" };
  refuses(() => parsePolicy(policy()), "policy/document-invalid");
  refuses(() => parsePolicy(policy(rule, rule)), "policy/rule-duplicate");
  refuses(() => parsePolicy(policy({ ...rule, rule: "constructor" })), "policy/rule-unknown");
  refuses(() => parsePolicy(policy({ ...rule, mode: "off" })), "policy/document-invalid");
  refuses(
    () => parsePolicy(bytes({ _type: "https://sealwright.dev/policy/v2", name: "p", version: 1, rules: [rule] })),
    "policy/document-invalid",
  );
  refuses(() => parsePolicy(utf8("{")), "policy/document-invalid");
});

test("a name that looks like a pattern is refused, since it would be compared as it stands", () => {
  for (const identity of ["*@example.org", "^build@example.org", "build@example.org$"]) {
    const rule = { id: "a", mode: "enforce", rule: "signed-by", signers: [{ ...signer, identity }] };
    refuses(() => parsePolicy(policy(rule)), "policy/pattern-unsupported");
  }
});

test("a threshold that its signers cannot reach is refused, a signer named twice too", () => {
  const rule = { id: "a", mode: "enforce", rule: "signed-by" };
  refuses(() => parsePolicy(policy({ ...rule, signers: [signer], threshold: 2 })), "policy/rule-impossible");
  refuses(() => parsePolicy(policy({ ...rule, signers: [signer, signer], threshold: 2 })), "policy/document-invalid");
});

const exception = {
  id: "EX-1",
  rule: "no-kev",
  finding: "CVE-2021-44228",
  reason: "the fix is being tested",
  approvedBy: "security@example.org",
  created: "2026-01-01T00:00:00Z",
  expires: "2026-04-01T00:00:00Z",
};

function exceptions(...list: readonly object[]): Uint8Array {
  return bytes({ _type: "https://sealwright.dev/exceptions/v1", exceptions: list });
}

test("an exception of 90 days is read, one second more is refused", () => {
  assert.equal(parseExceptions(exceptions(exception)).exceptions[0]?.id, "EX-1");
  const longer = { ...exception, expires: "2026-04-01T00:00:01Z" };
  refuses(() => parseExceptions(exceptions(longer)), "policy/exception-too-long");
});

test("an exception without an end, a scope, a reason or an approver is refused", () => {
  for (const name of ["expires", "created", "reason", "approvedBy", "rule", "id"]) {
    const { [name as "id"]: _, ...rest } = exception;
    refuses(() => parseExceptions(exceptions(rest)), "policy/exceptions-invalid");
  }
  const { finding: _, ...unscoped } = exception;
  refuses(() => parseExceptions(exceptions(unscoped)), "policy/exception-unscoped");
  const bad: readonly object[] = [
    { ...exception, reason: "" },
    { ...exception, package: "pkg:npm/a@1.0.0" },
    { ...exception, subject: "latest" },
    { ...exception, expires: exception.created },
    { ...exception, environment: "test" },
  ];
  for (const each of bad) refuses(() => parseExceptions(exceptions(each)), "policy/exceptions-invalid");
  refuses(() => parseExceptions(exceptions(exception, exception)), "policy/exception-duplicate");
});

test("a document of no exceptions is read: the last one may have been taken back", () => {
  assert.deepEqual(parseExceptions(exceptions()).exceptions, []);
});
