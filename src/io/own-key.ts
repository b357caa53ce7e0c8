// A key that belongs to this user and is made at its first use: `NAME.pem`, mode 0600, and `NAME.pub` beside it.

import { join } from "node:path";
import { fromUtf8, isProblem, utf8 } from "../core/index.ts";
import {
  encodePrivateKeyPem,
  encodePublicKeyPem,
  generateKey,
  parsePrivateKeyPem,
  type PrivateKey,
} from "../crypto/index.ts";
import { readIfThere, write } from "./files.ts";

const maxPemBytes = 64 * 1024;

/** Problems `crypto/key-invalid`, `io/read`, `io/exposed`, `io/write`. */
export async function ownKey(folder: string, name: string): Promise<PrivateKey> {
  const path = join(folder, `${name}.pem`);
  const kept = await readIfThere(path, maxPemBytes, { private: true });
  if (kept !== undefined) return parsePrivateKeyPem(fromUtf8(kept));
  const key = generateKey("ecdsa-p256");
  try {
    await write(path, utf8(encodePrivateKeyPem(key)), { private: true, isNew: true });
  } catch (error) {
    // Another first use at the same time has made one: that is the key.
    if (isProblem(error, "io/exists")) return ownKey(folder, name);
    throw error;
  }
  await write(join(folder, `${name}.pub`), utf8(encodePublicKeyPem(key.publicKey)));
  return key;
}
