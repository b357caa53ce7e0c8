// Inclusion and consistency proofs: RFC 9162 §2.1.3.2 and §2.1.4.2, and their generalisation to subtrees,
// draft-ietf-plants-merkle-tree-certs §4.3 and §4.4. Stricter: a hash that is not 32 bytes is refused where it would
// be hashed, sizes are safe integers, and consistency with the empty tree is refused since it proves nothing.

import { demand, equalBytes, Problem } from "../core/index.ts";
import { emptyRootHash, half, hashSize, isCount, isOdd, nodeHash } from "./merkle.ts";

export interface InclusionProof {
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

export interface ConsistencyProof {
  readonly size1: number;
  readonly root1: Uint8Array;
  readonly size2: number;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export interface SubtreeInclusionProof {
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly proof: readonly Uint8Array[];
  /** Hash of the subtree. */
  readonly root: Uint8Array;
}

export interface SubtreeConsistencyProof {
  readonly start: number;
  readonly end: number;
  /** Hash of the subtree. */
  readonly root1: Uint8Array;
  /** Of the tree that holds it. */
  readonly size: number;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** That the leaf stands at `index` in the tree (RFC 9162 §2.1.3.2). Problem `tlog/inclusion-invalid`. */
export function verifyInclusion(claim: InclusionProof): void {
  const { leafHash, index, size, proof, root } = claim;
  const code = "tlog/inclusion-invalid";
  demand(isCount(index) && isCount(size) && index < size, code, "the index lies outside the tree");
  demand(leafHash.length === hashSize && areHashes(proof), code, "the proof holds something that is no hash");
  let at = index;
  let last = size - 1;
  let hash = leafHash;
  for (const sibling of proof) {
    demand(last !== 0, code, "the inclusion proof is too long");
    if (isOdd(at) || at === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(at)) [at, last] = [half(at), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  demand(last === 0, code, "the inclusion proof is too short");
  demand(equalBytes(hash, root), code, "the inclusion proof does not lead to the root");
}

/** That the tree of `size2` begins with that of `size1` (RFC 9162 §2.1.4.2). Problem `tlog/consistency-invalid`. */
export function verifyConsistency(claim: ConsistencyProof): void {
  const { size1, root1, size2, root2, proof } = claim;
  demand(size1 !== 0, "tlog/consistency-invalid", "consistency with the empty tree proves nothing");
  verifySubtreeConsistency({ start: 0, end: size1, root1, size: size2, root2, proof });
}

/** That the leaf stands at `index` of the tree, inside the subtree. Problem `tlog/inclusion-invalid`. */
export function verifySubtreeInclusion(claim: SubtreeInclusionProof): void {
  const { start, end, index, ...rest } = claim;
  demand(isSubtree(start, end), "tlog/inclusion-invalid", "start and end are not those of a subtree");
  verifyInclusion({ ...rest, index: index - start, size: end - start });
}

/**
 * That the subtree `[start, end)` is one of the tree (merkle-tree-certs §4.4.3). An empty subtree is a subtree of
 * every tree, whatever the tree's root: it proves nothing. Problem `tlog/consistency-invalid`.
 */
export function verifySubtreeConsistency(claim: SubtreeConsistencyProof): void {
  const { start, end, size, root1, root2, proof } = claim;
  const code = "tlog/consistency-invalid";
  demand(isCount(size) && isSubtree(start, end) && end <= size, code, "the sizes are not those of a tree and its part");
  demand(areHashes(proof), code, "the proof holds something that is no hash");
  if (start === end) {
    demand(proof.length === 0 && equalBytes(root1, emptyRootHash), code, "the proof for an empty subtree is wrong");
    return;
  }
  const [hash1, hash2] = foldConsistency(claim);
  demand(equalBytes(hash1, root1), code, "the consistency proof does not lead to the earlier root");
  demand(equalBytes(hash2, root2), code, "the consistency proof does not lead to the later root");
}

/** The subtree's and the tree's root as the proof has them. `first`, `last` and `end` are fn, sn and tn of the draft. */
function foldConsistency(claim: SubtreeConsistencyProof): [Uint8Array, Uint8Array] {
  let first = claim.start;
  let last = claim.end - 1;
  let end = claim.size - 1;
  const shifts = last === end ? (): boolean => true : isOdd;
  for (; first !== last && shifts(last); end = half(end)) [first, last] = [half(first), half(last)];
  const complete = first === last;
  const seed = complete ? claim.root1 : claim.proof[0];
  if (seed === undefined) throw invalid("the consistency proof is too short");
  let hash1 = seed;
  let hash2 = seed;
  for (const sibling of complete ? claim.proof : claim.proof.slice(1)) {
    if (end === 0) throw invalid("the consistency proof is too long");
    if (hash2.length !== hashSize) throw invalid("the earlier root is no hash");
    if (isOdd(last) || last === end) {
      if (first < last) hash1 = nodeHash(sibling, hash1);
      hash2 = nodeHash(sibling, hash2);
      for (; !isOdd(last); end = half(end)) [first, last] = [half(first), half(last)];
    } else {
      hash2 = nodeHash(hash2, sibling);
    }
    [first, last, end] = [half(first), half(last), half(end)];
  }
  if (end !== 0) throw invalid("the consistency proof is too short");
  return [hash1, hash2];
}

function invalid(why: string): Problem {
  return new Problem("tlog/consistency-invalid", why);
}

function areHashes(proof: readonly Uint8Array[]): boolean {
  return proof.every((hash) => hash.length === hashSize);
}

/** merkle-tree-certs §4.1: start is a multiple of the length rounded up to a power of two. */
function isSubtree(start: number, end: number): boolean {
  if (!isCount(start) || !isCount(end) || start > end) return false;
  let power = 1;
  while (power < end - start) power *= 2;
  return start % power === 0;
}
