import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { serveRepository } from "./tuf-repository.ts";

const run = promisify(execFile);

// Arguments: folder, URL, then target paths, each downloaded to a file named by its number.
const script = `
import sys, os
from tuf.ngclient import Updater
folder, url, *paths = sys.argv[1:]
with open(os.path.join(folder, "initial.json"), "rb") as f:
    root = f.read()
os.mkdir(os.path.join(folder, "metadata"))
updater = Updater(os.path.join(folder, "metadata"), url + "/", folder, url + "/targets/", bootstrap=root)
updater.refresh()
for number, path in enumerate(paths):
    updater.download_target(updater.get_targetinfo(path), os.path.join(folder, str(number)))
`;

test("python-tuf refreshes from a repository of ours and downloads its targets", async (t) => {
  const python = process.env["SEALWRIGHT_PEERS_PYTHON"];
  if (python === undefined) return t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no python with tuf");
  const repository = await serveRepository(Date.now());
  const folder = await mkdtemp(join(tmpdir(), "python-tuf-"));
  t.after(() => rm(folder, { recursive: true }));
  t.after(() => repository.close());
  await writeFile(join(folder, "initial.json"), repository.root);
  await run(python, ["-c", script, folder, repository.url, ...repository.targets.keys()]);
  for (const [number, content] of [...repository.targets.values()].entries()) {
    assert.deepEqual(new Uint8Array(await readFile(join(folder, String(number)))), content);
  }
});
