// Files, durable and whole: what was written is on the disk when the call returns, and a reader sees the old content
// or the new, never a part. Reads are bounded.

import { constants, type Stats } from "node:fs";
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fromUtf8, isProblem, Problem } from "../core/index.ts";

const privateMode = 0o600;
const publicMode = 0o644;
let serial = 0;

function errno(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

export interface ReadOptions {
  /** Refuses a link as the last part. */
  readonly noFollow?: boolean;
  /** Refuses a file that others can read: it is meant to hold a secret, and may hold one no longer. */
  readonly private?: boolean;
}

/**
 * Content of a file of at most `maxBytes`, undefined when it is not there.
 * Problems `io/too-large`, `io/read`, `io/exposed`.
 */
export async function readIfThere(
  path: string,
  maxBytes: number,
  options: ReadOptions = {},
): Promise<Uint8Array | undefined> {
  // Never waiting for the other end of a pipe that somebody put there.
  const guarded = options.noFollow === true ? constants.O_NOFOLLOW : 0;
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | guarded);
  } catch (cause) {
    if (errno(cause) === "ENOENT" || errno(cause) === "ENOTDIR") return undefined;
    throw new Problem("io/read", `cannot read ${path}`, { cause });
  }
  try {
    const about = await file.stat();
    if (!about.isFile()) throw new Problem("io/read", `${path} is not a regular file`);
    if (options.private === true) demandPrivate(path, about);
    if (about.size > maxBytes)
      throw new Problem("io/too-large", `${path} has ${about.size} bytes, over the limit of ${maxBytes}`);
    const bytes = await file.readFile();
    if (bytes.length > maxBytes) throw new Problem("io/too-large", `${path} grew over the limit of ${maxBytes} bytes`);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  } finally {
    await file.close();
  }
}

// As ssh has it: an owner can always make a file private. A secret that somebody else has mounted for a group of ours
// is taken, one for everybody is not. Windows has no such modes.
function demandPrivate(path: string, about: Stats): void {
  if (process.platform === "win32") return;
  const others = about.uid === process.getuid?.() ? 0o077 : 0o007;
  if ((about.mode & others) === 0) return;
  const mode = (about.mode & 0o777).toString(8).padStart(4, "0");
  throw new Problem("io/exposed", `${path} is for its owner alone, but its mode is ${mode}`, {
    hint: `others may have read it: replace what is in it, or if you are sure nobody has, chmod 600 ${path}`,
  });
}

/** Bytes of a regular file, undefined when it is not there. Problem `io/read`. */
export async function sizeIfThere(path: string): Promise<number | undefined> {
  try {
    const about = await stat(path);
    if (!about.isFile()) throw new Problem("io/read", `${path} is not a regular file`);
    return about.size;
  } catch (cause) {
    if (errno(cause) === "ENOENT" || errno(cause) === "ENOTDIR") return undefined;
    if (isProblem(cause)) throw cause;
    throw new Problem("io/read", `cannot read ${path}`, { cause });
  }
}

/** As `readIfThere`; Problem `io/not-found` when it is not there. */
export async function read(path: string, maxBytes: number, options: ReadOptions = {}): Promise<Uint8Array> {
  const bytes = await readIfThere(path, maxBytes, options);
  if (bytes === undefined) throw new Problem("io/not-found", `there is no file ${path}`);
  return bytes;
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Writes a file atomically and durably; folders are made as needed. `private` files have mode 0600 from their first
 * byte on, `isNew` refuses to replace one (Problem `io/exists`). Problem `io/write` leaves the old content.
 */
export async function write(
  path: string,
  bytes: Uint8Array,
  options: { readonly private?: boolean; readonly isNew?: boolean } = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${process.pid}-${serial++}.tmp`);
  try {
    const file = await openNew(temporary, options.private === true);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    if (options.isNew === true) {
      // A hard link fails where the name is taken; a rename would replace it.
      await link(temporary, path);
      await rm(temporary);
    } else await rename(temporary, path);
    await syncFolder(folder);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (errno(cause) === "EEXIST") throw new Problem("io/exists", `${path} is there already`, { cause });
    throw new Problem("io/write", `cannot write ${path}`, { cause });
  }
}

/** The folder is there most times: it is made when it is not. */
async function openNew(path: string, isPrivate: boolean): Promise<FileHandle> {
  const mode = isPrivate ? privateMode : publicMode;
  try {
    return await open(path, "wx", mode);
  } catch (cause) {
    if (errno(cause) !== "ENOENT") throw cause;
    await mkdir(dirname(path), { recursive: true, mode: isPrivate ? 0o700 : 0o755 });
    return open(path, "wx", mode);
  }
}

/** Removes a file, durably; nothing when it is not there. Problem `io/write`. */
export async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await syncFolder(dirname(path));
  } catch (cause) {
    if (errno(cause) === "ENOENT") return;
    throw new Problem("io/write", `cannot remove ${path}`, { cause });
  }
}

/**
 * Names in a folder that somebody else wrote, sorted. A name that is not UTF-8 is refused, since two such names would
 * become one. Problems `io/irregular-file`, `io/read`.
 */
export async function readNames(path: string): Promise<string[]> {
  try {
    return (await readdir(path, { encoding: "buffer" })).map((name) => fromUtf8(name)).sort();
  } catch (cause) {
    if (isProblem(cause)) throw new Problem("io/irregular-file", `a file name in ${path} is not UTF-8`, { cause });
    throw new Problem("io/read", "a folder cannot be listed", { cause });
  }
}

/** What is at a path, a link not followed. Problem `io/read`. */
export async function lookAt(path: string): Promise<Stats> {
  return lstat(path).catch((cause: unknown) => {
    throw new Problem("io/read", "a file cannot be looked at", { cause });
  });
}

/** Regular files below a folder with their sizes, as paths relative to it. Symbolic links and devices are refused. */
export async function listFiles(
  root: string,
  limits: { readonly maxFiles: number; readonly skip?: (path: string) => boolean },
): Promise<{ path: string; bytes: number }[]> {
  const out: { path: string; bytes: number }[] = [];
  const visit = async (relative: string): Promise<void> => {
    for (const name of await readNames(join(root, relative))) {
      const path = relative === "" ? name : `${relative}/${name}`;
      if (limits.skip?.(path) === true) continue;
      const about = await lookAt(join(root, path));
      if (about.isDirectory()) await visit(path);
      else if (about.isFile()) out.push({ path, bytes: about.size });
      else throw new Problem("io/irregular-file", `${path} is neither a file nor a folder`);
      if (out.length > limits.maxFiles) throw new Problem("io/too-many-files", `more than ${limits.maxFiles} files`);
    }
  };
  await visit("");
  return out;
}

/** The same functions for paths below one folder. */
export function filesBelow(folder: string) {
  const at = (path: string): string => join(folder, path);
  return {
    read: (path: string, maxBytes: number, options?: ReadOptions) => read(at(path), maxBytes, options),
    readIfThere: (path: string, maxBytes: number, options?: ReadOptions) => readIfThere(at(path), maxBytes, options),
    write: (path: string, bytes: Uint8Array, options?: Parameters<typeof write>[2]) => write(at(path), bytes, options),
    remove: (path: string) => remove(at(path)),
  };
}
