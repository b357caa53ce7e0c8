import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { dayMs, isProblem, type ProblemCode, utf8 } from "../core/index.ts";
import { createSigner, digestHex, encodePrivateKeyPem, generateKey, type Signer } from "../crypto/index.ts";
import {
  createMemoryStore,
  createRoot,
  createStoreFetcher,
  commitPublication,
  initialRepository,
  openRepository,
  publish,
  signerKey,
  signMetadata,
  transact,
  update,
} from "../tuf/index.ts";
import { databaseFile, type FileRepositoryStore, openRepositoryStore, targetsFolder } from "./repository-store.ts";
import { isEnough, openDatabase } from "./sqlite.ts";

const refused = (code: ProblemCode) => (error: unknown) => isProblem(error, code) || assert.fail(String(error));
const child = join(import.meta.dirname, "..", "..", "test", "tuf-publishing-child.ts");

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sealwright-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Made {
  readonly folder: string;
  readonly store: FileRepositoryStore;
  readonly root: Uint8Array;
  readonly signer: Signer;
  readonly keyPath: string;
}

/** A repository with one key for everything and its targets in bins. */
async function makeRepository(t: TestContext, folder = folderOf(t), now = Date.now()): Promise<Made> {
  const store = await openRepositoryStore(folder);
  t.after(() => store.close());
  const key = generateKey("ed25519");
  const keyPath = join(folder, "key.pem");
  writeFileSync(keyPath, encodePrivateKeyPem(key));
  const signer = createSigner(key);
  const role = { keys: [signerKey(signer)], threshold: 1 };
  const roles = { root: role, targets: role, snapshot: role, timestamp: role };
  const root = await signMetadata(createRoot({ version: 1, expiresMs: now + 365 * dayMs, roles }), [signer]);
  const targets = new Map([["targets", { bins: { count: 16, ...role } }]]);
  const first = await initialRepository(store, { roots: [root], targets }, { pool: [signer] }, now);
  await commitPublication(store, first, { operation: "init" });
  return { folder, store, root, signer, keyPath };
}

async function add({ store, signer }: Made, path: string, content = utf8(path), now = Date.now()): Promise<void> {
  await transact(store, { operation: "publish", path }, (repository) =>
    publish(repository, { place: { add: [{ path, content }] } }, { pool: [signer] }, now),
  );
}

function client({ root }: Made, store: FileRepositoryStore) {
  return update({ bootstrap: root, fetcher: createStoreFetcher(store), store: createMemoryStore(), now: Date.now() });
}

test("what was committed is there when the store is opened again, and by another process meanwhile", async (t) => {
  const made = await makeRepository(t);
  await add(made, "a");
  const other = await openRepositoryStore(made.folder);
  assert.equal(await other.revision(), 2);
  await add({ ...made, store: other }, "b");
  assert.equal(await made.store.revision(), 3);
  const trusted = await client(made, made.store);
  for (const path of ["a", "b"]) {
    const target = await trusted.findTarget(path);
    assert.deepEqual(await trusted.download(target!), utf8(path));
  }
  assert.deepEqual(
    (await other.events()).map(({ revision, event }) => [revision, event["operation"]]),
    [
      [1, "init"],
      [2, "publish"],
      [3, "publish"],
    ],
  );
  assert.equal((await other.events({ from: 2, limit: 1 })).length, 1);
  await other.close();
});

test("of two commits upon one revision the second is a conflict, and changes nothing", async (t) => {
  const { store } = await makeRepository(t);
  const commit = (name: string, content: string) =>
    store.commit({
      base: 1,
      atMs: 0,
      files: [["x.json", utf8(content)]],
      replaced: [],
      records: new Map([[name, utf8(content)]]),
      event: { operation: name },
    });
  await commit("one", "1");
  await assert.rejects(commit("two", "2"), refused("tuf/conflict"));
  assert.deepEqual(await store.read("x.json"), utf8("1"));
  assert.deepEqual(await store.listRecords(""), ["bins-expiry", "one"]);
  assert.equal((await store.events()).length, 2);
});

test("records are read, listed by prefix in order, replaced and removed", async (t) => {
  const { store } = await makeRepository(t);
  const commit = async (records: ReadonlyMap<string, Uint8Array | undefined>) =>
    store.commit({ base: await store.revision(), atMs: 0, files: [], replaced: [], records, event: {} });
  await commit(new Map(["p/b", "p/a", "p%x", "q"].map((name) => [name, utf8(name)])));
  assert.deepEqual(await store.listRecords("p/"), ["p/a", "p/b"]);
  await commit(new Map<string, Uint8Array | undefined>([["p/a", undefined]]).set("p/b", utf8("new")));
  assert.deepEqual(await store.listRecords("p/"), ["p/b"]);
  assert.deepEqual(await store.readRecord("p/b"), utf8("new"));
  assert.equal(await store.readRecord("p/a"), undefined);
});

