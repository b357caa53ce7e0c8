import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { concat, isProblem } from "../core/index.ts";
import {
  dataTilePath,
  dataTiles,
  encodeEntryBundle,
  entryBundlePath,
  parseEntryBundle,
  parseTilePath,
  tilePath,
} from "./index.ts";

test("tile paths are those of the specification's examples", () => {
  assert.equal(tilePath(0, 1_234_067), "tile/0/x001/x234/067");
  assert.equal(tilePath(3, 0, 7), "tile/3/000.p/7");
  assert.equal(tilePath(0, 1067, 5), "tile/0/x001/067.p/5");
  assert.equal(entryBundlePath(999), "tile/entries/999");
  assert.equal(entryBundlePath(1000, 255), "tile/entries/x001/000.p/255");
  assert.equal(dataTilePath(0, 1), "tile/data/000.p/1");
});

test("every path names its tile and no other text names it", () => {
  const index = fc.integer({ min: 0, max: 2 ** 45 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 63 }), index, fc.integer({ min: 1, max: 256 }), (level, index, width) => {
      assert.deepEqual(parseTilePath(tilePath(level, index, width)), { kind: level, index, width });
      assert.deepEqual(parseTilePath(entryBundlePath(index, width)), { kind: "entries", index, width });
      assert.deepEqual(parseTilePath(dataTilePath(index, width)), { kind: "data", index, width });
    }),
  );
  const others = [
    "tile/00/000",
    "tile/64/000",
    "tile/0/0000",
    "tile/0/00",
    "tile/0/x000/000",
    "tile/0/000.p/256",
    "tile/0/000.p/0",
    "tile/0/000.p/05",
    "tile/0/001/067",
    "tile/0/x001/x067",
    "tile/0/../000",
    "/tile/0/000",
    "tile/0/000/",
    "tile/0/000\n",
    "tile/entry/000",
    "checkpoint",
    "",
  ];
  for (const path of others) assert.equal(parseTilePath(path), undefined, path);
});

test("an entry bundle gives back the entries it was made of", () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 256 });
  fc.assert(
    fc.property(entries, (entries) => {
      assert.deepEqual(parseEntryBundle(encodeEntryBundle(entries)), entries);
    }),
  );
});

test("an entry bundle that is cut short or too long is refused", () => {
  const isInvalid = (error: unknown): boolean => isProblem(error, "tlog/entries-invalid");
  assert.throws(() => parseEntryBundle(Uint8Array.of(0)), isInvalid);
  assert.throws(() => parseEntryBundle(Uint8Array.of(0, 2, 1)), isInvalid);
  assert.throws(() => parseEntryBundle(new Uint8Array(2 * 257)), isInvalid);
  const large = new Uint8Array(65_536);
  assert.throws(
    () => encodeEntryBundle([large]),
    (error) => isProblem(error, "log/entry-too-large"),
  );
  assert.equal(parseEntryBundle(encodeEntryBundle([large.subarray(1)]))[0]!.length, 65_535);
});

// static-ct-api TileLeaf: timestamp, type, entry, extensions, for a precertificate its bytes, fingerprints.
const x509Leaf = concat(
  Uint8Array.of(0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 3, 9, 9, 9, 0, 1, 7),
  Uint8Array.of(0, 32),
  new Uint8Array(32),
);
const precertificateLeaf = concat(
  Uint8Array.of(0, 0, 1, 2, 3, 4, 5, 6, 0, 1),
  new Uint8Array(32).fill(5),
  Uint8Array.of(0, 0, 2, 8, 8, 0, 0),
  Uint8Array.of(0, 0, 1, 4, 0, 0),
);

test("a data tile gives back its records, and the leaf is the MerkleTreeLeaf of RFC 6962", () => {
  const file = concat(dataTiles.frame(x509Leaf), dataTiles.frame(precertificateLeaf), x509Leaf);
  assert.deepEqual(dataTiles.split(file), [x509Leaf, precertificateLeaf, x509Leaf]);
  assert.deepEqual(dataTiles.leaf(x509Leaf), concat(Uint8Array.of(0, 0), x509Leaf.subarray(0, 19)));
  assert.deepEqual(dataTiles.leaf(precertificateLeaf), concat(Uint8Array.of(0, 0), precertificateLeaf.subarray(0, 49)));
});

test("a record that is not exactly one TileLeaf does not get into a data tile", () => {
  const unknownType = x509Leaf.slice();
  unknownType[9] = 2;
  const oddChain = concat(x509Leaf.subarray(0, 19), Uint8Array.of(0, 1, 0));
  for (const record of [concat(x509Leaf, x509Leaf), x509Leaf.subarray(1), unknownType, oddChain, new Uint8Array()]) {
    assert.throws(
      () => dataTiles.frame(record),
      (error) => isProblem(error, "tlog/entries-invalid"),
    );
  }
});
