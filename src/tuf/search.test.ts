import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "../../test/tuf-world.ts";
import { isProblem, utf8, type ProblemCode } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { binName } from "./delegation.ts";

const code =
  (wanted: ProblemCode) =>
  (error: unknown): boolean =>
    isProblem(error, wanted) || assert.fail(String(error));

async function fetchedRoles(world: World, path: string): Promise<string[]> {
  const client = await world.update();
  world.requests.length = 0;
  await client.findTarget(path);
  return world.requests.map((each) => each.replace(/^\d+\.|\.json$/g, ""));
}

/** A repository of delegations `from>to`, `from>to!` being terminating, all for every path of one segment. */
async function graph(...edges: readonly string[]): Promise<World> {
  const world = await World.create();
  const names = new Set<string>();
  for (const edge of edges) {
    const [from, to] = edge.replace("!", "").split(">") as [string, string];
    world.delegate(from, to, { paths: ["*"], terminating: edge.endsWith("!") });
    names.add(to);
  }
  await world.publish(...names, "targets", "snapshot", "timestamp");
  return world;
}

const orders: readonly (readonly [edges: string, order: string])[] = [
  ["targets>A", "A"],
  ["targets>A targets>B", "A B"],
  ["targets>20 targets>3", "20 3"],
  ["targets>A targets>B A>C", "A C B"],
  ["targets>A A>C A>D targets>B", "A C D B"],
  ["targets>A A>B B>A", "A B"],
  ["targets>A targets>B! targets>C", "A B"],
  ["targets>A A>B! targets>C", "A B"],
  ["targets>A! A>B A>C targets>D", "A B C"],
  ["targets>A A>D targets>B B>D", "A D B"],
];
for (const [edges, order] of orders) {
  test(`the delegations ${edges} are searched in the order ${order}`, async () => {
    const world = await graph(...edges.split(" "));
    assert.deepEqual(await fetchedRoles(world, "missing"), order.split(" "));
  });
}

test("the first role in order of appearance that has the target decides", async () => {
  const world = await graph("targets>A", "targets>B");
  world.addTarget("B", "file", utf8("from B"));
  world.addTarget("A", "file", utf8("from A"));
  await world.publish("A", "B", "snapshot", "timestamp");
  const client = await world.update();
  const target = await client.findTarget("file");
  assert.deepEqual(await client.download(target!), utf8("from A"));
});

test("a target must be in the scope of every role on the way to it", async () => {
  const world = await World.create();
  world.delegate("targets", "A", { paths: ["a/*"] });
  world.delegate("A", "B", { paths: ["*", "b/*", "a/*"] });
  world.addTarget("B", "b/file", utf8("outside"));
  world.addTarget("B", "a/file", utf8("inside"));
  await world.publish("B", "A", "targets", "snapshot", "timestamp");
  const client = await world.update();
  assert.equal(await client.findTarget("b/file"), undefined);
  assert.notEqual(await client.findTarget("a/file"), undefined);
});

test("path hash prefixes are prefixes of the SHA-256 of the path", async () => {
  const world = await World.create();
  const prefix = digestHex("sha256", utf8("file")).slice(0, 3);
  world.delegate("targets", "bin", { path_hash_prefixes: [prefix] });
  world.addTarget("bin", "file", utf8("content"));
  await world.publish("bin", "targets", "snapshot", "timestamp");
  assert.notEqual(await (await world.update()).findTarget("file"), undefined);
  assert.deepEqual(await fetchedRoles(world, "other"), []);
});

test("succinct bins are found by the first bits of the path's hash", async () => {
  const world = await World.create();
  const bin = binName({ bitLength: 5, namePrefix: "bin" }, digestHex("sha256", utf8("file")));
  assert.match(bin, /^bin-[01][0-9a-f]$/);
  world.delegate("targets", bin, { paths: ["*"] });
  const { delegations } = world.tree("targets");
  const { keyids } = delegations!.roles![0]!;
  delete delegations!.roles;
  delegations!.succinct_roles = { keyids, threshold: 1, bit_length: 5, name_prefix: "bin" };
  world.addTarget(bin, "file", utf8("content"));
  await world.publish(bin, "targets", "snapshot", "timestamp");
  const client = await world.update();
  assert.deepEqual(await client.download((await client.findTarget("file"))!), utf8("content"));
});

