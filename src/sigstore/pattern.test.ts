import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isProblem } from "../core/index.ts";
import { matchesPattern, parsePattern } from "./index.ts";

const workflow = "https://github.com/acme/widget/.github/workflows/release.yml@refs/tags/v1.2.3";

test("a pattern stands for the whole text, one asterisk for part of a segment, two for anything", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["https://github.com/acme/*/.github/workflows/release.yml@refs/tags/*", workflow, true],
    ["https://github.com/acme/**", workflow, true],
    ["https://github.com/acme/**/release.yml@refs/tags/v*.*.*", workflow, true],
    ["https://github.com/acme/*", workflow, false],
    ["https://github.com/acme/**@refs/tags/*", `${workflow}/x`, false],
    ["https://github.com/acme/*/release.yml@refs/tags/v1.2.3", workflow, false],
    ["*@example.org", "alice@example.org", true],
    ["*@example.org", "alice@example.org.evil", false],
    ["*@example.org", "alice@evil@example.org", false],
    ["*@example.org", "@example.org", false],
  ];
  for (const [pattern, text, expected] of cases)
    assert.equal(matchesPattern(parsePattern(pattern), text), expected, pattern);
});

test("a pattern that does not write out whose names it is about is refused", () => {
  for (const text of [
    "*",
    "**",
    "https://**",
    "https://*/x",
    "https://github.com**",
    "https://*.example.org/x",
    "**@*",
    "*@*.org",
    "https://a@*/x*",
    "https://github.com/acme/***",
    "https://github.com/acme",
    "https://github.com/a b/*",
    `https://github.com/${"*/".repeat(9)}`,
    `https://github.com/*${"x".repeat(1024)}`,
  ]) {
    assert.throws(
      () => parsePattern(text),
      (error) => isProblem(error, "sigstore/pattern-invalid"),
      text,
    );
  }
});

test("a pattern matches what a regular expression with the same wildcards matches", () => {
  const piece = fc.constantFrom("a", "b", "/", "@", "*", "**", ".");
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "/", "@", "."), maxLength: 12 });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), letters, (pieces, rest) => {
      const body = pieces.join("").replaceAll(/\*{3,}/g, "**");
      if (!body.includes("*")) return;
      const source = body
        .split(/(\*+)/)
        .map((part) => (part === "*" ? "[^/@]+" : part === "**" ? "[^]*" : part.replaceAll(".", "\\.")))
        .join("");
      const pattern = parsePattern(`https://h/${body}`);
      assert.equal(
        matchesPattern(pattern, `https://h/${rest}`),
        new RegExp(`^https://h/${source}$`).test(`https://h/${rest}`),
      );
    }),
  );
});

test("the worst pattern takes no longer for a text that nearly fits", () => {
  const pattern = parsePattern(`https://h/${"**a".repeat(8)}b`);
  const startMs = performance.now();
  assert.equal(matchesPattern(pattern, `https://h/${"a".repeat(4000)}`), false);
  assert.ok(performance.now() - startMs < 2000);
});
