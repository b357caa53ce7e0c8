// tuf-js and python-tuf as clients of a repository at an address: a refresh from a root, and the download of targets.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Updater } from "tuf-js";
import { temporaryFolder } from "../instance.ts";
import { runPeer } from "./peer.ts";

/** A fresh tuf-js client; another one over the same folder remembers what this one has seen. */
export async function tufJsFolder(t: TestContext, root: Uint8Array): Promise<string> {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, "targets"));
  await writeFile(join(folder, "root.json"), root);
  return folder;
}

export function tufJs(folder: string, url: string): Updater {
  return new Updater({
    metadataDir: folder,
    metadataBaseUrl: url,
    targetDir: join(folder, "targets"),
    targetBaseUrl: `${url}/targets`,
    config: { fetchRetries: 0 },
  });
}

/** The content of each target, undefined for one that the repository does not have. */
export async function downloadWithTufJs(
  updater: Updater,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array | undefined>> {
  const out = new Map<string, Uint8Array | undefined>();
  for (const path of paths) {
    const target = await updater.getTargetInfo(path);
    out.set(path, target && new Uint8Array(await readFile(await updater.downloadTarget(target))));
  }
  return out;
}

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

/** Rejects with the peer's own words when it refuses. */
export async function downloadWithPythonTuf(
  t: TestContext,
  python: string,
  repository: { readonly url: string; readonly root: Uint8Array },
  paths: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "initial.json"), repository.root);
  const { exitCode, stderr } = await runPeer(python, ["-c", script, folder, repository.url, ...paths], folder);
  if (exitCode !== 0) throw new Error(stderr);
  const contents = paths.map(async (path, number) => {
    return [path, new Uint8Array(await readFile(join(folder, String(number))))] as const;
  });
  return new Map(await Promise.all(contents));
}
