// Opening a log: from the published checkpoint and the files it commits to, the state to append on. Whatever does not
// lead to the checkpoint's root is refused, since appending to it would sign a second history.

import { demand, equalBytes, fromUtf8, Problem } from "../core/index.ts";
import type { TreeState } from "./batch.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { RightEdge } from "./edge.ts";
import { emptyRootHash, leafHash } from "./merkle.ts";
import type { Checkpoint, EntryFormat, LogStore } from "./model.ts";
import { parseNote } from "./note.ts";
import type { RecentLeaves } from "./recent-leaves.ts";
import { readTile } from "./tile-proofs.ts";
import { tilePath, tileWidth, tileWidthAt } from "./tiles.ts";

/** What the world can see of the log. */
export interface Published {
  readonly size: number;
  readonly root: Uint8Array;
  /** The signed note. */
  readonly checkpoint: Uint8Array;
}

interface LoadOptions {
  readonly store: LogStore;
  readonly origin: string;
  readonly format: EntryFormat;
  /** Filled with the newest leaves. */
  readonly recent: RecentLeaves;
  /** Signs the head of an empty tree, where there is no log yet. */
  readonly sign: (size: number, root: Uint8Array) => Promise<Uint8Array>;
}

/** The log in the store. Problems of `openLog`. */
export async function loadLog(options: LoadOptions): Promise<{ published: Published; state: TreeState }> {
  const { store } = options;
  const checkpoint = await store.readCheckpoint();
  if (checkpoint === undefined) return beginLog(options);
  const { origin, size, root } = readHead(checkpoint);
  demand(origin === options.origin, "tlog/checkpoint-origin", `the store holds the log of ${origin}`);
  try {
    const state = await loadState(options, size, root);
    await options.recent.load(store, size);
    return { published: { size, root, checkpoint }, state };
  } catch (cause) {
    throw corrupt("its files do not lead to its checkpoint", cause);
  }
}

function corrupt(why: string, cause?: unknown): Problem {
  const hint = "restore the store from a copy; never delete its checkpoint";
  return new Problem("tlog/store-corrupt", `the log's store is corrupt: ${why}`, { cause, hint });
}

function readHead(checkpoint: Uint8Array): Checkpoint {
  try {
    return parseCheckpoint(parseNote(fromUtf8(checkpoint)).text);
  } catch (cause) {
    throw corrupt("its checkpoint cannot be read", cause);
  }
}

async function loadState({ store, format }: LoadOptions, size: number, root: Uint8Array): Promise<TreeState> {
  const edge = await RightEdge.load(store, size);
  demand(equalBytes(edge.root(), root), "tlog/root-mismatch", "the tiles do not lead to the root");
  const last = Math.floor(size / tileWidth);
  if (tileWidthAt(0, last, size) === 0) return { edge, tail: [] };
  const records = await readRecords(store, format, last, size);
  const hashes = await readTile(store, 0, last, size);
  const same = records.every((record, i) => equalBytes(leafHash(format.leaf(record)), hashes[i] as Uint8Array));
  demand(same, "tlog/entries-invalid", "the last entries are not the leaves of the last tile");
  return { edge, tail: records.map((record) => format.frame(record)) };
}

/**
 * The records of one bundle in a log of `size` entries. Problems `tlog/entries-missing`, `tlog/entries-invalid`.
 */
export async function readRecords(
  store: LogStore,
  format: EntryFormat,
  bundle: number,
  size: number,
): Promise<Uint8Array[]> {
  const width = tileWidthAt(0, bundle, size);
  const path = format.path(bundle, width);
  const file = (await store.read(path)) ?? (await store.read(format.path(bundle)));
  if (file === undefined) throw new Problem("tlog/entries-missing", `entries ${path} are not there`);
  const records = format.split(file);
  demand(records.length >= width, "tlog/entries-invalid", `entries ${path} hold fewer than ${width} records`);
  return records.slice(0, width);
}

/** A new log publishes the checkpoint of its empty tree before anything is appended. */
async function beginLog({ store, sign }: LoadOptions): Promise<{ published: Published; state: TreeState }> {
  // A checkpoint stands before the first tile, so tiles without one mean that it was lost.
  const widths = Array.from({ length: tileWidth }, (_, i) => i + 1);
  const found = await Promise.all(widths.map((width) => store.read(tilePath(0, 0, width))));
  if (found.some((tile) => tile !== undefined)) throw corrupt("it has tiles and no checkpoint");
  const checkpoint = await sign(0, emptyRootHash);
  await store.publish(checkpoint);
  return { published: { size: 0, root: emptyRootHash, checkpoint }, state: { edge: RightEdge.empty(), tail: [] } };
}
