// Mirrors of TUF repositories as folders that any web server can serve, and as tar archives to carry. Everything is
// written aside first. A folder then gets its files by renaming, in the order of publication, the timestamp last; an archive
// holds them in that order and appears whole.

import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Problem } from "../core/index.ts";
import { isTargetPath, type MirrorSink, type TufFetcher } from "../tuf/index.ts";
import { syncFolder, write } from "./files.ts";
import { createFolderFetcher, locateFile } from "./tuf-fetcher.ts";
import { createDraft, openPieces } from "./tuf-target.ts";

const maxArchiveFiles = 2_000_000;
const maxArchiveBytes = 1024 ** 4;
// Readable by a web server that runs as somebody else.
const fileMode = 0o644;

/** A mirror in `folder`, new or to be brought up to date. What was there stays until it is replaced. Problem `io/write`. */
export function createMirrorFolder(folder: string): MirrorSink {
  return new StagedMirror(folder, folder, async (staging, paths) => {
    const touched = new Set<string>();
    for (const [index, path] of paths.entries()) {
      // What the last file, the timestamp, leads to has to be durable before it.
      if (index === paths.length - 1) for (const each of touched) await syncFolder(each);
      const place = locate(folder, path);
      await mkdir(dirname(place), { recursive: true });
      await rename(locate(staging, path), place);
      touched.add(dirname(place));
    }
    await syncFolder(folder);
  });
}

/** A mirror as a new tar archive; an older one of that name is replaced. Problem `io/write`. */
export function createMirrorArchive(file: string): MirrorSink {
  return new StagedMirror(dirname(file), undefined, async (staging, paths) => {
    const { packTar } = await import("modern-tar/fs");
    const entries = paths.map((path) => ({
      type: "file" as const,
      source: locate(staging, path),
      target: locate(".", path),
      mode: fileMode,
      // The same content makes the same archive.
      mtime: new Date(0),
    }));
    const temporary = join(staging, `${basename(file)}.tar`);
    await pipeline(packTar(entries), createWriteStream(temporary, { flags: "wx" }));
    const archive = await open(temporary, "r+");
    await archive.sync().finally(() => archive.close());
    await rename(temporary, file);
    await syncFolder(dirname(file));
  });
}

function locate(folder: string, path: string): string {
  const place = locateFile(folder, path);
  if (place === undefined) throw new Problem("io/name", `${path.slice(0, 200)} is not the path of a file`);
  return place;
}

class StagedMirror implements MirrorSink {
  private staging: string | undefined;
  private readonly paths: string[] = [];

  constructor(
    private readonly beside: string,
    /** Where files may be from before, so that they need not be fetched again. */
    private readonly current: string | undefined,
    private readonly finish: (staging: string, paths: readonly string[]) => Promise<void>,
  ) {}

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const staging = await this.open();
    await write(locate(staging, path), bytes);
    this.paths.push(path);
  }

  target(path: string): ReturnType<MirrorSink["target"]> {
    const { current } = this;
    return {
      read: async () => (current === undefined ? undefined : openPieces(locate(current, path))),
      create: async () => {
        const draft = await createDraft(locate(await this.open(), path));
        const commit = async (): Promise<void> => {
          await draft.commit();
          this.paths.push(path);
        };
        return { ...draft, commit };
      },
    };
  }

  async publish(): Promise<void> {
    try {
      await this.finish(await this.open(), this.paths);
    } catch (cause) {
      throw cause instanceof Problem ? cause : new Problem("io/write", "the mirror cannot be written", { cause });
    }
    await this.discard();
  }

  async discard(): Promise<void> {
    if (this.staging !== undefined) await rm(this.staging, { recursive: true, force: true });
    this.staging = undefined;
  }

  private async open(): Promise<string> {
    try {
      await mkdir(this.beside, { recursive: true });
      return (this.staging ??= await mkdtemp(join(this.beside, ".staging-")));
    } catch (cause) {
      throw new Problem("io/write", `cannot write in ${this.beside}`, { cause });
    }
  }
}

export interface UnpackedMirror {
  readonly fetcher: TufFetcher;
  /** Removes what was unpacked. */
  close(): Promise<void>;
}

/**
 * A mirror to read from: a folder, or a tar archive, which is unpacked into a new folder in `scratch`. Of an archive, regular
 * files and folders alone are taken, by names that stay below, each once. Nothing in it is believed: the client does
 * that. Problems `io/read`, `io/archive-invalid`.
 */
export async function openMirror(path: string, scratch: string): Promise<UnpackedMirror> {
  const about = await stat(path).catch((cause: unknown) => {
    throw new Problem("io/read", `there is no mirror at ${path}`, { cause });
  });
  if (about.isDirectory()) return { fetcher: createFolderFetcher(path), close: async () => undefined };
  await mkdir(scratch, { recursive: true });
  const folder = await mkdtemp(join(scratch, ".unpacked-"));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await unpack(path, folder);
  } catch (cause) {
    await close();
    if (cause instanceof Problem) throw cause;
    throw new Problem("io/archive-invalid", `${path} is not a tar archive`, { cause });
  }
  return { fetcher: createFolderFetcher(folder), close };
}

async function unpack(archive: string, folder: string): Promise<void> {
  const { createTarDecoder } = await import("modern-tar");
  const { Readable } = await import("node:stream");
  const entries = Readable.toWeb(createReadStream(archive)).pipeThrough(createTarDecoder({ strict: true }));
  let files = 0;
  let bytes = 0;
  for await (const { header, body } of entries) {
    if (header.type === "directory") {
      await body.cancel();
      continue;
    }
    const name = header.name.replace(/^\.\//, "");
    if ((header.type ?? "file") !== "file" || !isTargetPath(name)) {
      throw new Problem(
        "io/archive-invalid",
        `${JSON.stringify(header.name.slice(0, 200))} is not a file below a folder`,
      );
    }
    bytes += header.size;
    if (++files > maxArchiveFiles || bytes > maxArchiveBytes)
      throw new Problem("io/archive-invalid", "the archive holds too much");
    const place = join(folder, ...name.split("/"));
    await mkdir(dirname(place), { recursive: true });
    // Exclusive: a name that comes twice is refused, and so is one that stands for a folder.
    await pipeline(Readable.fromWeb(body as never), createWriteStream(place, { flags: "wx", mode: fileMode }));
  }
}
