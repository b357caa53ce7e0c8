// A TUF client's store as a folder of files: every file whole and durable, or not there. The names come
// percent-encoded from the client; what could still leave the folder is refused here once more.

import { join } from "node:path";
import { rm } from "node:fs/promises";
import { Problem } from "../core/index.ts";
import type { TufStore } from "../tuf/index.ts";
import { readIfThere, write } from "./files.ts";

// What no metadata file may exceed, whatever the client's own limits are.
const maxFileBytes = 64 * 1024 * 1024;

/** A store in `folder`, which is made when first needed. Problems `io/name`, `io/read`, `io/write`. */
export function createFileStore(folder: string): TufStore {
  const pathOf = (name: string): string => {
    const plain = name.split("/").every((each) => /^[A-Za-z0-9._~%-]+$/.test(each) && each !== "." && each !== "..");
    if (!plain) throw new Problem("io/name", `${JSON.stringify(name.slice(0, 200))} is not the name of a stored file`);
    return join(folder, ...name.split("/"));
  };
  return {
    load: (name) => readIfThere(pathOf(name), maxFileBytes),
    save: (name, bytes) => write(pathOf(name), bytes),
    remove: (name) => rm(pathOf(name), { force: true }),
  };
}