test("a bin's name has as many digits as the last bin needs", () => {
  const hash = `ffffffff${"0".repeat(56)}`;
  const names = [1, 4, 5, 14, 32].map((bitLength) => binName({ bitLength, namePrefix: "b" }, hash));
  assert.deepEqual(names, ["b-1", "b-f", "b-1f", "b-3fff", "b-ffffffff"]);
});

test("a search visits no more delegated roles than the limit allows", async () => {
  const world = await graph("targets>A", "targets>B", "targets>C");
  world.addTarget("C", "file", utf8("x"));
  await world.publish("C", "snapshot", "timestamp");
  assert.equal(await (await world.update({ limits: { delegations: 2 } })).findTarget("file"), undefined);
  assert.notEqual(await (await world.update({ limits: { delegations: 3 } })).findTarget("file"), undefined);
});

test("a role that was good by one delegation is verified again by another", async () => {
  const world = await World.create();
  world.delegate("targets", "a", { paths: ["a/*"] });
  world.delegate("targets", "b", { paths: ["b/*"] });
  world.delegate("a", "release", { paths: ["a/*"] });
  world.delegate("b", "release", { paths: ["b/*"] });
  world.signers.get("release")!.pop();
  world.addTarget("release", "a/file", utf8("good"));
  world.addTarget("release", "b/file", utf8("bad"));
  await world.publish("release", "a", "b", "targets", "snapshot", "timestamp");
  const client = await world.update();
  assert.notEqual(await client.findTarget("a/file"), undefined);
  await assert.rejects(client.findTarget("b/file"), code("tuf/threshold"));
});

test("a delegated role cannot reach its threshold with one public key under two ids", async () => {
  const world = await World.create();
  world.delegate("targets", "team", { paths: ["*"] });
  const role = world.tree("targets").delegations!.roles![0]!;
  const { keys } = world.tree("targets").delegations!;
  keys["alias"] = keys[role.keyids[0]!]!;
  role.keyids.push("alias");
  role.threshold = 2;
  world.keys.get("team")!.push({ ...world.keys.get("team")![0]!, keyid: "alias" });
  await world.publish("team", "targets", "snapshot", "timestamp");
  await assert.rejects((await world.update()).findTarget("file"), code("tuf/threshold"));
});

test("a delegated role that has expired ends the search", async () => {
  const world = await graph("targets>A", "targets>B");
  world.expire("A");
  world.addTarget("B", "file", utf8("x"));
  await world.publish("A", "B", "snapshot", "timestamp");
  await assert.rejects((await world.update()).findTarget("file"), code("tuf/expired"));
});

test("a delegated role in the store that has expired is not used", async () => {
  const world = await graph("targets>A");
  await (await world.update()).findTarget("file");
  const { now } = world;
  await assert.rejects(
    (await world.update()).findTarget("../file").finally(() => (world.now = now)),
    code("tuf/target-path"),
  );
  const client = await world.update();
  world.expire("A");
  await world.publish("A", "snapshot", "timestamp");
  assert.equal(await client.findTarget("file"), undefined, "an update is one state of the repository");
  await assert.rejects((await world.update()).findTarget("file"), code("tuf/expired"));
});

test("a delegated role of another version, hash or length than listed ends the search", async () => {
  const world = await graph("targets>A");
  world.listHashes = true;
  await world.publish("A", "snapshot", "timestamp");
  const good = world.files.get("2.A.json")!;
  const changed = good.slice();
  changed[changed.length - 1] = 32;
  world.files.set("2.A.json", changed);
  await assert.rejects((await world.update()).findTarget("file"), code("tuf/hash-mismatch"));
  world.files.set("2.A.json", world.files.get("1.A.json")!);
  world.listHashes = false;
  world.tree("snapshot").meta["A.json"] = { version: 2 };
  await world.publish("snapshot", "timestamp");
  await assert.rejects((await world.update()).findTarget("file"), code("tuf/version-mismatch"));
});

test("a delegated role that the snapshot does not list is not even asked for", async () => {
  const world = await graph("targets>A");
  delete world.tree("snapshot").meta["A.json"];
  await world.publish("snapshot", "timestamp");
  const client = await world.update();
  world.requests.length = 0;
  await assert.rejects(client.findTarget("file"), code("tuf/metadata-missing"));
  assert.deepEqual(world.requests, []);
});

