// The right edge of a growing tree: at every level the tile that is not yet full, with the inner nodes within it. All
// that appending needs, and all that proofs for what was just appended need; the rest of the tree stays in files.

import { assert, concat } from "../core/index.ts";
import { emptyRootHash, nodeHash } from "./merkle.ts";
import type { TileSource } from "./model.ts";
import { rangeHash } from "./proof.ts";
import type { LeafRange, NodeReader } from "./proof.ts";
import { readTile } from "./tile-proofs.ts";
import { levelSize, tileHeight, tilePath, tileWidth } from "./tiles.ts";

/** `rows[k][i]` is the hash of 2^k neighbouring hashes of the tile; row 0 is what the file holds. */
interface EdgeTile {
  readonly level: number;
  readonly index: number;
  readonly rows: readonly Uint8Array[][];
}

function emptyTile(level: number, index: number): EdgeTile {
  return { level, index, rows: Array.from({ length: tileHeight }, () => []) };
}

/** Adds a hash with the nodes it completes; gives the tile's own hash when it is full. */
function addHash(tile: EdgeTile, hash: Uint8Array): Uint8Array | undefined {
  let carried = hash;
  for (const row of tile.rows) {
    row.push(carried);
    if (row.length % 2 === 1) return undefined;
    carried = nodeHash(row.at(-2) as Uint8Array, row.at(-1) as Uint8Array);
  }
  return carried;
}

// Both parts stay below 2^53: a level has at most 2^45 tiles.
function tileKey(level: number, index: number): number {
  return level * 2 ** 46 + index;
}

/** The edge of a tree of `size` leaves. Grows in place: `copy` it first to be able to go back. */
export class RightEdge {
  private constructor(
    private leaves: number,
    private readonly tiles: EdgeTile[],
    /** Tiles filled since the edge was loaded or copied. */
    private readonly filled: EdgeTile[] = [],
  ) {}

  static empty(): RightEdge {
    return new RightEdge(0, []);
  }

  /** The edge of a stored tree. Problems `tlog/tile-missing`, `tlog/tile-invalid`. */
  static async load(source: TileSource, size: number): Promise<RightEdge> {
    const tiles: EdgeTile[] = [];
    for (let level = 0; levelSize(level, size) > 0; level++) {
      const width = levelSize(level, size);
      const tile = emptyTile(level, Math.floor(width / tileWidth));
      const hashes = width % tileWidth === 0 ? [] : await readTile(source, level, tile.index, size);
      for (const hash of hashes) addHash(tile, hash);
      tiles.push(tile);
    }
    return new RightEdge(size, tiles);
  }

  get size(): number {
    return this.leaves;
  }

  copy(): RightEdge {
    const tiles = this.tiles.map((tile) => ({ ...tile, rows: tile.rows.map((row) => [...row]) }));
    return new RightEdge(this.leaves, tiles);
  }

  append(leafHash: Uint8Array): void {
    let carried: Uint8Array | undefined = leafHash;
    for (let level = 0; carried !== undefined; level++) {
      const tile = (this.tiles[level] ??= emptyTile(level, 0));
      carried = addHash(tile, carried);
      if (carried === undefined) break;
      this.filled.push(tile);
      this.tiles[level] = emptyTile(level, tile.index + 1);
    }
    this.leaves++;
  }

  root(): Uint8Array {
    return this.leaves === 0 ? emptyRootHash : this.reader()({ start: 0, end: this.leaves });
  }

  /** The files that appending since the copy changes: full tiles, and the partial one of each level that grew. */
  changedFiles(before: RightEdge): Map<string, Uint8Array> {
    const files = new Map<string, Uint8Array>();
    for (const tile of this.filled) files.set(tilePath(tile.level, tile.index), rowBytes(tile));
    for (const tile of this.tiles) {
      const width = levelSize(tile.level, this.leaves);
      if (width % tileWidth === 0 || width === levelSize(tile.level, before.leaves)) continue;
      files.set(tilePath(tile.level, tile.index, width % tileWidth), rowBytes(tile));
    }
    return files;
  }

  /** Hashes of ranges that lie in the edge's tiles and those filled since the copy; every range is computed once. */
  reader(): (range: LeafRange) => Uint8Array {
    const tiles = new Map([...this.filled, ...this.tiles].map((tile) => [tileKey(tile.level, tile.index), tile]));
    const node: NodeReader = (height, index) => {
      const level = Math.floor(height / tileHeight);
      const row = height % tileHeight;
      const rowWidth = tileWidth / 2 ** row;
      const tile = tiles.get(tileKey(level, Math.floor(index / rowWidth)));
      const hash = tile?.rows[row]?.[index % rowWidth];
      assert(hash !== undefined, "the node lies in the right edge");
      return hash;
    };
    // Ranges cut off by the tree's right end are the same for many leaves, and begin at different places.
    const cutOff = new Map<number, Uint8Array>();
    return (range) => {
      if (range.end < this.leaves) return rangeHash(range, node);
      const known = cutOff.get(range.start);
      if (known !== undefined) return known;
      const hash = rangeHash(range, node);
      cutOff.set(range.start, hash);
      return hash;
    };
  }
}

function rowBytes(tile: EdgeTile): Uint8Array {
  return concat(...(tile.rows[0] as Uint8Array[]));
}
