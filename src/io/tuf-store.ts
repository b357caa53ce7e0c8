// A TUF client's store as a folder of files: every file whole and durable, or not there. The names come
// percent-encoded from the client; what could still leave the folder is refused here once more. Processes that share a
// folder take turns, one update at a time.

import { constants } from "node:fs";
import { access, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Problem } from "../core/index.ts";
import type { TufStore } from "../tuf/index.ts";
import { readIfThere, write } from "./files.ts";
import type { FolderLock } from "./folder-lock.ts";
import { waitForFolder } from "./folder-wait.ts";

// What no metadata file may exceed, whatever the client's own limits are.
const maxFileBytes = 64 * 1024 * 1024;
const defaultLockWaitMs = 60_000;

export interface FileStoreOptions {
  /** How long to wait for another process that uses the folder; Problem `io/locked` then. */
  readonly lockWaitMs?: number;
  /** Nothing is written and no lock is taken: what is verified is kept in memory. */
  readonly readOnly?: boolean;
}

/**
 * A store in `folder`, which is made when first needed. A folder that this process may not write to is read only: what
 * is new is then forgotten at the end. Problems `io/name`, `io/read`, `io/write`, `io/locked`, `io/lock-unavailable`.
 */
export function createFileStore(folder: string, options: FileStoreOptions = {}): TufStore {
  const pathOf = (name: string): string => {
    const plain = name.split("/").every((each) => /^[A-Za-z0-9._~%-]+$/.test(each) && each !== "." && each !== "..");
    if (!plain) throw new Problem("io/name", `${JSON.stringify(name.slice(0, 200))} is not the name of a stored file`);
    return join(folder, ...name.split("/"));
  };
  // In the place of files that cannot be written; undefined stands for one that cannot be removed.
  const overlay = new Map<string, Uint8Array | undefined>();
  let readOnly: boolean | undefined = options.readOnly === true ? true : undefined;
  const isReadOnly = async (): Promise<boolean> => (readOnly ??= await cannotWrite(folder));
  return {
    load: async (name) => {
      const path = pathOf(name);
      return overlay.has(name) ? overlay.get(name) : readIfThere(path, maxFileBytes);
    },
    save: async (name, bytes) => {
      const path = pathOf(name);
      if (await isReadOnly()) overlay.set(name, bytes);
      else await write(path, bytes);
    },
    remove: async (name) => {
      const path = pathOf(name);
      if (await isReadOnly()) overlay.set(name, undefined);
      else await rm(path, { force: true });
    },
    exclusive: async (run) => {
      if (await isReadOnly()) return run();
      const lock = await lockForUpdate(folder, options.lockWaitMs ?? defaultLockWaitMs);
      try {
        return await run();
      } finally {
        await lock.release();
      }
    },
  };
}

async function lockForUpdate(folder: string, waitMs: number): Promise<FolderLock> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new Problem("io/write", `cannot make the folder ${folder}`, { cause });
  }
  return waitForFolder(folder, { waitMs, hint: "another process has been updating it all the while" });
}

async function cannotWrite(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    return false;
  } catch (error) {
    return ["EACCES", "EROFS", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "");
  }
}
