// tuf-js 5.0 and python-tuf 7.0 as clients of the TUF repository that a running instance serves. Both take http addresses
// as they are. python-tuf runs where SEALWRIGHT_PEERS_PYTHON names a Python that has it.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { paths } from "../../src/api/index.ts";
import { utf8 } from "../../src/core/index.ts";
import { keyNames, publishTargets, resignRepository, targetPaths } from "../../src/flows/index.ts";
import { type RunningInstance, startInstance } from "../instance.ts";
import { downloadWithPythonTuf, downloadWithTufJs, tufJs, tufJsFolder } from "./tuf-clients.ts";

const clock = { now: () => Date.now() };
const python = process.env["SEALWRIGHT_PEERS_PYTHON"];

function address({ url }: RunningInstance): string {
  return `${url}${paths.tuf}`;
}

async function everyTarget(instance: RunningInstance): Promise<ReadonlyMap<string, Uint8Array>> {
  const contents = instance.targetNames.map(async (path) => [path, await instance.target(path)] as const);
  return new Map(await Promise.all(contents));
}

function skipped(t: TestContext): boolean {
  if (python === undefined) t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no Python with tuf");
  return python === undefined;
}

const changed = { path: targetPaths.policy, content: utf8('{"rules":"other ones"}') };

/** Two owners agree on another policy. */
async function changePolicy({ files, tuf }: RunningInstance): Promise<void> {
  await publishTargets([changed], keyNames.root.slice(0, 2), { files, clock, tuf });
}

test("tuf-js refreshes from our server over HTTP and downloads every target", async (t) => {
  const instance = await startInstance(t);
  const updater = tufJs(await tufJsFolder(t, instance.root), address(instance));
  await updater.refresh();
  const expected = await everyTarget(instance);
  assert.equal(expected.size, 8);
  assert.deepEqual(await downloadWithTufJs(updater, instance.targetNames), expected);
  assert.deepEqual(await downloadWithTufJs(updater, ["no-such-target"]), new Map([["no-such-target", undefined]]));
});

test("tuf-js follows what is published while our server runs, and refuses it when it serves older metadata again", async (t) => {
  const instance = await startInstance(t);
  const { files, tuf } = instance;
  const folder = await tufJsFolder(t, instance.root);
  const before = (await tuf.read("timestamp.json"))!;
  await tufJs(folder, address(instance)).refresh();
  await changePolicy(instance);
  await resignRepository({ files, clock, tuf });
  const after = await downloadWithTufJs(tufJs(folder, address(instance)), [changed.path]);
  assert.deepEqual(after.get(changed.path), changed.content);
  await tuf.commit({
    base: await tuf.revision(),
    atMs: clock.now(),
    files: [["timestamp.json", before]],
    replaced: [],
    event: {},
  });
  await assert.rejects(tufJs(folder, address(instance)).refresh(), /less than current version/);
});

test("tuf-js refuses our served repository under the root of another organisation", async (t) => {
  const [instance, elsewhere] = await Promise.all([startInstance(t), startInstance(t)]);
  const updater = tufJs(await tufJsFolder(t, elsewhere.root), address(instance));
  await assert.rejects(updater.refresh(), /threshold|signed by/);
});

test("python-tuf refreshes from our server over HTTP and downloads every target", async (t) => {
  if (skipped(t)) return;
  const instance = await startInstance(t);
  const { root, targetNames } = instance;
  const contents = await downloadWithPythonTuf(t, python!, { url: address(instance), root }, targetNames);
  assert.deepEqual(contents, await everyTarget(instance));
});

test("python-tuf downloads what two owners have published meanwhile, and refuses the root of another organisation", async (t) => {
  if (skipped(t)) return;
  const [instance, elsewhere] = await Promise.all([startInstance(t), startInstance(t)]);
  await changePolicy(instance);
  const url = address(instance);
  const [contents] = await Promise.all([
    downloadWithPythonTuf(t, python!, { url, root: instance.root }, [changed.path]),
    assert.rejects(
      downloadWithPythonTuf(t, python!, { url, root: elsewhere.root }, [changed.path]),
      /UnsignedMetadataError/,
    ),
  ]);
  assert.deepEqual(contents.get(changed.path), changed.content);
});
