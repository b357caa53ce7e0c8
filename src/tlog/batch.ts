// What one batch of appends makes of a tree: the files to write, the new head, the proofs. Pure: nothing is written and
// the state before the batch stays as it is, so that a batch that fails leaves no trace.

import { concat, demand, equalBytes, isProblem, Problem } from "../core/index.ts";
import type { RightEdge } from "./edge.ts";
import { leafHash } from "./merkle.ts";
import type { Appended, EntryFormat, LogEntry } from "./model.ts";
import { inclusionRanges } from "./proof.ts";
import { tileWidth } from "./tiles.ts";
import { verifyInclusion } from "./verify-proof.ts";

/** A tree as far as appending to it needs. */
export interface TreeState {
  readonly edge: RightEdge;
  /** The framed entries of the last bundle when it is not full. */
  readonly tail: readonly Uint8Array[];
}

/** An entry as the engine needs it: the bytes it takes in its file, and its leaf hash. */
export interface CheckedEntry {
  readonly frame: Uint8Array;
  readonly leafHash: Uint8Array;
}

/** An append that waits. Exactly one of `resolve` and `reject` is called, once. */
export interface Waiting {
  /** Gives the entry now that its index is known. */
  readonly at: (index: number) => CheckedEntry;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (problem: unknown) => void;
}

interface Placed {
  readonly waiting: Waiting;
  readonly index: number;
  readonly leafHash: Uint8Array;
}

export interface Batch {
  readonly placed: readonly Placed[];
  readonly state: TreeState;
  readonly root: Uint8Array;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The record and the leaf hash of an entry that is fit to be logged. Problems of `append`. */
export function checkEntry(entry: LogEntry, format: EntryFormat): CheckedEntry {
  const record = entry.record ?? entry.leaf;
  const frame = format.frame(record);
  const matches = record === entry.leaf || equalBytes(format.leaf(record), entry.leaf);
  // A reader hashes what the entry file holds: if that were not the leaf, the log would look forged.
  demand(matches, "log/entry-mismatch", "the record of an entry does not hold its leaf");
  return { frame, leafHash: leafHash(entry.leaf) };
}

/** Adds the entries to the tree; one that cannot be built is refused by itself and takes no index. */
export function composeBatch(before: TreeState, waiting: readonly Waiting[], format: EntryFormat): Batch {
  const edge = before.edge.copy();
  const files = new Map<string, Uint8Array>();
  const placed: Placed[] = [];
  let tail = [...before.tail];
  for (const each of waiting) {
    const index = edge.size;
    const entry = entryAt(each, index);
    if (entry === undefined) continue;
    edge.append(entry.leafHash);
    tail.push(entry.frame);
    placed.push({ waiting: each, index, leafHash: entry.leafHash });
    if (tail.length < tileWidth) continue;
    files.set(format.path(Math.floor(index / tileWidth)), concat(...tail));
    tail = [];
  }
  if (tail.length > 0) files.set(format.path(Math.floor(edge.size / tileWidth), tail.length), concat(...tail));
  for (const [path, bytes] of edge.changedFiles(before.edge)) files.set(path, bytes);
  return { placed, state: { edge, tail }, root: edge.root(), files };
}

function entryAt(waiting: Waiting, index: number): CheckedEntry | undefined {
  try {
    return waiting.at(index);
  } catch (cause) {
    waiting.reject(
      isProblem(cause) ? cause : new Problem("log/entry-refused", "the entry could not be made", { cause }),
    );
    return undefined;
  }
}

/** The proof of every entry of a batch, each verified against the new root. */
export function proveBatch(batch: Batch): readonly (readonly Uint8Array[])[] {
  const size = batch.state.edge.size;
  const hashOf = batch.state.edge.reader();
  return batch.placed.map(({ index, leafHash }) => {
    const proof = inclusionRanges(index, size).map(hashOf);
    verifyInclusion({ leafHash, index, size, proof, root: batch.root });
    return proof;
  });
}
