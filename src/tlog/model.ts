// The nouns of a transparency log, and the one thing of the world it stands on: where its files lie.
// RFC 6962 §2 and RFC 9162 §2 (tree), C2SP signed-note, tlog-checkpoint, tlog-tiles.

import type { PublicKey, Scheme, Signer } from "../crypto/index.ts";

/** One signature line of a note. `hint` is the first four bytes of the key id. */
export interface NoteSignature {
  readonly name: string;
  readonly hint: Uint8Array;
  readonly signature: Uint8Array;
}

/** A signed text. `text` ends with a newline; the blank line that parts it from the signatures is not in it. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A key that notes are checked with. Name and hint together say which lines it answers for. */
export interface NoteVerifier {
  readonly name: string;
  /** All 32 bytes of the key id; a line carries the first four. */
  readonly keyId: Uint8Array;
  readonly key: PublicKey;
  readonly scheme: Scheme;
}

export interface NoteSigner {
  readonly name: string;
  readonly signer: Signer;
}

/** A tree head: what a log commits to. */
export interface Checkpoint {
  readonly origin: string;
  /** Number of leaves. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Lines after the third, without their newline; logs should have none. */
  readonly extensions: readonly string[];
}

/** Where tiles are read from: `undefined` when there is no such file. */
export interface TileSource {
  read(path: string): Promise<Uint8Array | undefined>;
}

/**
 * Where a log keeps its files. Paths are those of tlog-tiles, relative, with forward slashes.
 * A rejected `write` or `publish` may have done all, some or nothing: the engine accepts no more until it is opened anew.
 * None may go on once it has settled.
 */
export interface LogStore extends TileSource {
  /** Writes or replaces every file; all of them survive a power cut once it resolves. */
  write(files: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /** Replaces the checkpoint at once or not at all; it survives a power cut once it resolves. */
  publish(checkpoint: Uint8Array): Promise<void>;
  readCheckpoint(): Promise<Uint8Array | undefined>;
}

/** How entries lie in the files that hold them; what differs between tlog-tiles and static-ct-api. */
export interface EntryFormat {
  /** Path of the file that holds entries 256 × `index` onward; `width` when it holds fewer than 256. */
  path(index: number, width?: number): string;
  /** The bytes one record takes in that file. Problem `log/entry-too-large`. */
  frame(record: Uint8Array): Uint8Array;
  /** The records of a file. Problem `tlog/entries-invalid`. */
  split(file: Uint8Array): Uint8Array[];
  /** The bytes of a record that its leaf hash covers. Problem `tlog/entries-invalid`. */
  leaf(record: Uint8Array): Uint8Array;
}

/** What is appended. `record` is what the entry file holds and is the leaf itself unless the format says otherwise. */
export interface LogEntry {
  readonly leaf: Uint8Array;
  readonly record?: Uint8Array;
}

/** Proof that an entry is in the tree of one checkpoint. */
export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  /** The signed note, as published. */
  readonly checkpoint: Uint8Array;
}

export interface Appended extends Inclusion {
  /** True when the entry was already in the log, and `index` is where. */
  readonly duplicate: boolean;
}

export interface LogOptions {
  readonly store: LogStore;
  readonly origin: string;
  /** Signs the tree head and gives the whole signed note. It must hand it to nobody: it is not yet published. */
  signCheckpoint(size: number, root: Uint8Array): Promise<Uint8Array> | Uint8Array;
  /** `entryBundles` unless said otherwise. */
  readonly entries?: EntryFormat;
  /** Entries a batch at most; 512. */
  readonly maxBatch?: number;
  /** Appends that may wait for an answer at once; 4096. */
  readonly maxPending?: number;
  /** How many newest leaf hashes are remembered to answer duplicates; 100,000. 0 logs every entry anew. */
  readonly dedupe?: number;
}

/** One writer's view of a log. Everything it answers is published and durable. */
export interface Log {
  readonly origin: string;
  /** Of the published checkpoint. */
  readonly size: number;
  /**
   * Resolves once entry, tiles and checkpoint are durable. Problems: `log/overloaded`, `log/entry-too-large`,
   * `log/entry-mismatch`, `log/sign-failed`, `log/self-check-failed`, `log/store-failed`, `log/closed`.
   */
  append(entry: LogEntry): Promise<Appended>;
  /** As `append`, of an entry that holds its own index; never answered as a duplicate. Problem `log/entry-refused`. */
  appendWith(build: (index: number) => LogEntry): Promise<Appended>;
  /** The published signed note. */
  checkpoint(): Uint8Array;
  /** Against the published checkpoint. Problem `tlog/index-range`. */
  inclusion(index: number): Promise<Inclusion>;
  /** From an earlier size to the published one, or to `size2`. Problem `tlog/index-range`. */
  consistency(size1: number, size2?: number): Promise<readonly Uint8Array[]>;
  /** The record at an index. Problem `tlog/index-range`. */
  entry(index: number): Promise<Uint8Array>;
  /** Refuses further appends and resolves when those that wait are answered. */
  close(): Promise<void>;
}
