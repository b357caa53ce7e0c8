// The name of an object of git: gitformat-pack "object name", hash-function-transition. SHA-1 is here for nothing
// else, and nothing is trusted for it: it says whether the bytes at hand are those that were asked for.

import { createHash } from "node:crypto";
import { concat, hex, utf8 } from "../core/index.ts";

/** `extensions.objectFormat` of a repository. */
export type GitObjectFormat = "sha1" | "sha256";

/** In lower-case hexadecimal, of the object's own bytes without git's header. */
export function gitObjectName(format: GitObjectFormat, type: "commit" | "tag", bytes: Uint8Array): string {
  const header = utf8(`${type} ${bytes.length}\0`);
  return hex(new Uint8Array(createHash(format).update(concat(header, bytes)).digest()));
}
