import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { concat, equalBytes, hex, isProblem } from "../core/index.ts";
import { RightEdge } from "./edge.ts";
import {
  buildConsistency,
  buildInclusion,
  createMemoryLogStore,
  emptyRootHash,
  leafHash,
  nodeHash,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
} from "./index.ts";
import type { MemoryLogStore } from "./index.ts";
import { consistencyRanges, inclusionRanges } from "./proof.ts";

function leaf(index: number): Uint8Array {
  return leafHash(new TextEncoder().encode(`entry ${index}`));
}

/** MTH as RFC 9162 §2.1.1 writes it down, with nothing of ours but the hashes. */
function plainRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRootHash;
  if (leaves.length === 1) return leaves[0]!;
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return nodeHash(plainRoot(leaves.slice(0, split)), plainRoot(leaves.slice(split)));
}

const count = 300;
const leaves = Array.from({ length: count }, (_, i) => leaf(i));
const roots = Array.from({ length: count + 1 }, (_, size) => plainRoot(leaves.slice(0, size)));

/** A tree of `size` leaves in tiles, grown in steps as a log grows. */
function grow(size: number, step: number, leafAt: (index: number) => Uint8Array = leaf): MemoryLogStore {
  const store = createMemoryLogStore();
  let edge = RightEdge.empty();
  while (edge.size < size) {
    const next = edge.copy();
    for (let i = 0; i < step && next.size < size; i++) next.append(leafAt(next.size));
    for (const [path, bytes] of next.changedFiles(edge)) store.files.set(path, bytes);
    edge = next;
  }
  return store;
}

