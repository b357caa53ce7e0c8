import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalJson, isProblem, utf8 } from "../core/index.ts";
import { createLink, encodeLink } from "./create.ts";
import { createLinkStatement, parseLinkStatement } from "./link-predicate.ts";
import type { Statement } from "./model.ts";
import { createStatement, encodeStatement, matchSubject, parseStatement } from "./statement.ts";

const sha256 = "a".repeat(64);
const sha512 = "b".repeat(128);

function statement(digests: Readonly<Record<string, string>>): Statement {
  const subject = [{ name: "other", digest: new Map([["sha256", "c".repeat(64)]]) }];
  return createStatement({
    subject: [...subject, { name: "it", digest: new Map(Object.entries(digests)) }],
    predicateType: "https://example.com/p/v1",
    predicate: { x: 1.5 },
  });
}

function invalid(text: string): void {
  assert.throws(
    () => parseStatement(utf8(text)),
    (error) => isProblem(error, "intoto/statement-invalid"),
    text,
  );
}

test("a statement survives its bytes", () => {
  const made = statement({ sha256 });
  assert.deepEqual(parseStatement(encodeStatement(made)), made);
});

test("any acceptable digest of a subject matches", () => {
  const made = statement({ sha256, sha512, gitCommit: "d".repeat(40) });
  assert.equal(matchSubject(made, { algorithm: "sha256", digestHex: sha256 })?.name, "it");
  assert.equal(matchSubject(made, { algorithm: "sha512", digestHex: sha512 })?.name, "it");
  assert.equal(matchSubject(made, { algorithm: "sha256", digestHex: "e".repeat(64) }), undefined);
  assert.equal(matchSubject(made, { algorithm: "sha384", digestHex: sha256 }), undefined);
});

test("a weak, unknown, short or upper-case digest never matches", () => {
  const made = statement({ sha1: "1".repeat(40), md5: "2".repeat(32), sha256: "aa", sha512: sha512.toUpperCase() });
  for (const [algorithm, digestHex] of [
    ["sha1", "1".repeat(40)],
    ["md5", "2".repeat(32)],
    ["sha256", "aa"],
    ["sha512", sha512.toUpperCase()],
    ["constructor", "x"],
  ] as const) {
    assert.equal(matchSubject(made, { algorithm: algorithm as "sha256", digestHex }), undefined);
  }
});

const digest = `{"sha256":"${sha256}"}`;
const good = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":${digest}}],"predicateType":"p"}`;

test("an unknown field and a missing predicate change nothing", () => {
  const plain = parseStatement(utf8(good));
  assert.equal(Object.keys(plain.predicate).length, 0);
  assert.deepEqual(parseStatement(utf8(good.replace("{", `{"future":1,"predicate":null,`))), plain);
});

test("a statement without subject, digest or the right type is refused", () => {
  invalid(good.replace(`{"digest":${digest}}`, ""));
  invalid(good.replace(digest, "{}"));
  invalid(good.replace(`"digest"`, `"name":"a","uri"`));
  invalid(good.replace("Statement/v1", "Statement/v2"));
  invalid(good.replace("Statement/v1", "Statement/v0.1"));
  invalid(good.replace(`"p"`, `""`));
  invalid(good.replace(`{"digest":${digest}}`, Array.from({ length: 65_537 }, () => `{"digest":${digest}}`).join(",")));
  const many = Array.from({ length: 33 }, (_, index) => `"a${index}":"00"`).join(",");
  invalid(good.replace(digest, `{${many}}`));
});

test("version 0.1 is taken only on request", () => {
  const old = utf8(good.replace("Statement/v1", "Statement/v0.1"));
  assert.equal(parseStatement(old, { allowV01: true }).type, "https://in-toto.io/Statement/v0.1");
});

test("a link survives being an attestation", () => {
  const link = createLink({
    name: "build",
    command: ["make"],
    materials: new Map([["a.c", new Map([["sha256", sha256]])]]),
    products: new Map([["a.o", new Map([["sha256", "c".repeat(64)]])]]),
    byproducts: { "return-value": 0 },
    environment: { workdir: "/w" },
  });
  const back = parseLinkStatement(parseStatement(encodeStatement(createLinkStatement(link))));
  assert.deepEqual(canonicalJson(encodeLink(back)), canonicalJson(encodeLink(link)));
});

test("a link attestation with a repeated or missing name, or of another type, is refused", () => {
  const subject = { name: "a", digest: new Map([["sha256", sha256]]) };
  const predicateType = "https://in-toto.io/attestation/link/v0.3";
  const material = { name: "m", digest: { sha256 } };
  for (const parts of [
    { subject: [subject, subject], predicateType, predicate: { name: "s" } },
    { subject: [{ digest: subject.digest }], predicateType, predicate: { name: "s" } },
    { subject: [{ ...subject, name: "a/../b" }], predicateType, predicate: { name: "s" } },
    { subject: [subject], predicateType: "https://in-toto.io/attestation/link/v0.2", predicate: { name: "s" } },
    { subject: [subject], predicateType, predicate: {} },
    { subject: [subject], predicateType, predicate: { name: "" } },
    { subject: [subject], predicateType, predicate: { name: "s", materials: [material, material] } },
    { subject: [subject], predicateType, predicate: { name: "s", materials: [{ name: "m" }] } },
  ]) {
    assert.throws(
      () => parseLinkStatement(createStatement(parts)),
      (error) => isProblem(error, "intoto/link-invalid"),
    );
  }
});
