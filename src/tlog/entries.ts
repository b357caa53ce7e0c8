// How entries lie in their files: the entry bundles of C2SP tlog-tiles "Log entries" and the data tiles of
// static-ct-api "Log entries".

import { concat, demand, Problem } from "../core/index.ts";
import type { EntryFormat } from "./model.ts";
import { dataTilePath, entryBundlePath, tileWidth } from "./tiles.ts";
import { encodeUint, WireReader } from "./wire.ts";

const maxBundledBytes = 65_535;
/** static-ct-api leaves it open; logs refuse certificates far smaller. */
const maxTileLeafBytes = 262_144;

/** A bundle's bytes: each entry after its length as a big-endian uint16. Problem `log/entry-too-large`. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  return concat(...entries.map(entryBundles.frame));
}

/** The entries of a bundle. Problem `tlog/entries-invalid`. */
export function parseEntryBundle(bytes: Uint8Array): Uint8Array[] {
  return splitWith(bytes, "entry bundle", (reader) => reader.opaque(2).slice());
}

function splitWith(bytes: Uint8Array, what: string, next: (reader: WireReader) => Uint8Array): Uint8Array[] {
  const reader = new WireReader(bytes, "tlog/entries-invalid", what);
  const records: Uint8Array[] = [];
  while (!reader.done) {
    if (records.length === tileWidth) throw reader.problem(`holds more than ${tileWidth} entries`);
    records.push(next(reader));
  }
  return records;
}

/** tlog-tiles: a record is the leaf. */
export const entryBundles: EntryFormat = {
  path: entryBundlePath,
  frame(record) {
    demand(record.length <= maxBundledBytes, "log/entry-too-large", `an entry is over ${maxBundledBytes} bytes`);
    return concat(encodeUint(record.length, 2), record);
  },
  split: parseEntryBundle,
  leaf: (record) => record,
};

/** static-ct-api: a record is a TileLeaf, the leaf is the MerkleTreeLeaf of its TimestampedEntry (RFC 6962 §3.4). */
export const dataTiles: EntryFormat = {
  path: dataTilePath,
  frame(record) {
    demand(record.length <= maxTileLeafBytes, "log/entry-too-large", `an entry is over ${maxTileLeafBytes} bytes`);
    // Nothing but its own structure tells where a TileLeaf ends, so one that has another end would spoil the file.
    demand(dataTiles.split(record).length === 1, "tlog/entries-invalid", "a record is not exactly one TileLeaf");
    return record.slice();
  },
  split: (file) =>
    splitWith(file, "data tile", (reader) => {
      const start = reader.position;
      readTileLeaf(reader);
      return file.slice(start, reader.position);
    }),
  leaf(record) {
    const reader = new WireReader(record, "tlog/entries-invalid", "TileLeaf");
    const timestampedEntry = record.subarray(0, readTileLeaf(reader));
    reader.end();
    // Version v1 and type timestamped_entry.
    return concat(Uint8Array.of(0, 0), timestampedEntry);
  },
};

/** Reads one TileLeaf and gives the position where its TimestampedEntry ends. */
function readTileLeaf(reader: WireReader): number {
  reader.take(8);
  const entryType = reader.uint(2);
  if (entryType > 1) throw new Problem("tlog/entries-invalid", `log entry type ${entryType} is unknown`);
  const isPrecertificate = entryType === 1;
  if (isPrecertificate) reader.take(32);
  reader.opaque(3);
  reader.opaque(2);
  const end = reader.position;
  if (isPrecertificate) reader.opaque(3);
  if (reader.opaque(2).length % 32 !== 0) throw reader.problem("holds a fingerprint that is not 32 bytes");
  return end;
}
