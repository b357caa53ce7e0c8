// A repository's target files: plain files by their hash-prefixed, percent-encoded names, as any web server could carry
// them. A file is hashed while it is written and gets its name when it is whole and on the disk.

import { constants } from "node:fs";
import { lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hex, isProblem, Problem } from "../core/index.ts";
import { createHasher } from "../crypto/index.ts";
import { checkTargetHash, targetHash, type StoredTarget } from "../tuf/index.ts";
import { readIfThere, syncFolder } from "./files.ts";

const chunkBytes = 256 * 1024;
let serial = 0;

/** The file of a path below `targets/`; undefined for what can be no target's name. */
export function targetPlace(folder: string, path: string): string | undefined {
  const parts = path.split("/");
  // A name too long for a file is not there; a dot at the beginning is never a hash's.
  const plain = parts.every((each) => /^[A-Za-z0-9._~%-]{1,255}$/.test(each) && each !== "." && each !== "..");
  return plain && path.length <= 8192 ? join(folder, ...parts) : undefined;
}

/** Problem `io/too-large`. */
export async function readTargetFile(folder: string, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const place = targetPlace(folder, path);
  if (place === undefined) return undefined;
  return readIfThere(place, maxBytes, { noFollow: true }).catch((error: unknown) => {
    // A folder: there is no such target.
    if (isProblem(error, "io/read")) return undefined;
    throw error;
  });
}

/** Opened when it is read; what it was by then is what is read. */
export async function openTargetFile(folder: string, path: string): Promise<StoredTarget | undefined> {
  const place = targetPlace(folder, path);
  const about = place === undefined ? undefined : await lstat(place).catch(() => undefined);
  if (place === undefined || about?.isFile() !== true) return undefined;
  return { length: about.size, content: chunksOf(place, about.size) };
}

async function* chunksOf(place: string, length: number): AsyncGenerator<Uint8Array> {
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (let at = 0; at < length;) {
      const chunk = new Uint8Array(Math.min(chunkBytes, length - at));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) throw new Problem("io/read", "a target file is shorter than it was");
      at += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Problems `io/name`, `tuf/target-path`, `tuf/hash-mismatch`, `io/write`. */
export async function writeTargetFile(
  folder: string,
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  const place = targetPlace(folder, path);
  if (place === undefined) throw new Problem("io/name", `${JSON.stringify(path.slice(0, 200))} cannot name a file`);
  const hasher = createHasher(targetHash(path)?.algorithm ?? "sha256");
  const temporary = join(folder, `.${process.pid}-${serial++}.tmp`);
  try {
    await makeFolders(folder, dirname(place));
    const file = await open(temporary, "wx", 0o644);
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) {
        hasher.update(chunk);
        await file.writeFile(chunk);
      }
      const digest = hex(hasher.digest());
      checkTargetHash(path, () => digest);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, place);
    await syncFolder(dirname(place));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (isProblem(cause)) throw cause;
    throw new Problem("io/write", `cannot write the target file ${path}`, { cause });
  }
}

/** Every folder that is made is a name in the one above it, which must be durable as well. */
async function makeFolders(root: string, folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let at = folder; at.length >= Math.min(first.length, root.length); at = dirname(at)) {
    await syncFolder(dirname(at));
    if (at === first) break;
  }
}
