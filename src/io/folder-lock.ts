// One process a folder. The lock is a Unix socket in the folder that its holder listens on: the kernel answers for
// whether the holder lives, so that a lock outlives neither `kill -9` nor a power cut, and two containers that share a
// volume see each other where process ids would deceive (both are process 1). It does not reach across machines: a
// folder on a network file system is one machine's.
//
// Announce, then look: every process first listens on a socket of its own name and then calls on all others. Of two
// that come at once, the one that listened later finds the other alive; at worst both give up.

import { open, readdir, rm, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { join } from "node:path";
import { Problem } from "../core/index.ts";

const socketPrefix = ".lock-";
// sockaddr_un holds 108 bytes on Linux and 104 on macOS, the last of them zero.
const maxSocketPath = 100;

export interface FolderLock {
  release(): Promise<void>;
}

/** Locks a folder that is there. Problems `io/locked`, `io/lock-unavailable`. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const handle = await open(folder);
  const own = `${socketPrefix}${process.pid}-${process.hrtime.bigint().toString(36)}`;
  const socketAt = (name: string): string => socketPath(folder, handle.fd, name);
  let server: Server | undefined;
  try {
    server = await listen(socketAt(own));
    if (await isHeldByOthers(folder, own, socketAt))
      throw new Problem("io/locked", `${folder} is in use`, { hint: "another `sealwright up` serves it" });
  } catch (error) {
    await release(server);
    await handle.close();
    throw error;
  }
  const held = server;
  return {
    async release() {
      await release(held);
      await handle.close();
    },
  };
}

/** A long path is reached through the folder's own descriptor, which is short. */
function socketPath(folder: string, descriptor: number, name: string): string {
  const path = join(folder, name);
  if (Buffer.byteLength(path) <= maxSocketPath) return path;
  if (process.platform === "linux") return `/proc/self/fd/${descriptor}/${name}`;
  throw new Problem("io/lock-unavailable", `the path ${folder} is too long to be locked`);
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    // Whoever calls only wants to know whether somebody answers.
    const server = createServer((socket) => socket.destroy());
    server.on("error", (cause) => {
      reject(new Problem("io/lock-unavailable", `no lock can be made at ${path}`, { cause }));
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function release(server: Server | undefined): Promise<void> {
  // Closing takes the socket's file away.
  return new Promise((resolve) => {
    if (server === undefined) resolve();
    else server.close(() => resolve());
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
function isAlive(path: string): Promise<boolean> {
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
