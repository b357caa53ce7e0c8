// RSA signatures over a digest made beforehand, which node:crypto does not verify: the public operation is
// OpenSSL's, the comparison of the encoded message is here. RFC 8017 §8.1.2, §8.2.2, §9.1.2, §9.2.

import { constants, publicDecrypt } from "node:crypto";
import { concat, equalBytes, fromHex } from "../core/index.ts";
import { digest as digestOf } from "./digest.ts";
import type { HashAlgorithm } from "./digest.ts";
import type { PublicKey } from "./key.ts";

// DigestInfo up to the digest, with its NULL parameters: RFC 8017 §9.2 note 1.
const digestInfoPrefixes: Readonly<Record<HashAlgorithm, Uint8Array>> = {
  sha256: fromHex("3031300d060960864801650304020105000420"),
  sha384: fromHex("3041300d060960864801650304020205000430"),
  sha512: fromHex("3051300d060960864801650304020305000440"),
};

/** RSAVP1 (§5.2.2): the encoded message, as long as the modulus; undefined when the signature is out of range. */
function recoverEncodedMessage(key: PublicKey, signature: Uint8Array): Uint8Array | undefined {
  if (signature.length !== key.bits / 8) return undefined;
  try {
    return new Uint8Array(publicDecrypt({ key: key.handle, padding: constants.RSA_NO_PADDING }, signature));
  } catch {
    // What OpenSSL refuses at this length is a signature not below the modulus.
    return undefined;
  }
}

/** RSASSA-PKCS1-v1_5: the whole encoded message is made anew and compared (§8.2.2 step 4), never parsed. */
export function verifyPkcs1Digest(
  key: PublicKey,
  algorithm: HashAlgorithm,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = recoverEncodedMessage(key, signature);
  if (encoded === undefined) return false;
  const info = concat(digestInfoPrefixes[algorithm], digest);
  const padding = new Uint8Array(encoded.length - info.length - 3).fill(0xff);
  return equalBytes(encoded, concat(Uint8Array.of(0, 1), padding, Uint8Array.of(0), info));
}

/** RSASSA-PSS with MGF1 of the same hash and a salt as long as the hash. */
export function verifyPssDigest(
  key: PublicKey,
  algorithm: HashAlgorithm,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const encoded = recoverEncodedMessage(key, signature);
  return encoded !== undefined && pssConsistent(encoded, algorithm, digest);
}

/** EMSA-PSS-VERIFY (§9.1.2), for a modulus of a whole number of bytes: emLen = k, one bit of the first byte is unused. */
function pssConsistent(encoded: Uint8Array, algorithm: HashAlgorithm, digest: Uint8Array): boolean {
  const hashLength = digest.length;
  const maskedLength = encoded.length - hashLength - 1;
  // Steps 3 and 4: the salt is as long as the hash, and 2048 bits hold any two of ours.
  if (encoded.at(-1) !== 0xbc) return false;
  const masked = encoded.subarray(0, maskedLength);
  const expected = encoded.subarray(maskedLength, maskedLength + hashLength);
  // Steps 6 to 9.
  if ((masked[0]! & 0x80) !== 0) return false;
  const block = mgf1(algorithm, expected, maskedLength).map((byte, i) => byte ^ masked[i]!);
  block[0] = block[0]! & 0x7f;
  // Step 10: zeros, then 0x01, then the salt.
  const saltAt = maskedLength - hashLength;
  if (block[saltAt - 1] !== 1 || block.subarray(0, saltAt - 1).some((byte) => byte !== 0)) return false;
  // Steps 12 to 14.
  return equalBytes(expected, digestOf(algorithm, concat(new Uint8Array(8), digest, block.subarray(saltAt))));
}

/** RFC 8017 §B.2.1. */
function mgf1(algorithm: HashAlgorithm, seed: Uint8Array, length: number): Uint8Array {
  const out: Uint8Array[] = [];
  for (let counter = 0, made = 0; made < length; counter++) {
    // 512 bytes of mask at most, so one byte holds the counter.
    const part = digestOf(algorithm, concat(seed, Uint8Array.of(0, 0, 0, counter)));
    out.push(part);
    made += part.length;
  }
  return concat(...out).subarray(0, length);
}
