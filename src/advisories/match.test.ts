import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { utf8 } from "../core/index.ts";
import { createAdvisoryIndex } from "./match.ts";
import type { Advisory } from "./model.ts";
import { parseAdvisory } from "./parse.ts";
import { parseExploitedCatalog } from "./parse-exploited.ts";

const data = new URL("../../data/advisories/", import.meta.url);
const own = ["log4shell.json", "event-stream.json", "ua-parser-js.json"].map((name) =>
  parseAdvisory(readFileSync(new URL(name, data))),
);
const exploited = parseExploitedCatalog(readFileSync(new URL("kev.json", data)));
const log4j = { ecosystem: "Maven", name: "org.apache.logging.log4j:log4j-core" };

function record(affected: unknown, more: object = {}): Advisory {
  return parseAdvisory(utf8(JSON.stringify({ id: "T-1", modified: "2026-01-01T00:00:00Z", affected, ...more })));
}

function npm(events: unknown, more: object = {}): Advisory {
  return record([{ package: { ecosystem: "npm", name: "a" }, ranges: [{ type: "SEMVER", events }], ...more }]);
}

function hits(advisory: Advisory, version: string): boolean {
  const { findings, unanswered } = createAdvisoryIndex([advisory]).match({ ecosystem: "npm", name: "a", version });
  assert.deepEqual(unanswered, []);
  return findings.length > 0;
}

// Version, affected by the three ranges or not, and the smallest fix above.
const log4shell: readonly (readonly [string, boolean, string?])[] = [
  ["2.0-alpha1", false],
  ["2.0-beta8", false],
  ["2.0-beta9", true, "2.3.1"],
  ["2.0", true, "2.3.1"],
  ["2.3", true, "2.3.1"],
  ["2.3.1", false],
  ["2.3.2", false],
  ["2.4-rc1", false],
  ["2.4", true, "2.12.2"],
  ["2.4.1", true, "2.12.2"],
  ["2.12.1", true, "2.12.2"],
  ["2.12.2", false],
  ["2.12.4", false],
  ["2.13.0-SNAPSHOT", false],
  ["2.13.0", true, "2.15.0"],
  ["2.14.1", true, "2.15.0"],
  ["2.15.0-rc1", true, "2.15.0"],
  ["2.15.0", false],
  ["2.17.1", false],
];

test("log4shell's three ranges hold exactly the versions between their ends", () => {
  const index = createAdvisoryIndex(own, { exploited });
  for (const [version, affected, fix] of log4shell) {
    const { findings, unanswered, upgrade } = index.match({ ...log4j, version });
    assert.equal(findings.length, affected ? 1 : 0, version);
    assert.deepEqual(unanswered, [], version);
    assert.equal(findings[0]?.fixedVersions[0], fix, version);
    assert.equal(upgrade, fix, version);
  }
});

test("log4shell is known to be exploited by its CVE alias, and says since when", () => {
  const [finding] = createAdvisoryIndex(own, { exploited }).match({ ...log4j, version: "2.14.1" }).findings;
  assert.deepEqual(finding?.knownExploited, { dateAdded: "2021-12-10", dueDate: "2021-12-24" });
  assert.equal(finding?.range, ">= 2.13.0, < 2.15.0");
  assert.equal(finding?.severity, "critical");
  assert.equal(finding?.malicious, false);
});

test("the public record of log4shell is matched as ours is, above its first release", (t) => {
  const folder = vectors(t, "osv/ghsa");
  if (folder === undefined) return;
  const index = createAdvisoryIndex([parseAdvisory(readFileSync(join(folder, "GHSA-jfh8-c2jp-5v3q.json")))]);
  // The public record says "introduced: 0" where ours names the first affected release.
  for (const [version, affected, fix] of log4shell.slice(2)) {
    const { findings } = index.match({ ...log4j, version });
    assert.equal(findings.length, affected ? 1 : 0, version);
    assert.equal(findings[0]?.fixedVersions[0], fix, version);
  }
});

