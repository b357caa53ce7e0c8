import assert from "node:assert/strict";
import { test } from "node:test";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { isProblem, utf8 } from "../core/index.ts";
import {
  der,
  encodePem,
  generateKey,
  encodePublicKeyPem,
  loadMlDsa,
  type MlDsaType,
  oids,
  parseMlDsaPublicKeyPem,
  verifyMlDsa,
} from "./index.ts";

const sets = [
  ["ml-dsa-44", ml_dsa44, oids.mlDsa44],
  ["ml-dsa-65", ml_dsa65, oids.mlDsa65],
  ["ml-dsa-87", ml_dsa87, oids.mlDsa87],
] as const satisfies readonly (readonly [MlDsaType, unknown, string])[];

const message = utf8("message");

function pemOf(oid: string, raw: Uint8Array, ...parameters: readonly Uint8Array[]): string {
  return encodePem("PUBLIC KEY", der.sequence(der.sequence(der.oid(oid), ...parameters), der.bitString(raw)));
}

test("before an implementation is loaded no ML-DSA signature is valid", () => {
  const { publicKey, secretKey } = ml_dsa44.keygen(new Uint8Array(32));
  const key = parseMlDsaPublicKeyPem(pemOf(oids.mlDsa44, publicKey));
  assert.equal(verifyMlDsa(key, message, ml_dsa44.sign(message, secretKey)), false);
});

for (const [type, scheme, oid] of sets) {
  test(`${type} accepts the key's signature over the message and nothing else`, async () => {
    assert.equal(await loadMlDsa(), true);
    const { publicKey, secretKey } = scheme.keygen(new Uint8Array(32).fill(7));
    const key = parseMlDsaPublicKeyPem(pemOf(oid, publicKey));
    assert.equal(key.type, type);
    const signature = scheme.sign(message, secretKey);
    assert.equal(verifyMlDsa(key, message, signature), true);
    assert.equal(verifyMlDsa(key, utf8("messagf"), signature), false);
    const other = parseMlDsaPublicKeyPem(pemOf(oid, scheme.keygen(new Uint8Array(32)).publicKey));
    assert.equal(verifyMlDsa(other, message, signature), false);
    assert.equal(verifyMlDsa(key, message, signature.subarray(1)), false);
    for (const at of [0, 100, signature.length - 1]) {
      const changed = signature.slice();
      changed[at]! ^= 1;
      assert.equal(verifyMlDsa(key, message, changed), false);
    }
    const inContext = scheme.sign(message, secretKey, { context: utf8("c") });
    assert.equal(verifyMlDsa(key, message, inContext), false);
  });
}

test("an ML-DSA key has one encoding: no parameters, its own length, nothing else", () => {
  const { publicKey } = ml_dsa65.keygen(new Uint8Array(32));
  const refused = [
    pemOf(oids.mlDsa65, publicKey, der.nullValue()),
    pemOf(oids.mlDsa65, publicKey.subarray(1)),
    pemOf(oids.mlDsa44, publicKey),
    pemOf(oids.mlDsa65, publicKey).repeat(2),
    encodePublicKeyPem(generateKey("ecdsa-p256").publicKey),
  ];
  for (const pem of refused) {
    assert.throws(
      () => parseMlDsaPublicKeyPem(pem),
      (error) => isProblem(error, "crypto/key-invalid"),
    );
  }
});
