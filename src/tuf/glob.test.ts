import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { matchesPattern } from "./glob.ts";

const cases: readonly (readonly [pattern: string, path: string, matches: boolean])[] = [
  ["targets/*.tgz", "targets/foo.tgz", true],
  ["targets/*.tgz", "targets/foo.txt", false],
  ["foo-version-?.tgz", "foo-version-a.tgz", true],
  ["foo-version-?.tgz", "foo-version-alpha.tgz", false],
  ["*.tgz", "targets/foo.tgz", false],
  ["foo.tgz", "foo.tgz", true],
  ["foo.tgz", "FOO.TGZ", false],
  ["*", "a/b", false],
  ["?", "/", false],
  ["a?b", "a/b", false],
  ["[!a]", "/", false],
  ["**", "a/b", false],
  ["**", "ab", true],
  ["a*b*c", "a-b-b-c", true],
  ["a*b*c", "a-b-b", false],
  ["*", ".hidden", true],
  ["[a-c]x", "bx", true],
  ["[!a-c]x", "bx", false],
  ["[]]", "]", true],
  ["[a", "[a", true],
  ["[a-]", "-", true],
  ["{a,b}", "a", false],
  ["{a,b}", "{a,b}", true],
  ["!a", "b", false],
  ["#a", "#a", true],
  ["+(a)", "a", false],
  ["a.b", "axb", false],
  ["\\*", "*", false],
  ["\\*", "\\a", false],
  ["?", "\u{1F600}", true],
  ["", "", true],
];

for (const [pattern, path, matches] of cases) {
  test(`the pattern ${JSON.stringify(pattern)} ${matches ? "matches" : "does not match"} ${JSON.stringify(path)}`, () => {
    assert.equal(matchesPattern(path, pattern), matches);
  });
}

test("a path without wildcards, brackets and backslashes matches itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (path) => {
      fc.pre(!/[*?[\\]/.test(path));
      assert.ok(matchesPattern(path, path));
    }),
  );
});

test("a pattern of many stars costs no more than its length times that of the path", () => {
  assert.equal(matchesPattern("a".repeat(4000), `${"*a".repeat(1000)}b`), false);
});
