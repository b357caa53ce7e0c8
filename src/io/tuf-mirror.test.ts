import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { packTar } from "modern-tar";
import { World } from "../../test/tuf-world.ts";
import { isProblem, type ProblemCode, utf8 } from "../core/index.ts";
import { createMemoryStore, exportMirror, importMirror, type MirrorSink, update } from "../tuf/index.ts";
import { createFolderFetcher } from "./tuf-fetcher.ts";
import { createMirrorArchive, createMirrorFolder, openMirror } from "./tuf-mirror.ts";
import { createFileStore } from "./tuf-store.ts";
import { createTargetSink } from "./tuf-target.ts";

const code = (wanted: ProblemCode) => (error: unknown) => isProblem(error, wanted) || assert.fail(String(error));

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tuf-mirror-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

/** Roles `team` and `../odd`, each with targets, beside a role `other` that has no part in them. */
async function repository(): Promise<World> {
  const world = await World.create();
  world.delegate("targets", "team", { paths: ["team/*"] });
  world.delegate("targets", "../odd", { paths: ["odd/*"] });
  world.delegate("targets", "other", { paths: ["other/*"] });
  for (const name of ["one", "two"]) {
    world.addTarget("team", `team/${name}`, utf8(`team ${name}`));
    world.addTarget("../odd", `odd/${name}`, utf8(`odd ${name}`));
    world.addTarget("other", `other/${name}`, utf8(`other ${name}`));
  }
  world.addTarget("targets", "top", utf8("top"));
  await world.publish("root");
  await world.publish("team", "../odd", "other", "targets", "snapshot", "timestamp");
  return world;
}

async function contentAt(
  world: World,
  folder: string,
  path: string,
  now: number = world.now,
): Promise<string | undefined> {
  const fetcher = createFolderFetcher(folder);
  const client = await update({ bootstrap: world.bootstrap, fetcher, store: createMemoryStore(), now });
  const target = await client.findTarget(path);
  return target && Buffer.from(await client.download(target)).toString();
}

