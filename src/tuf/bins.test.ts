import assert from "node:assert/strict";
import { test } from "node:test";
import { pathsOf, Publisher, roleOf } from "../../test/tuf-publisher.ts";
import { newKey } from "../../test/tuf-world.ts";
import { dayMs, isProblem, olpcCanonicalJson, utf8, type JsonObject, type ProblemCode } from "../core/index.ts";
import {
  createMemoryRepositoryStore,
  createMemoryStore,
  createNextRoot,
  openRepository,
  publish,
  resign,
  roleStates,
  signMetadata,
  transact,
  nextTargets,
  type Changes,
  type RepositoryCommit,
} from "./index.ts";

const refused = (code: ProblemCode) => (error: unknown) => isProblem(error, code) || assert.fail(String(error));
const targets = Array.from({ length: 60 }, (_, at) => ({
  path: `packages/p${at}.tgz`,
  content: utf8(`content ${at}`),
}));

function rebin(publisher: Publisher, count: number): Changes {
  return { targets: new Map([["targets", { bins: { count, ...roleOf([publisher.bins], 1) } }]]) };
}

async function assertAll(publisher: Publisher, memory = createMemoryStore()): Promise<void> {
  const client = await publisher.update(memory);
  for (const { path, content } of targets) {
    const target = await client.findTarget(path);
    assert.ok(target !== undefined, path);
    assert.deepEqual(await client.download(target), content);
  }
}

test("targets go into their bins, and one more changes one bin, snapshot and timestamp alone", async () => {
  const publisher = await Publisher.create({ place: { add: targets } });
  const made = await publisher.publish(rebin(publisher, 16));
  assert.equal(pathsOf(made).filter((path) => /^1\.bins4-[0-9a-f]\.json$/.test(path)).length, 16);
  assert.deepEqual(pathsOf(made).slice(16), ["2.targets.json", "2.snapshot.json", "timestamp.json"]);
  await assertAll(publisher);
  const one = await publisher.publish({ place: { add: [{ path: "one", content: utf8("1") }] } });
  assert.match(pathsOf(one)[0]!, /^2\.bins4-[0-9a-f]\.json$/);
  assert.equal(pathsOf(one).length, 3);
  assert.equal(await publisher.read("one"), "1");
  await publisher.publish({ place: { remove: ["one"] } });
  assert.equal(await publisher.read("one"), undefined);
  await assert.rejects(publisher.publish({ place: { remove: ["one"] } }), refused("tuf/target-not-found"));
});

test("re-binning from 16 to 256 to 16 to 1 is followed by a client, and no version goes back", async () => {
  const publisher = await Publisher.create({ place: { add: targets } });
  const memory = createMemoryStore();
  for (const count of [16, 256, 16, 1]) {
    await publisher.publish(rebin(publisher, count));
    await assertAll(publisher, memory);
    await assertAll(publisher);
  }
  assert.equal(publisher.repository.listedVersion("bins4-0"), 2);
  assert.equal(publisher.repository.listedVersion("bins8-00"), 1);
  assert.equal(publisher.repository.head.targets.signed.targets.size, targets.length);
  assert.equal(await publisher.repository.role("bins4-0"), undefined);
});

test("a number of bins that is no power of two, or over 16,384, and one beside delegations by name is refused", async () => {
  const publisher = await Publisher.create();
  for (const count of [0, 3, 32_768, 2.5]) {
    await assert.rejects(publisher.publish(rebin(publisher, count)), refused("tuf/bins-count"), String(count));
  }
  const delegations = [{ name: "team", ...roleOf([newKey()], 1), paths: ["x"] }];
  const both = { delegations, bins: { count: 16, ...roleOf([publisher.bins], 1) } };
  await assert.rejects(publisher.publish({ targets: new Map([["targets", both]]) }), refused("tuf/delegation-invalid"));
  await publisher.publish(rebin(publisher, 2));
  const named = publisher.publish({ targets: new Map([["targets", { delegations }]]) });
  await assert.rejects(named, refused("tuf/delegation-invalid"));
});

