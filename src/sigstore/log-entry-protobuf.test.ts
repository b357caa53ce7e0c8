import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { concat, fromHex, hex, isProblem } from "../core/index.ts";
import { encodeLogEntryProtobuf, parseLogEntryProtobuf, type StoredLogEntry } from "./index.ts";

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const entries: fc.Arbitrary<StoredLogEntry> = fc
  .record({
    logIndex: number,
    logId: bytes(32),
    kind: fc.string({ maxLength: 16 }),
    version: fc.string({ maxLength: 16 }),
    integratedTime: number,
    promise: fc.option(fc.uint8Array({ minLength: 1, maxLength: 80 })),
    proof: fc.option(
      fc.record({
        logIndex: number,
        rootHash: bytes(32),
        treeSize: number,
        hashes: fc.array(bytes(32), { maxLength: 8 }),
        checkpoint: fc.string({ minLength: 1, maxLength: 40 }),
      }),
    ),
    canonicalizedBody: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: undefined }),
  })
  .map(({ promise, proof, ...entry }) => ({
    ...entry,
    ...(promise === null ? {} : { signedEntryTimestamp: promise }),
    ...(proof === null ? {} : { inclusionProof: { ...proof } }),
  }));

function refused(encoded: Uint8Array): void {
  assert.throws(
    () => parseLogEntryProtobuf(encoded),
    (error) => isProblem(error, "sigstore/log-entry-invalid"),
    hex(encoded),
  );
}

test("what is written is read back as the same entry", () => {
  fc.assert(
    fc.property(entries, (entry) => {
      assert.deepEqual(parseLogEntryProtobuf(encodeLogEntryProtobuf(entry)), entry);
    }),
  );
});

test("an entry is written as the specification's field numbers and wire types have it", () => {
  const entry = {
    logIndex: 300,
    logId: new Uint8Array(32).fill(7),
    kind: "k",
    version: "v",
    integratedTime: 1,
    signedEntryTimestamp: Uint8Array.of(9),
    canonicalizedBody: Uint8Array.of(5),
  };
  const id = `12220a20${"07".repeat(32)}`;
  assert.equal(hex(encodeLogEntryProtobuf(entry)), `08ac02${id}1a060a016b12017620012a030a01093a0105`);
});

test("whatever is accepted is the one form of its value, and nothing but a Problem is thrown", () => {
  // A byte changed, one more, one less: what is still read has exactly the bytes that it would be written with.
  fc.assert(
    fc.property(
      entries,
      fc.nat(),
      fc.nat(255),
      fc.constantFrom("change", "insert", "remove"),
      (entry, at, byte, how) => {
        const encoded = encodeLogEntryProtobuf(entry);
        const place = at % encoded.length;
        const between = how === "remove" ? [] : [Uint8Array.of(byte)];
        const changed = concat(
          encoded.slice(0, place),
          ...between,
          encoded.slice(how === "insert" ? place : place + 1),
        );
        try {
          assert.deepEqual(encodeLogEntryProtobuf(parseLogEntryProtobuf(changed)), changed);
        } catch (error) {
          if (!isProblem(error)) throw error;
        }
      },
    ),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      try {
        parseLogEntryProtobuf(random);
      } catch (error) {
        assert(isProblem(error));
      }
    }),
  );
});

test("a second form of a value is refused: other order, twice, unknown, padded, default, negative, cut off", () => {
  const id = `12220a20${"07".repeat(32)}`;
  const kind = "1a060a016b120176";
  const good = `0801${id}${kind}`;
  assert.equal(parseLogEntryProtobuf(fromHex(good)).logIndex, 1);
  const others = {
    "other order": `${id}0801${kind}`,
    twice: `08010801${id}${kind}`,
    "the id twice": `0801${id}${id}${kind}`,
    unknown: `${good}4201ff`,
    "another wire type": `0d01000000${id}${kind}`,
    padded: `088100${id}${kind}`,
    "a padded tag": `880001${id}${kind}`,
    default: `0800${id}${kind}`,
    negative: `08ffffffffffffffffff01${id}${kind}`,
    "too large": `08ffffffffffffff7f${id}${kind}`,
    "cut off": good.slice(0, -2),
    "a short id": `080112210a1f${"07".repeat(31)}${kind}`,
    "no kind": `0801${id}`,
    empty: "",
  };
  for (const encoded of Object.values(others)) refused(fromHex(encoded));
});

test("an empty promise is none, as logs without promises write it", () => {
  const id = `12220a20${"07".repeat(32)}`;
  const entry = parseLogEntryProtobuf(fromHex(`${id}1a060a016b1201762a00`));
  assert.equal(entry.signedEntryTimestamp, undefined);
});
