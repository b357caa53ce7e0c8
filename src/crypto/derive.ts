// Keys of passphrases: PBKDF2 (RFC 8018 §5.2) and scrypt (RFC 7914 §6) within bounds. The cost parameters come from the
// file that is opened, which may be somebody else's: without bounds it would choose our time and memory.

import { pbkdf2, scrypt } from "node:crypto";
import { demand, Problem } from "../core/index.ts";

export interface ScryptParameters {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

// OpenSSL writes 2,048 iterations unless it is told otherwise, RFC 8018 §4.2 asks for 1,000. The most takes seconds.
const pbkdf2Iterations = { min: 1000, max: 10_000_000 } as const;
const maxSaltBytes = 1024;
const maxScryptBytes = 256 * 1024 * 1024;
const maxScryptLanes = 4;

const code = "crypto/key-encryption-unsupported";

/** Problem `crypto/key-encryption-unsupported` for parameters out of bounds. */
export function derivePbkdf2(
  passphrase: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  keyBytes: number,
  hash: string,
): Promise<Uint8Array> {
  const { min, max } = pbkdf2Iterations;
  demand(salt.length > 0 && salt.length <= maxSaltBytes, code, "the salt has no usable length");
  demand(iterations >= min && iterations <= max, code, `${iterations} iterations are not between ${min} and ${max}`);
  return new Promise((resolve, reject) => {
    pbkdf2(passphrase, salt, iterations, keyBytes, hash, (error, key) => settle(error, key, resolve, reject));
  });
}

/** Problem `crypto/key-encryption-unsupported` for parameters out of bounds: at most 256 MiB and four lanes. */
export async function deriveScrypt(
  passphrase: Uint8Array,
  salt: Uint8Array,
  { N, r, p }: ScryptParameters,
  keyBytes: number,
): Promise<Uint8Array> {
  demand(salt.length > 0 && salt.length <= maxSaltBytes, code, "the salt has no usable length");
  const costs = [N, r, p].every((each) => Number.isSafeInteger(each) && each >= 1);
  demand(costs && N >= 1024 && Number.isInteger(Math.log2(N)), code, "scrypt's N is not a power of two from 1,024 on");
  demand(p <= maxScryptLanes && 128 * N * r <= maxScryptBytes, code, "scrypt's parameters ask for too much");
  return new Promise((resolve, reject) => {
    // OpenSSL counts some kilobytes on top of 128·N·r.
    const options = { N, r, p, maxmem: 2 * maxScryptBytes };
    scrypt(passphrase, salt, keyBytes, options, (error, key) => settle(error, key, resolve, reject));
  });
}

function settle(
  error: Error | null,
  key: Uint8Array,
  resolve: (key: Uint8Array) => void,
  reject: (problem: Problem) => void,
): void {
  if (error === null) resolve(new Uint8Array(key));
  else reject(new Problem(code, "a key cannot be derived of the passphrase"));
}
