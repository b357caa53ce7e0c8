import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { World } from "../../test/tuf-world.ts";
import { isProblem, utf8 } from "../core/index.ts";
import { waitForFolder } from "./folder-wait.ts";
import { createFileStore } from "./tuf-store.ts";

const user = join(import.meta.dirname, "../../test/tuf-cache-user.ts");

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tuf-cache-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

function start(t: TestContext, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ["--import", "tsx", user, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

const isLocked = (error: unknown): boolean => isProblem(error, "io/locked");

test("who waits for a cache gets it when its holder lets go, and a Problem when that takes too long", async (t) => {
  const folder = await scratch(t);
  const lock = await waitForFolder(folder, { waitMs: 0, hint: "" });
  const began = performance.now();
  await assert.rejects(waitForFolder(folder, { waitMs: 100, hint: "" }), isLocked);
  assert.ok(performance.now() - began >= 100);
  setTimeout(() => void lock.release(), 50);
  const next = await waitForFolder(folder, { waitMs: 10_000, hint: "" });
  await next.release();
});

test("ten that want a cache at once get it one after the other", async (t) => {
  const folder = await scratch(t);
  let inside = 0;
  const turn = async (): Promise<void> => {
    const store = createFileStore(folder);
    await store.exclusive!(async () => {
      assert.equal(++inside, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
    });
  };
  await Promise.all(Array.from({ length: 10 }, turn));
});

test("a holder that is killed holds the cache no longer", async (t) => {
  const folder = await scratch(t);
  const holder = start(t, folder);
  await once(holder.stdout!, "data");
  await assert.rejects(waitForFolder(folder, { waitMs: 0, hint: "" }), isLocked);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = await waitForFolder(folder, { waitMs: 5000, hint: "" });
  await lock.release();
  assert.deepEqual(await readdir(folder), []);
});

test("processes that share a cache, one of them killed at work, all succeed while the repository moves on", async (t) => {
  const folder = await scratch(t);
  const world = await World.create();
  world.addTarget("targets", "file", utf8("content"));
  await world.publish("targets", "snapshot", "timestamp");
  const server = createServer((request, response) => {
    const bytes = world.files.get(decodeURIComponent(request.url!.slice(1)));
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  const root = join(folder, "bootstrap.json");
  await writeFile(root, world.bootstrap);
  const cache = join(folder, "cache");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = [cache, url, root, String(world.now)];
  const victim = start(t, ...args, "1000");
  const users = [1, 2, 3].map(() => start(t, ...args, "15"));
  const ended = users.map((each) => once(each, "exit"));
  const moved = new AbortController();
  const moving = (async (): Promise<void> => {
    while (!moved.signal.aborted) {
      if (world.tree("root").version < 10) await world.publish("root");
      await world.publish("targets", "snapshot", "timestamp");
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  })();
  setTimeout(() => victim.kill("SIGKILL"), 1500);
  const codes = await Promise.all(ended);
  moved.abort();
  await moving;
  assert.deepEqual(
    codes.map(([code]) => code as unknown),
    [0, 0, 0],
  );
  // And what they leave is whole.
  for (const name of ["root.json", "timestamp.json", "snapshot.json", "targets.json"]) {
    JSON.parse(await readFile(join(cache, name), "utf8"));
  }
  const client = await world.update({ store: createFileStore(cache) });
  assert.notEqual(await client.findTarget("file"), undefined);
});

test("a cache that may not be written to is read, and what is new is kept in memory", async (t) => {
  const folder = await scratch(t);
  const world = await World.create();
  await world.update({ store: createFileStore(folder) });
  const before = await readdir(folder);
  await chmod(folder, 0o555);
  // Root may write all the same: for it the option says so.
  const store = createFileStore(folder, process.getuid?.() === 0 ? { readOnly: true } : {});
  await world.publish("targets", "snapshot", "timestamp");
  const client = await world.update({ store });
  assert.equal(client.trusted.timestamp.signed.version, 2);
  assert.equal(JSON.parse(Buffer.from((await store.load("timestamp.json"))!).toString()).signed.version, 2);
  assert.equal(JSON.parse(await readFile(join(folder, "timestamp.json"), "utf8")).signed.version, 1);
  await store.remove("timestamp.json");
  assert.equal(await store.load("timestamp.json"), undefined);
  assert.deepEqual(await readdir(folder), before);
  await chmod(folder, 0o755);
});
