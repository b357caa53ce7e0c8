// The log engine: one writer, group commit, durable before acknowledged. C2SP tlog-tiles for what is stored,
// tlog-checkpoint for what is signed.
//
// There is no timer: whatever queued while one batch was being made durable is the next batch, so a lone append waits
// for nobody and a crowd shares its fsyncs. Entries and tiles are durable before the checkpoint that commits to
// them, the checkpoint before any answer. After a crash the checkpoint alone says what is in the log; files past it are
// written over. When the store fails it is unknown what is on disk, so the engine refuses all appends until it is
// opened anew; memory never runs ahead of the published checkpoint.

import { assert, demand, equalBytes, fromUtf8, Problem } from "../core/index.ts";
import { checkEntry, composeBatch, proveBatch } from "./batch.ts";
import type { Batch, TreeState, Waiting } from "./batch.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { entryBundles } from "./entries.ts";
import { isCount } from "./merkle.ts";
import type { Appended, EntryFormat, Inclusion, Log, LogEntry, LogOptions, LogStore } from "./model.ts";
import { parseNote } from "./note.ts";
import { leafKey, RecentLeaves } from "./recent-leaves.ts";
import { loadLog, readRecords } from "./load.ts";
import type { Published } from "./load.ts";
import { buildConsistency, buildInclusion } from "./tile-proofs.ts";
import { tileWidth } from "./tiles.ts";

const defaultMaxBatch = 512;
const defaultMaxPending = 4096;
const defaultDedupe = 100_000;

/**
 * Opens the log in a store, or begins one when the store is empty. The caller sees to it that nobody else writes there.
 * Problems: `tlog/store-corrupt` when the files do not lead to the checkpoint's root, `tlog/checkpoint-origin` when the
 * checkpoint is another log's, `log/sign-failed`; whatever the store throws.
 */
export async function openLog(options: LogOptions): Promise<Log> {
  const { store, origin, entries: format = entryBundles } = options;
  const recent = new RecentLeaves(options.dedupe ?? defaultDedupe);
  const sign = (size: number, root: Uint8Array): Promise<Uint8Array> => signHead(options, size, root);
  const { published, state } = await loadLog({ store, origin, format, recent, sign });
  return new LogEngine(options, format, recent, published, state);
}

/** The signed note for a head, looked at before anyone relies on it. */
async function signHead(options: LogOptions, size: number, root: Uint8Array): Promise<Uint8Array> {
  try {
    const note = await options.signCheckpoint(size, root);
    const head = parseCheckpoint(parseNote(fromUtf8(note)).text);
    const same = head.origin === options.origin && head.size === size && equalBytes(head.root, root);
    demand(same, "tlog/checkpoint-invalid", "the signed checkpoint is not of the tree that was to be signed");
    return note;
  } catch (cause) {
    throw new Problem("log/sign-failed", "the log's checkpoint could not be signed", { cause });
  }
}

class LogEngine implements Log {
  readonly origin: string;
  private readonly store: LogStore;
  private readonly maxBatch: number;
  private readonly maxPending: number;
  private readonly queue: Waiting[] = [];
  /** Leaves that wait, so that two equal appends at once become one entry. */
  private readonly inFlight = new Map<string, Promise<Appended>>();
  private committing = 0;
  private running: Promise<void> | undefined;
  /** Why nothing more is appended, ever. */
  private failure: Problem | undefined;
  private closed = false;

  constructor(
    private readonly options: LogOptions,
    private readonly format: EntryFormat,
    private readonly recent: RecentLeaves,
    private published: Published,
    private state: TreeState,
  ) {
    this.origin = options.origin;
    this.store = options.store;
    this.maxBatch = options.maxBatch ?? defaultMaxBatch;
    this.maxPending = options.maxPending ?? defaultMaxPending;
    const sane = isCount(this.maxBatch) && isCount(this.maxPending) && this.maxBatch > 0 && this.maxPending > 0;
    assert(sane, "a log's limits are positive counts");
  }

  get size(): number {
    return this.published.size;
  }

  checkpoint(): Uint8Array {
    return this.published.checkpoint.slice();
  }

