// Checkpoints already verified with one trust root. Entries that were logged together share one, and a release's
// bundles are verified one after the other. What is remembered is the result for these very bytes and this log id:
// the key is the whole note, not a digest or a part of it, and nothing that failed is kept.

import { hex, type Verified } from "../core/index.ts";
import type { Checkpoint } from "../tlog/index.ts";
import { maxRememberedCheckpointChars, maxRememberedCheckpoints } from "./limits.ts";
import type { Trust } from "./trust.ts";

export interface CheckpointMemory {
  /** What `verify` gave for this note under the keys of this log id, or what it gives now. */
  recall(logId: Uint8Array, note: string, verify: () => Verified<Checkpoint>): Verified<Checkpoint>;
}

const memories = new WeakMap<Trust, CheckpointMemory>();

/** The memory of a trust root; gone with it. */
export function checkpointMemory(trust: Trust): CheckpointMemory {
  const known = memories.get(trust) ?? createMemory();
  memories.set(trust, known);
  return known;
}

function createMemory(): CheckpointMemory {
  const verified = new Map<string, Verified<Checkpoint>>();
  return {
    recall(logId, note, verify) {
      if (note.length > maxRememberedCheckpointChars) return verify();
      const key = `${hex(logId)}\n${note}`;
      const known = verified.get(key);
      if (known !== undefined) return known;
      const checkpoint = verify();
      // A Map keeps the order of insertion: the oldest goes.
      const oldest = verified.size >= maxRememberedCheckpoints ? verified.keys().next().value : undefined;
      if (oldest !== undefined) verified.delete(oldest);
      verified.set(key, checkpoint);
      return checkpoint;
    },
  };
}
