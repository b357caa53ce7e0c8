import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { fromHex, hex, isProblem, isWellFormed, Problem } from "../core/index.ts";
import { type DerReader, derLimits, readDer } from "./der.ts";
import * as der from "./der-write.ts";

const input = { what: "thing", code: "crypto/thing-invalid", maxBytes: 70_000 } as const;
const read = <T>(text: string, reading: (reader: DerReader) => T): T => readDer(fromHex(text), input, reading);

function refuses(name: string, reading: (reader: DerReader) => unknown, ...cases: readonly string[]): void {
  for (const text of cases)
    assert.throws(
      () => read(text, reading),
      (error) => isProblem(error, "crypto/thing-invalid"),
      `${name} ${text}`,
    );
}

const octets = (reader: DerReader) => reader.octetString();

test("a length must be definite, minimal and inside its parent", () => {
  assert.equal(hex(read("0401aa", octets)), "aa");
  refuses("length", octets, "", "04", "0480aa0000", "048101aa", "04820001aa", "0402aa", "0485000000000100", "04ff01");
  refuses("length", octets, `0482007f${"00".repeat(127)}`, "0484ffffffff");
  assert.equal(read(`048180${"00".repeat(128)}`, octets).length, 128);
  refuses("trailing", octets, "0401aa00");
  refuses("nested trailing", (reader) => reader.sequence((inner) => inner.null()), "300405000500");
});

test("tags that are reserved, high or not the expected one are refused", () => {
  refuses("tag", (reader) => reader.element(), "0000", "1f810100", "3f2000");
  refuses("tag", octets, "0501aa", "2401aa");
});

test("every defect becomes the caller's code, and other Problems pass", () => {
  const thrown = new Problem("crypto/other", "another thing");
  assert.throws(
    () =>
      read("0500", () => {
        throw thrown;
      }),
    thrown,
  );
  assert.throws(
    () => readDer(new Uint8Array(70_001), input, octets),
    (error) => isProblem(error, "crypto/thing-invalid"),
  );
});

test("nesting has a limit", () => {
  const nest = (depth: number): Uint8Array => (depth === 0 ? der.nullValue() : der.sequence(nest(depth - 1)));
  const walk = (reader: DerReader): void => (reader.peek() === 5 ? reader.null() : reader.sequence(walk));
  readDer(nest(derLimits.maxDepth), input, walk);
  assert.throws(() => readDer(nest(derLimits.maxDepth + 1), input, walk), Problem);
});

test("integers are minimal and in range", () => {
  const integer = (reader: DerReader) => reader.integer();
  const small = (reader: DerReader) => reader.smallInteger();
  assert.equal(read("02020080", small), 128);
  refuses("integer", integer, "0200", "0202007f", "0202ff80", "02030000ff");
  refuses("small", small, "0201ff", "02077fffffffffffff");
  assert.equal(hex(read("0201ff", integer)), "ff");
});

test("booleans are 00 or FF, and a default is not written", () => {
  assert.equal(
    read("0101ff", (reader) => reader.boolean()),
    true,
  );
  refuses("boolean", (reader) => reader.boolean(), "010101", "0100", "01020000");
  refuses("flag", (reader) => reader.flag(), "010100");
});

test("bit strings have no stray bits", () => {
  const named = (reader: DerReader) => reader.namedBits();
  assert.deepEqual(read("03020780", named), [0]);
  assert.deepEqual(read("030100", named), []);
  refuses("named", named, "0300", "03020080", "030206c8", "03020788", "030107", "03020880", "03020700");
  refuses("whole", (reader) => reader.bitString(), "030201fe", "0300");
});

test("object identifiers are minimal and bounded", () => {
  const oid = (reader: DerReader) => reader.oid();
  assert.equal(read("06022a03", oid), "1.2.3");
  assert.equal(read("0603883703", oid), "2.999.3");
  refuses("oid", oid, "0600", "06028001", "060181", "06032a8001", `0641${"01".repeat(65)}`);
  refuses("arc", oid, `060a2a${"ff".repeat(8)}7f`);
  for (const text of ["1", "3.1", "1.40", "1.2.", "1.02", "a.b", "1.2.9007199254740992", ""])
    assert.throws(() => der.oid(text), Problem, text);
});

