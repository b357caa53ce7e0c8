// Waiting for a folder that another process holds, first come, first served. Who waits listens on a socket of its own in the
// folder, named by when it came, and hangs on the line of who came before it: the kernel cuts that line when the other
// is done, and also when it is killed. The lock itself is folder-lock.ts, which alone keeps processes apart; the queue
// keeps one that comes back at once from being served before those that wait.

import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isProblem, Problem } from "../core/index.ts";
import { type FolderLock, type FolderSocket, hangOn, isAlive, listen, lockFolder, socketPath } from "./folder-lock.ts";

const queuePrefix = ".wait-";
// For what no line tells: two that found each other at the very moment of locking and both gave up.
const maxPauseMs = 30;

export interface WaitOptions {
  readonly waitMs: number;
  /** What to tell who has waited in vain. */
  readonly hint: string;
}

/** As `lockFolder`, but waits up to `waitMs` for its turn. Problems `io/locked`, `io/lock-unavailable`. */
export async function waitForFolder(folder: string, { waitMs, hint }: WaitOptions): Promise<FolderLock> {
  const giveUpMs = performance.now() + waitMs;
  const handle = await open(folder);
  const at = (name: string): string => socketPath(folder, handle.fd, name);
  let place: FolderSocket | undefined;
  try {
    if ((await waiting(folder)).length === 0) {
      const lock = await tryLock(folder, hint);
      if (lock !== undefined) return lock;
    }
    const own = `${queuePrefix}${process.hrtime.bigint().toString().padStart(20, "0")}-${process.pid}`;
    place = await listen(at(own));
    for (;;) {
      const leftMs = giveUpMs - performance.now();
      if (leftMs <= 0) throw new Problem("io/locked", `${folder} is in use`, { hint });
      const before = await lastBefore(folder, own, at);
      if (before !== undefined) await hangOn(at(before), leftMs);
      else {
        const lock = await tryLock(folder, hint);
        if (lock !== undefined) return lock;
        await waitForHolder(folder, at, leftMs);
      }
    }
  } finally {
    await place?.close();
    await handle.close();
  }
}

async function tryLock(folder: string, hint: string): Promise<FolderLock | undefined> {
  try {
    return await lockFolder(folder, hint);
  } catch (problem) {
    if (isProblem(problem, "io/locked")) return undefined;
    throw problem;
  }
}

async function waiting(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith(queuePrefix)).sort();
}

/** The last of those that live and came earlier; the sockets of those that do not live are removed. */
async function lastBefore(folder: string, own: string, at: (name: string) => string): Promise<string | undefined> {
  const earlier = (await waiting(folder)).filter((name) => name < own);
  for (const name of earlier.reverse()) {
    if (await isAlive(at(name))) return name;
    await rm(join(folder, name), { force: true });
  }
  return undefined;
}

async function waitForHolder(folder: string, at: (name: string) => string, leftMs: number): Promise<void> {
  const holder = (await readdir(folder)).find((name) => name.startsWith(".lock-"));
  if (holder !== undefined) await hangOn(at(holder), leftMs);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(maxPauseMs, leftMs)));
}
