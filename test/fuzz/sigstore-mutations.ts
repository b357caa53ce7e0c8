// Mutations of valid bundles, and what must hold of each: it is refused with a Problem, or it says nothing that the
// valid one does not say. A seed makes the same mutations again.

import { isDeepStrictEqual } from "node:util";
import { fromUtf8, isProblem, utf8 } from "../../src/core/index.ts";
import { type Bundle, parseBundle, type TransparencyLogEntry, type VerifiedBundle } from "../../src/sigstore/index.ts";
import { parseNote } from "../../src/tlog/index.ts";

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  verify(bytes: Uint8Array): VerifiedBundle;
  /** False for a log that the trust root does not know: its entries are passed over. */
  knows(logId: Uint8Array): boolean;
}

/** Numbers from a seed: mulberry32. */
export class Dice {
  constructor(private state: number) {}

  /** From 0 to `below` - 1. */
  number(below: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  one<T>(of: readonly T[]): T {
    return of[this.number(of.length)] as T;
  }
}

/** One flip, loss, repetition, exchange or insertion in a row of bytes. */
function mutateBytes(bytes: Uint8Array, dice: Dice): Uint8Array {
  const at = dice.number(Math.max(1, bytes.length));
  const length = 1 + dice.number(8);
  const cut = (from: number, to?: number): number[] => [...bytes.subarray(from, to)];
  switch (dice.number(6)) {
    case 0:
      return bytes.map((byte, index) => (index === at ? byte ^ (1 << dice.number(8)) : byte));
    case 1:
      return Uint8Array.from([...cut(0, at), ...cut(at + length)]);
    case 2:
      return Uint8Array.from([...cut(0, at + length), ...cut(at)]);
    case 3:
      return Uint8Array.from([...cut(0, at), dice.number(256), ...cut(at)]);
    case 4:
      return bytes.slice(0, at);
    default: {
      const other = dice.number(Math.max(1, bytes.length));
      return bytes.map((byte, index) => (index === at ? bytes[other]! : index === other ? bytes[at]! : byte));
    }
  }
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Place = readonly (string | number)[];

function places(value: Json, path: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, each]) => places(each, [...path, name]))];
}

function valueAt(root: Json, path: Place): Json | undefined {
  return path.reduce<Json | undefined>((at, name) => (at as { [name: string]: Json } | undefined)?.[name], root);
}

/** A copy with this place changed; `undefined` takes it out. */
function withValue(root: Json, path: Place, value: Json | undefined): Json {
  const copy = structuredClone(root);
  const parent = valueAt(copy, path.slice(0, -1)) as { [name: string]: Json };
  const name = path.at(-1) as string;
  if (value !== undefined) parent[name] = value;
  else if (Array.isArray(parent)) parent.splice(Number(name), 1);
  else delete parent[name];
  return copy;
}

/** A field changed by its meaning: base64 by its bytes, digits by one, text by a character, lists by their items. */
function mutateField(root: Json, other: Json, dice: Dice): Json {
  const path = dice.one(places(root).filter(({ length }) => length > 0));
  const value = valueAt(root, path)!;
  const kind = dice.number(8);
  if (kind === 0) return withValue(root, path, undefined);
  if (kind === 1) return withValue(root, path, valueAt(other, path) ?? null);
  if (Array.isArray(value) && value.length > 0) {
    const item = dice.one(value);
    return withValue(root, path, kind < 5 ? [...value, structuredClone(item)] : value.toReversed());
  }
  if (typeof value !== "string") return withValue(root, path, dice.one<Json>([null, 0, "", [], {}, true]));
  if (/^\d+$/.test(value)) return withValue(root, path, String(Math.max(0, Number(value) + dice.one([-1, 1, 256]))));
  const decoded = Buffer.from(value, "base64");
  const isBase64 = value.length >= 8 && decoded.toString("base64") === value;
  const mutated = mutateBytes(new Uint8Array(isBase64 ? decoded : utf8(value)), dice);
  return withValue(root, path, Buffer.from(mutated).toString(isBase64 ? "base64" : "utf8"));
}

