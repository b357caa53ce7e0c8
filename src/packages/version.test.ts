import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { compare as npmCompare } from "semver";
import { vectors } from "../../test/vectors.ts";
import { isProblem } from "../core/index.ts";
import { compareVersions } from "./version.ts";

interface Case {
  readonly a: string;
  readonly b: string;
  readonly want: number;
  readonly line: string;
}

function cases(path: string): readonly Case[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      const match = /^(?!#|\/\/)(.+) ([<>=]) (.+)$/.exec(line.trim());
      if (match === null) return [];
      const [, a = "", sign = "", b = ""] = match;
      return [{ a, b, want: ["<", "=", ">"].indexOf(sign) - 1, line }];
    });
}

// File, ecosystem, and how many of its lines hold a version that its own ecosystem's grammar does not.
const files: readonly (readonly [string, string, number])[] = [
  ["semver-versions.txt", "npm", 0],
  ["semver-versions.txt", "Go", 0],
  ["maven-versions.txt", "Maven", 0],
  ["maven-versions-generated.txt", "Maven", 0],
  ["debian-versions.txt", "Debian:12", 0],
  ["debian-versions-generated.txt", "Debian:12", 0],
  ["rubygems-versions.txt", "RubyGems", 0],
  ["rubygems-versions-generated.txt", "RubyGems", 0],
  ["packagist-versions.txt", "Packagist", 0],
  ["packagist-versions-generated.txt", "Packagist", 0],
  ["nuget-versions.txt", "NuGet", 0],
  ["pub-versions.txt", "Pub", 0],
  ["cran-versions.txt", "CRAN", 0],
  ["cran-versions-generated.txt", "CRAN", 0],
  ["hackage-versions.txt", "Hackage", 0],
  ["pypi-versions.txt", "PyPI", 11],
  ["pypi-versions-generated.txt", "PyPI", 69],
  ["redhat-versions.txt", "Red Hat", 21],
  ["alpine-versions.txt", "Alpine", 34],
  ["alpine-versions-generated.txt", "Alpine", 58],
];

for (const [file, ecosystem, invalid] of files) {
  test(`${ecosystem} orders every version of ${file} as its ecosystem does, or refuses it`, (t) => {
    const folder = vectors(t, "versions");
    if (folder === undefined) return;
    let refused = 0;
    for (const { a, b, want, line } of cases(join(folder, file))) {
      try {
        assert.equal(compareVersions(ecosystem, a, b), want, line);
        assert.equal(compareVersions(ecosystem, b, a), 0 - want, `${line}, turned round`);
      } catch (error) {
        if (!isProblem(error, "packages/version-invalid")) throw error;
        refused++;
      }
    }
    assert.equal(refused, invalid);
  });
}

test("an ecosystem without a known order is refused, not guessed", () => {
  assert.throws(
    () => compareVersions("GitHub Actions", "1.0.0", "1.0.0"),
    (error) => isProblem(error, "packages/ecosystem-unsupported"),
  );
});

test("a text that is no version of its ecosystem is refused", () => {
  for (const text of ["", "latest", "1.2.3.4", "1..2", `1.${"0".repeat(600)}`]) {
    assert.throws(
      () => compareVersions("npm", text, "1.0.0"),
      (error) => isProblem(error, "packages/version-invalid"),
      text,
    );
  }
});

const identifier = fc.stringMatching(/^(?:0|[1-9]\d{0,3}|[a-zA-Z-][0-9a-zA-Z-]{0,3})$/);
const semverText = fc
  .tuple(fc.nat(30), fc.nat(30), fc.nat(30), fc.array(identifier, { maxLength: 3 }))
  .map(([major, minor, patch, pre]) => `${major}.${minor}.${patch}${pre.length > 0 ? `-${pre.join(".")}` : ""}`);

test("npm's order is the one of npm's own library", () => {
  fc.assert(
    fc.property(semverText, semverText, (a, b) => {
      assert.equal(compareVersions("npm", a, b), npmCompare(a, b));
    }),
    { numRuns: 2_000 },
  );
});

test("Maven's order answers alike from both sides, for any text", () => {
  const text = fc.stringMatching(/^[0-9a-c.-]{0,12}$/);
  fc.assert(
    fc.property(text, text, (a, b) => {
      assert.equal(compareVersions("Maven", a, b), 0 - compareVersions("Maven", b, a));
    }),
    { numRuns: 5_000 },
  );
});
