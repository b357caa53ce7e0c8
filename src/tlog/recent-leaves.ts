// Which index a leaf hash got, for the newest entries: what duplicates are answered from. Best effort by design, as in
// every log: an entry older than the memory is logged again.

import { assert } from "../core/index.ts";
import type { TileSource } from "./model.ts";
import { readTile } from "./tile-proofs.ts";
import { tileWidth } from "./tiles.ts";

const tilesAtOnce = 16;

/** A hash as a map's key. */
export function leafKey(leafHash: Uint8Array): string {
  return String.fromCharCode(...leafHash);
}

/** At most `limit` of them; the one longest unused goes first. */
export class RecentLeaves {
  // A Map keeps the order of insertion, so the first key is the one longest unused.
  private readonly indices = new Map<string, number>();

  constructor(private readonly limit: number) {
    assert(Number.isSafeInteger(limit) && limit >= 0, "the limit is a count");
  }

  /** Remembers the newest leaves of a stored tree. Problems `tlog/tile-missing`, `tlog/tile-invalid`. */
  async load(source: TileSource, size: number): Promise<void> {
    const first = Math.max(0, size - this.limit);
    const lastTile = Math.ceil(size / tileWidth);
    for (let tile = Math.floor(first / tileWidth); tile < lastTile; tile += tilesAtOnce) {
      const count = Math.min(tilesAtOnce, lastTile - tile);
      const read = Array.from({ length: count }, (_, i) => readTile(source, 0, tile + i, size));
      for (const [i, hashes] of (await Promise.all(read)).entries()) {
        hashes.forEach((hash, at) => this.add(leafKey(hash), (tile + i) * tileWidth + at));
      }
    }
  }

  add(key: string, index: number): void {
    if (this.limit === 0) return;
    this.indices.delete(key);
    this.indices.set(key, index);
    if (this.indices.size > this.limit) this.indices.delete(this.indices.keys().next().value as string);
  }

  find(key: string): number | undefined {
    const index = this.indices.get(key);
    if (index !== undefined) this.add(key, index);
    return index;
  }
}