for (const name of [
  "../up",
  "/absolute",
  "a/b",
  "C:\\x",
  "?",
  "#",
  "__proto__",
  "constructor",
  "1.root",
  "\u{1F600}",
  "..",
  "%2e",
]) {
  test(`a role called ${JSON.stringify(name)} is found, and stays in the folder of the store`, async () => {
    const world = await World.create();
    world.delegate("targets", name, { paths: ["*"] });
    world.addTarget(name, "file", utf8("x"));
    await world.publish(name, "targets", "snapshot", "timestamp");
    assert.notEqual(await (await world.update()).findTarget("file"), undefined);
    for (const stored of world.stored.keys()) assert.match(stored, /^(root_history\/)?[\w.%~-]+\.json$/);
    world.requests.length = 0;
    assert.notEqual(await (await world.update()).findTarget("file"), undefined);
    assert.equal(world.requests.length, 2, "the stored file is used");
  });
}

for (const name of ["__proto__", "constructor", "toString", "7", "\u{1F600}", "\uFF5E", "a b", "é"]) {
  test(`a target called ${JSON.stringify(name)} is found when it is listed and only then`, async () => {
    const world = await World.create();
    assert.equal(await (await world.update()).findTarget(name), undefined);
    Object.defineProperty(world.tree("targets").targets, name, { value: undefined, enumerable: true, writable: true });
    for (const each of ["\u{1F600}", "\uFF5E", "10", "9", name]) world.addTarget("targets", each, utf8(each));
    await world.publish("targets", "snapshot", "timestamp");
    const client = await world.update();
    assert.deepEqual(await client.download((await client.findTarget(name))!), utf8(name));
  });
}

for (const path of [
  "",
  "/etc/passwd",
  "../x",
  "a/../../x",
  "a/./b",
  "a//b",
  "a/",
  "a\\b",
  "C:/x",
  "a\u0000b",
  "\ud800",
]) {
  test(`the target path ${JSON.stringify(path)} is refused`, async () => {
    const world = await World.create();
    world.addTarget("targets", "ok", utf8("x"));
    const client = await world.update();
    await assert.rejects(client.findTarget(path), code("tuf/target-path"));
    const target = { path, length: 1, hashes: new Map([["sha256", "00"]]), custom: undefined };
    await assert.rejects(client.download(target), code("tuf/target-path"));
  });
}

test("a target that was substituted is refused", async () => {
  const world = await World.create();
  world.addTarget("targets", "file", utf8("good"));
  await world.publish("targets", "snapshot", "timestamp");
  const client = await world.update();
  const target = (await client.findTarget("file"))!;
  const path = [...world.files.keys()].find((each) => each.startsWith("targets/"));
  world.files.set(path!, utf8("evil"));
  await assert.rejects(client.download(target), code("tuf/hash-mismatch"));
  world.files.set(path!, utf8("goods"));
  await assert.rejects(client.download(target), code("tuf/length"));
  world.files.delete(path!);
  await assert.rejects(client.download(target), code("tuf/target-missing"));
});

test("every hash that is listed and known must match, and one must be known", async () => {
  const world = await World.create();
  world.addTarget("targets", "file", utf8("good"));
  const { hashes } = world.tree("targets").targets["file"]!;
  const outcome = async (change: Record<string, string>, ...drop: string[]): Promise<unknown> => {
    const before = { ...hashes };
    Object.assign(hashes, change);
    for (const each of drop) delete hashes[each];
    for (const each of Object.values(hashes)) world.files.set(`targets/${each}.file`, utf8("good"));
    await world.publish("targets", "snapshot", "timestamp");
    const client = await world.update();
    const target = (await client.findTarget("file"))!;
    for (const each of Object.keys(hashes)) delete hashes[each];
    Object.assign(hashes, before);
    return client.download(target);
  };
  await outcome({ sha512: digestHex("sha512", utf8("good")) });
  await outcome({ sha384: digestHex("sha384", utf8("good")) }, "sha256");
  await outcome({ "blake2b-256": "00".repeat(32) });
  await assert.rejects(outcome({ sha512: "00".repeat(64) }), code("tuf/hash-mismatch"));
  await assert.rejects(outcome({ "blake2b-256": "00".repeat(32) }, "sha256"), code("tuf/hash-mismatch"));
});
