import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { casesFolder, formsOf, outcomeOf, readDescription } from "./sigstore-case.ts";

const names = readdirSync(casesFolder, { withFileTypes: true })
  .filter((each) => each.isDirectory())
  .map(({ name }) => name);

for (const name of names) {
  const folder = join(casesFolder, name);
  const description = readDescription(folder);
  for (const form of formsOf(description)) {
    test(`${name}, by ${form}: ${description.property}`, () => {
      assert.equal(outcomeOf(folder, description, form), description.problem ?? "verified");
    });
  }
}

test("a case's name says whether it must be refused, and by which code", () => {
  assert.ok(names.length >= 60);
  for (const name of names) {
    const { problem } = readDescription(join(casesFolder, name));
    assert.equal(name.endsWith("_fail"), problem !== undefined, name);
  }
});

test("the cases stay small enough to be kept beside the sources", () => {
  const size = (path: string): number =>
    statSync(path).isDirectory()
      ? readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 0)
      : statSync(path).size;
  assert.ok(size(casesFolder) < 1_500_000);
});
