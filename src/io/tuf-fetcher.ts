// A TUF repository in a folder: a mirror, an export, or what `up` serves. No socket is opened to read it.

import { createReadStream } from "node:fs";
import { join } from "node:path";
import { Problem } from "../core/index.ts";
import type { TufFetcher } from "../tuf/index.ts";
import { readIfThere, sizeIfThere } from "./files.ts";

/** Reads a mirror in a folder. Problems `io/read`, `io/too-large`. */
export function createFolderFetcher(folder: string): TufFetcher {
  const locate = (path: string): string | undefined => locateFile(folder, path);
  return {
    fetch: async (path, maxBytes) => {
      const file = locate(path);
      return file === undefined ? undefined : readIfThere(file, maxBytes);
    },
    open: async (path, maxBytes) => {
      const file = locate(path);
      const size = file === undefined ? undefined : await sizeIfThere(file);
      if (size === undefined) return undefined;
      if (size > maxBytes)
        throw new Problem("io/too-large", `${file} has ${size} bytes, over the limit of ${maxBytes}`);
      return createReadStream(file!);
    },
  };
}

/** Where the file of a URL reference is, when it is below `folder`. */
export function locateFile(folder: string, path: string): string | undefined {
  const segments = path.split("/").map(decodeSegment);
  return segments.includes(undefined) ? undefined : join(folder, ...(segments as string[]));
}

/**
 * The name of a file that a segment of a URL stands for: decoded, or as it is where that would be more than a name, as
 * for a role that is called `../x`. Undefined for a segment that is no name either way.
 */
function decodeSegment(segment: string): string | undefined {
  let name;
  try {
    name = decodeURIComponent(segment);
  } catch {
    return undefined;
  }
  return [name, segment].find((each) => !["", ".", ".."].includes(each) && !/[/\\\u0000]/.test(each));
}
