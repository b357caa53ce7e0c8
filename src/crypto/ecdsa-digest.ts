// ECDSA over a digest made beforehand (FIPS 186-5 §6.4.2), which node:crypto.verify cannot do: it hashes itself. What
// it does offer is scalar multiplication, as ECDH (SP 800-56A §5.7.1.2), and that is enough. With w = e/r and
// u2 = r/s, the point of §6.4.2 is R = u1·G + u2·Q = u2·(w·G + Q): w·G is the public key of the private key w, one
// addition in the plane gives T = w·G + Q, and the shared secret of u2 and T is the x-coordinate of u2·T. So OpenSSL
// does all multiplications, and checks that T is on the curve. Only public values are involved.

import { createECDH } from "node:crypto";
import { equalBytes, fromHex, hex } from "../core/index.ts";
import { ecdsaOrders, type EcdsaKeyType } from "./ecdsa-signature.ts";
import type { PublicKey } from "./key.ts";

// SP 800-186 §3.2.1.3 to §3.2.1.5; a = -3 for all.
const curves: Readonly<Record<EcdsaKeyType, { readonly name: string; readonly p: bigint; readonly n: bigint }>> = {
  "ecdsa-p256": {
    name: "prime256v1",
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    n: toInteger(ecdsaOrders["ecdsa-p256"]),
  },
  "ecdsa-p384": {
    name: "secp384r1",
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    n: toInteger(ecdsaOrders["ecdsa-p384"]),
  },
  "ecdsa-p521": { name: "secp521r1", p: 2n ** 521n - 1n, n: toInteger(ecdsaOrders["ecdsa-p521"]) },
};

function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes)}`);
}

function toBytes(value: bigint, size: number): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * size, "0"));
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** By the extended Euclidean algorithm; `value` is not 0 and `modulus` is prime. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [low, high] = [modulo(value, modulus), modulus];
  let [x, y] = [1n, 0n];
  while (low > 1n) {
    const quotient = high / low;
    [low, high] = [high % low, low];
    [x, y] = [y - quotient * x, x];
  }
  return modulo(x, modulus);
}

/** Leftmost bits of the digest as an integer: as many as the order has. */
function digestInteger(digest: Uint8Array, n: bigint): bigint {
  const excess = 8 * digest.length - n.toString(2).length;
  const value = toInteger(digest);
  return excess > 0 ? value >> BigInt(excess) : value;
}

/** A + B for points 04 || x || y; undefined for the point at infinity. */
function addPoints(a: Uint8Array, b: Uint8Array, p: bigint): Uint8Array | undefined {
  const size = (a.length - 1) / 2;
  const [ax, ay] = [toInteger(a.subarray(1, 1 + size)), toInteger(a.subarray(1 + size))];
  const [bx, by] = [toInteger(b.subarray(1, 1 + size)), toInteger(b.subarray(1 + size))];
  if (ax === bx && ay !== by) return undefined;
  const [rise, run] = ax === bx ? [3n * ax * ax - 3n, 2n * ay] : [by - ay, bx - ax];
  const slope = modulo(rise * inverse(run, p), p);
  const x = modulo(slope * slope - ax - bx, p);
  const y = modulo(slope * (ax - x) - ay, p);
  const out = new Uint8Array(a.length);
  out[0] = 4;
  out.set(toBytes(x, size), 1);
  out.set(toBytes(y, size), 1 + size);
  return out;
}

/** `scalars` is r || s as `parseEcdsaSignature` gives it, both in [1, n-1]. */
export function verifyEcdsaDigest(
  type: EcdsaKeyType,
  key: PublicKey,
  digest: Uint8Array,
  scalars: Uint8Array,
): boolean {
  const { name, p, n } = curves[type];
  const size = scalars.length / 2;
  const [r, s] = [toInteger(scalars.subarray(0, size)), toInteger(scalars.subarray(size))];
  const both = inverse(r * s, n);
  const w = modulo(digestInteger(digest, n) * s * both, n);
  const u2 = modulo(r * r * both, n);
  const q = key.spki.subarray(key.spki.length - (1 + 2 * size));
  const ecdh = createECDH(name);
  let point: Uint8Array | undefined = q;
  if (w !== 0n) {
    ecdh.setPrivateKey(toBytes(w, size));
    point = addPoints(ecdh.getPublicKey(), q, p);
  }
  if (point === undefined) return false;
  ecdh.setPrivateKey(toBytes(u2, size));
  const x = toInteger(ecdh.computeSecret(point));
  return equalBytes(toBytes(modulo(x, n), size), scalars.subarray(0, size));
}
