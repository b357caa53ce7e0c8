import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { World } from "../../test/tuf-world.ts";
import { isProblem, type ProblemCode, utf8 } from "../core/index.ts";
import type { TufClient } from "../tuf/index.ts";
import { createTargetSink } from "./tuf-target.ts";

const code = (wanted: ProblemCode) => (error: unknown) => isProblem(error, wanted) || assert.fail(String(error));

async function scratch(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tuf-target-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

async function clientOf(path: string, content: string): Promise<{ world: World; client: TufClient }> {
  const world = await World.create();
  world.addTarget("targets", path, utf8(content));
  await world.publish("targets", "snapshot", "timestamp");
  return { world, client: await world.update() };
}

test("a target is put at its path, replaced when it changes, and kept when it is the right one", async (t) => {
  const folder = await scratch(t);
  const { world, client } = await clientOf("dir/file", "one");
  const place = join(folder, "dir", "file");
  const sink = createTargetSink(folder, "dir/file");
  const target = (await client.findTarget("dir/file"))!;
  assert.deepEqual(await client.downloadTo(target, sink), { kept: false });
  world.files.clear();
  assert.deepEqual(await client.downloadTo(target, sink), { kept: true });
  // One that was spoilt is no copy to keep.
  await writeFile(place, "two");
  await assert.rejects(client.downloadTo(target, sink), code("tuf/target-missing"));
  await writeFile(place, "longer");
  world.addTarget("targets", "dir/file", utf8("one"));
  assert.deepEqual(await client.downloadTo(target, sink), { kept: false });
  assert.equal(await readFile(place, "utf8"), "one");
  assert.deepEqual(await readdir(join(folder, "dir")), ["file"]);
});

test("a target of other bytes never takes its place, and the file of before stays", async (t) => {
  const folder = await scratch(t);
  const { world, client } = await clientOf("file", "right");
  await writeFile(join(folder, "file"), "older");
  const target = (await client.findTarget("file"))!;
  for (const [bytes, problem] of [
    ["wrong", "tuf/hash-mismatch"],
    ["rightt", "tuf/length"],
    ["righ", "tuf/length"],
    ["", "tuf/length"],
  ] as const) {
    for (const path of world.files.keys()) if (path.startsWith("targets/")) world.files.set(path, utf8(bytes));
    await assert.rejects(client.downloadTo(target, createTargetSink(folder, "file")), code(problem));
    assert.equal(await readFile(join(folder, "file"), "utf8"), "older");
    assert.deepEqual(await readdir(folder), ["file"]);
  }
});

test("CVE-2026-6968: nothing is written by an absolute path, a path that climbs, or through a link", async (t) => {
  const folder = await scratch(t);
  await mkdir(join(folder, "out"));
  await mkdir(join(folder, "elsewhere"));
  await symlink(join(folder, "elsewhere"), join(folder, "out", "dir"));
  await writeFile(join(folder, "elsewhere", "secret"), "secret");
  await symlink(join(folder, "elsewhere", "secret"), join(folder, "out", "link"));
  for (const path of ["/etc/x", "../x", "a/../../x", "C:x", "a\\b", ""]) {
    assert.throws(() => createTargetSink(folder, path), code("io/name"), path);
  }
  for (const path of ["dir/file", "link"]) {
    const { client } = await clientOf(path, "content");
    const sink = createTargetSink(join(folder, "out"), path);
    await assert.rejects(client.downloadTo((await client.findTarget(path))!, sink), code("io/irregular-file"));
  }
  assert.deepEqual(await readdir(join(folder, "elsewhere")), ["secret"]);
  assert.equal(await readFile(join(folder, "elsewhere", "secret"), "utf8"), "secret");
});

test("what a download that was killed has left is removed when it is a day old", async (t) => {
  const folder = await scratch(t);
  for (const name of [".1-0.part", ".2-0.part"]) await writeFile(join(folder, name), "half");
  const yesterday = Date.now() / 1000 - 90_000;
  await utimes(join(folder, ".1-0.part"), yesterday, yesterday);
  const { client } = await clientOf("file", "content");
  await client.downloadTo((await client.findTarget("file"))!, createTargetSink(folder, "file"));
  assert.deepEqual((await readdir(folder)).sort(), [".2-0.part", "file"]);
});

test("a target of 300 MB goes to the disk with no more memory than a small one", async (t) => {
  const folder = await scratch(t);
  const piece = Buffer.alloc(1_000_000, "sealwright");
  const pieces = 300;
  const hash = createHash("sha256");
  for (let i = 0; i < pieces; i++) hash.update(piece);
  const sha256 = hash.digest("hex");
  const world = await World.create();
  world.tree("targets").targets["large"] = { length: pieces * piece.length, hashes: { sha256 } };
  await world.publish("targets", "snapshot", "timestamp");
  let sent = 0;
  const server = createServer((request, response) => {
    if (request.url === `/targets/${sha256}.large`) {
      sent++;
      return Readable.from(Array.from({ length: pieces }, () => piece)).pipe(response);
    }
    const bytes = world.files.get(request.url!.slice(1));
    return response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  const root = join(folder, "bootstrap.json");
  await writeFile(root, world.bootstrap);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const script = join(import.meta.dirname, "../../test/tuf-large-download.ts");
  const run = async (): Promise<{ kept: boolean; grownMib: number }> => {
    const args = ["--import", "tsx", script, url, root, String(world.now), join(folder, "out")];
    return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
  };
  const first = await run();
  assert.equal(first.kept, false);
  assert.ok(first.grownMib < 100, `${first.grownMib} MiB`);
  assert.equal((await stat(join(folder, "out", "large"))).size, pieces * piece.length);
  const second = await run();
  assert.equal(second.kept, true);
  assert.ok(second.grownMib < 100, `${second.grownMib} MiB`);
  assert.equal(sent, 1);
});
