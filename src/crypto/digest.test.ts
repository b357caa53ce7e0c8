import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { hex, utf8 } from "../core/index.ts";
import { createHasher, digest, digestBytes, digestHex, randomBytes } from "./index.ts";

test("SHA-256, SHA-384 and SHA-512 of abc are those of FIPS 180-4", () => {
  const abc = utf8("abc");
  assert.equal(digestHex("sha256", abc), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.match(digestHex("sha384", abc), /^cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163/);
  assert.match(digestHex("sha512", abc), /^ddaf35a193617abacc417349ae204131/);
});

test("a digest is the same as bytes, as text and in pieces", () => {
  for (const algorithm of ["sha256", "sha384", "sha512"] as const) {
    for (const length of [0, 1, 65, 5000]) {
      const data = length === 0 ? new Uint8Array() : randomBytes(length);
      const whole = digest(algorithm, data);
      const pieces = createHasher(algorithm).update(data.subarray(0, 3)).update(data.subarray(3)).digest();
      assert.equal(whole.length, digestBytes[algorithm]);
      assert.equal(hex(whole), createHash(algorithm).update(data).digest("hex"));
      assert.equal(digestHex(algorithm, data), hex(whole));
      assert.deepEqual(pieces, whole);
      assert.equal(Object.getPrototypeOf(pieces), Uint8Array.prototype);
    }
  }
});

test("random bytes are as many as asked for, differ, and none are not given", () => {
  assert.equal(randomBytes(33).length, 33);
  assert.notEqual(hex(randomBytes(16)), hex(randomBytes(16)));
  for (const count of [0, -1, 1.5, Number.NaN, 65_537]) assert.throws(() => randomBytes(count), /1 to 65,536/);
});
