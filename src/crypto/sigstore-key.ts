// The encrypted private key of cosign and of other users of go-securesystemslib's package `encrypted`: JSON with scrypt
// and NaCl's secretbox (XSalsa20-Poly1305) around PKCS#8. Secretbox is @noble/ciphers', loaded when the first such
// file is opened, since node:crypto has no Salsa20.

import { base64, canonicalJson, concat, demand, Fields, parseJson, Problem } from "../core/index.ts";
import { deriveScrypt, type ScryptParameters } from "./derive.ts";
import { randomBytes } from "./random.ts";

const code = "crypto/key-invalid";
const maxBytes = 64 * 1024;
const maxKeyBytes = 16 * 1024;
const keyBytes = 32;
const nonceBytes = 24;
const tagBytes = 16;

/** As go-securesystemslib writes it; files of before 2022 have N = 32768. */
const standard: ScryptParameters = { N: 65_536, r: 8, p: 1 };

/** DER PrivateKeyInfo. Problems `crypto/passphrase-wrong`, `crypto/key-invalid`, `crypto/key-encryption-unsupported`. */
export async function decryptSigstoreKey(json: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  const file = Fields.of(parseFile(json), "encrypted key", code);
  const kdf = file.object("kdf");
  const cipher = file.object("cipher");
  const known = kdf.string("name") === "scrypt" && cipher.string("name") === "nacl/secretbox";
  demand(known, "crypto/key-encryption-unsupported", "the key is not encrypted with scrypt and nacl/secretbox");
  const parameters = kdf.object("params");
  const [N, r, p] = [parameters.integer("N"), parameters.integer("r"), parameters.integer("p")];
  const nonce = cipher.base64("nonce", { max: nonceBytes, min: nonceBytes });
  const ciphertext = file.base64("ciphertext", { max: maxKeyBytes, min: tagBytes + 1 });
  const key = await deriveScrypt(passphrase, kdf.base64("salt", { max: 1024 }), { N, r, p }, keyBytes);
  const { xsalsa20poly1305 } = await import("@noble/ciphers/salsa.js");
  try {
    return xsalsa20poly1305(key, nonce).decrypt(ciphertext);
  } catch {
    throw new Problem("crypto/passphrase-wrong", "the private key does not open with this passphrase");
  }
}

function parseFile(json: Uint8Array): ReturnType<typeof parseJson> {
  try {
    return parseJson(json, { maxBytes, numbers: "integer" });
  } catch (cause) {
    throw new Problem(code, "the encrypted key is not the JSON that cosign writes", { cause });
  }
}

/** The JSON, with N = 65536, r = 8, p = 1. */
export async function encryptSigstoreKey(pkcs8: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  const salt = randomBytes(32);
  const nonce = randomBytes(nonceBytes);
  const key = await deriveScrypt(passphrase, salt, standard, keyBytes);
  const { xsalsa20poly1305 } = await import("@noble/ciphers/salsa.js");
  const ciphertext = concat(xsalsa20poly1305(key, nonce).encrypt(pkcs8));
  return canonicalJson({
    kdf: { name: "scrypt", params: { ...standard }, salt: base64(salt) },
    cipher: { name: "nacl/secretbox", nonce: base64(nonce) },
    ciphertext: base64(ciphertext),
  });
}
