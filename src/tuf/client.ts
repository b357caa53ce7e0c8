// What an application does after an update: look a target up and download it. TUF 1.0.34 §5.6.7 and §5.7.

import { demand, isProblem, Problem, type Verified } from "../core/index.ts";
import { identitySource } from "./identity.ts";
import { searchTarget, type Search } from "./search.ts";
import type { TargetFile, TrustedSet } from "./model.ts";
import { encodePath, targetFile } from "./names.ts";
import type { Session, TufFetcher } from "./session.ts";
import { checkTargetPath, FileCheck, verifyFile } from "./verify.ts";

/** Where a target goes that is not held in memory. */
export interface TargetSink {
  /** What is there from before, in pieces; undefined when nothing is. */
  read(): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** A place for a new content, that nobody sees before `commit`. */
  create(): Promise<TargetDraft>;
}
export interface TargetDraft {
  write(piece: Uint8Array): Promise<void>;
  /** Puts the content, durably, where the old one was. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

export interface TufClient {
  readonly trusted: TrustedSet;
  /**
   * What the most trusted role that speaks of the path says of it; undefined when none does.
   * Problems: `tuf/target-path`; and, for a delegated role on the way that cannot be had or does not verify, those of `update`.
   */
  findTarget(path: string): Promise<Verified<TargetFile> | undefined>;
  /**
   * The file's bytes, of the listed length and hashes.
   * Problems: `tuf/target-missing`, `tuf/length`, `tuf/hash-mismatch`, `tuf/target-path`.
   */
  download(target: TargetFile): Promise<Verified<Uint8Array>>;
  /**
   * Puts the file where the sink says, once its length and hashes are known to be those listed. What is there already
   * and passes is kept, and nothing is fetched. Problems as of `download`; and those of the sink.
   */
  downloadTo(target: TargetFile, sink: TargetSink): Promise<{ readonly kept: boolean }>;
}

const searches = new WeakMap<TufClient, Search>();

/** What a client searches in: for those in this folder that need more of it than one target. */
export function searchOf(client: TufClient): Search {
  return searches.get(client)!;
}

export function createClient(session: Session, trusted: TrustedSet): TufClient {
  const identities = identitySource(session.identity, trusted.targets.signed, (target) =>
    download(session, trusted, target),
  );
  const search: Search = { session, trusted, identities, verified: new Map() };
  const client: TufClient = {
    trusted,
    findTarget: (path) => searchTarget(search, path),
    download: (target) => download(session, trusted, target),
    downloadTo: (target, sink) => downloadTo(session, trusted, target, sink),
  };
  searches.set(client, search);
  return client;
}

/** §6.2.1: a repository keeps a copy under each hash; not every one does, so the others are asked for in turn. */
export function targetPaths(trusted: TrustedSet, target: TargetFile): string[] {
  checkTargetPath(target.path);
  const prefixes = trusted.root.signed.consistentSnapshot ? [...target.hashes.values()] : [undefined];
  return prefixes.map((prefix) => encodePath(targetFile(target.path, prefix)));
}

async function download(session: Session, trusted: TrustedSet, target: TargetFile): Promise<Verified<Uint8Array>> {
  const { length } = target;
  const paths = targetPaths(trusted, target);
  demand(length <= session.limits.targetFileBytes, "tuf/length", `${target.path} is too large to be held in memory`);
  const bytes = await session.targetMirrors.take((mirror) =>
    withinLength(target, async () => {
      for (const path of paths) {
        const answer = await mirror.fetch(path, length);
        if (answer !== undefined) return verifyFile(answer, target, target.path);
      }
      return undefined;
    }),
  );
  if (bytes === undefined) throw missing(target);
  return bytes;
}

async function downloadTo(
  session: Session,
  trusted: TrustedSet,
  target: TargetFile,
  sink: TargetSink,
): Promise<{ readonly kept: boolean }> {
  const paths = targetPaths(trusted, target);
  const isWithin = target.length <= session.limits.streamedFileBytes;
  demand(isWithin, "tuf/length", `${target.path} is larger than this client downloads`);
  if (await isThere(target, sink)) return { kept: true };
  const done = await session.targetMirrors.take((mirror) =>
    withinLength(target, async () => {
      for (const path of paths) {
        const pieces = await openPieces(mirror, path, target.length);
        if (pieces !== undefined) return fill(target, pieces, sink);
      }
      return undefined;
    }),
  );
  if (done === undefined) throw missing(target);
  return { kept: false };
}

/** A mirror that sends more than is listed was not out of reach: it sent something else. */
async function withinLength<T>({ path, length }: TargetFile, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (!isProblem(cause, "io/too-large")) throw cause;
    throw new Problem("tuf/length", `${path} has more than the ${length} bytes that are listed`, { cause });
  }
}

function missing(target: TargetFile): Problem {
  return new Problem("tuf/target-missing", `the repository does not have ${target.path}`);
}

async function isThere(target: TargetFile, sink: TargetSink): Promise<boolean> {
  const pieces = await sink.read();
  if (pieces === undefined) return false;
  const check = new FileCheck(target, target.path);
  try {
    for await (const piece of pieces) check.update(piece);
    check.finish();
    return true;
  } catch (problem) {
    // An older file of this name, or a spoilt one: it is replaced when the new one is whole.
    if (isProblem(problem, "tuf/length") || isProblem(problem, "tuf/hash-mismatch")) return false;
    throw problem;
  }
}

async function openPieces(
  mirror: TufFetcher,
  path: string,
  length: number,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  if (mirror.open !== undefined) return mirror.open(path, length);
  const bytes = await mirror.fetch(path, length);
  return bytes === undefined ? undefined : onePiece(bytes);
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function fill(target: TargetFile, pieces: AsyncIterable<Uint8Array>, sink: TargetSink): Promise<true> {
  const check = new FileCheck(target, target.path);
  const draft = await sink.create();
  try {
    for await (const piece of pieces) {
      // Before it is written: no more of a file that is too long is ever on the disk.
      check.update(piece);
      await draft.write(piece);
    }
    check.finish();
    await draft.commit();
    return true;
  } catch (error) {
    await draft.discard();
    throw error;
  }
}
