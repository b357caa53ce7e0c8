import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { base64url, concat, fromHex, hex, isProblem } from "../core/index.ts";
import type { ProblemCode } from "../core/index.ts";
import { createSigner, ed25519PublicKey, encodePem, encodePrivateKeyPem, encodePublicKeyPem } from "./index.ts";
import { generateKey, keyFingerprint, parsePrivateKeyPem, parsePublicKey, parsePublicKeyPem } from "./index.ts";
import { digestHex, randomBytes, rawEd25519, rsaPublicKey, verifySignature } from "./index.ts";

const types = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa"] as const;
const keys = types.map((type) => generateKey(type));

function refused(code: ProblemCode): (error: unknown) => boolean {
  return (error) => isProblem(error, code);
}

function spkiOf(type: string, options: object): Uint8Array {
  const generate = generateKeyPairSync as unknown as (
    type: string,
    options: object,
  ) => { publicKey: { export(options: object): Uint8Array } };
  return new Uint8Array(generate(type, options).publicKey.export({ type: "spki", format: "der" }));
}

test("every type of key survives PEM and DER, public and private", () => {
  for (const [i, key] of keys.entries()) {
    assert.equal(key.publicKey.type, types[i]);
    assert.deepEqual(parsePublicKey(key.publicKey.spki).spki, key.publicKey.spki);
    assert.deepEqual(parsePublicKeyPem(encodePublicKeyPem(key.publicKey)).spki, key.publicKey.spki);
    const again = parsePrivateKeyPem(encodePrivateKeyPem(key));
    assert.deepEqual(again.publicKey.spki, key.publicKey.spki);
    const signer = createSigner(again);
    assert.ok(verifySignature(key.publicKey, signer.scheme, Uint8Array.of(1), signer.sign(Uint8Array.of(1))));
  }
});

test("the fingerprint is SHA-256 of the SPKI", () => {
  for (const { publicKey } of keys) assert.equal(hex(keyFingerprint(publicKey)), digestHex("sha256", publicKey.spki));
});

test("a key with a byte after it, or one too few, is refused", () => {
  for (const { publicKey } of keys) {
    assert.throws(() => parsePublicKey(concat(publicKey.spki, Uint8Array.of(0))), refused("crypto/key-invalid"));
    assert.throws(() => parsePublicKey(publicKey.spki.subarray(0, -1)), refused("crypto/key-invalid"));
  }
  assert.throws(() => parsePublicKey(new Uint8Array()), refused("crypto/key-invalid"));
  assert.throws(() => parsePublicKey(new Uint8Array(4096)), refused("crypto/key-invalid"));
});

test("compressed and hybrid points are refused", () => {
  const { spki } = keys[0]!.publicKey;
  const point = spki.subarray(26);
  const sign = 2 + (point[64]! & 1);
  const compressed = concat(
    fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200"),
    Uint8Array.of(sign),
    point.subarray(1, 33),
  );
  createPublicKey({ key: Buffer.from(compressed), format: "der", type: "spki" });
  assert.throws(() => parsePublicKey(compressed), refused("crypto/key-invalid"));
  const hybrid = concat(spki.subarray(0, 26), Uint8Array.of(sign + 4), point.subarray(1));
  assert.throws(() => parsePublicKey(hybrid), refused("crypto/key-invalid"));
});

test("a point that is not on the curve is refused", () => {
  const spki = keys[0]!.publicKey.spki.slice();
  spki[90] = spki[90]! ^ 1;
  assert.throws(() => parsePublicKey(spki), refused("crypto/key-invalid"));
});

test("other curves and algorithms are refused", () => {
  const unsupported = refused("crypto/key-unsupported");
  assert.throws(() => parsePublicKey(spkiOf("ec", { namedCurve: "secp256k1" })), unsupported);
  assert.throws(() => parsePublicKey(spkiOf("ed448", {})), unsupported);
  assert.throws(() => parsePublicKey(spkiOf("x25519", {})), unsupported);
  assert.throws(() => parsePublicKey(spkiOf("rsa-pss", { modulusLength: 2048 })), unsupported);
});

test("a known curve in explicit parameters is refused", () => {
  const explicit = spkiOf("ec", { namedCurve: "P-256", paramEncoding: "explicit" });
  assert.throws(() => parsePublicKey(explicit), refused("crypto/key-invalid"));
});