test("the empty tree's root and a leaf's hash are those of RFC 6962", () => {
  assert.equal(hex(emptyRootHash), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert.equal(hex(leafHash(new Uint8Array())), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
});

test("a short hash is never hashed into a node", () => {
  assert.throws(() => nodeHash(new Uint8Array(31), new Uint8Array(32)), /32 bytes/);
});

test("the right edge has the root of RFC 9162 at every size", () => {
  const edge = RightEdge.empty();
  for (let size = 0; size < count; size++) {
    assert.deepEqual(edge.root(), roots[size]);
    edge.append(leaves[size]!);
  }
  assert.deepEqual(edge.root(), roots[count]);
});

test("consistency verifies between every pair of sizes", () => {
  const known = new Map<string, Uint8Array>();
  const hashOf = ({ start, end }: { start: number; end: number }): Uint8Array => {
    const hash = known.get(`${start}-${end}`) ?? plainRoot(leaves.slice(start, end));
    known.set(`${start}-${end}`, hash);
    return hash;
  };
  for (let size2 = 1; size2 <= count; size2++) {
    for (let size1 = 1; size1 <= size2; size1++) {
      const proof = consistencyRanges(size1, size2).map(hashOf);
      verifyConsistency({ size1, root1: roots[size1]!, size2, root2: roots[size2]!, proof });
    }
  }
});

test("consistency from tiles verifies between every pair of small sizes, and around a full tile", async () => {
  const sizes = [...Array.from({ length: 90 }, (_, i) => i + 1), 254, 255, 256, 257, 258, 300];
  for (const size2 of sizes) {
    // Every size has its own partial tiles, so the store is grown to it exactly.
    const store = grow(size2, 97);
    const root2 = roots[size2]!;
    assert.deepEqual(await treeRoot(store, size2), root2);
    for (let size1 = 1; size1 <= size2; size1++) {
      const { proof, root1 } = await buildConsistency(store, { size1, size2, root2 });
      assert.ok(equalBytes(root1, roots[size1]!), `${size1} ${size2}`);
      verifyConsistency({ size1, root1: roots[size1]!, size2, root2, proof });
    }
  }
});

test("inclusion from tiles verifies for every leaf at every size", async () => {
  for (const size of [1, 2, 3, 255, 256, 257, 300]) {
    const store = grow(size, 64);
    for (let index = 0; index < size; index++) {
      const { proof, leafHash } = await buildInclusion(store, { index, size, root: roots[size]! });
      assert.deepEqual(leafHash, leaves[index]);
      verifyInclusion({ leafHash, index, size, proof, root: roots[size]! });
    }
  }
});

test("proofs of a tree of three tile levels verify, with a part of it appended after loading", async () => {
  const size = 70_000;
  // One hash for many leaves makes the big tree cheap; neighbours still differ.
  const some = leaves.slice(0, 16);
  const leafAt = (index: number): Uint8Array => some[(index * 7) % 16]!;
  const store = grow(size - 300, 5000, leafAt);
  const before = await RightEdge.load(store, size - 300);
  const edge = before.copy();
  while (edge.size < size) edge.append(leafAt(edge.size));
  for (const [path, bytes] of edge.changedFiles(before)) store.files.set(path, bytes);
  assert.deepEqual(await treeRoot(store, size), edge.root());
  // C2SP tlog-tiles names the files of a tree of this size.
  for (const path of ["tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]) {
    assert.ok(store.files.has(path), path);
  }
  assert.equal(store.files.get("tile/1/000")!.length, 8192);
  for (const index of [0, 255, 256, 65_535, 65_536, 69_699, 69_700, 69_999]) {
    await buildInclusion(store, { index, size, root: edge.root() });
  }
  for (const size1 of [1, 256, 65_536, 65_537, 69_700, 69_999, 70_000]) {
    await buildConsistency(store, { size1, size2: size, root2: edge.root() });
  }
});

test("a tile that was changed makes no proof", async () => {
  const store = grow(300, 300);
  const tile = store.files.get("tile/0/000")!;
  tile[40] = tile[40]! ^ 1;
  const claim = { index: 0, size: 300, root: roots[300]! };
  await assert.rejects(buildInclusion(store, claim), (error) => isProblem(error, "tlog/inclusion-invalid"));
  store.files.delete("tile/0/000");
  await assert.rejects(buildInclusion(store, claim), (error) => isProblem(error, "tlog/tile-missing"));
  store.files.set("tile/0/000", tile.slice(32));
  await assert.rejects(buildInclusion(store, claim), (error) => isProblem(error, "tlog/tile-invalid"));
});

test("a partial tile that is gone is taken from the full one", async () => {
  const store = grow(512, 100);
  for (const path of store.files.keys()) if (path.startsWith("tile/0/001.p/")) store.files.delete(path);
  await buildInclusion(store, { index: 299, size: 300, root: roots[300]! });
});

test("a proof that is changed anywhere is refused", () => {
  const size = fc.integer({ min: 2, max: count });
  fc.assert(
    fc.property(size, fc.nat(), fc.nat(), (size, at, flip) => {
      const index = at % size;
      const proof = inclusionRanges(index, size).map(({ start, end }) => plainRoot(leaves.slice(start, end)));
      const claim = { leafHash: leaves[index]!, index, size, root: roots[size]! };
      verifyInclusion({ ...claim, proof });
      const changed = concat(...proof);
      changed[flip % changed.length] = changed[flip % changed.length]! ^ 1;
      const bad = proof.map((_, i) => changed.slice(32 * i, 32 * i + 32));
      assert.throws(() => verifyInclusion({ ...claim, proof: bad }), isProblem);
      assert.throws(() => verifyInclusion({ ...claim, proof: proof.slice(1) }), isProblem);
      assert.throws(() => verifyInclusion({ ...claim, proof: [...proof, leaves[0]!] }), isProblem);
      assert.throws(() => verifyInclusion({ ...claim, index: (index + 1) % size, proof }), isProblem);
    }),
  );
});

test("proofs of positions that the tree does not have are not built", () => {
  const isRange = (error: unknown): boolean => isProblem(error, "tlog/index-range");
  for (const index of [-1, 5, 0.5]) assert.throws(() => inclusionRanges(index, 5), isRange);
  for (const size1 of [0, 6, Number.NaN]) assert.throws(() => consistencyRanges(size1, 5), isRange);
});