test("no bins where there are none takes no delegation by name away", async () => {
  const publisher = await Publisher.create();
  publisher.holders.set("team", [newKey()]);
  const team = { name: "team", ...roleOf(publisher.holders.get("team")!, 1), paths: ["x"] };
  await publisher.publish({
    targets: new Map([
      ["targets", { delegations: [team] }],
      ["team", {}],
    ]),
  });
  await publisher.publish(rebin(publisher, 1));
  assert(publisher.repository.delegated.has("team"));
});

test("a delegated role has bins of its own", async () => {
  const publisher = await Publisher.create();
  publisher.holders.set("team", [newKey()]).set("team-bins", [publisher.bins]);
  const team = roleOf(publisher.holders.get("team")!, 1);
  const add = [{ path: "team/a", content: utf8("a") }];
  await publisher.publish({
    targets: new Map<string, object>([
      ["targets", { delegations: [{ name: "team", ...team, paths: ["team/*"] }] }],
      ["team", { add, bins: { count: 4, ...roleOf([publisher.bins], 1) } }],
    ]),
  });
  assert.equal(await publisher.read("team/a"), "a");
  assert.deepEqual([...publisher.repository.bins.keys()], ["team"]);
  const again = await openRepository(publisher.store);
  assert.equal((await again.find("team/a"))?.path, "team/a");
});

test("with another key every bin is signed anew, and a client that knew the old ones follows", async () => {
  const publisher = await Publisher.create({ place: { add: targets } });
  const memory = createMemoryStore();
  await publisher.publish(rebin(publisher, 16));
  await assertAll(publisher, memory);
  const other = newKey();
  publisher.holders.set("bins", [other]);
  const bins = { count: 16, ...roleOf([other], 1) };
  const made = await publisher.publish({ targets: new Map([["targets", { bins }]]) });
  assert.equal(pathsOf(made).filter((path) => path.startsWith("2.bins4-")).length, 16);
  await assertAll(publisher, memory);
});

test("bins that owners elsewhere have signed the delegation of are made when it comes back", async () => {
  const publisher = await Publisher.create({ place: { add: targets } });
  const { bins } = rebin(publisher, 8).targets!.get("targets")!;
  const signed = await nextTargets(publisher.repository, "targets", { bins: bins! }, publisher.now + 20 * dayMs);
  const bytes = await signMetadata(
    signed,
    publisher.holders.get("targets")!.map((each) => each.signer),
  );
  await publisher.publish({ signed: new Map([["targets", bytes]]) }, publisher.signing("targets"));
  await assertAll(publisher);
  assert.equal(publisher.repository.bins.get("targets")?.count, 8);
});

test("bins are signed anew when their window has come, those that changed since in their own time", async () => {
  const publisher = await Publisher.create({ place: { add: targets } });
  await publisher.publish(rebin(publisher, 4));
  publisher.now += 10 * dayMs;
  await publisher.publish({ place: { add: [{ path: "later", content: utf8("later") }] } });
  const due = async () =>
    pathsOf(await resign(publisher.repository, publisher.signing("targets"), publisher.now, { onlyDue: true }));
  assert.deepEqual(await due(), []);
  publisher.now += 5 * dayMs;
  assert.equal((await due()).filter((path) => path.includes("bins2")).length, 3);
  await publisher.resign(publisher.signing("targets"), { onlyDue: true });
  const state = roleStates(await openRepository(publisher.store)).find(({ role }) => role === "bins");
  assert.equal(state?.expiresMs, publisher.now + 15 * dayMs);
  assert.deepEqual(await due(), []);
});

