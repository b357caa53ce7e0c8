// Which parts of the tree a proof consists of: PATH of RFC 9162 §2.1.3.1 and PROOF of §2.1.4.1 as ranges of leaves,
// and those ranges as complete subtrees, the only ones whose hashes are stored.

import { assert, demand } from "../core/index.ts";
import { isCount, nodeHash, splitPoint } from "./merkle.ts";

/** The leaves `start` to `end - 1`; its hash is MTH(D[start:end]). */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** Gives the hash of the complete subtree of 2^height leaves that begins at leaf index × 2^height. */
export type NodeReader = (height: number, index: number) => Uint8Array;

/** The ranges of PATH(index, D[size]), from the leaf up. Problem `tlog/index-range`. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  demand(isCount(index) && isCount(size) && index < size, "tlog/index-range", "the index lies outside the tree");
  const ranges: LeafRange[] = [];
  let at = index;
  for (let width = 1; width < size; width *= 2) {
    const start = (at % 2 === 1 ? at - 1 : at + 1) * width;
    if (start < size) ranges.push({ start, end: Math.min(start + width, size) });
    at = Math.floor(at / 2);
  }
  return ranges;
}

/** The ranges of PROOF(size1, D[size2]). Problem `tlog/index-range` unless 0 < size1 <= size2. */
export function consistencyRanges(size1: number, size2: number): LeafRange[] {
  const inOrder = isCount(size1) && isCount(size2) && size1 > 0 && size1 <= size2;
  demand(inOrder, "tlog/index-range", "the sizes are not those of an earlier and a later tree");
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = size2;
  let split = size1;
  let known = true;
  while (split !== end) {
    const middle = start + splitPoint(end - start);
    if (split <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
      known = false;
    }
  }
  // SUBPROOF's `b`: the verifier has the earlier root already when that is where the descent ends.
  if (!known) ranges.push({ start, end });
  return ranges.reverse();
}

/** The complete subtrees that make up a range, left to right, as `[height, index]`. */
export function completeSubtrees(range: LeafRange): [height: number, index: number][] {
  const parts: [number, number][] = [];
  for (let start = range.start; start < range.end;) {
    let height = 0;
    let width = 1;
    while (start % (width * 2) === 0 && start + width * 2 <= range.end) {
      height++;
      width *= 2;
    }
    parts.push([height, start / width]);
    start += width;
  }
  return parts;
}

/** MTH of a range whose start is a multiple of the power of two that spans it (RFC 9162 §2.1.1). */
export function rangeHash(range: LeafRange, node: NodeReader): Uint8Array {
  assert(range.start < range.end, "a range of a proof is not empty");
  let hash: Uint8Array | undefined;
  for (const [height, index] of completeSubtrees(range).reverse()) {
    const part = node(height, index);
    hash = hash === undefined ? part : nodeHash(part, hash);
  }
  return hash as Uint8Array;
}
