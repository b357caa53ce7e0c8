import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { paths } from "../src/api/index.ts";
import { entryBundlePath, leafHash, parseCheckpoint, parseEntryBundle, parseNote } from "../src/tlog/index.ts";
import { nodeHash, splitPoint, tileWidth } from "../src/tlog/index.ts";
import { createOrganisation, type Example, start, type Started, temporaryFolder } from "./program.ts";

const key = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rawBytes = key.publicKey.export({ type: "spki", format: "der" }).toString("base64");

/** A log entry that is nobody else's: Rekor v2 CreateEntryRequest. */
function entryRequest(content: string): string {
  return JSON.stringify({
    hashedRekordRequestV002: {
      digest: createHash("sha256").update(content).digest("base64"),
      signature: {
        content: sign("sha256", Buffer.from(content), key.privateKey).toString("base64"),
        verifier: { publicKey: { rawBytes }, keyDetails: "PKIX_ECDSA_P256_SHA_256" },
      },
    },
  });
}

function post(url: string, content: string): Promise<Response> {
  return fetch(url + paths.logEntries, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: entryRequest(content),
  });
}

interface Acknowledged {
  readonly index: number;
  readonly body: string;
}

async function append(url: string, content: string): Promise<Acknowledged> {
  const response = await post(url, content);
  assert.equal(response.status, 201);
  const entry = (await response.json()) as { logIndex: string; canonicalizedBody: string };
  return { index: Number(entry.logIndex), body: entry.canonicalizedBody };
}

async function readCheckpoint(url: string) {
  const note = await (await fetch(`${url}${paths.log}/checkpoint`)).text();
  return parseCheckpoint(parseNote(note).text);
}

/** All entries of the log, as the read path serves them. */
async function readEntries(url: string, size: number): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for (let at = 0; at * tileWidth < size; at++) {
    const width = Math.min(tileWidth, size - at * tileWidth);
    const response = await fetch(`${url}${paths.log}/${entryBundlePath(at, width)}`);
    assert.equal(response.status, 200);
    entries.push(...parseEntryBundle(new Uint8Array(await response.arrayBuffer())));
  }
  return entries;
}

/** RFC 9162 §2.1.1, straight from its definition. */
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  const split = splitPoint(leaves.length);
  return nodeHash(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

/** Fails unless every entry is where it was said to be, under the checkpoint that is served. */
async function assertAllThere(url: string, acknowledged: readonly Acknowledged[]): Promise<void> {
  const { size, root } = await readCheckpoint(url);
  const entries = await readEntries(url, size);
  for (const { index, body } of acknowledged)
    assert.equal(Buffer.from(entries[index] ?? []).toString("base64"), body, `entry ${index}`);
  assert.deepEqual(rootOf(entries.map(leafHash)), root);
}

test("up serves on the organisation's address until SIGTERM, says so as one JSON document, and ends with 0", async (t) => {
  const made = await createOrganisation(t);
  const serving = await made.up("--output", "json");
  const health = (await (await fetch(`${made.url}${paths.health}`)).json()) as { status: string };
  assert.equal(health.status, "ok");
  // A connection that is kept open does not hold it.
  const agent = new Agent({ keepAlive: true });
  await new Promise<void>((done, fail) => {
    get(`${made.url}${paths.health}`, { agent }, (response) => response.resume().once("end", done)).once("error", fail);
  });
  const { code, signal, stdout } = await serving.end("SIGTERM");
  agent.destroy();
  assert.deepEqual([code, signal], [0, null]);
  assert.equal((JSON.parse(stdout) as { serving: string }).serving, made.url);
  await assert.rejects(fetch(`${made.url}${paths.health}`));
});

test("the access log is one JSON object a line on standard error, and --quiet keeps it away", async (t) => {
  const made = await createOrganisation(t);
  for (const [args, lines] of [
    [[], 1],
    [["--quiet"], 0],
  ] as const) {
    const serving = await made.up(...args);
    await fetch(`${made.url}/no/such/path`);
    const { stderr } = await serving.end();
    const records = stderr.split("\n").filter((line) => line !== "");
    assert.equal(records.length, lines, stderr);
    for (const line of records) {
      const record = JSON.parse(line) as { status: number; path: string; requestId: string };
      assert.deepEqual([record.status, record.path], [404, "/no/such/path"]);
      assert.ok(record.requestId.length > 0);
    }
  }
});

test("a second up on the folder is refused with io/locked, one on the same port with server/port-taken", async (t) => {
  const [first, second] = await Promise.all([createOrganisation(t), createOrganisation(t)]);
  const serving = await first.up();
  const sameFolder = await first.run("up", "--port", new URL(second.url).port);
  assert.equal(sameFolder.code, 2);
  assert.match(sameFolder.stderr, /\[io\/locked\]/);
  const samePort = await second.run("up", "--port", new URL(first.url).port);
  assert.equal(samePort.code, 2);
  assert.match(samePort.stderr, /\[server\/port-taken\]\n(?: {2}because: .*\n)* {2}next: /);
  // Neither has done the first any harm, and the second's folder is free again.
  await append(first.url, "still here");
  assert.equal((await serving.end()).code, 0);
  assert.equal((await (await second.up()).end()).code, 0);
});

test("up killed in the middle of appends comes back with every entry that it acknowledged", async (t) => {
  const made = await createOrganisation(t);
  const acknowledged: Acknowledged[] = [];
  let before: { readonly size: number; readonly root: Uint8Array } = { size: 0, root: new Uint8Array() };
  for (const round of [1, 2, 3]) {
    const serving = await made.up();
    if (round > 1) await assertAllThere(made.url, acknowledged);
    let isKilled = false;
    const enough = acknowledged.length + 60 * round;
    const client = async (name: string): Promise<void> => {
      for (let at = 0; !isKilled; at++) {
        const entry = await append(made.url, `${round}/${name}/${at}`).catch(() => undefined);
        // What fails before the kill is a failure; what fails after it was never acknowledged.
        if (entry === undefined) assert.ok(isKilled, "an append was refused by a server that was up");
        else acknowledged.push(entry);
        if (acknowledged.length >= enough && !isKilled) {
          isKilled = true;
          before = await readCheckpoint(made.url).catch(() => before);
          serving.child.kill("SIGKILL");
        }
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, index) => client(String(index))));
    assert.equal((await serving.ended).signal, "SIGKILL");
  }
  assert.ok(acknowledged.length >= 360);
  assert.equal(new Set(acknowledged.map(({ index }) => index)).size, acknowledged.length, "no index twice");
  const serving = await made.up();
  await assertAllThere(made.url, acknowledged);
  // What was published before the last kill is a prefix of what is served now.
  const now = await readCheckpoint(made.url);
  assert.ok(now.size >= before.size);
  const leaves = (await readEntries(made.url, now.size)).map(leafHash);
  assert.deepEqual(rootOf(leaves.slice(0, before.size)), before.root);
  await append(made.url, "and it goes on");
  await serving.end();
});

