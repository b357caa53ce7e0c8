import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Updater } from "tuf-js";
import { dayMs } from "../../src/core/index.ts";
import { serveRepository } from "./tuf-repository.ts";

test("tuf-js refreshes from a repository of ours and downloads its targets", async (t) => {
  const repository = await serveRepository(Date.now());
  const folder = await mkdtemp(join(tmpdir(), "tuf-js-"));
  t.after(() => rm(folder, { recursive: true }));
  t.after(() => repository.close());
  await mkdir(join(folder, "targets"));
  await writeFile(join(folder, "root.json"), repository.root);
  const updater = new Updater({
    metadataDir: folder,
    metadataBaseUrl: repository.url,
    targetDir: join(folder, "targets"),
    targetBaseUrl: `${repository.url}/targets`,
    config: { fetchRetries: 0 },
  });
  await updater.refresh();
  assert.ok(repository.requests.includes("/3.root.json"), "the second root was accepted");
  for (const [path, content] of repository.targets) {
    const target = await updater.getTargetInfo(path);
    assert.ok(target !== undefined, path);
    assert.deepEqual(new Uint8Array(await readFile(await updater.downloadTarget(target))), content, path);
  }
});

test("tuf-js refuses a repository of ours whose timestamp has expired", async (t) => {
  const repository = await serveRepository(Date.now() - 2 * dayMs);
  const folder = await mkdtemp(join(tmpdir(), "tuf-js-"));
  t.after(() => rm(folder, { recursive: true }));
  t.after(() => repository.close());
  await writeFile(join(folder, "root.json"), repository.root);
  const options = { metadataDir: folder, metadataBaseUrl: repository.url, config: { fetchRetries: 0 } };
  await assert.rejects(new Updater(options).refresh(), /expired/i);
});
