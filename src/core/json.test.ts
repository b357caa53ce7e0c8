import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { readJsonPlainly } from "../../test/reference-json.ts";
import { vectors } from "../../test/vectors.ts";
import { fromUtf8, isWellFormed, utf8 } from "./bytes.ts";
import { canonicalJson, compareCodePoints, olpcCanonicalJson } from "./canonical.ts";
import { type Json, parseJson, parseJsonText } from "./json.ts";
import { isProblem } from "./problem.ts";

const limits = { maxBytes: 1_000_000 };
const read = (text: string): Json => parseJson(utf8(text), limits);
const refused = (text: string, code: `core/${string}`): void => {
  assert.throws(
    () => read(text),
    (error) => isProblem(error, code),
    text,
  );
};

test("every RFC 8785 vector canonicalises to its expected bytes", (t) => {
  const folder = vectors(t, "jcs");
  if (folder === undefined) return;
  const names = readdirSync(join(folder, "input"));
  assert.ok(names.length > 0);
  for (const name of names) {
    const value = parseJson(readFileSync(join(folder, "input", name)), limits);
    assert.equal(fromUtf8(canonicalJson(value)), readFileSync(join(folder, "output", name), "utf8").trimEnd(), name);
  }
});

test("a name that stands twice in one object is refused, however it is escaped", () => {
  refused('{"a":1,"a":2}', "core/json-duplicate-name");
  refused('{"a":1,"\\u0061":2}', "core/json-duplicate-name");
  refused('{"__proto__":1,"__proto__":2}', "core/json-duplicate-name");
});

test("names that mean something to JavaScript are ordinary names", () => {
  const value = read('{"__proto__":{"polluted":true},"constructor":1,"toString":2}') as Record<string, Json>;
  assert.deepEqual(Object.keys(value), ["__proto__", "constructor", "toString"]);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.equal(Object.getPrototypeOf(value), null);
});

test("an integer that a double cannot hold is refused", () => {
  refused("9007199254740992", "core/json-number");
  refused("-9007199254740992", "core/json-number");
  refused("1e400", "core/json-number");
  assert.equal(read("9007199254740991"), Number.MAX_SAFE_INTEGER);
});

test("where integers belong, a fraction, an exponent and minus zero are refused", () => {
  for (const text of ["1.0", "1e3", "-0", "0.5", "1E0"]) {
    assert.throws(
      () => parseJsonText(text, { ...limits, numbers: "integer" }),
      (error) => isProblem(error, "core/json-number"),
      text,
    );
  }
  assert.equal(read("1.5"), 1.5);
});

test("size and depth are bounded before work is done", () => {
  assert.throws(
    () => parseJson(utf8("[1]"), { maxBytes: 2 }),
    (error) => isProblem(error, "core/json-too-large"),
  );
  refused("[".repeat(100_000), "core/json-too-deep");
});

test("what JSON does not allow is refused", () => {
  for (const text of [
    "",
    " ",
    "{",
    "[1,]",
    '{"a":1,}',
    "01",
    "+1",
    ".5",
    "1.",
    "nul",
    "tru",
    "'a'",
    '"\t"',
    '"\\x"',
    '"\\u12g4"',
    "[1 2]",
    "{1:2}",
    "1 2",
    "\uFEFF1",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    "NaN",
    "/**/1",
  ]) {
    assert.throws(
      () => read(text),
      (error) => isProblem(error),
      JSON.stringify(text),
    );
  }
});

test("bytes that are not UTF-8 are refused", () => {
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22]]) {
    assert.throws(
      () => parseJson(Uint8Array.from(bytes), limits),
      (error) => isProblem(error, "core/utf8-invalid"),
    );
  }
});

test("the parser agrees with the platform's on every value it accepts", () => {
  fc.assert(
    fc.property(fc.json({ depthSize: "medium" }), (text) => {
      let ours: Json;
      try {
        ours = read(text);
      } catch (error) {
        assert.ok(isProblem(error), String(error));
        return;
      }
      assert.equal(JSON.stringify(ours), JSON.stringify(JSON.parse(text)));
    }),
  );
});

