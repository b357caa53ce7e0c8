// Folders for one build: a bare mirror of the commit for steps to read, a place for volumes, and what the caller hands
// in, each with its digest. All of it is gone afterwards, however the build ends.

import { chmod, lstat, mkdir, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Problem } from "../core/index.ts";
import { type Commit, headCommit, mirrorCommit } from "./git.ts";
import { folderDigest } from "./measure.ts";

export interface BuildWorkspaces {
  readonly commit: Commit;
  /** Where the executor puts the run's volumes and scripts. */
  readonly volumes: string;
  /** Claim name -> folder: `upstream`, the mirror, and the caller's own. */
  readonly claims: ReadonlyMap<string, string>;
  readonly inputs: readonly {
    readonly name: string;
    readonly uri: string;
    readonly digest: ReadonlyMap<string, string>;
  }[];
  /** Removes everything; a folder that cannot be removed is left and is no failure of the build. */
  close(): Promise<void>;
}

/** Problems `io/not-found` for a folder that is not there, `io/git-*`, `io/read`. */
export async function openBuildWorkspaces(top: string, folders: ReadonlyMap<string, string>): Promise<BuildWorkspaces> {
  const commit = await headCommit(top);
  const work = await realpath(await mkdtemp(join(tmpdir(), "sealwright-build-")));
  const close = (): Promise<void> => removeTree(work);
  try {
    // Steps run as another user and reach only what is mounted; the folder itself lets them pass.
    await chmod(work, 0o711);
    const mirror = join(work, "upstream.git");
    await mirrorCommit(top, commit.revision, mirror);
    const volumes = join(work, "run");
    await mkdir(volumes, { mode: 0o711 });
    const claims = new Map([["upstream", mirror]]);
    const inputs: { name: string; uri: string; digest: ReadonlyMap<string, string> }[] = [];
    for (const [name, folder] of folders) {
      const path = await realpath(resolve(folder)).catch((cause: unknown) => {
        throw new Problem("io/not-found", `there is no folder ${folder} for the workspace ${name}`, { cause });
      });
      claims.set(name, path);
      inputs.push({ name, uri: `workspace:${name}`, digest: new Map([["sha256", await folderDigest(path)]]) });
    }
    return { commit, volumes, claims, inputs, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * A release replaces nothing but a release: its folder is not there, is empty, or holds one already.
 * Problem `build/release-folder`.
 */
export async function demandReleaseFolder(path: string, index: string): Promise<void> {
  const names = await readdir(path).catch((): string[] => []);
  if (names.length === 0 || names.includes(index)) return;
  throw new Problem("build/release-folder", `${path} is not empty and holds no release`, {
    hint: "name another folder with --release",
  });
}

/** A step may leave folders that even their owner cannot enter; links are removed and never followed. */
async function removeTree(path: string): Promise<void> {
  const options = { recursive: true, force: true } as const;
  const removed = await rm(path, options).then(
    () => true,
    () => false,
  );
  if (removed) return;
  await openTree(path).catch(() => undefined);
  await rm(path, options).catch(() => undefined);
}

async function openTree(path: string): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await openTree(join(path, name));
}
