// Where downloaded targets go: files in a folder. A new content is written beside its place, synced, and renamed into it
// when its client says that it is the right one; until then the old file stays, and after a crash too. Memory stays
// flat, whatever the size.

import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { dayMs, Problem } from "../core/index.ts";
import { isTargetPath, type TargetDraft, type TargetSink } from "../tuf/index.ts";
import { sizeIfThere } from "./files.ts";

const pieceBytes = 256 * 1024;
const draftSuffix = ".part";
const oldDraftMs = dayMs;
let serial = 0;

/**
 * The place of a target below a folder, at its own path. A folder on the way that is a symbolic link, and what
 * is not the path of a target, are refused, so that nothing is ever written elsewhere. Problems `io/name`,
 * `io/irregular-file`, `io/read`, `io/write`.
 */
export function createTargetSink(folder: string, path: string): TargetSink {
  if (!isTargetPath(path)) {
    throw new Problem("io/name", `${JSON.stringify(path.slice(0, 200))} is not the path of a file below a folder`);
  }
  const segments = path.split("/");
  const place = join(folder, ...segments);
  return {
    read: async () => {
      await refuseLinks(folder, segments);
      return openPieces(place);
    },
    create: async () => {
      await refuseLinks(folder, segments);
      return createDraft(place);
    },
  };
}

/** A file in pieces; undefined when it is not there. Problem `io/read`. */
export async function openPieces(place: string): Promise<AsyncIterable<Uint8Array> | undefined> {
  if ((await sizeIfThere(place)) === undefined) return undefined;
  return readPieces(await open(place, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
}

/** A file that takes its place when it is whole; folders are made as needed. Problem `io/write`. */
export async function createDraft(place: string): Promise<TargetDraft> {
  try {
    await mkdir(dirname(place), { recursive: true });
    return await openDraft(place);
  } catch (cause) {
    throw new Problem("io/write", `cannot write ${place}`, { cause });
  }
}

async function refuseLinks(folder: string, segments: readonly string[]): Promise<void> {
  let at = folder;
  for (const segment of segments) {
    at = join(at, segment);
    const about = await lstat(at).catch(() => undefined);
    if (about === undefined) return;
    if (about.isSymbolicLink()) throw new Problem("io/irregular-file", `${at} is a symbolic link`);
  }
}

async function* readPieces(file: FileHandle): AsyncGenerator<Uint8Array> {
  try {
    const buffer = new Uint8Array(pieceBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function openDraft(place: string): Promise<TargetDraft> {
  const folder = dirname(place);
  await removeOldDrafts(folder);
  const temporary = join(folder, `.${process.pid}-${serial++}${draftSuffix}`);
  const file = await open(temporary, "wx", 0o644);
  const failed = (cause: unknown): Problem => new Problem("io/write", `cannot write ${place}`, { cause });
  return {
    write: async (piece) => {
      try {
        await file.writeFile(piece);
      } catch (cause) {
        throw failed(cause);
      }
    },
    commit: async () => {
      try {
        await file.sync();
        await file.close();
        await rename(temporary, place);
        const above = await open(folder, constants.O_RDONLY);
        await above.sync().finally(() => above.close());
      } catch (cause) {
        throw failed(cause);
      }
    },
    discard: async () => {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true }).catch(() => undefined);
    },
  };
}

/** What a process that was killed has left behind, long enough ago that it cannot be one that is at work. */
async function removeOldDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^\.\d+-\d+\.part$/.test(name)) continue;
    const about = await lstat(join(folder, name)).catch(() => undefined);
    if (about !== undefined && about.mtimeMs < Date.now() - oldDraftMs) await rm(join(folder, name), { force: true });
  }
}