test("no text makes the parser throw anything but a Problem", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ":",
          ",",
          '"',
          "\\",
          "u",
          "1",
          "-",
          ".",
          "e",
          "true",
          "null",
          " ",
          "\u0000",
          "é",
        ),
        { maxLength: 30 },
      ),
      (parts) => {
        try {
          read(parts.join(""));
        } catch (error) {
          assert.ok(isProblem(error), String(error));
        }
      },
    ),
  );
});

const outcome = (readIt: () => Json): unknown => {
  try {
    return readIt();
  } catch (error) {
    assert.ok(isProblem(error), String(error));
    return error.code;
  }
};

test("every text has the value, or the first fault, that a reader finds which goes character by character", () => {
  const parts =
    '{ } [ ] : , " "a" "a": "\\u0061": "b":1 {"a":1, \\ \\n \\\\ \\" u 1 - -0 0 1.5 1e400 1e2 . e true null é \\ud800 \\udc00 \u{1F600} "__proto__": 999999999999999 9007199254740993 [[[[ "constructor":{';
  const part = fc.constantFrom(...parts.split(" "), " ", "\n", "\u0000");
  const mutated = fc
    .tuple(fc.json({ depthSize: "medium" }), fc.nat(), part, fc.nat(5))
    .map(
      ([json, at, put, cut]) =>
        json.slice(0, at % (json.length + 1)) + put + json.slice((at % (json.length + 1)) + cut),
    );
  const text = fc.oneof(
    fc.array(part, { maxLength: 14 }).map((each) => each.join("")),
    mutated,
  );
  fc.assert(
    fc.property(
      text,
      fc.constantFrom(0, 1, 3, 64),
      fc.constantFrom("any" as const, "integer" as const),
      (json, maxDepth, numbers) => {
        if (!isWellFormed(json)) return;
        const each = { ...limits, maxDepth, numbers };
        assert.deepEqual(
          outcome(() => parseJsonText(json, each)),
          outcome(() => readJsonPlainly(json, each)),
        );
      },
    ),
    { numRuns: 3000 },
  );
});

test("a text of many megabytes in one string, or in millions of small ones, is read or refused like any other", () => {
  const large = { maxBytes: 64_000_000, maxDepth: 8 };
  const long = "x".repeat(16_000_000);
  assert.equal(parseJsonText(`"${long}"`, large), long);
  assert.equal((parseJsonText(`"${"\\n".repeat(8_000_000)}"`, large) as string).length, 8_000_000);
  const names = `{"${long}":1,"${long}":1}`;
  assert.equal(
    outcome(() => parseJsonText(names, large)),
    "core/json-duplicate-name",
  );
  assert.equal(
    outcome(() => parseJsonText(`"${long}`, large)),
    "core/json-invalid",
  );
  assert.equal(
    outcome(() => parseJsonText(`[${'"",'.repeat(1_000_000)}x]`, large)),
    "core/json-invalid",
  );
});

test("OLPC form leaves control characters as they are and escapes only the quote and the backslash", () => {
  assert.equal(
    fromUtf8(olpcCanonicalJson({ b: 'a"\\\n', a: [1, true, null] })),
    '{"a":[1,true,null],"b":"a\\"\\\\\n"}',
  );
});

test("OLPC form sorts names by code point, beyond the basic plane too", () => {
  assert.equal(fromUtf8(olpcCanonicalJson({ "\u{1F600}": 1, "\uFF5E": 2 })), '{"\uFF5E":2,"\u{1F600}":1}');
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      const byBytes = Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.equal(Math.sign(compareCodePoints(a, b)), byBytes);
    }),
  );
});

test("a value without a canonical form is refused", () => {
  for (const value of [0.5, -0, 2 ** 53, "\ud800"]) {
    assert.throws(
      () => olpcCanonicalJson(value),
      (error) => isProblem(error, "core/canonical"),
    );
  }
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "\udc00"]) {
    assert.throws(
      () => canonicalJson(value),
      (error) => isProblem(error, "core/canonical"),
    );
  }
});
