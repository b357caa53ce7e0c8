// The kinds of key that are accepted, and the one encoding of each.

import type { KeyObject } from "node:crypto";
import { demand, equalBytes, fromHex, Problem } from "../core/index.ts";

export type KeyType = "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "ed25519" | "rsa";

export interface KeyKind {
  readonly type: KeyType;
  readonly bits: number;
  /** Where only the key's own bytes differ from one SPKI to the next: what comes before them, and the whole length. */
  readonly form?: { readonly prefix: Uint8Array; readonly length: number };
}

// RFC 5480 §2: a named curve, and at the end 04 for an uncompressed point.
export const p256Kind = {
  type: "ecdsa-p256",
  bits: 256,
  form: { prefix: fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), length: 91 },
} as const satisfies KeyKind;

const curves: Readonly<Record<string, KeyKind>> = {
  prime256v1: p256Kind,
  secp384r1: {
    type: "ecdsa-p384",
    bits: 384,
    form: { prefix: fromHex("3076301006072a8648ce3d020106052b8104002203620004"), length: 120 },
  },
  secp521r1: {
    type: "ecdsa-p521",
    bits: 521,
    form: { prefix: fromHex("30819b301006072a8648ce3d020106052b810400230381860004"), length: 158 },
  },
};

/** RFC 8410 §4: the SPKI of an Ed25519 key up to its 32 bytes. */
export const ed25519Prefix: Uint8Array = fromHex("302a300506032b6570032100");
const ed25519Kind: KeyKind = { type: "ed25519", bits: 256, form: { prefix: ed25519Prefix, length: 44 } };

/** Problem `crypto/key-unsupported`. */
export function kindOf(handle: KeyObject): KeyKind {
  const details = handle.asymmetricKeyDetails ?? {};
  if (handle.asymmetricKeyType === "ed25519") return ed25519Kind;
  if (handle.asymmetricKeyType === "ec") {
    const curve = details.namedCurve ?? "";
    const known = Object.hasOwn(curves, curve) ? curves[curve] : undefined;
    if (known !== undefined) return known;
    throw new Problem("crypto/key-unsupported", "curve is not P-256, P-384 or P-521");
  }
  if (handle.asymmetricKeyType !== "rsa") {
    throw new Problem("crypto/key-unsupported", "key is not ECDSA, Ed25519 or RSA");
  }
  const bits = details.modulusLength ?? 0;
  const sized = bits >= 2048 && bits <= 4096 && bits % 8 === 0;
  demand(sized, "crypto/key-unsupported", `RSA key of ${bits} bits is not of 2048 to 4096 bits, a multiple of 8`);
  demand(details.publicExponent === 65_537n, "crypto/key-unsupported", "RSA exponent is not 65537");
  return { type: "rsa", bits };
}

/** Problem `crypto/key-invalid` unless these bytes are the one encoding of the key that was read from them. */
export function demandCanonical(kind: KeyKind, spki: Uint8Array, handle: KeyObject): void {
  const canonical = kind.form === undefined ? equalBytes(exportSpki(handle), spki) : hasForm(kind.form, spki);
  demand(canonical, "crypto/key-invalid", "public key is not in its canonical encoding");
  if (kind.type === "ed25519") demandStrongEdwardsPoint(spki.subarray(ed25519Prefix.length));
}

// OpenSSL gives compressed points and explicit curve parameters back as they came, so its round trip does not tell.
export function hasForm(form: { readonly prefix: Uint8Array; readonly length: number }, spki: Uint8Array): boolean {
  return spki.length === form.length && equalBytes(spki.subarray(0, form.prefix.length), form.prefix);
}

export function exportSpki(handle: KeyObject): Uint8Array {
  return new Uint8Array(handle.export({ type: "spki", format: "der" }));
}

// y of the points whose order divides 8, the sign of x left out: 1, -1, 0 and the two of order 8.
const smallOrder = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map(fromHex);

// Under a key of small order one signature fits many messages; RFC 8032 §5.1.3 refuses y >= p, OpenSSL does not.
function demandStrongEdwardsPoint(raw: Uint8Array): void {
  const y = raw.slice();
  y[31] = y[31]! & 0x7f;
  const reduced = y[31] !== 0x7f || y[0]! < 0xed || y.subarray(1, 31).some((byte) => byte !== 0xff);
  demand(reduced, "crypto/key-invalid", "Ed25519 key is not in its canonical encoding");
  const weak = smallOrder.some((each) => equalBytes(each, y));
  demand(!weak, "crypto/key-invalid", "Ed25519 key is a point of small order");
}
