import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { World } from "../../test/tuf-world.ts";
import { isProblem, type ProblemCode, utf8 } from "../core/index.ts";
import { type MapClient, openMap } from "./map.ts";
import { createMemoryFetcher, createMemoryStore } from "./memory.ts";
import { type Mapping, parseRepositoryMap } from "./parse-map.ts";

const code = (wanted: ProblemCode) => (error: unknown) => isProblem(error, wanted) || assert.fail(String(error));
const parse = (value: unknown): ReturnType<typeof parseRepositoryMap> =>
  parseRepositoryMap(utf8(JSON.stringify(value)));

const good = {
  repositories: { django: ["http://a.example/", "http://b.example/"], pypi: ["http://c.example/"] },
  mapping: [
    { paths: ["*django*"], repositories: ["django", "pypi"], threshold: 2, terminating: true },
    { paths: ["*"], repositories: ["pypi"], threshold: 1, terminating: false },
  ],
};

test("a map is read with its repositories and its mappings in order", () => {
  const map = parse(good);
  assert.deepEqual(map.repositories.get("django"), ["http://a.example/", "http://b.example/"]);
  assert.deepEqual(map.mapping, good.mapping);
});

test("CVE-2026-24686: a repository's name is a folder's name on every system, or the map is refused", () => {
  for (const name of [
    "../x",
    "..",
    ".",
    "",
    "/etc",
    "a/b",
    "a\\b",
    "C:",
    "x\u0000",
    "con",
    "NUL.txt",
    "x.",
    "é",
    "a".repeat(65),
    "-x",
  ]) {
    const map = { ...good, repositories: { ...good.repositories, [name]: ["http://a/"] } };
    assert.throws(() => parse(map), code("tuf/map-invalid"), name);
  }
  assert.throws(() => parse({ ...good, repositories: { ...good.repositories, PyPI: ["x"] } }), code("tuf/map-invalid"));
});

test("a map that is null, or that lets anything pass, is refused", () => {
  const mapping = (changes: object): unknown => ({ ...good, mapping: [{ ...good.mapping[0], ...changes }] });
  for (const bad of [
    null,
    [],
    {},
    { ...good, mapping: [] },
    { ...good, mapping: null },
    { ...good, repositories: {} },
    { ...good, repositories: null },
    { ...good, repositories: { ...good.repositories, pypi: [] } },
    { ...good, repositories: { ...good.repositories, pypi: [""] } },
    { ...good, extra: 1 },
    mapping({ threshold: 0 }),
    mapping({ threshold: 3 }),
    mapping({ threshold: "1" }),
    mapping({ paths: [] }),
    mapping({ repositories: [] }),
    mapping({ repositories: ["pypi", "pypi"] }),
    mapping({ repositories: ["nobody"] }),
    mapping({ repositories: ["constructor"] }),
    mapping({ terminating: null }),
  ]) {
    assert.throws(() => parse(bad), code("tuf/map-invalid"), JSON.stringify(bad));
  }
});

test("no bytes make the map's parser throw anything but a Problem", () => {
  const text = JSON.stringify(good);
  const mutated = fc
    .tuple(fc.nat(text.length), fc.string({ maxLength: 3 }), fc.nat(5))
    .map(([at, put, cut]) => utf8(text.slice(0, at) + put + text.slice(at + cut)));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8), mutated), (bytes) => {
      try {
        parseRepositoryMap(bytes);
      } catch (error) {
        assert.ok(isProblem(error, "tuf/map-invalid"), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

/** Repositories by name, each with the content that it has at the path `file`. */
async function mapClient(
  contents: Readonly<Record<string, string | undefined>>,
  mapping: readonly Mapping[],
  unreachable: readonly string[] = [],
): Promise<MapClient> {
  const worlds = new Map<string, World>();
  for (const [name, content] of Object.entries(contents)) {
    const world = await World.create();
    if (content !== undefined) world.addTarget("targets", "file", utf8(content));
    await world.publish("targets", "snapshot", "timestamp");
    worlds.set(name, world);
  }
  const repositories = new Map(Object.keys(contents).map((name) => [name, [`http://${name}/`]]));
  return openMap({ repositories, mapping }, (name) => {
    const { bootstrap, files, now } = worlds.get(name)!;
    const fetcher = createMemoryFetcher(unreachable.includes(name) ? new Map() : files);
    return { bootstrap, now, store: createMemoryStore(), fetcher };
  });
}

const both: Mapping = { paths: ["*"], repositories: ["a", "b"], threshold: 2, terminating: true };
const one = (name: string, terminating = false): Mapping => ({
  paths: ["*"],
  repositories: [name],
  threshold: 1,
  terminating,
});

test("a target is believed when a threshold of repositories agree on its length and hashes", async () => {
  const client = await mapClient({ a: "same", b: "same" }, [both]);
  const target = (await client.findTarget("file"))!;
  assert.deepEqual([...target.listed.keys()], ["a", "b"]);
  assert.deepEqual(await client.download(target), utf8("same"));
  const disagreeing = await mapClient({ a: "this", b: "that" }, [both, one("a")]);
  assert.equal(await disagreeing.findTarget("file"), undefined);
});

test("a mapping that finds nothing hands on to the next unless it terminates", async () => {
  const contents = { a: undefined, b: "from b" };
  assert.equal(await (await mapClient(contents, [one("a", true), one("b")])).findTarget("file"), undefined);
  const client = await mapClient(contents, [one("a"), one("b")]);
  assert.deepEqual(await client.download((await client.findTarget("file"))!), utf8("from b"));
});

test("a repository that is kept from answering does not hand its paths to a mapping that trusts less", async () => {
  const client = await mapClient({ a: "right", b: "wrong" }, [one("a"), one("b")], ["a"]);
  await assert.rejects(client.findTarget("file"), code("tuf/metadata-missing"));
  const enough = { ...both, repositories: ["a", "b", "c"] };
  const withThree = await mapClient({ a: "right", b: "right", c: "right" }, [enough], ["c"]);
  assert.notEqual(await withThree.findTarget("file"), undefined);
});

test("two answers that both reach the threshold are refused", async () => {
  const client = await mapClient({ a: "this", b: "that" }, [{ ...both, threshold: 1 }]);
  await assert.rejects(client.findTarget("file"), code("tuf/map-conflict"));
});

test("a path is covered by whole patterns, segment by segment", async () => {
  const client = await mapClient({ a: "x" }, [{ ...one("a"), paths: ["dir/*", "fil"] }]);
  assert.equal(await client.findTarget("file"), undefined);
  await assert.rejects(client.findTarget("../file"), code("tuf/target-path"));
});
