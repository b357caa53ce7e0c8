import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs } from "../../src/core/index.ts";
import { serveRepository } from "./tuf-repository.ts";
import { downloadWithTufJs, tufJs, tufJsFolder } from "./tuf-clients.ts";

test("tuf-js refreshes from a repository of ours and downloads its targets", async (t) => {
  const repository = await serveRepository(Date.now());
  t.after(() => repository.close());
  const updater = tufJs(await tufJsFolder(t, repository.root), repository.url);
  await updater.refresh();
  assert.ok(repository.requests.includes("/3.root.json"), "the second root was accepted");
  assert.deepEqual(await downloadWithTufJs(updater, [...repository.targets.keys()]), repository.targets);
});

test("tuf-js refuses a repository of ours whose timestamp has expired", async (t) => {
  const repository = await serveRepository(Date.now() - 2 * dayMs);
  t.after(() => repository.close());
  const updater = tufJs(await tufJsFolder(t, repository.root), repository.url);
  await assert.rejects(updater.refresh(), /expired/i);
});

test("tuf-js finds and downloads every target of a repository of ours that has them in bins", async (t) => {
  const repository = await serveRepository(Date.now(), 16);
  t.after(() => repository.close());
  const updater = tufJs(await tufJsFolder(t, repository.root), repository.url);
  await updater.refresh();
  assert.deepEqual(await downloadWithTufJs(updater, [...repository.targets.keys()]), repository.targets);
  assert.ok(repository.requests.some((path) => /^\/1\.bins4-[0-9a-f]\.json$/.test(path)));
});
