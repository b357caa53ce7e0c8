// The only place where randomness is made. Imported by the outer folders and by tests, never by the rules.

import { generateKeyPairSync, randomBytes as nodeRandomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { assert } from "../core/index.ts";
import { privateKeyOf } from "./key.ts";
import type { KeyType, PrivateKey } from "./key.ts";

/** Cryptographically strong bytes; 1 to 65,536 of them. */
export function randomBytes(count: number): Uint8Array {
  assert(Number.isInteger(count) && count > 0 && count <= 65_536, "a count of 1 to 65,536 bytes");
  return new Uint8Array(nodeRandomBytes(count));
}

/** A fresh key pair; "rsa" is of 2048 bits with e = 65537. */
export function generateKey(type: KeyType): PrivateKey {
  return privateKeyOf(generateHandle(type));
}

function generateHandle(type: KeyType): KeyObject {
  switch (type) {
    case "ecdsa-p256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    case "ecdsa-p384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey;
    case "ecdsa-p521":
      return generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey;
    case "ed25519":
      return generateKeyPairSync("ed25519", {}).privateKey;
    case "rsa":
      return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  }
}
