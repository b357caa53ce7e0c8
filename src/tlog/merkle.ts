// The hashes of a Merkle tree, RFC 6962 §2.1 and RFC 9162 §2.1.1, with SHA-256.

import { assert, concat } from "../core/index.ts";
import { digest } from "../crypto/index.ts";

/** Bytes of every hash in the tree. */
export const hashSize = 32;

/** MTH({}): the root of a tree without leaves. */
export const emptyRootHash: Uint8Array = digest("sha256", new Uint8Array(0));

const leafPrefix = Uint8Array.of(0);
const node = new Uint8Array(1 + 2 * hashSize);
node[0] = 1;

/** Hash of a leaf, SHA-256(0x00 || data). */
export function leafHash(data: Uint8Array): Uint8Array {
  return digest("sha256", concat(leafPrefix, data));
}

/** Hash of an inner node, SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  // The buffer is used again for every node: a short hash would leave bytes of the last one in it.
  assert(left.length === hashSize && right.length === hashSize, "a tree's hash has 32 bytes");
  node.set(left, 1);
  node.set(right, 1 + hashSize);
  return digest("sha256", node);
}

// Indices go up to 2^53 - 1, past what JavaScript's bit operators can hold.

export function isOdd(value: number): boolean {
  return value % 2 === 1;
}

export function half(value: number): number {
  return Math.floor(value / 2);
}

/** The largest power of two smaller than `value`, which is at least 2; the split of RFC 9162 §2.1.1. */
export function splitPoint(value: number): number {
  let power = 1;
  while (power * 2 < value) power *= 2;
  return power;
}

/** True for zero and every integer that a double holds exactly. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