test("a target's file is given up when no role names it any more, and not before", async () => {
  const publisher = await Publisher.create({ place: { add: targets.slice(0, 2) } });
  const [a, b] = targets as [(typeof targets)[0], (typeof targets)[0]];
  const rebinned = await publisher.publish(rebin(publisher, 2));
  assert.deepEqual(
    rebinned.commit.replaced.filter((path) => path.startsWith("targets/")),
    [],
  );
  const gone = await publisher.publish({
    place: { remove: [a.path], add: [{ path: b.path, content: utf8("other") }] },
  });
  const files = gone.commit.replaced.filter((path) => path.startsWith("targets/"));
  assert.equal(files.length, 2);
  const again = await publisher.publish({ place: { add: [a] } });
  assert.ok(again.commit.named!.includes(files.find((path) => path.endsWith("p0.tgz"))!));
  publisher.now += 5 * dayMs;
  await publisher.publish({});
  assert.equal(await publisher.read(a.path), "content 0");
  const old = files.find((path) => path.endsWith("p1.tgz"));
  assert.equal(await publisher.store.readTarget(old!.slice("targets/".length), 1 << 20), undefined);
});

test("files that nothing names are kept for clients under way and then purged, roots never", async () => {
  const publisher = await Publisher.create();
  const next = createNextRoot(publisher.repository.head.root, { expiresMs: publisher.now + 300 * dayMs });
  await publisher.publish({ roots: [await publisher.signRoot(next)], targets: new Map([["targets", {}]]) });
  publisher.now += dayMs / 2;
  await publisher.publish({});
  assert.ok((await publisher.store.read("1.targets.json")) !== undefined);
  publisher.now += 2 * dayMs;
  await publisher.publish({});
  assert.equal(await publisher.store.read("1.targets.json"), undefined);
  assert.equal(await publisher.store.read("1.snapshot.json"), undefined);
  assert.ok((await publisher.store.read("1.root.json")) !== undefined);
});

/** A client refreshes after every single file, as one would over a folder that is written file by file. */
test("files are published in an order in which a client that reads between any two of them never fails", async () => {
  const commits: RepositoryCommit[] = [];
  const store = createMemoryRepositoryStore();
  const recording = {
    ...store,
    commit: async (commit: RepositoryCommit) => {
      await store.commit(commit);
      commits.push(commit);
    },
  };
  const publisher = await Publisher.create({ place: { add: targets } }, recording);
  publisher.repository = await openRepository(recording);
  await publisher.publish(rebin(publisher, 4));
  for (const role of ["snapshot", "timestamp"]) publisher.holders.set(role, [newKey()]);
  const next = createNextRoot(publisher.repository.head.root, {
    expiresMs: publisher.now + 300 * dayMs,
    roles: publisher.roles(),
  });
  await publisher.publish({
    roots: [await publisher.signRoot(next)],
    place: { add: [{ path: "new", content: utf8("n") }] },
  });
  await publisher.publish(rebin(publisher, 8));
  await publisher.publish(rebin(publisher, 1));
  const folder = createMemoryRepositoryStore();
  const reader = new Publisher(folder);
  reader.root = publisher.root;
  const [first, ...rest] = commits;
  const write = async (files: RepositoryCommit["files"]) =>
    folder.commit({ base: await folder.revision(), atMs: reader.now, files, replaced: [], event: {} });
  await write(first!.files);
  const memory = createMemoryStore();
  for (const [path, file] of rest.flatMap((commit) => commit.files)) {
    await write([[path, file]]);
    const isNewKey = path === "2.root.json";
    // A new root ends what the old online keys signed: until its own snapshot and timestamp are there, which a commit
    // brings at once and a folder file by file, a client waits at the root.
    const update = (memoryOfClient = createMemoryStore()) => reader.update(memoryOfClient);
    if (isNewKey || (await folder.read("timestamp.json")) === commits[1]!.files.at(-1)![1]) {
      await update().catch(refused("tuf/threshold"));
      continue;
    }
    for (const client of [await update(memory), await update()]) {
      for (const target of targets)
        assert.ok((await client.findTarget(target.path)) !== undefined, `${path} ${target.path}`);
    }
  }
});

test("a publisher in a hurry and one that is slow lose nothing of each other", async () => {
  const publisher = await Publisher.create();
  const add = (path: string) =>
    transact(publisher.store, { operation: "add", path }, (repository) =>
      publish(repository, { place: { add: [{ path, content: utf8(path) }] } }, publisher.signing(), publisher.now),
    );
  const paths = Array.from({ length: 12 }, (_, at) => `f${at}`);
  await Promise.all(paths.map(add));
  for (const path of paths) assert.equal(await publisher.read(path), path);
  assert.equal(await publisher.store.revision(), paths.length + 1);
  const events = await publisher.store.events({ from: 2 });
  assert.deepEqual(events.map(({ event }) => event["path"]).sort(), [...paths].sort());
});

