import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { World } from "../../test/tuf-world.ts";
import { isProblem, utf8 } from "../core/index.ts";
import { createFileStore } from "./tuf-store.ts";

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tuf-store-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test("what a TUF store saves is loaded again by another, whole, and nothing else lies about", async (t) => {
  const path = await folder(t);
  const store = createFileStore(join(path, "new", "cache"));
  assert.equal(await store.load("root.json"), undefined);
  await store.save("root_history/1.root.json", utf8("one"));
  await store.save("root.json", utf8("one"));
  await store.save("root.json", utf8("two"));
  assert.deepEqual(await createFileStore(join(path, "new", "cache")).load("root.json"), utf8("two"));
  assert.deepEqual((await readdir(join(path, "new", "cache"))).sort(), ["root.json", "root_history"]);
  await store.remove("root.json");
  await store.remove("root.json");
  assert.equal(await store.load("root.json"), undefined);
});

test("a name that could leave the folder is refused by every method of a TUF store", async (t) => {
  const store = createFileStore(await folder(t));
  for (const name of ["../x.json", "/x.json", "a/../x", "", ".", "a\\b", "a\u0000", "a//b", "C:x"]) {
    const refused = (error: unknown): boolean => isProblem(error, "io/name");
    await assert.rejects(async () => store.load(name), refused);
    await assert.rejects(async () => store.save(name, utf8("x")), refused);
    await assert.rejects(async () => store.remove(name), refused);
  }
});

test("an update over a store of files continues from it, and over files cut short too", async (t) => {
  const path = await folder(t);
  const world = await World.create();
  const name = "../team";
  world.delegate("targets", name, { paths: ["*"] });
  world.addTarget(name, "file", utf8("x"));
  await world.publish("root");
  await world.publish(name, "targets", "snapshot", "timestamp");
  const refresh = async (): Promise<string[]> => {
    world.requests.length = 0;
    const client = await world.update({ store: createFileStore(path) });
    assert.notEqual(await client.findTarget("file"), undefined);
    return [...world.requests];
  };
  assert.equal((await refresh()).length, 6);
  assert.deepEqual(await refresh(), ["3.root.json", "timestamp.json"]);
  const files = ["root.json", "root_history", "snapshot.json", "targets.json", "timestamp.json", "..%2Fteam.json"];
  assert.deepEqual((await readdir(path)).sort(), files.sort());
  for (const file of [...files.filter((each) => each.endsWith(".json")), "root_history/2.root.json"]) {
    const whole = await readFile(join(path, file));
    await writeFile(join(path, file), whole.subarray(0, whole.length / 2));
    await refresh();
    assert.deepEqual(await readFile(join(path, file)), whole, file);
  }
});
