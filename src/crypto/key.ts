// Public keys as SubjectPublicKeyInfo (RFC 5280 §4.1, RFC 5480, RFC 8410, RFC 8017 §A.1) and private keys as PKCS#8
// (RFC 5958). Stricter than those: one encoding per key (uncompressed points, named curves, RSA with NULL
// parameters), RSA of 2048 to 4096 bits with e = 65537, no Ed25519 point of small order. So the bytes of
// the SPKI are the key's identity, and two different SPKIs are two different keys.

import { createPrivateKey, createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { assert, base64url, concat, demand, fromHex, Problem } from "../core/index.ts";
import { digest } from "./digest.ts";
import { demandCanonical, ed25519Prefix, exportSpki, hasForm, kindOf, p256Kind } from "./key-kind.ts";
import type { KeyType } from "./key-kind.ts";
import { encodePem, parsePem } from "./pem.ts";

export type { KeyType } from "./key-kind.ts";

export interface PublicKey {
  readonly type: KeyType;
  /** Size of the modulus, of the curve's field, or 256 for Ed25519. */
  readonly bits: number;
  readonly spki: Uint8Array;
  /** The parsed key, kept because parsing costs more than verifying. Opaque outside crypto/. */
  readonly handle: KeyObject;
}

export interface PrivateKey {
  readonly publicKey: PublicKey;
  /** Opaque outside crypto/. */
  readonly handle: KeyObject;
}

// RSA-4096 needs 550 bytes as SPKI and 2,400 as PKCS#8.
const maxSpkiBytes = 1024;
const maxPkcs8Bytes = 8192;

type PublicKeySource = Parameters<typeof createPublicKey>[0];
type PrivateKeySource = Parameters<typeof createPrivateKey>[0];

/**
 * A public key of DER SubjectPublicKeyInfo. Problem `crypto/key-invalid` when it is not exactly the one canonical
 * encoding of a valid key, `crypto/key-unsupported` for other algorithms, curves, RSA sizes and exponents.
 */
export function parsePublicKey(spkiDer: Uint8Array): PublicKey {
  demand(spkiDer.length <= maxSpkiBytes, "crypto/key-invalid", "public key is too large");
  const spki = spkiDer.slice();
  const p256 = hasForm(p256Kind.form, spki);
  let handle: KeyObject;
  try {
    handle = createPublicKey(p256 ? p256Source(spki) : ({ key: spki, format: "der", type: "spki" } as PublicKeySource));
  } catch (cause) {
    throw new Problem("crypto/key-invalid", "public key cannot be read", { cause });
  }
  if (p256) return { type: p256Kind.type, bits: p256Kind.bits, spki, handle };
  return publicKeyOf(handle, spki);
}

// The commonest kind by far, and OpenSSL takes its coordinates in half the time that its DER takes. They are
// checked to be on the curve either way.
function p256Source(spki: Uint8Array): PublicKeySource {
  const point = spki.subarray(p256Kind.form.prefix.length);
  const jwk = { kty: "EC", crv: "P-256", x: base64url(point.subarray(0, 32)), y: base64url(point.subarray(32)) };
  return { key: jwk, format: "jwk" };
}

function publicKeyOf(handle: KeyObject, spki: Uint8Array): PublicKey {
  const kind = kindOf(handle);
  demandCanonical(kind, spki, handle);
  return { type: kind.type, bits: kind.bits, spki, handle };
}

/** A public key of exactly one `PUBLIC KEY` block. Problems of `parsePem` and `parsePublicKey`. */
export function parsePublicKeyPem(pem: string): PublicKey {
  return parsePublicKey(onlyBlock(pem, "PUBLIC KEY"));
}

export function encodePublicKeyPem(key: PublicKey): string {
  return encodePem("PUBLIC KEY", key.spki);
}

function onlyBlock(pem: string, label: string): Uint8Array {
  const [block, ...more] = parsePem(pem, label);
  demand(block !== undefined && more.length === 0, "crypto/pem-invalid", `PEM text has more than one ${label}`);
  return block;
}

/** SHA-256 of the SPKI. */
export function keyFingerprint(key: PublicKey): Uint8Array {
  return digest("sha256", key.spki);
}

/** A key of the 32 bytes of RFC 8032 §5.1.5. Problem `crypto/key-invalid`. */
export function ed25519PublicKey(raw: Uint8Array): PublicKey {
  demand(raw.length === 32, "crypto/key-invalid", "an Ed25519 key has 32 bytes");
  return parsePublicKey(concat(ed25519Prefix, raw));
}

/** The 32 bytes of an Ed25519 key. Problem `crypto/key-unsupported` for a key of another type. */
export function rawEd25519(key: PublicKey): Uint8Array {
  demand(key.type === "ed25519", "crypto/key-unsupported", `key is ${key.type}, not ed25519`);
  return key.spki.slice(ed25519Prefix.length);
}

/**
 * An RSA key of its bare RSAPublicKey (RFC 8017 §A.1.1), as Sigstore's trusted roots may hold one.
 * Problems as for `parsePublicKey`.
 */
export function rsaPublicKey(pkcs1Der: Uint8Array): PublicKey {
  // From 2048 bits on every length here takes two bytes.
  const sized = pkcs1Der.length > 256 && pkcs1Der.length <= maxSpkiBytes;
  demand(sized, "crypto/key-invalid", "RSA key is not of 2048 to 4096 bits");
  const bits = concat(Uint8Array.of(0x03, 0x82, ...uint16(pkcs1Der.length + 1), 0), pkcs1Der);
  const algorithm = fromHex("300d06092a864886f70d0101010500");
  const header = Uint8Array.of(0x30, 0x82, ...uint16(algorithm.length + bits.length));
  return parsePublicKey(concat(header, algorithm, bits));
}

function uint16(value: number): readonly [number, number] {
  return [value >> 8, value & 0xff];
}

/** A private key of exactly one unencrypted `PRIVATE KEY` block (PKCS#8). Problems as for public keys. */
export function parsePrivateKeyPem(pem: string): PrivateKey {
  return parsePkcs8(onlyBlock(pem, "PRIVATE KEY"));
}

/** A private key of DER PrivateKeyInfo; for this folder alone. Problems as for public keys. */
export function parsePkcs8(der: Uint8Array): PrivateKey {
  demand(der.length <= maxPkcs8Bytes, "crypto/key-invalid", "private key is too large");
  let handle: KeyObject;
  try {
    handle = createPrivateKey({ key: der, format: "der", type: "pkcs8" } as PrivateKeySource);
  } catch {
    // The cause is left out: nothing of a private key may reach a log.
    throw new Problem("crypto/key-invalid", "private key cannot be read");
  }
  return privateKeyOf(handle);
}

/** A private key of node's own; for this folder alone. */
export function privateKeyOf(handle: KeyObject): PrivateKey {
  assert(handle.type === "private", "a private key");
  const publicHandle = createPublicKey(handle);
  return { publicKey: publicKeyOf(publicHandle, exportSpki(publicHandle)), handle };
}

/** Unencrypted PKCS#8. */
export function encodePrivateKeyPem(key: PrivateKey): string {
  return encodePem("PRIVATE KEY", encodePkcs8(key));
}

/** DER PrivateKeyInfo; for this folder alone. */
export function encodePkcs8(key: PrivateKey): Uint8Array {
  return new Uint8Array(key.handle.export({ type: "pkcs8", format: "der" }));
}
