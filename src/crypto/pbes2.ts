// EncryptedPrivateKeyInfo, RFC 5958 §3, with PBES2 of RFC 8018 §6.2: PBKDF2 or scrypt, AES in CBC mode. Other schemes
// (PBES1, triple DES, RC2) are refused. CBC authenticates nothing: that the passphrase is right shows by the padding
// and by what is inside, a private key.

import { createCipheriv, createDecipheriv } from "node:crypto";
import { demand, Problem } from "../core/index.ts";
import { type DerInput, type DerReader, derTag, readDer } from "./der.ts";
import * as der from "./der-write.ts";
import { derivePbkdf2, deriveScrypt } from "./derive.ts";
import { oids } from "./oid.ts";
import { randomBytes } from "./random.ts";

/**
 * PBKDF2 with HMAC-SHA-256 as OWASP's Password Storage Cheat Sheet has it since 2023: some 0.4 s for us, and as much
 * for each guess of a thief's core, but not of a thief's graphics card. OpenSSL's own default is 2,048.
 */
const iterations = 600_000;
const saltBytes = 16;
const blockBytes = 16;

const code = "crypto/key-invalid";
const unsupported = "crypto/key-encryption-unsupported";
const input: DerInput = { what: "encrypted private key", code, maxBytes: 16 * 1024 };

const hashes: Readonly<Record<string, string>> = {
  [oids.hmacWithSha1]: "sha1",
  [oids.hmacWithSha256]: "sha256",
  [oids.hmacWithSha384]: "sha384",
  [oids.hmacWithSha512]: "sha512",
};

const ciphers: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  [oids.aes128Cbc]: { name: "aes-128-cbc", keyBytes: 16 },
  [oids.aes192Cbc]: { name: "aes-192-cbc", keyBytes: 24 },
  [oids.aes256Cbc]: { name: "aes-256-cbc", keyBytes: 32 },
};

type Derivation = (passphrase: Uint8Array, keyBytes: number) => Promise<Uint8Array>;

interface Encrypted {
  readonly derive: Derivation;
  readonly cipher: { readonly name: string; readonly keyBytes: number };
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/**
 * DER PrivateKeyInfo. Problems `crypto/passphrase-wrong`, `crypto/key-invalid`,
 * `crypto/key-encryption-unsupported` for another scheme or for parameters out of bounds.
 */
export async function decryptPbes2(bytes: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  const { derive, cipher, iv, ciphertext } = readEncrypted(bytes);
  const key = await derive(passphrase, cipher.keyBytes);
  const decipher = createDecipheriv(cipher.name, key, iv);
  try {
    const head = new Uint8Array(decipher.update(ciphertext));
    const tail = new Uint8Array(decipher.final());
    const out = new Uint8Array(head.length + tail.length);
    out.set(head);
    out.set(tail, head.length);
    return out;
  } catch {
    throw new Problem("crypto/passphrase-wrong", "the private key does not open with this passphrase");
  }
}

/** DER EncryptedPrivateKeyInfo: PBKDF2 with HMAC-SHA-256 and 600,000 iterations, AES-256-CBC. */
export async function encryptPbes2(pkcs8: Uint8Array, passphrase: Uint8Array): Promise<Uint8Array> {
  const salt = randomBytes(saltBytes);
  const iv = randomBytes(blockBytes);
  const key = await derivePbkdf2(passphrase, salt, iterations, 32, "sha256");
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  const ciphertext = [new Uint8Array(cipher.update(pkcs8)), new Uint8Array(cipher.final())];
  const prf = der.sequence(der.oid(oids.hmacWithSha256), der.nullValue());
  const kdf = der.sequence(der.oid(oids.pbkdf2), der.sequence(der.octetString(salt), der.integer(iterations), prf));
  const scheme = der.sequence(der.oid(oids.aes256Cbc), der.octetString(iv));
  return der.sequence(
    der.sequence(der.oid(oids.pbes2), der.sequence(kdf, scheme)),
    der.encode(derTag.octetString, ...ciphertext),
  );
}

function readEncrypted(bytes: Uint8Array): Encrypted {
  return readDer(bytes, input, (reader) =>
    reader.sequence((info) => {
      const { derive, cipher, iv } = info.sequence((algorithm) => {
        demand(algorithm.oid() === oids.pbes2, unsupported, "the private key is not encrypted with PBES2");
        return algorithm.sequence((parameters) => ({
          derive: parameters.sequence(readDerivation),
          ...parameters.sequence(readCipher),
        }));
      });
      const ciphertext = info.octetString();
      const whole = ciphertext.length > 0 && ciphertext.length % blockBytes === 0;
      demand(whole, code, "the encrypted private key is cut off");
      return { derive, cipher, iv, ciphertext };
    }),
  );
}

function readCipher(reader: DerReader): Pick<Encrypted, "cipher" | "iv"> {
  const cipher = ciphers[reader.oid()];
  if (cipher === undefined) throw new Problem(unsupported, "the private key is not encrypted with AES-CBC");
  const iv = reader.octetString();
  demand(iv.length === blockBytes, code, "the initialisation vector has not 16 bytes");
  return { cipher, iv };
}

function readDerivation(reader: DerReader): Derivation {
  const kind = reader.oid();
  if (kind === oids.pbkdf2) return reader.sequence(readPbkdf2);
  if (kind === oids.scrypt) return reader.sequence(readScrypt);
  throw new Problem(unsupported, "the private key's passphrase goes through neither PBKDF2 nor scrypt");
}

// RFC 8018 §A.2: the salt as an OCTET STRING, the length of the key left out or that of the cipher, HMAC-SHA-1 when
// nothing else is named.
function readPbkdf2(reader: DerReader): Derivation {
  const salt = reader.octetString();
  const count = reader.smallInteger();
  const length = reader.optional(derTag.integer, (each) => each.smallInteger());
  const prf = reader.optional(derTag.sequence, (each) =>
    each.sequence((algorithm) => {
      const name = algorithm.oid();
      if (!algorithm.done) algorithm.null();
      return name;
    }),
  );
  const hash = hashes[prf ?? oids.hmacWithSha1];
  if (hash === undefined) throw new Problem(unsupported, "PBKDF2 is used with a hash that is not known");
  return (passphrase, keyBytes) => {
    demandLength(length, keyBytes);
    return derivePbkdf2(passphrase, salt, count, keyBytes, hash);
  };
}

// RFC 7914 §7.1.
function readScrypt(reader: DerReader): Derivation {
  const salt = reader.octetString();
  const [N, r, p] = [reader.smallInteger(), reader.smallInteger(), reader.smallInteger()];
  const length = reader.optional(derTag.integer, (each) => each.smallInteger());
  return (passphrase, keyBytes) => {
    demandLength(length, keyBytes);
    return deriveScrypt(passphrase, salt, { N, r, p }, keyBytes);
  };
}

function demandLength(length: number | undefined, keyBytes: number): void {
  demand(length === undefined || length === keyBytes, code, "the key's length is not the cipher's");
}