test("malicious versions are found, their honest neighbours are not", () => {
  const index = createAdvisoryIndex(own);
  const found = (name: string, version: string) =>
    index.match({ ecosystem: "npm", name, version }).findings.map(({ malicious }) => malicious);
  assert.deepEqual(found("event-stream", "3.3.6"), [true]);
  assert.deepEqual(found("event-stream", "3.3.4"), []);
  assert.deepEqual(found("flatmap-stream", "0.1.1"), [true]);
  assert.deepEqual(found("ua-parser-js", "0.7.29"), [true]);
  assert.deepEqual(found("ua-parser-js", "0.7.30"), []);
  assert.deepEqual(found("ua-parser-js", "1.0.0"), [true]);
  assert.deepEqual(found("ua-parser-js", "1.0.1"), []);
});

test("every Go advisory loads, every one in force is found by its first version, and none is left unanswered", (t) => {
  const folder = vectors(t, "osv/go");
  if (folder === undefined) return;
  const records = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => parseAdvisory(readFileSync(join(folder, name))));
  assert.equal(records.length, 4291);
  const index = createAdvisoryIndex(records);
  for (const { id, affected, withdrawnMs } of records) {
    for (const block of affected) {
      if (block.package === undefined) continue;
      for (const { events } of block.ranges) {
        const first = events.find(({ kind }) => kind === "introduced")?.at ?? "";
        // Zero stands below every version; this is the least one that can be written.
        const version = first === "0" ? "0.0.0-0" : first;
        const { findings, unanswered } = index.match({ ...block.package, version });
        assert.deepEqual(unanswered, [], id);
        assert.equal(
          findings.some((finding) => finding.id === id),
          withdrawnMs === undefined,
          `${id} at ${version}`,
        );
      }
    }
  }
});

test("events are taken in the order of their versions, not of the record", () => {
  const advisory = npm([{ fixed: "3.0.0" }, { introduced: "2.0.0" }, { fixed: "1.10.0" }, { introduced: "0" }]);
  const affected = ["0.0.1", "1.9.0", "1.10.0", "1.99.0", "2.0.0", "2.9.9", "3.0.0"].filter((each) =>
    hits(advisory, each),
  );
  assert.deepEqual(affected, ["0.0.1", "1.9.0", "2.0.0", "2.9.9"]);
});

test("last_affected is the last one affected, and a range of one version holds one", () => {
  const advisory = npm([{ introduced: "1.0.0" }, { last_affected: "1.2.0" }]);
  assert.deepEqual(
    ["0.9.0", "1.0.0", "1.2.0", "1.2.1"].filter((each) => hits(advisory, each)),
    ["1.0.0", "1.2.0"],
  );
  const one = npm([{ last_affected: "1.0.0" }, { introduced: "1.0.0" }]);
  assert.deepEqual(
    ["0.9.0", "1.0.0", "1.0.1"].filter((each) => hits(one, each)),
    ["1.0.0"],
  );
});

test("a limit ends a range that nothing fixed", () => {
  const advisory = npm([{ introduced: "0" }, { limit: "2.0.0" }]);
  assert.equal(hits(advisory, "1.9.9"), true);
  assert.equal(hits(advisory, "2.0.0"), false);
  assert.equal(hits(npm([{ introduced: "0" }, { limit: "*" }]), "2.0.0"), true);
});

test("a listed version is affected, whatever the ranges say", () => {
  const advisory = npm([{ introduced: "5.0.0" }], { versions: ["1.0.0"] });
  assert.equal(hits(advisory, "1.0.0"), true);
  assert.equal(hits(advisory, "1.0.1"), false);
});

test("a fix that another range of the record takes back is no fix", () => {
  const advisory = npm([{ introduced: "0" }, { fixed: "1.1.0" }, { introduced: "1.1.0" }, { fixed: "1.2.0" }]);
  const { findings } = createAdvisoryIndex([advisory]).match({ ecosystem: "npm", name: "a", version: "1.0.0" });
  assert.deepEqual(findings[0]?.fixedVersions, ["1.2.0"]);
});

test("the upgrade is clean of every advisory of the package, not of the first alone", () => {
  const other = { ...npm([{ introduced: "1.5.0" }, { fixed: "2.0.0" }]), id: "T-2" };
  const index = createAdvisoryIndex([npm([{ introduced: "0" }, { fixed: "1.6.0" }]), other]);
  const match = index.match({ ecosystem: "npm", name: "a", version: "1.5.0" });
  assert.deepEqual(
    match.findings.map(({ fixedVersions }) => fixedVersions[0]),
    ["1.6.0", "2.0.0"],
  );
  assert.equal(match.upgrade, "2.0.0");
});

