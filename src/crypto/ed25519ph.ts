// Ed25519ph (RFC 8032 §5.1), which node:crypto cannot do, on @noble/curves. Some 30 times slower than OpenSSL, so
// nothing else uses it. Only noble's curve class is imported, and the curve is built at its first use, so that an
// ordinary start pays next to nothing for it.

import { eddsa, edwards } from "@noble/curves/abstract/edwards.js";
import type { EdDSA } from "@noble/curves/abstract/edwards.js";
import { assert, concat, utf8 } from "../core/index.ts";
import { digest as digestOf } from "./digest.ts";
import { rawEd25519 } from "./key.ts";
import type { PrivateKey, PublicKey } from "./key.ts";

/** Our own SHA-512 in the shape that noble wants. */
function sha512(): Parameters<typeof eddsa>[1] {
  const create = (): never => {
    throw new Error("assertion failed: Ed25519ph hashes in one piece");
  };
  const hash = (data: Uint8Array): Uint8Array<ArrayBuffer> => digestOf("sha512", data) as Uint8Array<ArrayBuffer>;
  return Object.assign(hash, { outputLen: 64, blockLen: 128, create, canXOF: false });
}

let builtEd25519ph: EdDSA | undefined;

// RFC 8032 §5.1 with F = 1 and an empty context; PH is done by who calls, so that a digest at hand will do.
function ed25519ph(): EdDSA {
  if (builtEd25519ph !== undefined) return builtEd25519ph;
  const p = 2n ** 255n - 19n;
  const point = edwards({
    p,
    n: 2n ** 252n + 27742317777372353535851937790883648493n,
    h: 8n,
    a: p - 1n,
    d: 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n,
    Gx: 0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51an,
    Gy: 0x6666666666666666666666666666666666666666666666666666666666666658n,
  });
  const dom2 = concat(utf8("SigEd25519 no Ed25519 collisions"), Uint8Array.of(1, 0));
  builtEd25519ph = eddsa(point, sha512(), {
    adjustScalarBytes: clamp,
    domain: (data: Uint8Array) => concat(dom2, data),
    prehash: (digest: Uint8Array) => digest as Uint8Array<ArrayBuffer>,
    zip215: false,
  });
  return builtEd25519ph;
}

// RFC 8032 §5.1.5 step 2.
function clamp(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = bytes.slice();
  out[0] = out[0]! & 248;
  out[31] = (out[31]! & 127) | 64;
  return out;
}

/** `digest` is SHA-512 of the message. */
export function verifyEd25519ph(key: PublicKey, digest: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === 64 && ed25519ph().verify(signature, digest, rawEd25519(key));
}

/** `digest` is SHA-512 of the message. Pure JavaScript: constant time only as far as noble is. */
export function signEd25519ph(key: PrivateKey, digest: Uint8Array): Uint8Array {
  const pkcs8 = new Uint8Array(key.handle.export({ type: "pkcs8", format: "der" }));
  // RFC 8410 §7: without attributes and public key the seed is the last 32 of 48 bytes.
  assert(key.publicKey.type === "ed25519" && pkcs8.length === 48, "a plain Ed25519 private key");
  return ed25519ph().sign(digest, pkcs8.subarray(16));
}