async function files(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

test("a whole mirror serves every target to a client that begins with the first root", async (t) => {
  const folder = join(await scratch(t), "mirror");
  const world = await repository();
  const summary = await exportMirror(await world.update(), createMirrorFolder(folder));
  assert.deepEqual(summary, { roots: 2, roles: 5, targets: 7, targetBytes: 3 + 2 * (8 + 7 + 9) });
  for (const path of ["top", "team/one", "odd/two", "other/one"]) {
    assert.equal(await contentAt(world, folder, path), path.replace("/", " "));
  }
  assert.deepEqual(
    (await files(folder)).filter((each) => each.includes("staging")),
    [],
  );
});

test("a partial mirror has the targets that were asked for, and the metadata that they need alone", async (t) => {
  const folder = join(await scratch(t), "mirror");
  const world = await repository();
  await exportMirror(await world.update(), createMirrorFolder(folder), { targets: ["team/*", "odd/one"] });
  assert.equal(await contentAt(world, folder, "team/one"), "team one");
  assert.equal(await contentAt(world, folder, "odd/one"), "odd one");
  await assert.rejects(contentAt(world, folder, "odd/two"), code("tuf/target-missing"));
  await assert.rejects(contentAt(world, folder, "other/one"), code("tuf/metadata-missing"));
  const names = await files(folder);
  assert.equal(names.filter((each) => each.startsWith("targets/")).length, 3);
  assert.deepEqual(
    names.filter((each) => !each.startsWith("targets/")),
    ["..%2Fodd.json", "1.root.json", "2.root.json", "2.snapshot.json", "2.targets.json", "team.json", "timestamp.json"]
      .map((each) => each.replace(/^(team|\.\.)/, "1.$1"))
      .sort(),
  );
});

test("a target that nobody lists, a pattern without a match, and none at all are refused, and nothing is written", async (t) => {
  const folder = join(await scratch(t), "mirror");
  const client = await (await repository()).update();
  for (const targets of [["nothing"], ["nothing/*"]]) {
    await assert.rejects(exportMirror(client, createMirrorFolder(folder), { targets }), code("tuf/target-missing"));
  }
  await assert.rejects(exportMirror(client, createMirrorFolder(folder), { targets: [] }), code("tuf/no-target"));
  assert.deepEqual(await files(folder), []);
});

test("a mirror is not begun to be seen before all of it has been verified", async (t) => {
  const folder = join(await scratch(t), "mirror");
  const world = await repository();
  await exportMirror(await world.update(), createMirrorFolder(folder));
  const before = await files(folder);
  world.addTarget("other", "other/three", utf8("three"));
  await world.publish("other", "targets", "snapshot", "timestamp");
  for (const [path, bytes] of world.files) if (bytes.length === 5) world.files.set(path, utf8("EVIL!"));
  await assert.rejects(exportMirror(await world.update(), createMirrorFolder(folder)), code("tuf/hash-mismatch"));
  assert.deepEqual(await files(folder), before);
  assert.equal(await contentAt(world, folder, "top"), "top");
});

test("what a mirror publishes comes in the order of the specification, the timestamp last", async () => {
  const world = await repository();
  const order: string[] = [];
  const sink: MirrorSink = {
    write: async (path) => void order.push(path),
    target: (path) => ({
      read: async () => undefined,
      create: async () => ({
        write: async () => undefined,
        commit: async () => void order.push(path),
        discard: async () => undefined,
      }),
    }),
    publish: async () => void order.push("published"),
    discard: async () => undefined,
  };
  await exportMirror(await world.update(), sink);
  const at = (path: string): number => order.indexOf(path);
  assert.deepEqual(order.slice(0, 2), ["1.root.json", "2.root.json"]);
  assert.deepEqual(order.slice(-4), ["2.targets.json", "2.snapshot.json", "timestamp.json", "published"]);
  for (const [index, path] of order.entries()) if (path.startsWith("targets/")) assert.ok(index < at("2.targets.json"));
  const ofTeam = order.filter((path) => path.startsWith("targets/team/"));
  for (const path of ofTeam) assert.ok(at(path) < at("1.team.json"));
});

test("an archive holds the mirror, the same one the same bytes, and is taken over whole", async (t) => {
  const folder = await scratch(t);
  const world = await repository();
  for (const name of ["a.tar", "b.tar"]) {
    await exportMirror(await world.update(), createMirrorArchive(join(folder, name)), { targets: ["team/*", "odd/*"] });
  }
  assert.deepEqual(await readFile(join(folder, "a.tar")), await readFile(join(folder, "b.tar")));
  assert.deepEqual(await files(folder), ["a.tar", "b.tar"]);
  const mirror = join(folder, "inside");
  const source = await openMirror(join(folder, "a.tar"), folder);
  const sink = createMirrorFolder(mirror);
  const { bootstrap, now } = world;
  const current = createFolderFetcher(mirror);
  const summary = await importMirror({ bootstrap, source: source.fetcher, current, sink, now });
  await source.close();
  assert.deepEqual([summary.roles, summary.targets], [4, 4]);
  assert.equal(await contentAt(world, mirror, "odd/two"), "odd two");
  assert.deepEqual((await readdir(folder)).sort(), ["a.tar", "b.tar", "inside"]);
});

test("an older mirror is not taken over in the place of a newer one, nor one that was changed on the way", async (t) => {
  const folder = await scratch(t);
  const world = await repository();
  const at = (name: string): string => join(folder, name);
  await exportMirror(await world.update(), createMirrorFolder(at("old")));
  await world.publish("targets", "snapshot", "timestamp");
  await exportMirror(await world.update(), createMirrorFolder(at("new")));
  await cp(at("new"), at("changed"), { recursive: true });
  const victim = (await files(at("changed"))).find((each) => each.startsWith("targets/other"));
  await writeFile(join(at("changed"), victim!), "other ONE");
  const take = (name: string): ReturnType<typeof importMirror> =>
    importMirror({
      bootstrap: world.bootstrap,
      source: createFolderFetcher(at(name)),
      current: createFolderFetcher(at("inside")),
      sink: createMirrorFolder(at("inside")),
      now: world.now,
    });
  await assert.rejects(take("changed"), code("tuf/hash-mismatch"));
  assert.deepEqual(await files(at("inside")), []);
  await take("new");
  const before = await files(at("inside"));
  await assert.rejects(take("old"), code("tuf/rollback"));
  assert.deepEqual(await files(at("inside")), before);
  await assert.rejects(take("nothing"), code("tuf/metadata-missing"));
});

test("names in an archive that leave its folder, links, devices and names that come twice are refused", async (t) => {
  const folder = await scratch(t);
  const body = "x";
  const file = (name: string): { header: { name: string; size: number }; body: string } => ({
    header: { name, size: 1 },
    body,
  });
  const link = (type: "symlink" | "link") => ({ header: { name: "a", size: 0, type, linkname: "/etc/passwd" } });
  const archives = [
    [file("../up")],
    [file("/etc/up")],
    [file("a/../../up")],
    [file("a\\b")],
    [link("symlink"), file("a/b")],
    [link("link")],
    [{ header: { name: "a", size: 0, type: "fifo" as const } }],
  ];
  for (const [index, entries] of archives.entries()) {
    const path = join(folder, `${index}.tar`);
    await writeFile(path, await packTar(entries));
    await assert.rejects(openMirror(path, folder), code("io/archive-invalid"), JSON.stringify(entries));
  }
  await writeFile(join(folder, "twice.tar"), await packTar([file("a"), file("a")]));
  await assert.rejects(openMirror(join(folder, "twice.tar"), folder), code("io/archive-invalid"));
  await writeFile(join(folder, "none.tar"), "this is no archive".repeat(100));
  await assert.rejects(openMirror(join(folder, "none.tar"), folder), code("io/archive-invalid"));
  await assert.rejects(openMirror(join(folder, "missing.tar"), folder), code("io/read"));
  assert.deepEqual(
    (await readdir(folder)).filter((name) => !name.endsWith(".tar")),
    [],
  );
});

test("an update from a mirror in a folder, at a given time, opens no socket and writes nothing", async (t) => {
  const folder = await scratch(t);
  const world = await repository();
  await exportMirror(await world.update(), createMirrorFolder(join(folder, "mirror")));
  const cache = join(folder, "cache");
  await mkdir(cache);
  const opened: string[] = [];
  const hook = createHook({
    init: (_id, type) => {
      if (/TCP|UDP|PIPE|TLS|GETADDRINFO|CARES|QUERY/i.test(type)) opened.push(type);
    },
  }).enable();
  const client = await update({
    bootstrap: world.bootstrap,
    fetcher: createFolderFetcher(join(folder, "mirror")),
    store: createFileStore(cache, { readOnly: true }),
    now: world.now,
  });
  const target = (await client.findTarget("team/one"))!;
  await client.downloadTo(target, createTargetSink(join(folder, "out"), "team/one"));
  hook.disable();
  assert.deepEqual(opened, []);
  assert.equal(await readFile(join(folder, "out", "team", "one"), "utf8"), "team one");
  assert.deepEqual(await readdir(cache), []);
  await assert.rejects(
    contentAt(world, join(folder, "mirror"), "top", world.now + 40 * 86_400_000),
    code("tuf/expired"),
  );
  assert.equal(await contentAt(world, join(folder, "mirror"), "top", world.now + 86_400_000), "top");
});
