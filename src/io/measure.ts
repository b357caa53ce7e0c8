// Measures a folder that somebody else wrote: the SHA-256 of every file, by its path. What is neither file nor folder
// is refused, so that nothing measured here can stand for something elsewhere.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { hex, Problem, utf8 } from "../core/index.ts";
import { createHasher, digestHex } from "../crypto/index.ts";
import { listFiles, lookAt, readNames } from "./files.ts";

const maxFiles = 250_000;
const bufferBytes = 1024 * 1024;
/** Files after which others get their turn. */
const filesPerTurn = 64;

const buffer = new Uint8Array(bufferBytes);

/**
 * SHA-256 of a regular file, in hexadecimal. Synchronous: for the thousands of small files of a workspace the turns of
 * the event loop would cost ten times the work. Problems `io/irregular-file`, `io/read`.
 */
export function measureFile(path: string): string {
  const file = openGuarded(path);
  try {
    if (!fstatSync(file).isFile()) throw new Problem("io/irregular-file", `${path} is not a regular file`);
    const hasher = createHasher("sha256");
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer)) {
      hasher.update(buffer.subarray(0, count));
    }
    return hex(hasher.digest());
  } finally {
    closeSync(file);
  }
}

/** The path may be a link, or a pipe that would never open, by now. */
function openGuarded(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw new Problem("io/read", `cannot read ${path}`, { cause });
  }
}

/** Problems `io/irregular-file`, `io/too-many-files`, `io/read`. */
export async function measureFolder(root: string): Promise<ReadonlyMap<string, string>> {
  const out = new Map<string, string>();
  for (const { path } of await listFiles(root, { maxFiles })) {
    out.set(path, measureFile(join(root, path)));
    if (out.size % filesPerTurn === 0) await nextTurn();
  }
  return out;
}

/**
 * One digest for a folder that is only read: SHA-256 over the sorted lines `<sha256>  <path>` of its files, and
 * `link <target>  <path>` of its links: the form of Go's Hash1 with links added, so no dirHash. What the links lead to lies
 * inside or is not there for the step.
 */
export async function folderDigest(root: string): Promise<string> {
  const lines: string[] = [];
  const visit = async (relative: string): Promise<void> => {
    for (const name of await readNames(join(root, relative))) {
      const path = relative === "" ? name : `${relative}/${name}`;
      if (/[\n\r]/.test(path)) throw new Problem("io/irregular-file", "a file name holds a line break");
      const about = await lookAt(join(root, path));
      if (about.isDirectory()) await visit(path);
      else if (about.isSymbolicLink()) lines.push(`link ${await readlink(join(root, path))}  ${path}\n`);
      else lines.push(`${measureFile(join(root, path))}  ${path}\n`);
      if (lines.length % filesPerTurn === 0) await nextTurn();
      if (lines.length > maxFiles) throw new Problem("io/too-many-files", `more than ${maxFiles} files`);
    }
  };
  await visit("");
  return digestHex("sha256", utf8(lines.sort().join("")));
}