/** A mutation of one of the seeds' bundles; sometimes a few on top of each other. */
export function mutate(seed: Seed, other: Seed, dice: Dice): Uint8Array {
  let bytes = seed.bytes;
  for (let count = dice.one([1, 1, 1, 2, 3]); count > 0; count--) {
    if (dice.number(4) === 0) {
      bytes = mutateBytes(bytes, dice);
      continue;
    }
    try {
      const root = JSON.parse(fromUtf8(bytes)) as Json;
      bytes = utf8(JSON.stringify(mutateField(root, JSON.parse(fromUtf8(other.bytes)) as Json, dice)));
    } catch {
      return bytes;
    }
  }
  return bytes;
}

export interface Counts {
  tried: number;
  refused: number;
  /** Accepted, the parsed model being the valid one's. */
  same: number;
  /** Accepted, different in what nothing signs and no one may rest on. */
  unsigned: number;
}

export function newCounts(): Counts {
  return { tried: 0, refused: 0, same: 0, unsigned: 0 };
}

/** Tries one mutation. Throws where it is accepted and says something new, or where something but a Problem is thrown. */
export function tryOne(seed: Seed, other: Seed, mutated: Uint8Array, counts: Counts): void {
  counts.tried++;
  let verified: VerifiedBundle;
  try {
    verified = seed.verify(mutated);
  } catch (error) {
    if (!isProblem(error)) throw new Error(`not a Problem: ${fromUtf8(mutated)}`, { cause: error });
    counts.refused++;
    return;
  }
  const after = parseBundle(mutated);
  if (isDeepStrictEqual(after, parseBundle(seed.bytes))) {
    counts.same++;
    return;
  }
  // Enough exchanges make the other valid bundle of it, which may be one for the same artifact and signer.
  const same = [seed.bytes, other.bytes].some((valid) => isEquivalent(seed, valid, after, verified));
  if (!same) throw new Error(`${seed.name}: accepted, though it is another bundle`, { cause: fromUtf8(mutated) });
  counts.unsigned++;
}

function isEquivalent(seed: Seed, valid: Uint8Array, after: Bundle, verified: VerifiedBundle): boolean {
  const before = parseBundle(valid);
  return (
    isDeepStrictEqual(signedPart(after), signedPart(before)) &&
    after.verificationMaterial.logEntries.every(
      (entry) =>
        !seed.knows(entry.logId) || before.verificationMaterial.logEntries.some((each) => saysNothingNew(entry, each)),
    ) &&
    saysNoMore(verified, seed.verify(valid))
  );
}

/** Without hints: the media type, key ids, the digest beside a signature, the chain beside the leaf. */
function signedPart({ content, verificationMaterial: { signer } }: Bundle): unknown {
  return [
    signer.kind === "certificate" ? signer.leaf : signer.kind,
    content.kind === "message"
      ? content.signature
      : [content.envelope.payloadType, content.envelope.payload, content.envelope.signatures.map(({ sig }) => sig)],
  ];
}

/** A proof or a promise may be left out; what is there is the valid one's. A time without a promise is no one's. */
function saysNothingNew(entry: TransparencyLogEntry, valid: TransparencyLogEntry): boolean {
  const { inclusionProof: proof, signedEntryTimestamp: promise } = entry;
  const body = ({ logIndex, logId, kind, version, canonicalizedBody }: TransparencyLogEntry): unknown => [
    logId,
    kind,
    version,
    canonicalizedBody,
    // Of Rekor v1 only the promise covers the index; of v2 the proof does.
    promise === undefined && version === "0.0.1" ? undefined : logIndex,
  ];
  const promised =
    promise === undefined ||
    (isDeepStrictEqual(promise, valid.signedEntryTimestamp) && entry.integratedTime === valid.integratedTime);
  // A proof up to no signed checkpoint, as in some v0.1 bundles, proves nothing, and nothing rests on it.
  const proven = proof?.checkpoint === undefined || isDeepStrictEqual(provenPart(entry), provenPart(valid));
  return isDeepStrictEqual(body(entry), body(valid)) && promised && proven;
}

function provenPart({ inclusionProof }: TransparencyLogEntry): unknown {
  if (inclusionProof === undefined) return undefined;
  const { checkpoint, ...proof } = inclusionProof;
  return [proof, checkpoint === undefined ? undefined : parseNote(checkpoint).text];
}

/** No time and no log that the valid one does not have. */
function saysNoMore(after: VerifiedBundle, before: VerifiedBundle): boolean {
  const within = <T>(some: readonly T[], all: readonly T[]): boolean =>
    some.every((each) => all.some((one) => isDeepStrictEqual(each, one)));
  return within(after.times, before.times) && after.logEntries.length <= before.logEntries.length;
}
