// Reading back what a step wrote. The step chose every byte of that folder, links and devices included.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { Problem } from "../core/index.ts";

/**
 * The bytes of a regular file directly in `directory`, at most `maxBytes` and one more (so that too large shows);
 * undefined when there is none. No link is followed and nothing that could block is opened.
 * Problem `io/result-unsafe` for a link, a folder, a device, a pipe, or a name with a slash.
 */
export function readResultFile(directory: string, name: string, maxBytes: number): Uint8Array | undefined {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw new Problem("io/result-unsafe", `${JSON.stringify(name)} is not the name of a file`);
  }
  const file = open(join(directory, name), name);
  if (file === undefined) return undefined;
  try {
    if (!fstatSync(file).isFile()) throw new Problem("io/result-unsafe", `${name} is not a regular file`);
    const bytes = new Uint8Array(maxBytes + 1);
    let size = 0;
    for (let count = -1; count !== 0 && size < bytes.length; size += count) {
      count = readSync(file, bytes, size, bytes.length - size, size);
    }
    return bytes.slice(0, size);
  } finally {
    closeSync(file);
  }
}

function open(path: string, name: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new Problem("io/result-unsafe", `${name} cannot be read as a regular file`, { cause: error });
  }
}
