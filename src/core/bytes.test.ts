import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  base64,
  base64url,
  compareBytes,
  concat,
  equalBytes,
  fromBase64,
  fromBase64url,
  fromHex,
  hex,
} from "./bytes.ts";
import { isProblem } from "./problem.ts";
import { formatUtcSeconds, parseRfc3339, parseUtcSeconds } from "./time.ts";

test("hex, base64 and base64url give what the platform gives, and come back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      const buffer = Buffer.from(bytes);
      assert.equal(hex(bytes), buffer.toString("hex"));
      assert.equal(base64(bytes), buffer.toString("base64"));
      assert.equal(base64url(bytes), buffer.toString("base64url"));
      assert.ok(equalBytes(fromHex(hex(bytes)), bytes));
      assert.ok(equalBytes(fromBase64(base64(bytes)), bytes));
      assert.ok(equalBytes(fromBase64url(base64url(bytes)), bytes));
    }),
  );
});

test("two different base64 texts never stand for the same bytes", () => {
  for (const text of [
    "QQ",
    "QQ=",
    "QR==",
    "Q===",
    "====",
    "QQ==\n",
    " QQ==",
    "Q Q=",
    "QUI",
    "QUJ=",
    "Q-==",
    "QQ==QQ==",
    "é===",
  ]) {
    assert.throws(
      () => fromBase64(text),
      (error) => isProblem(error, "core/base64-invalid"),
      text,
    );
  }
  for (const text of ["QQ==", "QR", "Q", "Q+", "QUJ"]) {
    assert.throws(
      () => fromBase64url(text),
      (error) => isProblem(error, "core/base64-invalid"),
      text,
    );
  }
});

test("hexadecimal of odd length or with another character is refused", () => {
  for (const text of ["0", "0g", "0x", " 00"])
    assert.throws(
      () => fromHex(text),
      (error) => isProblem(error, "core/hex-invalid"),
      text,
    );
});

test("bytes are ordered as unsigned, a prefix first", () => {
  assert.ok(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80)) < 0);
  assert.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0);
  assert.equal(compareBytes(concat(Uint8Array.of(1), Uint8Array.of(2)), Uint8Array.of(1, 2)), 0);
});

test("a time is read in exactly one form, and a day that does not exist is refused", () => {
  assert.equal(parseUtcSeconds("2026-02-28T23:59:59Z"), Date.UTC(2026, 1, 28, 23, 59, 59));
  const wrong = [
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00.0Z",
    "2026-01-01T00:00:00+00:00",
    "2026-01-01",
    "2026",
    "0001-01-01T00:00:00Zx",
  ];
  for (const text of wrong)
    assert.throws(
      () => parseUtcSeconds(text),
      (error) => isProblem(error, "core/time-invalid"),
      text,
    );
});

test("RFC 3339 offsets and fractions are read", () => {
  assert.equal(parseRfc3339("2026-01-01T01:30:00.25+01:30"), Date.UTC(2026, 0, 1) + 250);
  assert.equal(formatUtcSeconds(parseRfc3339("2026-01-01T00:00:00Z")), "2026-01-01T00:00:00Z");
});