  async append(entry: LogEntry): Promise<Appended> {
    this.demandOpen();
    const checked = checkEntry(entry, this.format);
    if (this.options.dedupe === 0) return this.enqueue(() => checked);
    const key = leafKey(checked.leafHash);
    const waiting = this.inFlight.get(key);
    if (waiting !== undefined) return { ...(await waiting), duplicate: true };
    const index = this.recent.find(key);
    if (index !== undefined) return { ...(await this.inclusion(index)), duplicate: true };
    const appended = this.enqueue(() => checked);
    this.inFlight.set(key, appended);
    try {
      return await appended;
    } finally {
      this.inFlight.delete(key);
    }
  }

  async appendWith(build: (index: number) => LogEntry): Promise<Appended> {
    this.demandOpen();
    return this.enqueue((index) => checkEntry(build(index), this.format));
  }

  private demandOpen(): void {
    if (this.failure !== undefined) throw this.failure;
    demand(!this.closed, "log/closed", "the log is closed");
  }

  private enqueue(at: Waiting["at"]): Promise<Appended> {
    const pending = this.queue.length + this.committing;
    demand(pending < this.maxPending, "log/overloaded", `${pending} appends wait already`);
    return new Promise((resolve, reject) => {
      this.queue.push({ at, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Commits batch after batch until nobody waits. Never rejects. */
  private async run(): Promise<void> {
    // Appends made in the same turn share the first batch.
    await undefined;
    while (this.queue.length > 0) {
      const waiting = this.queue.splice(0, this.maxBatch);
      this.committing = waiting.length;
      try {
        await this.commit(waiting);
      } catch (problem) {
        for (const each of waiting) each.reject(problem);
      }
      this.committing = 0;
    }
    this.running = undefined;
  }

  private async commit(waiting: readonly Waiting[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const batch = composeBatch(this.state, waiting, this.format);
    if (batch.placed.length === 0) return;
    const proofs = await this.writeAndProve(batch);
    const size = batch.state.edge.size;
    const checkpoint = await signHead(this.options, size, batch.root);
    await this.durably(() => this.store.publish(checkpoint));
    this.state = batch.state;
    this.published = { size, root: batch.root, checkpoint };
    this.answer(batch, proofs);
  }

  /** The proofs are made while the disk works; whether they are good or not, the disk is waited for. */
  private async writeAndProve(batch: Batch): Promise<readonly (readonly Uint8Array[])[]> {
    const written = this.durably(() => this.store.write(batch.files));
    try {
      return proveBatch(batch);
    } catch (cause) {
      // A bug in the tree: nothing may be published on top of it.
      this.failure = new Problem("log/self-check-failed", "the log's own proof does not verify", { cause });
      throw this.failure;
    } finally {
      await written;
    }
  }

  private async durably(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (cause) {
      const hint = "open the log again once its store works";
      this.failure ??= new Problem("log/store-failed", "the log's store failed; it accepts no more", { cause, hint });
      throw this.failure;
    }
  }

  private answer(batch: Batch, proofs: readonly (readonly Uint8Array[])[]): void {
    const { size, root } = this.published;
    const checkpoint = this.checkpoint();
    for (const [i, { waiting, index, leafHash }] of batch.placed.entries()) {
      this.recent.add(leafKey(leafHash), index);
      const proof = proofs[i] as readonly Uint8Array[];
      waiting.resolve({ index, size, root, leafHash, proof, checkpoint, duplicate: false });
    }
  }

  async inclusion(index: number): Promise<Inclusion> {
    const { size, root, checkpoint } = this.published;
    const proven = await buildInclusion(this.store, { index, size, root });
    return { index, size, root, checkpoint, ...proven };
  }

  async consistency(size1: number, size2?: number): Promise<readonly Uint8Array[]> {
    const { size, root } = this.published;
    const later = size2 ?? size;
    demand(later <= size, "tlog/index-range", "the later size is past the published checkpoint");
    const isPublished = later === size;
    const root2 = isPublished ? root : (await this.consistencyBetween(later, size, root)).root1;
    return (await this.consistencyBetween(size1, later, root2)).proof;
  }

  private consistencyBetween(size1: number, size2: number, root2: Uint8Array): ReturnType<typeof buildConsistency> {
    return buildConsistency(this.store, { size1, size2, root2, storedSize: Math.max(size2, this.published.size) });
  }

  async entry(index: number): Promise<Uint8Array> {
    const { size } = this.published;
    demand(isCount(index) && index < size, "tlog/index-range", "the index lies outside the tree");
    const records = await readRecords(this.store, this.format, Math.floor(index / tileWidth), size);
    return records[index % tileWidth] as Uint8Array;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.running;
  }
}