/** An SPKI whose modulus is odd, of this size, and nobody's. */
function rsaSpki(bits: number, exponent: string): Uint8Array {
  const modulus = randomBytes(Math.ceil(bits / 8));
  const top = (bits - 1) % 8;
  modulus[0] = (modulus[0]! & ((1 << top) - 1)) | (1 << top);
  modulus[modulus.length - 1] = modulus.at(-1)! | 1;
  const jwk = { kty: "RSA", n: base64url(modulus), e: exponent };
  return new Uint8Array(createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "der" }));
}

test("RSA is accepted from 2048 to 4096 bits in steps of 8 with e = 65537, and refused otherwise", () => {
  const unsupported = refused("crypto/key-unsupported");
  for (const bits of [2048, 2056, 3072, 4096]) assert.equal(parsePublicKey(rsaSpki(bits, "AQAB")).bits, bits);
  for (const bits of [1024, 2040, 2047, 2049, 4104]) {
    assert.throws(() => parsePublicKey(rsaSpki(bits, "AQAB")), unsupported, String(bits));
  }
  assert.throws(() => parsePublicKey(rsaSpki(2048, "Aw")), unsupported);
  assert.throws(() => parsePublicKey(rsaSpki(2048, "AQAD")), unsupported);
});

test("an RSA key comes back from its bare RSAPublicKey, and nothing else passes for one", () => {
  for (const bits of [2048, 4096]) {
    const spki = rsaSpki(bits, "AQAB");
    assert.deepEqual(rsaPublicKey(spki.subarray(24)).spki, spki);
    assert.throws(() => rsaPublicKey(concat(spki.subarray(24), Uint8Array.of(0))), refused("crypto/key-invalid"));
    assert.throws(() => rsaPublicKey(spki), refused("crypto/key-invalid"));
  }
  assert.throws(() => rsaPublicKey(new Uint8Array()), refused("crypto/key-invalid"));
});

test("a private RSA key of 1024 bits is refused", () => {
  const unsupported = refused("crypto/key-unsupported");
  const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ type: "pkcs8", format: "der" });
  assert.throws(() => parsePrivateKeyPem(encodePem("PRIVATE KEY", new Uint8Array(small))), unsupported);
});

test("RSA without its NULL parameters is refused", () => {
  const { spki } = keys[4]!.publicKey;
  const without = concat(fromHex("30820120300b06092a864886f70d010101"), spki.subarray(24));
  assert.throws(() => parsePublicKey(without), refused("crypto/key-invalid"));
});

test("the 32 bytes of an Ed25519 key come back; other types have none", () => {
  const { publicKey } = keys[3]!;
  assert.deepEqual(ed25519PublicKey(rawEd25519(publicKey)).spki, publicKey.spki);
  assert.throws(() => rawEd25519(keys[4]!.publicKey), refused("crypto/key-unsupported"));
  assert.throws(() => ed25519PublicKey(new Uint8Array(31)), refused("crypto/key-invalid"));
});

test("Ed25519 points of small order and non-canonical ones are refused, with either sign", () => {
  const bad = [
    `01${"00".repeat(31)}`,
    `ec${"ff".repeat(30)}7f`,
    "00".repeat(32),
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    `ed${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
    `ff${"ff".repeat(30)}7f`,
  ];
  for (const each of bad) {
    const raw = fromHex(each);
    assert.throws(() => ed25519PublicKey(raw), refused("crypto/key-invalid"), each);
    raw[31] = raw[31]! | 0x80;
    assert.throws(() => ed25519PublicKey(raw), refused("crypto/key-invalid"), `${each}, negative`);
  }
});

test("a private key's PEM is not taken for a public key, nor an encrypted one for a plain one", () => {
  const pem = encodePrivateKeyPem(keys[3]!);
  assert.throws(() => parsePublicKeyPem(pem), refused("crypto/pem-invalid"));
  const encrypted = pem.replaceAll("PRIVATE", "ENCRYPTED PRIVATE");
  assert.throws(() => parsePrivateKeyPem(encrypted), refused("crypto/pem-invalid"));
  assert.throws(
    () => parsePrivateKeyPem(encodePem("PRIVATE KEY", Uint8Array.of(0x30, 0))),
    refused("crypto/key-invalid"),
  );
});

test("two public keys in one PEM text are refused where one is asked for", () => {
  const pem = encodePublicKeyPem(keys[0]!.publicKey);
  assert.throws(() => parsePublicKeyPem(pem + pem), refused("crypto/pem-invalid"));
});
