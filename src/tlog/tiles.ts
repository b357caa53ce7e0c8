// Where the tree lies in files: C2SP tlog-tiles "Merkle Tree" and "Log entries", static-ct-api "Log entries".
// A tile holds up to 256 hashes of one level; hash i of tile n at level l covers 256^l leaves.

import { assert, demand } from "../core/index.ts";
import { hashSize, isCount } from "./merkle.ts";

/** Hashes in a full tile, entries in a full bundle. */
export const tileWidth = 256;
/** Levels of the tree that one level of tiles spans. */
export const tileHeight = 8;

const maxLevel = 63;

/** `<N>[.p/<W>]`: three digits a path element, all but the last after an `x`. */
function indexPath(index: number, width: number): string {
  assert(isCount(index) && width >= 1 && width <= tileWidth, "a tile has an index and a width");
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const path = padded.replaceAll(/\d{3}(?=\d)/g, "x$&/");
  return width === tileWidth ? path : `${path}.p/${width}`;
}

/** Path of a tile of hashes: `tile/0/x001/067`, or `tile/0/x001/067.p/5` when it holds only `width`. */
export function tilePath(level: number, index: number, width: number = tileWidth): string {
  assert(isCount(level) && level <= maxLevel, "a tile has a level");
  return `tile/${level}/${indexPath(index, width)}`;
}

/** Path of an entry bundle: `tile/entries/x001/067`. */
export function entryBundlePath(index: number, width: number = tileWidth): string {
  return `tile/entries/${indexPath(index, width)}`;
}

/** Path of a static-ct-api data tile: `tile/data/x001/067`. */
export function dataTilePath(index: number, width: number = tileWidth): string {
  return `tile/data/${indexPath(index, width)}`;
}

/** What a path names. `kind` is the level of a tile of hashes, `entries` or `data`. */
export interface TileName {
  readonly kind: number | "entries" | "data";
  readonly index: number;
  readonly width: number;
}

/** What a path that a client asks for names, or undefined when it is not the one path of any tile. */
export function parseTilePath(path: string): TileName | undefined {
  const match = /^tile\/(entries|data|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path);
  if (match === null) return undefined;
  const [, name = "", digits = "", partial] = match;
  const kind = name === "entries" || name === "data" ? name : Number(name);
  const index = Number(digits.replaceAll(/[x/]/g, ""));
  const width = partial === undefined ? tileWidth : Number(partial);
  const plain = isCount(index) && width >= 1 && width <= tileWidth && (typeof kind === "string" || kind <= maxLevel);
  if (!plain) return undefined;
  // The path that we would write is the only one: no leading zeroes, no `.p/256`.
  const folder = `tile/${kind}/${indexPath(index, width)}`;
  return folder === path ? { kind, index, width } : undefined;
}

/** How many hashes level `level` has in a tree of `size` leaves: those of complete subtrees of 256^level leaves. */
export function levelSize(level: number, size: number): number {
  return Math.floor(size / tileWidth ** level);
}

/** Hashes in tile `index` of a level for a tree of `size` leaves; 0 when there is no such tile. */
export function tileWidthAt(level: number, index: number, size: number): number {
  return Math.max(0, Math.min(tileWidth, levelSize(level, size) - index * tileWidth));
}

/** The hashes of a tile's bytes. Problem `tlog/tile-invalid` unless there are at least `width`. */
export function parseTile(bytes: Uint8Array, width: number): Uint8Array[] {
  const whole = bytes.length % hashSize === 0 && bytes.length <= tileWidth * hashSize;
  demand(whole && bytes.length >= width * hashSize, "tlog/tile-invalid", `a tile does not hold ${width} hashes`);
  return Array.from({ length: width }, (_, i) => bytes.slice(i * hashSize, (i + 1) * hashSize));
}
