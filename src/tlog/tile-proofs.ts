// Proofs and roots from tiles, wherever they lie: our own store, or another log's files. Every proof is checked against
// the root before it is given. RFC 9162 §2.1.3.1, §2.1.4.1 over C2SP tlog-tiles.

import { Problem } from "../core/index.ts";
import { emptyRootHash, nodeHash } from "./merkle.ts";
import type { TileSource } from "./model.ts";
import { completeSubtrees, consistencyRanges, inclusionRanges, rangeHash } from "./proof.ts";
import type { LeafRange, NodeReader } from "./proof.ts";
import { parseTile, tileHeight, tilePath, tileWidth, tileWidthAt } from "./tiles.ts";
import { verifyConsistency, verifyInclusion } from "./verify-proof.ts";

/** The hash of a complete subtree lies in one tile, or is folded from 2^k of its hashes. */
function placeOf(height: number, index: number): { level: number; tile: number; first: number; count: number } {
  const level = Math.floor(height / tileHeight);
  const count = 2 ** (height % tileHeight);
  const perTile = tileWidth / count;
  return { level, tile: Math.floor(index / perTile), first: (index % perTile) * count, count };
}

/**
 * One tile of the tree of `size` leaves. A partial tile that is gone is taken from the full one, as tlog-tiles
 * "Partial Tiles" allows. Problems `tlog/tile-missing`, `tlog/tile-invalid`.
 */
export async function readTile(source: TileSource, level: number, index: number, size: number): Promise<Uint8Array[]> {
  const width = tileWidthAt(level, index, size);
  const path = tilePath(level, index, width);
  const bytes = (await source.read(path)) ?? (await source.read(tilePath(level, index)));
  if (bytes === undefined) throw new Problem("tlog/tile-missing", `tile ${path} is not there`);
  return parseTile(bytes, width);
}

/** Reads the tiles that the ranges need, at once, and gives their nodes. `size` is that of the stored tree. */
async function readNodes(source: TileSource, size: number, ranges: readonly LeafRange[]): Promise<NodeReader> {
  const wanted = new Map<string, [level: number, tile: number]>();
  for (const [height, index] of ranges.flatMap(completeSubtrees)) {
    const { level, tile } = placeOf(height, index);
    wanted.set(`${level}/${tile}`, [level, tile]);
  }
  const tiles = new Map(
    await Promise.all(
      [...wanted].map(async ([key, [level, tile]]) => [key, await readTile(source, level, tile, size)] as const),
    ),
  );
  return (height, index) => {
    const { level, tile, first, count } = placeOf(height, index);
    return fold((tiles.get(`${level}/${tile}`) as Uint8Array[]).slice(first, first + count));
  };
}

function fold(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    const below = row;
    row = Array.from({ length: below.length / 2 }, (_, i) =>
      nodeHash(below[2 * i] as Uint8Array, below[2 * i + 1] as Uint8Array),
    );
  }
  return row[0] as Uint8Array;
}

/** The root of the tree of `size` leaves. Problems `tlog/tile-missing`, `tlog/tile-invalid`. */
export async function treeRoot(source: TileSource, size: number): Promise<Uint8Array> {
  if (size === 0) return emptyRootHash;
  const all = { start: 0, end: size };
  return rangeHash(all, await readNodes(source, size, [all]));
}

/**
 * The proof that leaf `index` is in the tree of that size and root, and the leaf's hash. Problems `tlog/index-range`,
 * `tlog/tile-missing`, `tlog/tile-invalid`, `tlog/inclusion-invalid` when the tiles are not those of the root.
 */
export async function buildInclusion(
  source: TileSource,
  { index, size, root }: { readonly index: number; readonly size: number; readonly root: Uint8Array },
): Promise<{ readonly leafHash: Uint8Array; readonly proof: readonly Uint8Array[] }> {
  const leaf = { start: index, end: index + 1 };
  const ranges = inclusionRanges(index, size);
  const node = await readNodes(source, size, [leaf, ...ranges]);
  const leafHash = rangeHash(leaf, node);
  const proof = ranges.map((range) => rangeHash(range, node));
  verifyInclusion({ leafHash, index, size, proof, root });
  return { leafHash, proof };
}

/**
 * The proof that the tree of `size2` leaves and `root2` begins with the first `size1` of them, and the root of those.
 * `storedSize` is the size whose tiles are there, when that is larger than `size2`.
 * Problems `tlog/index-range`, `tlog/tile-missing`, `tlog/tile-invalid`, `tlog/consistency-invalid`.
 */
export async function buildConsistency(
  source: TileSource,
  claim: { readonly size1: number; readonly size2: number; readonly root2: Uint8Array; readonly storedSize?: number },
): Promise<{ readonly root1: Uint8Array; readonly proof: readonly Uint8Array[] }> {
  const { size1, size2, root2, storedSize = size2 } = claim;
  const earlier = { start: 0, end: size1 };
  const ranges = consistencyRanges(size1, size2);
  const node = await readNodes(source, storedSize, [earlier, ...ranges]);
  const root1 = rangeHash(earlier, node);
  const proof = ranges.map((range) => rangeHash(range, node));
  verifyConsistency({ size1, root1, size2, root2, proof });
  return { root1, proof };
}
