import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fromUtf8, hex, isProblem, utf8 } from "../core/index.ts";
import { createSigner, generateKey } from "../crypto/index.ts";
import {
  leafHash,
  openLog,
  parseCheckpoint,
  parseNote,
  signCheckpoint,
  tilePath,
  treeRoot,
  verifyConsistency,
} from "../tlog/index.ts";
import type { Log, LogStore } from "../tlog/index.ts";
import { openFileLogStore } from "./log-store.ts";

const origin = "log.example";
const signer = { name: origin, signer: createSigner(generateKey("ed25519")) };

function openOn(store: LogStore): Promise<Log> {
  const sign = async (size: number, root: Uint8Array): Promise<Uint8Array> =>
    utf8(await signCheckpoint({ origin, size, root, extensions: [] }, [signer]));
  return openLog({ store, origin, signCheckpoint: sign });
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "log-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A process that appends as fast as it can and prints a line for every entry that was acknowledged. */
const appender = `
  const { openFileLogStore } = await import(process.env.STORE_MODULE);
  const { openLog, signCheckpoint } = await import(process.env.TLOG_MODULE);
  const { createSigner, generateKey } = await import(process.env.CRYPTO_MODULE);
  const origin = "log.example";
  const signer = { name: origin, signer: createSigner(generateKey("ed25519")) };
  const store = await openFileLogStore(process.env.FOLDER);
  const sign = async (size, root) =>
    new TextEncoder().encode(await signCheckpoint({ origin, size, root, extensions: [] }, [signer]));
  const log = await openLog({ store, origin, signCheckpoint: sign });
  let next = 0;
  const work = async () => {
    for (;;) {
      const text = process.pid + " " + next++;
      const { index, size, root } = await log.append({ leaf: new TextEncoder().encode(text) });
      process.stdout.write([index, size, Buffer.from(root).toString("hex"), text].join(",") + "\\n");
    }
  };
  await Promise.all(Array.from({ length: 40 }, work));
`;

function startAppender(folder: string): ChildProcess {
  const moduleAt = (path: string): string => new URL(path, import.meta.url).href;
  return spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", appender], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      FOLDER: folder,
      STORE_MODULE: moduleAt("./log-store.ts"),
      TLOG_MODULE: moduleAt("../tlog/index.ts"),
      CRYPTO_MODULE: moduleAt("../crypto/index.ts"),
    },
  });
}

interface Acknowledged {
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly text: string;
}

/** Kills the process, without warning, once it acknowledged so many; gives all that it acknowledged. */
async function killAfter(child: ChildProcess, count: number): Promise<Acknowledged[]> {
  const acknowledged: Acknowledged[] = [];
  const lines = createInterface({ input: child.stdout! });
  lines.on("line", (line) => {
    const [index, size, root, text, ...more] = line.split(",");
    // The pipe may end in the middle of a line.
    if (text === undefined || more.length > 0 || !/^\d+ \d+$/.test(text)) return;
    acknowledged.push({ index: Number(index), size: Number(size), root: Buffer.from(root!, "hex"), text });
    if (acknowledged.length === count) child.kill("SIGKILL");
  });
  const closed = once(lines, "close");
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  await closed;
  assert.equal(signal, "SIGKILL");
  return acknowledged;
}

test("kill -9 loses nothing that was acknowledged, and the log opens and goes on", async (t) => {
  const folder = temporaryFolder(t);
  const everything: Acknowledged[] = [];
  for (const count of [1, 173, 700]) {
    everything.push(...(await killAfter(startAppender(folder), count)));
    const store = await openFileLogStore(folder);
    const log = await openOn(store);
    const { size, root } = parseCheckpoint(parseNote(fromUtf8(log.checkpoint())).text);
    assert.deepEqual(await treeRoot(store, size), root);
    for (const { index, text } of everything) {
      assert.equal(fromUtf8(await log.entry(index)), text);
      assert.equal(hex((await log.inclusion(index)).leafHash), hex(leafHash(utf8(text))));
    }
    for (const size1 of new Set(everything.map((each) => each.size))) {
      const root1 = everything.find((each) => each.size === size1)!.root;
      verifyConsistency({ size1, root1, size2: size, root2: root, proof: await log.consistency(size1) });
    }
    assert.equal((await log.append({ leaf: utf8(`after ${count}`) })).index, size);
    await log.close();
    await store.close();
  }
  assert.ok(everything.length >= 874);
});