test("up needs none of the keys that docs/keys.md says belong offline or with the builder", async (t) => {
  const made = await createOrganisation(t);
  for (const name of ["root-1", "root-2", "root-3", "ca-root", "tsa-root", "builder"])
    rmSync(join(made.organisation, "keys", `${name}.pem`));
  const serving = await made.up();
  await append(made.url, "without the owners");
  assert.equal((await serving.end()).code, 0);
});

describe("up refuses to start on a log that is not what its checkpoint says", () => {
  let made: Example;
  let whole: string;

  test("a whole one starts", async (t) => {
    made = await createOrganisation(t);
    const serving = await made.up();
    for (const each of ["a", "b", "c"]) await append(made.url, each);
    await serving.end();
    whole = join(made.folder, "whole");
    cpSync(join(made.organisation, "log"), whole, { recursive: true });
    assert.equal((await (await made.up()).end()).code, 0);
  });

  const log = (path: string): string => join(made.organisation, "log", path);
  const flip = (path: string, at: number): void => {
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(path, bytes);
  };
  const damages: readonly (readonly [string, () => void])[] = [
    ["a tile with one bit changed", () => flip(log("tile/0/000.p/3"), 40)],
    ["an entry with one bit changed", () => flip(log("tile/entries/000.p/3"), 60)],
    ["a tile that is gone", () => rmSync(log("tile/0/000.p/3"))],
    ["a checkpoint with one bit of its root changed", () => flip(log("checkpoint"), "log.acme.sealwright\n3\n".length)],
    [
      "a checkpoint that is cut short",
      () => writeFileSync(log("checkpoint"), readFileSync(log("checkpoint")).subarray(0, 30)),
    ],
    ["a checkpoint that is gone", () => rmSync(log("checkpoint"))],
  ];
  for (const [what, damage] of damages) {
    test(what, async () => {
      rmSync(join(made.organisation, "log"), { recursive: true });
      cpSync(whole, join(made.organisation, "log"), { recursive: true });
      damage();
      const ran = await made.run("up");
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(ran.stderr, /\[tlog\/store-corrupt\]/);
      assert.equal(ran.stdout, "");
    });
  }
});

test("a disk that is full refuses entries, and acknowledges none that it does not keep", async (t) => {
  const mounted = tinyFolder(t);
  if (mounted === undefined) return;
  const made = await createOrganisation(t);
  cpSync(made.organisation, join(mounted, "acme"), { recursive: true });
  const place = { cwd: made.project, env: { HOME: made.folder } };
  const up = (): Started => start(["up", "--dir", join(mounted, "acme")], place);
  const serving = up();
  await serving.until(made.url);
  const acknowledged: Acknowledged[] = [];
  let refused: Response | undefined;
  for (let at = 0; refused === undefined && at < 5000; at++) {
    const response = await post(made.url, `full/${at}`);
    if (response.status !== 201) refused = response;
    else {
      const entry = (await response.json()) as { logIndex: string; canonicalizedBody: string };
      acknowledged.push({ index: Number(entry.logIndex), body: entry.canonicalizedBody });
    }
  }
  assert.ok(refused !== undefined);
  assert.equal(refused.status, 503);
  assert.match(((await refused.json()) as { code: string }).code, /^(?:io\/write|log\/store-failed)$/);
  assert.equal((await serving.end()).code, 0);
  // Nothing has to be written to start: what is there is served meanwhile.
  const again = up();
  await again.until(made.url);
  assert.equal((await post(made.url, "full/still")).status, 503);
  await assertAllThere(made.url, acknowledged);
  assert.equal((await again.end()).code, 0);
  spawnSync("mount", ["-o", "remount,size=64m", mounted]);
  const after = up();
  await after.until(made.url);
  await assertAllThere(made.url, acknowledged);
  await after.end();
});

/** A file system of a few hundred kilobytes. */
function tinyFolder(t: TestContext): string | undefined {
  const folder = temporaryFolder();
  const mounted =
    process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=768k", "tmpfs", folder]).status === 0;
  if (!mounted) {
    t.skip("skipped: a file system of its own needs root that may mount");
    return undefined;
  }
  t.after(() => spawnSync("umount", [folder]));
  return folder;
}