test("bins are edited as text or by way of the parser, and come out the same", async () => {
  const odd = ['a"b', "\u{1F600}", "\uff5e", "plain", "42", "__proto__", "z'{}},", "ü"];
  const publisher = await Publisher.create();
  await publisher.publish(rebin(publisher, 2));
  const expected = new Map<string, string>();
  const put = async (path: string, content: string, custom?: JsonObject) => {
    const target = { path, content: utf8(content), ...(custom === undefined ? {} : { custom }) };
    await publisher.publish({ place: { add: [target] } });
    expected.set(path, content);
    const again = await openRepository(publisher.store);
    for (const name of ["bins1-0", "bins1-1"]) {
      const role = (await again.role(name))!;
      assert.deepEqual(olpcCanonicalJson(role.tree), role.message);
      const own = [...expected.keys()].filter((each) => role.signed.targets.has(each));
      assert.deepEqual(own.sort(), [...role.signed.targets.keys()].sort());
    }
    for (const [each, text] of expected) assert.equal(await publisher.read(each), text, each);
  };
  for (const path of odd) await put(path, `first ${path}`);
  for (const path of odd) await put(path, `with a line ${path}`, { note: 'two\nlines, a "quote" and a \\ slash' });
  for (const path of odd) await put(path, `third ${path}`, { note: 'a \\ and "{}"', deep: { "}": ["{", "\\\\"] } });
  for (const path of odd) {
    await publisher.publish({ place: { remove: [path] } });
    assert.equal(await publisher.read(path), undefined);
  }
});

test("a publication into hundreds of bins, which are read in part, is what a client and the parser find whole", async () => {
  const publisher = await Publisher.create({ place: { add: targets } });
  const memory = createMemoryStore();
  await publisher.publish(rebin(publisher, 512));
  await assertAll(publisher, memory);
  const more = Array.from({ length: 700 }, (_, at) => ({ path: `more/${at}`, content: utf8(`more ${at}`) }));
  const made = await publisher.publish({ place: { add: more, remove: [targets[0]!.path] } });
  assert.ok(pathsOf(made).length > 300);
  const [client, again] = [await publisher.update(memory), await openRepository(publisher.store)];
  for (const { path, content } of [...more, ...targets.slice(1)]) {
    const found = await client.findTarget(path);
    assert.ok(found !== undefined, path);
    assert.deepEqual(await again.find(path), found);
    assert.deepEqual(await client.download(found), content);
  }
  assert.equal(await client.findTarget(targets[0]!.path), undefined);
  assert.deepEqual(publisher.repository.head.snapshot.tree, again.head.snapshot.tree);
  assert.deepEqual([...publisher.repository.head.snapshot.signed.meta], [...again.head.snapshot.signed.meta]);
  const wrong = { signers: new Map([...publisher.signing().signers!, ["bins", [newKey().signer]]]) };
  const refusedOnes = publisher.publish({ place: { remove: more.map(({ path }) => path) } }, wrong);
  await assert.rejects(refusedOnes, refused("tuf/signer-unknown"));
});

test("a bin in the store that was changed is not built upon", async () => {
  const publisher = await Publisher.create({ place: { add: targets } });
  await publisher.publish(rebin(publisher, 2));
  const read = publisher.store.read;
  publisher.store.read = async (path) => {
    const bytes = (await read(path))?.slice();
    if (path.startsWith("1.bins1-") && bytes !== undefined) bytes[bytes.length - 60]! ^= 1;
    return bytes;
  };
  publisher.repository = await openRepository(publisher.store);
  const add = [0, 1, 2, 3].map((at) => ({ path: `x${at}`, content: utf8("x") }));
  await assert.rejects(publisher.publish({ place: { add } }), (error) => isProblem(error));
});
