// A client that refreshes without pause and says at once when it is told something that cannot be so.

import { setTimeout as sleep } from "node:timers/promises";
import { isProblem, problemChain } from "../../src/core/index.ts";
import { createHttpFetcher } from "../../src/io/index.ts";
import { createMemoryStore, type TufFetcher, type TufStore, update } from "../../src/tuf/index.ts";
import type { Ledger } from "./ledger.ts";

export interface Counts {
  refreshes: number;
  failed: number;
  healed: number;
  notHealed: number;
  staleOrForged: number;
  /** What a mirror that lies was caught at. */
  liesRefused: number;
}

export interface Follower {
  readonly name: string;
  readonly url: string;
  readonly root: Uint8Array;
  readonly ledger: Ledger;
  readonly counts: Counts;
  /** Undefined: every refresh is that of a fresh client. */
  readonly store: TufStore | undefined;
  readonly random: () => number;
  /** Its mirror replays old files and changes bytes. */
  readonly isLiedTo: boolean;
  /** When the server last began to answer, or undefined while it is down. */
  readonly serverUpSince: () => number | undefined;
  readonly isOver: () => boolean;
  readonly say: (line: string) => void;
}

const healWithinMs = 1000;
const pauseMs = 25;

/** Answers with what it was told some time ago, or with a byte changed, about once in three times. */
function lyingFetcher(fetcher: TufFetcher, random: () => number): TufFetcher {
  const heard = new Map<string, Uint8Array[]>();
  return {
    fetch: async (path, maxBytes) => {
      const bytes = await fetcher.fetch(path, maxBytes);
      if (bytes === undefined) return undefined;
      const old = heard.get(path) ?? [];
      heard.set(path, old);
      if (old.length < 200) old.push(bytes);
      const choice = random();
      if (choice < 0.2) return old[Math.floor(random() * old.length)];
      if (choice > 0.1 + 0.2) return bytes;
      const changed = bytes.slice();
      const at = Math.floor(random() * changed.length);
      changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      return changed;
    },
  };
}

interface Seen {
  /** By path, the newest that was accepted: never to go back. */
  readonly floors: Map<string, number>;
  readonly fetcher: TufFetcher;
}

export async function follow(follower: Follower): Promise<void> {
  const honest = createHttpFetcher(follower.url, { timeoutMs: 5000 });
  const fetcher = follower.isLiedTo ? lyingFetcher(honest, follower.random) : honest;
  const seen: Seen = { floors: new Map(), fetcher };
  while (!follower.isOver()) {
    try {
      await refresh(follower, seen);
    } catch (error) {
      if (!isProblem(error)) throw error;
      if (follower.isLiedTo) follower.counts.liesRefused++;
      else await heal(follower, seen, error);
    }
    await sleep(pauseMs);
  }
}

/** One update, then a few targets, each compared with the ledger. */
async function refresh(follower: Follower, { floors, fetcher }: Seen): Promise<void> {
  const { ledger, counts, random } = follower;
  const paths = ledger.paths();
  const wanted = paths.length === 0 ? [] : [0, 1, 2].map(() => paths[Math.floor(random() * paths.length)]!);
  // Whoever is lied to may be kept from the newest until what it has expires; what it has seen it does not unsee.
  const least = new Map(wanted.map((path) => [path, follower.isLiedTo ? (floors.get(path) ?? 0) : ledger.floor(path)]));
  const client = await update({
    bootstrap: follower.root,
    fetcher,
    store: follower.store ?? createMemoryStore(),
    now: Date.now(),
  });
  for (const path of wanted) {
    const target = await client.findTarget(path);
    const content = target && new TextDecoder().decode(await client.download(target));
    const sequence = ledger.allows(path, content, least.get(path)!);
    if (sequence === undefined) {
      counts.staleOrForged++;
      follower.say(`${follower.name} was told ${content ?? "nothing"} of ${path}, at least ${least.get(path)} was due`);
    } else floors.set(path, Math.max(sequence, floors.get(path) ?? 0));
  }
  counts.refreshes++;
}

/** A retry within a second of the server's answering again has to do. */
async function heal(follower: Follower, seen: Seen, first: unknown): Promise<void> {
  const { counts } = follower;
  counts.failed++;
  const failedAtMs = Date.now();
  for (let last = first; !follower.isOver();) {
    await sleep(pauseMs);
    try {
      await refresh(follower, seen);
      counts.healed++;
      return;
    } catch (error) {
      last = error;
    }
    const upSinceMs = follower.serverUpSince();
    if (upSinceMs === undefined || Date.now() - Math.max(upSinceMs, failedAtMs) < healWithinMs) continue;
    counts.notHealed++;
    follower.say(`${follower.name} did not heal: ${problemChain(last).join(": ")}`);
    return;
  }
}