test("a withdrawn record finds nothing", () => {
  const rest = npm([{ introduced: "0" }]);
  const withdrawn = record([], { id: "T-2", withdrawn: "2026-02-01T00:00:00Z" });
  const index = createAdvisoryIndex([{ ...withdrawn, affected: rest.affected }, rest]);
  assert.equal(index.size, 1);
  assert.deepEqual(
    index.match({ ecosystem: "npm", name: "a", version: "1.0.0" }).findings.map(({ id }) => id),
    ["T-1"],
  );
});

test("what cannot be evaluated is unanswered, never free of findings", () => {
  const block = (ecosystem: string, more: object) => record([{ package: { ecosystem, name: "a" }, ...more }]);
  const range = { ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "2" }] }] };
  const ask = (advisory: Advisory, ecosystem: string, version = "1.0.0") =>
    createAdvisoryIndex([advisory]).match({ ecosystem, name: "a", version });
  const open = [
    ask(block("Nowhere", range), "Nowhere"),
    ask(block("npm", { ranges: [{ type: "GIT", repo: "https://x", events: [{ introduced: "0" }] }] }), "npm"),
    ask(block("npm", {}), "npm"),
    ask(block("npm", range), "npm", "not a version"),
    ask(block("npm", { ranges: [{ type: "SEMVER", events: [{ introduced: "0" }, { fixed: "?" }] }] }), "npm"),
  ];
  for (const { findings, unanswered } of open) {
    assert.deepEqual(findings, []);
    assert.deepEqual(
      unanswered.map(({ id }) => id),
      ["T-1"],
    );
  }
  assert.equal(ask(block("npm", range), "PyPI").unanswered.length, 1, "no data for the ecosystem");
  assert.equal(
    ask(block("Nowhere", { ...range, versions: ["1.0.0"] }), "Nowhere").findings.length,
    1,
    "a listed version",
  );
});

test("names are compared as their registry does, and a release suffix narrows an ecosystem", () => {
  const of = (ecosystem: string, name: string) =>
    record([{ package: { ecosystem, name }, ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }] }] }]);
  const found = (advisory: Advisory, ecosystem: string, name: string) =>
    createAdvisoryIndex([advisory]).match({ ecosystem, name, version: "1.0" }).findings.length;
  assert.equal(found(of("PyPI", "Foo_Bar"), "PyPI", "foo.bar"), 1);
  assert.equal(found(of("npm", "Foo"), "npm", "foo"), 0);
  assert.equal(found(of("Debian:12", "a"), "Debian:12", "a"), 1);
  assert.equal(found(of("Debian", "a"), "Debian:12", "a"), 1);
  assert.equal(found(of("Debian:11", "a"), "Debian:11:x", "a"), 0);
});

test("the catalogue is joined over aliases of aliases, a cycle among them included", () => {
  const affected = npm([{ introduced: "0" }]).affected;
  const [a, b] = [
    { ...record([]), id: "GO-1", aliases: ["GHSA-1"], affected },
    { ...record([]), id: "GHSA-1", aliases: ["CVE-2021-44228", "GO-1"] },
  ] as const;
  const { findings } = createAdvisoryIndex([a, b], { exploited }).match({
    ecosystem: "npm",
    name: "a",
    version: "1.0.0",
  });
  assert.equal(findings[0]?.knownExploited?.dateAdded, "2021-12-10");
});

test("of a record that stands twice, the one modified last counts", () => {
  const old = npm([{ introduced: "0" }]);
  const renewed = { ...npm([{ introduced: "0" }, { fixed: "1.0.0" }]), modifiedMs: old.modifiedMs + 1 };
  for (const records of [
    [old, renewed],
    [renewed, old],
  ]) {
    const index = createAdvisoryIndex(records);
    assert.equal(index.match({ ecosystem: "npm", name: "a", version: "1.0.0" }).findings.length, 0);
  }
});
