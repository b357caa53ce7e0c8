import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { isProblem } from "../core/index.ts";
import { packageUrl } from "./purl.ts";

interface Case {
  readonly test_type: string;
  readonly input: {
    readonly namespace: string | null;
    readonly name: string;
    readonly version: string | null;
    readonly qualifiers: unknown;
    readonly subpath: unknown;
  };
  readonly expected_output: string;
}

const types: readonly (readonly [string, string, string])[] = [
  ["npm", "npm", "/"],
  ["maven", "Maven", ":"],
  ["golang", "Go", "/"],
  ["pypi", "PyPI", ""],
  ["cargo", "crates.io", ""],
  ["gem", "RubyGems", ""],
  ["nuget", "NuGet", ""],
];

for (const [type, ecosystem, separator] of types) {
  test(`the specification's ${type} package URLs without qualifiers are built as it says`, (t) => {
    const folder = vectors(t, "purl");
    if (folder === undefined) return;
    const suite = JSON.parse(readFileSync(join(folder, "types", `${type}-test.json`), "utf8")) as { tests: Case[] };
    const built = suite.tests.filter(
      ({ test_type, input }) => test_type === "build" && input.qualifiers === null && input.subpath === null,
    );
    for (const { input, expected_output } of built) {
      const name = input.namespace === null ? input.name : `${input.namespace}${separator}${input.name}`;
      assert.equal(packageUrl(ecosystem, name, input.version ?? undefined), expected_output);
    }
    assert.ok(built.length > 0);
  });
}

test("what would end a part of a package URL is encoded", () => {
  assert.equal(packageUrl("npm", "@a/b", "1.0.0+x?y#z"), "pkg:npm/%40a/b@1.0.0%2Bx%3Fy%23z");
});

test("an ecosystem whose package URL type is not known here is refused", () => {
  assert.throws(
    () => packageUrl("Nowhere", "a"),
    (error) => isProblem(error, "packages/ecosystem-unsupported"),
  );
});
