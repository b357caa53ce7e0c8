import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { isProblem, utf8, type ProblemCode } from "../core/index.ts";
import { parseAdvisory, parseAdvisorySet } from "./parse.ts";
import { parseExploitedCatalog } from "./parse-exploited.ts";

const least = { id: "T-1", modified: "2026-01-01T00:00:00Z" };

function refuses(read: () => unknown, code: ProblemCode): void {
  assert.throws(read, (error) => isProblem(error, code));
}

function bytes(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

test("fields that matching does not use are ignored", () => {
  assert.equal(parseAdvisory(bytes({ ...least, schema_version: "1.7.5", anything: [1], credits: [{}] })).id, "T-1");
});

test("a record that matching cannot rely on is refused", () => {
  const range = (events: unknown, type = "SEMVER") => ({ ...least, affected: [{ ranges: [{ type, events }] }] });
  const bad: readonly unknown[] = [
    [],
    { id: "T-1" },
    { ...least, id: "" },
    { ...least, modified: "yesterday" },
    { ...least, affected: {} },
    { ...least, affected: [{ package: { ecosystem: "npm" } }] },
    range([]),
    range([{ fixed: "1.0.0" }]),
    range([{ introduced: "0", fixed: "1.0.0" }]),
    range([{ introduced: 0 }]),
    range([{ introduced: "0" }], "OTHER"),
  ];
  for (const each of bad) refuses(() => parseAdvisory(bytes(each)), "advisories/record-invalid");
  refuses(() => parseAdvisory(utf8('{"id":"a","id":"b"}')), "advisories/record-invalid");
  refuses(() => parseAdvisory(bytes({ ...least, schema_version: "2.0.0" })), "advisories/schema-unsupported");
});

test("a set is an array of records, and never empty", () => {
  assert.equal(parseAdvisorySet(bytes([least, { ...least, id: "T-2" }])).length, 2);
  refuses(() => parseAdvisorySet(bytes([])), "advisories/record-invalid");
  refuses(() => parseAdvisorySet(bytes(least)), "advisories/record-invalid");
});

test("the public catalogue of known exploited vulnerabilities loads whole", (t) => {
  const folder = vectors(t, "kev");
  if (folder === undefined) return;
  const catalog = parseExploitedCatalog(readFileSync(join(folder, "known_exploited_vulnerabilities.json")));
  assert.equal(catalog.entries.size, 1404);
  assert.deepEqual(catalog.entries.get("CVE-2021-44228"), { dateAdded: "2021-12-10", dueDate: "2021-12-24" });
});

test("a catalogue that was cut, repeats itself or is empty is refused", () => {
  const entry = { cveID: "CVE-2021-44228", dateAdded: "2021-12-10", dueDate: "2021-12-24" };
  const head = { catalogVersion: "1", dateReleased: "2026-01-01T00:00:00Z" };
  const catalog = (count: number, vulnerabilities: unknown) => bytes({ ...head, count, vulnerabilities });
  assert.equal(parseExploitedCatalog(catalog(1, [entry])).entries.size, 1);
  const bad = [
    catalog(2, [entry]),
    catalog(2, [entry, entry]),
    catalog(0, []),
    catalog(1, [{ ...entry, dueDate: "soon" }]),
    catalog(1, [{ ...entry, cveID: "GHSA-1" }]),
  ];
  for (const each of bad) refuses(() => parseExploitedCatalog(each), "advisories/catalog-invalid");
});
