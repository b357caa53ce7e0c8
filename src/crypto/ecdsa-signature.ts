// ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279 §2.2.3) in strict DER (X.690 §8.3, §10.1).
// Checked here and not left to the library, so that both ways of verifying accept the same bytes. A high s is
// valid: FIPS 186-5 §6.4.2 allows it, and the ecosystems verified here make it.

import { compareBytes, fromHex } from "../core/index.ts";

export type EcdsaKeyType = "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521";

/** Orders n of the base points, SP 800-186 §3.2.1. */
export const ecdsaOrders: Readonly<Record<EcdsaKeyType, Uint8Array>> = {
  "ecdsa-p256": fromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
  "ecdsa-p384": fromHex(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
  ),
  "ecdsa-p521": fromHex(
    "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
  ),
};

/** r || s, each as long as n; undefined unless it is strict DER and both lie in [1, n-1]. */
export function parseEcdsaSignature(type: EcdsaKeyType, der: Uint8Array): Uint8Array | undefined {
  const order = ecdsaOrders[type];
  const body = sequenceBody(der);
  if (body === undefined) return undefined;
  const out = new Uint8Array(2 * order.length);
  const afterR = readScalar(body, 0, order, out.subarray(0, order.length));
  if (afterR === undefined) return undefined;
  const afterS = readScalar(body, afterR, order, out.subarray(order.length));
  return afterS === body.length ? out : undefined;
}

function sequenceBody(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== 0x30) return undefined;
  const first = der[1] ?? 0x80;
  if (first < 0x80) return der.length === 2 + first ? der.subarray(2) : undefined;
  // No signature here is longer than 255 bytes; below 128 the long form is not minimal.
  const length = der[2] ?? 0;
  return first === 0x81 && length >= 0x80 && der.length === 3 + length ? der.subarray(3) : undefined;
}

/** Reads one INTEGER at `at` into `out`, left-padded; gives where it ends. */
function readScalar(body: Uint8Array, at: number, order: Uint8Array, out: Uint8Array): number | undefined {
  const length = body[at + 1] ?? 0;
  const end = at + 2 + length;
  if (body[at] !== 0x02 || length === 0 || length >= 0x80 || end > body.length) return undefined;
  let value = body.subarray(at + 2, end);
  if (value[0]! >= 0x80) return undefined;
  if (value[0] === 0) {
    if (value.length === 1 || value[1]! < 0x80) return undefined;
    value = value.subarray(1);
  }
  if (value.length > out.length) return undefined;
  out.set(value, out.length - value.length);
  return compareBytes(out, order) < 0 ? end : undefined;
}