test("a log in files is what the tlog-tiles paths say, and nothing else is left", async (t) => {
  const folder = temporaryFolder(t);
  const store = await openFileLogStore(folder);
  const log = await openOn(store);
  await Promise.all(Array.from({ length: 300 }, (_, i) => log.append({ leaf: utf8(`entry ${i}`) })));
  await log.close();
  await store.close();
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const path of ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"]) {
    assert.ok(paths.includes(path), path);
  }
  const strangers = paths.filter((path) => path !== "checkpoint" && path !== ".tmp" && !path.startsWith("tile"));
  assert.deepEqual(strangers, []);
  assert.equal(readFileSync(join(folder, "tile/0/000")).length, 8192);
});

test("a folder has one holder: a second process, or a second opening, is refused until the first lets go", async (t) => {
  const folder = temporaryFolder(t);
  const isLocked = (error: unknown): boolean => isProblem(error, "io/locked");
  const child = startAppender(folder);
  await once(child.stdout!, "data");
  await assert.rejects(openFileLogStore(folder), isLocked);
  child.kill("SIGKILL");
  await once(child, "exit");
  const first = await openFileLogStore(folder);
  await assert.rejects(openFileLogStore(folder), isLocked);
  await first.close();
  const second = await openFileLogStore(folder);
  await second.close();
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith(".lock")),
    [],
  );
});

test("of many that open a folder at once at most one gets it", async (t) => {
  const folder = temporaryFolder(t);
  for (let round = 0; round < 10; round++) {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => openFileLogStore(folder)));
    const holders = results.filter((result) => result.status === "fulfilled");
    assert.ok(holders.length <= 1, String(holders.length));
    for (const holder of holders) await holder.value.close();
  }
  await (await openFileLogStore(folder)).close();
});

test("what a dead process left of its lock does not keep others out, whatever its file is", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, ".lock-1-abc"), "");
  await (await openFileLogStore(folder)).close();
  assert.ok(!existsSync(join(folder, ".lock-1-abc")));
});

test(
  "a folder with a path too long for a socket is locked all the same",
  { skip: process.platform !== "linux" },
  async (t) => {
    const folder = join(temporaryFolder(t), "x".repeat(100), "y".repeat(100));
    const store = await openFileLogStore(folder);
    await assert.rejects(openFileLogStore(folder), (error) => isProblem(error, "io/locked"));
    await store.close();
    await (await openFileLogStore(folder)).close();
  },
);

test("a path that is no tile's is neither read nor written", async (t) => {
  const store = await openFileLogStore(temporaryFolder(t));
  for (const path of ["../x", "/etc/passwd", "tile/0/../../x", "checkpoint", "", "tile/0/000\0"]) {
    await assert.rejects(store.read(path), (error) => isProblem(error, "io/name"), path);
    await assert.rejects(store.write(new Map([[path, utf8("x")]])), isProblem, path);
  }
  assert.equal(await store.read(tilePath(0, 7)), undefined);
  await store.close();
});

test("a disk that cannot be written is a Problem, and the old checkpoint stays", async (t) => {
  const folder = temporaryFolder(t);
  const store = await openFileLogStore(folder);
  await store.publish(utf8("old"));
  // A file in a folder's place stops even root, who may write wherever permissions say no.
  rmSync(join(folder, ".tmp"), { recursive: true });
  writeFileSync(join(folder, ".tmp"), "");
  await assert.rejects(store.publish(utf8("new")), (error) => isProblem(error, "io/write"));
  await assert.rejects(store.write(new Map([[tilePath(0, 0), utf8("x")]])), (error) => isProblem(error, "io/write"));
  assert.deepEqual(await store.readCheckpoint(), utf8("old"));
  await store.close();
});