test("times have the one form of DER and exist", () => {
  const ascii = (tag: string, text: string) => `${tag}${hex(Uint8Array.of(text.length))}${hex(Buffer.from(text))}`;
  const utc = (reader: DerReader) => reader.utcTime();
  const general = (reader: DerReader) => reader.generalizedTime();
  assert.equal(read(ascii("17", "491231235959Z"), utc), Date.UTC(2049, 11, 31, 23, 59, 59));
  assert.equal(read(ascii("17", "500101000000Z"), utc), Date.UTC(1950, 0, 1));
  for (const text of ["4912312359Z", "491231235959+0000", "491231235959", "491331235959Z", "490229000000Z"])
    refuses("utc", utc, ascii("17", text));
  assert.equal(read(ascii("18", "20240229120000.0019Z"), general), Date.UTC(2024, 1, 29, 12, 0, 0, 1));
  for (const text of ["20240229120000.10Z", "20240229120000.Z", "20240229120000,1Z", "2024022912Z", "20230229120000Z"])
    refuses("general", general, ascii("18", text));
  refuses("general", general, ascii("18", "20240229120000.1234567891Z"));
});

test("a SET OF must be sorted, and the writer sorts it", () => {
  const set = (reader: DerReader) => reader.setOf({ min: 1, max: 2 }, (item) => item.smallInteger());
  assert.equal(hex(der.set(der.integer(2), der.integer(1))), "3106020101020102");
  assert.deepEqual(read("3106020101020102", set), [1, 2]);
  refuses("set", set, "3106020102020101", "3100", "3109020101020102020103");
});

test("strings hold only their alphabet", () => {
  refuses("utf8", (reader) => reader.utf8String(), "0c01ff");
  refuses("ia5", (reader) => reader.ia5String(), "160180");
  refuses("printable", (reader) => reader.printableString(), "130140");
  assert.throws(() => der.ia5String("é"), Problem);
  assert.throws(() => der.printableString("@"), Problem);
});

test("what the writer writes the reader reads back", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 40 }), fc.uint8Array({ maxLength: 400 }), fc.string(), (number, bytes, text) => {
      const value = isWellFormed(text) ? text : "";
      const written = der.sequence(
        der.integer(number),
        der.explicit(3, der.octetString(bytes)),
        der.implicit(1, der.octetString(bytes)),
        der.utf8String(value),
        der.time(number),
      );
      const back = readDer(written, input, (reader) =>
        reader.sequence((inner) => [
          inner.smallInteger(),
          hex(inner.context(3, (field) => field.octetString())),
          hex(inner.octetString(0x81)),
          inner.utf8String(),
          inner.peek() === 0x17 ? inner.utcTime() : inner.generalizedTime(),
        ]),
      );
      assert.deepEqual(back, [number, hex(bytes), hex(bytes), value, Math.floor(number / 1000) * 1000]);
    }),
  );
});

test("object identifiers survive being written and read", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 }), fc.nat({ max: 39 }), fc.array(fc.maxSafeNat(), { maxLength: 6 }), (a, b, rest) => {
      const text = [a, b, ...rest].join(".");
      assert.equal(
        readDer(der.oid(text), input, (reader) => reader.oid()),
        text,
      );
    }),
  );
});

test("no bytes make the reader throw anything but a Problem", () => {
  const walk = (reader: DerReader): void => {
    while (!reader.done) {
      const tag = reader.peek();
      if ((tag & 0x20) !== 0) reader.enter(tag, walk);
      else if (tag === 6) reader.oid();
      else if (tag === 0x17) reader.utcTime();
      else if (tag === 0x18) reader.generalizedTime();
      else if (tag === 3) reader.namedBits();
      else reader.element();
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        readDer(bytes, input, walk);
      } catch (error) {
        assert.ok(isProblem(error), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
