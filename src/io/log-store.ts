// A log's files in a folder, laid out as C2SP tlog-tiles serves them, so that any web server can. A batch is durable
// when `write` resolves: every file is written beside the tree and renamed into place, then they and every folder that
// got a name are synced. The checkpoint is synced before it is renamed, so that there is always a whole one. Partial tiles
// stay; they may be deleted when the full tile is there.

import { mkdir, open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Problem } from "../core/index.ts";
import { parseTilePath } from "../tlog/index.ts";
import type { LogStore } from "../tlog/index.ts";
import { readIfThere } from "./files.ts";
import { lockFolder } from "./folder-lock.ts";
import type { FolderLock } from "./folder-lock.ts";

const checkpointPath = "checkpoint";
const temporaryFolder = ".tmp";
// 256 entries of 65,535 bytes in an entry bundle, of 262,144 in a data tile.
const maxFileBytes = 96 * 1024 * 1024;
const maxCheckpointBytes = 1024 * 1024;
const stepsAtOnce = 16;
const maxKnownFolders = 1024;

export interface FileLogStore extends LogStore {
  /** Gives the folder free for another process. The log on it must be closed before. */
  close(): Promise<void>;
}

/**
 * Opens a folder for one log and locks it against other processes until `close` or the end of this one.
 * Problems `io/locked`, `io/lock-unavailable`, `io/write`.
 */
export async function openFileLogStore(folder: string): Promise<FileLogStore> {
  const root = resolve(folder);
  await makeRoot(root);
  const lock = await lockFolder(root);
  try {
    // What a process that died was writing; nothing refers to it.
    await rm(join(root, temporaryFolder), { recursive: true, force: true });
    await mkdir(join(root, temporaryFolder));
  } catch (cause) {
    await lock.release();
    throw new Problem("io/write", `cannot write in ${root}`, { cause });
  }
  return new FolderStore(root, lock);
}

async function makeRoot(root: string): Promise<void> {
  try {
    const first = await mkdir(root, { recursive: true });
    // Every folder that was made is a name in the one above it, which must be durable as well.
    if (first === undefined) return;
    for (let at = root; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
  } catch (cause) {
    throw new Problem("io/write", `cannot make the folder ${root}`, { cause });
  }
}

class FolderStore implements FileLogStore {
  private serial = 0;
  /** Folders that are there and durable. */
  private readonly folders = new Set<string>();

  constructor(
    private readonly root: string,
    private readonly lock: FolderLock,
  ) {}

  async read(path: string): Promise<Uint8Array | undefined> {
    return readIfThere(this.place(path), maxFileBytes);
  }

  readCheckpoint(): Promise<Uint8Array | undefined> {
    return readIfThere(join(this.root, checkpointPath), maxCheckpointBytes);
  }

  async write(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    await this.attempt(async () => {
      const opened: FileHandle[] = [];
      try {
        const changed = new Set<string>();
        const placed = [...files].map(([path, bytes]) => [this.place(path), bytes] as const);
        for (const [path] of placed) await this.makeFolder(dirname(path), changed);
        await eachOf(placed, async ([path, bytes]) => {
          const { file, temporary } = await this.writeAside(bytes);
          opened.push(file);
          await rename(temporary, path);
        });
        // The rename may come before the sync, unlike a checkpoint's: no checkpoint refers to these names yet, so that
        // after a power cut they are written anew. Syncing all at once lets the disk do it in one go.
        await eachOf([...opened, ...changed], (each) => (typeof each === "string" ? syncFolder(each) : each.sync()));
        if (this.folders.size > maxKnownFolders) this.folders.clear();
        for (const folder of changed) this.folders.add(folder);
      } finally {
        await Promise.all(opened.map((file) => file.close()));
      }
    });
  }

  async publish(checkpoint: Uint8Array): Promise<void> {
    await this.attempt(async () => {
      const { file, temporary } = await this.writeAside(checkpoint);
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(this.root, checkpointPath));
      await syncFolder(this.root);
    });
  }

  close(): Promise<void> {
    return this.lock.release();
  }

  private place(path: string): string {
    if (parseTilePath(path) === undefined) {
      throw new Problem("io/name", `${JSON.stringify(path.slice(0, 200))} is not the path of a tile`);
    }
    return join(this.root, path);
  }

  private async attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (cause) {
      throw new Problem("io/write", `cannot write the log in ${this.root}`, { cause });
    }
  }

  /** Makes a folder and those above it; all that got a new name go into `changed`. */
  private async makeFolder(folder: string, changed: Set<string>): Promise<void> {
    changed.add(folder);
    for (let at = folder; at !== this.root && !this.folders.has(at); at = dirname(at)) changed.add(dirname(at));
    if (!this.folders.has(folder)) await mkdir(folder, { recursive: true });
  }

  private async writeAside(bytes: Uint8Array): Promise<{ file: FileHandle; temporary: string }> {
    const temporary = join(this.root, temporaryFolder, String(this.serial++));
    const file = await open(temporary, "wx", 0o644);
    try {
      await file.writeFile(bytes);
      return { file, temporary };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** Runs a step for every item, a few at once, and waits for all of them before the first failure is thrown. */
async function eachOf<T>(items: readonly T[], step: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += stepsAtOnce) {
    const results = await Promise.allSettled(items.slice(at, at + stepsAtOnce).map(step));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
