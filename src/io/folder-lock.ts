// One process a folder. The lock is a Unix socket in the folder that its holder listens on: the kernel answers for
// whether the holder lives, so that a lock outlives neither `kill -9` nor a power cut, and two containers that share a
// volume see each other where process ids would deceive (both are process 1). It does not reach across machines: a
// folder on a network file system is one machine's.
//
// Announce, then look: every process first listens on a socket of its own name and then calls on all others. Of two
// that come at once, the one that listened later finds the other alive; at worst both give up.

import { open, readdir, rm, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import { Problem } from "../core/index.ts";

const socketPrefix = ".lock-";
// sockaddr_un holds 108 bytes on Linux and 104 on macOS, the last of them zero.
const maxSocketPath = 100;

export interface FolderLock {
  release(): Promise<void>;
}

/** Locks a folder that is there. Problems `io/locked`, `io/lock-unavailable`. */
export async function lockFolder(
  folder: string,
  hint: string = "another `sealwright up` serves it",
): Promise<FolderLock> {
  const handle = await open(folder);
  const own = `${socketPrefix}${process.pid}-${process.hrtime.bigint().toString(36)}`;
  const socketAt = (name: string): string => socketPath(folder, handle.fd, name);
  let socket: FolderSocket | undefined;
  try {
    socket = await listen(socketAt(own));
    if (await isHeldByOthers(folder, own, socketAt)) throw new Problem("io/locked", `${folder} is in use`, { hint });
  } catch (error) {
    await socket?.close();
    await handle.close();
    throw error;
  }
  const held = socket;
  return {
    async release() {
      await held.close();
      await handle.close();
    },
  };
}

/** A long path is reached through the folder's own descriptor, which is short. */
export function socketPath(folder: string, descriptor: number, name: string): string {
  const path = join(folder, name);
  if (Buffer.byteLength(path) <= maxSocketPath) return path;
  if (process.platform === "linux") return `/proc/self/fd/${descriptor}/${name}`;
  throw new Problem("io/lock-unavailable", `the path ${folder} is too long to be locked`);
}

/** A socket in a folder that this process listens on. */
export interface FolderSocket {
  /** Takes its file away and cuts the lines of those that hang on. */
  close(): Promise<void>;
}

/** Problem `io/lock-unavailable`. */
export function listen(path: string): Promise<FolderSocket> {
  return new Promise((resolve, reject) => {
    const lines = new Set<Socket>();
    // Whoever calls wants to know whether somebody answers, or when that ends.
    const server = createServer((line) => {
      lines.add(line);
      line.unref();
      line.on("error", () => line.destroy());
      line.on("close", () => lines.delete(line));
    });
    server.on("error", (cause) => {
      reject(new Problem("io/lock-unavailable", `no lock can be made at ${path}`, { cause }));
    });
    server.listen(path, () => {
      server.unref();
      resolve({ close: () => closeSocket(server, lines) });
    });
  });
}

function closeSocket(server: Server, lines: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    // The file goes first: who is cut off then finds nobody there.
    server.close(() => resolve());
    for (const line of lines) line.destroy();
  });
}

/** Returns when nobody listens there any longer, or after `waitMs`. */
export function hangOn(path: string, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const line = connect(path);
    const timer = setTimeout(() => line.destroy(), waitMs);
    line.on("error", () => line.destroy());
    // Read, so that the end of the line is noticed.
    line.resume();
    line.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function isHeldByOthers(folder: string, own: string, socketAt: (name: string) => string): Promise<boolean> {
  const others = (await readdir(folder)).filter((name) => name.startsWith(socketPrefix) && name !== own);
  let held = false;
  for (const name of others) {
    if (await isAlive(socketAt(name))) held = true;
    // Its process is gone, or has not come to listen yet: then it finds us alive, or its own file missing.
    else await rm(join(folder, name), { force: true });
  }
  const isSeen = await stat(join(folder, own)).then(
    () => true,
    () => false,
  );
  return held || !isSeen;
}

/** Only a refused connection and a missing file say that nobody listens; any other answer counts as alive. */
export function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}