test("a target file is stored under the hash it has, in parts as well, and read in parts", async (t) => {
  const { store, folder } = await makeRepository(t);
  const content = new Uint8Array(700_000).fill(7);
  const path = `dir/${digestHex("sha256", content)}.large%20name`;
  async function* parts() {
    for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
  }
  await store.writeTarget(path, parts());
  assert.equal(statSync(join(folder, targetsFolder, path)).size, content.length);
  const opened = (await store.openTarget(path))!;
  assert.equal(opened.length, content.length);
  const read: number[] = [];
  for await (const chunk of opened.content) read.push(chunk.length);
  assert.ok(read.length > 1);
  assert.equal(
    read.reduce((sum, each) => sum + each, 0),
    content.length,
  );
  await assert.rejects(store.readTarget(path, 1000), refused("io/too-large"));
  await assert.rejects(store.writeTarget(path, utf8("other")), refused("tuf/hash-mismatch"));
  await assert.rejects(store.writeTarget("plain", utf8("x")), refused("tuf/target-path"));
  for (const bad of ["../x", "a/../../x", "/etc/passwd", "", "a//b", "a\\b"]) {
    assert.equal(await store.readTarget(bad, 10), undefined, bad);
    assert.equal(await store.openTarget(bad), undefined, bad);
    await assert.rejects(store.writeTarget(bad, utf8("x")), refused("io/name"), bad);
  }
  assert.equal(await store.openTarget("dir"), undefined);
  assert.equal(await store.readTarget("dir", 10), undefined);
});

test("files that are given up are deleted in time, target files among them, unless they are named again", async (t) => {
  const now = Date.now();
  const made = await makeRepository(t, folderOf(t), now);
  const { store, signer, folder } = made;
  await add(made, "a", utf8("a"), now);
  await add(made, "b", utf8("b"), now);
  const file = (path: string) => join(folder, targetsFolder, `${digestHex("sha256", utf8(path))}.${path}`);
  await transact(store, { operation: "remove" }, (repository) =>
    publish(repository, { place: { remove: ["a", "b"] } }, { pool: [signer] }, now),
  );
  await add(made, "b", utf8("b"), now + dayMs);
  assert.equal(statSync(file("a")).size, 1);
  await add(made, "c", utf8("c"), now + 3 * dayMs);
  assert.throws(() => statSync(file("a")));
  assert.equal(statSync(file("b")).size, 1);
  assert.equal(await store.read("1.snapshot.json"), undefined);
  assert.ok((await store.read("1.root.json")) !== undefined);
});

