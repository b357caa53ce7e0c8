// Measures a folder that somebody else wrote: the SHA-256 of every file, by its path. What is neither file nor folder
// is refused, so that nothing measured here can stand for something elsewhere.

import { constants } from "node:fs";
import { open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { hex, Problem, utf8 } from "../core/index.ts";
import { createHasher, digestHex } from "../crypto/index.ts";
import { listFiles } from "./files.ts";

const maxFiles = 250_000;
const bufferBytes = 1024 * 1024;

/** SHA-256 of a regular file, in hexadecimal. Problem `io/irregular-file`, `io/read`. */
export async function measureFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (cause: unknown) => {
      throw new Problem("io/read", `cannot read ${path}`, { cause });
    },
  );
  try {
    if (!(await file.stat()).isFile()) throw new Problem("io/irregular-file", `${path} is not a regular file`);
    const hasher = createHasher("sha256");
    const buffer = new Uint8Array(bufferBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return hex(hasher.digest());
      hasher.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Problems `io/irregular-file`, `io/too-many-files`, `io/read`. */
export async function measureFolder(root: string): Promise<ReadonlyMap<string, string>> {
  const out = new Map<string, string>();
  for (const { path } of await listFiles(root, { maxFiles })) out.set(path, await measureFile(join(root, path)));
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
    for (const entry of await readdir(join(root, relative), { withFileTypes: true })) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (/[\n\r]/.test(path)) throw new Problem("io/irregular-file", "a file name holds a line break");
      if (entry.isDirectory()) await visit(path);
      else if (entry.isSymbolicLink()) lines.push(`link ${await readlink(join(root, path))}  ${path}\n`);
      else lines.push(`${await measureFile(join(root, path))}  ${path}\n`);
      if (lines.length > maxFiles) throw new Problem("io/too-many-files", `more than ${maxFiles} files`);
    }
  };
  await visit("");
  return digestHex("sha256", utf8(lines.sort().join("")));
}