test("a process that is killed while it publishes loses nothing that it acknowledged, nor leaves a half of anything", async (t) => {
  const made = await makeRepository(t);
  const acknowledged = new Set<string>();
  for (const round of [1, 2, 3]) {
    const publisher = spawn(process.execPath, ["--import", "tsx", child, made.folder, made.keyPath, `k${round}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let lines = 0;
    for await (const line of createInterface({ input: publisher.stdout })) {
      acknowledged.add(line);
      if (++lines === 7 + round) setTimeout(() => publisher.kill("SIGKILL"), Math.random() * 20);
    }
    const reopened = await openRepositoryStore(made.folder);
    const repository = await openRepository(reopened);
    const trusted = await client(made, reopened);
    for (const path of acknowledged) {
      assert.ok((await repository.find(path)) !== undefined, path);
      assert.deepEqual(await trusted.download((await trusted.findTarget(path))!), utf8(path));
    }
    assert.ok((await reopened.revision()) >= acknowledged.size + 1);
    await reopened.close();
  }
  assert.ok(acknowledged.size >= 27);
});

test("processes that publish at once lose nothing of each other", async (t) => {
  const made = await makeRepository(t);
  const wanted = 8;
  const publishers = ["one", "two", "three"].map((name) => {
    const args = ["--import", "tsx", child, made.folder, made.keyPath, name];
    return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  });
  const acknowledged = await Promise.all(
    publishers.map(async (each) => {
      const lines: string[] = [];
      for await (const line of createInterface({ input: each.stdout })) {
        lines.push(line);
        if (lines.length === wanted) each.kill("SIGKILL");
      }
      return lines;
    }),
  );
  const trusted = await client(made, made.store);
  for (const path of acknowledged.flat()) assert.ok((await trusted.findTarget(path)) !== undefined, path);
  assert.ok(acknowledged.flat().length >= 3 * wanted);
});

test("a database without room refuses a commit whole, and takes it when there is room again", async (t) => {
  const made = await makeRepository(t);
  const { store } = made;
  const database = (store as unknown as { database: { prepare(sql: string): { get(): unknown } } }).database;
  const { page_count: pages } = database.prepare("PRAGMA page_count").get() as { page_count: number };
  database.prepare(`PRAGMA max_page_count = ${pages + 4}`).get();
  const large = { base: 1, atMs: 0, files: [["x.json", new Uint8Array(200_000)] as const], replaced: [], event: {} };
  await assert.rejects(store.commit(large), refused("io/disk-full"));
  assert.equal(await store.revision(), 1);
  assert.equal(await store.read("x.json"), undefined);
  await openRepository(store);
  database.prepare("PRAGMA max_page_count = 100000").get();
  await store.commit(large);
  assert.equal(await store.revision(), 2);
});

test("a disk that is full refuses a publication and keeps what there was", async (t) => {
  const folder = join(folderOf(t), "mounted");
  mkdirSync(folder);
  const mounted =
    process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status === 0;
  if (!mounted) return t.skip("skipped: a file system of its own needs root that may mount");
  try {
    await fillDisk(t, folder);
  } finally {
    spawnSync("umount", ["-l", folder]);
  }
});

async function fillDisk(t: TestContext, folder: string): Promise<void> {
  const made = await makeRepository(t, folder);
  let published = 0;
  let problem: unknown;
  for (; problem === undefined && published < 200; published++) {
    problem = await add(made, `f${published}`, new Uint8Array(20_000).fill(published)).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
  assert.ok(isProblem(problem) && /^io\/(?:disk-full|write)$/.test(problem.code), String(problem));
  const revision = await made.store.revision();
  spawnSync("mount", ["-o", "remount,size=32m", folder]);
  const again = await openRepositoryStore(folder);
  assert.equal(await again.revision(), revision);
  assert.equal(revision, published);
  const trusted = await client(made, again);
  for (let at = 0; at < published - 1; at++) assert.ok((await trusted.findTarget(`f${at}`)) !== undefined);
  await add({ ...made, store: again }, "after");
  await again.close();
}

test("a damaged database, and a file that is none, is said to be so", async (t) => {
  const made = await makeRepository(t);
  for (let at = 0; at < 30; at++) await add(made, `p${at}`);
  await made.store.close();
  const path = join(made.folder, databaseFile);
  const whole = readFileSync(path);
  const damages: readonly (readonly [string, Uint8Array])[] = [
    [
      "no database",
      utf8("this is no database, though it is long enough to be taken for one by its size alone\n".repeat(20)),
    ],
    ["its middle overwritten", whole.map((byte, at) => (at > 4096 && at < whole.length - 4096 ? 0x5a : byte))],
    ["cut short", whole.subarray(0, 4096 * 3)],
  ];
  for (const [what, bytes] of damages) {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    writeFileSync(path, bytes);
    const opened = (async () => {
      const store = await openRepositoryStore(made.folder);
      try {
        await openRepository(store);
      } finally {
        await store.close();
      }
    })();
    await assert.rejects(opened, refused("io/store-corrupt"), what);
  }
});

test("a database of another program, and one of a later format, is not written to", async (t) => {
  const folder = folderOf(t);
  const database = await openDatabase(join(folder, databaseFile));
  database.exec("PRAGMA application_id = 1; CREATE TABLE x (y)");
  await assert.rejects(openRepositoryStore(folder), refused("io/store-corrupt"));
  database.close();
  const later = folderOf(t);
  await (await openRepositoryStore(later)).close();
  const own = await openDatabase(join(later, databaseFile));
  own.exec("PRAGMA user_version = 2");
  own.close();
  await assert.rejects(openRepositoryStore(later), refused("io/store-version"));
});

test("only a SQLite in which several processes can write is good enough", () => {
  for (const version of ["3.51.3", "3.51.10", "3.52.0", "4.0.0"]) assert.ok(isEnough(version), version);
  for (const version of ["3.51.2", "3.50.9", "3.46.1", "2.99.99"]) assert.ok(!isEnough(version), version);
});

test("where there is no SQLite it is said what to install, and where there is an experimental one nothing is warned of", async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, "store"));
  const script = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(\`export async function resolve(name, context, next) {
      if (name === "@photostructure/sqlite") throw new Error("not installed");
      return next(name, context);
    }\`));
    process.getBuiltinModule = undefined;
    const { openRepositoryStore } = await import(${JSON.stringify(join(import.meta.dirname, "repository-store.ts"))});
    await openRepositoryStore(${JSON.stringify(join(folder, "store"))}).catch((error) => console.log(error.code, error.hint));
  `;
  const script2 = join(folder, "missing.mts");
  writeFileSync(script2, script);
  const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", script2], {
    encoding: "utf8",
    cwd: import.meta.dirname,
  });
  assert.match(stdout, /^io\/sqlite-missing .*npm install @photostructure\/sqlite/, stderr);
});
