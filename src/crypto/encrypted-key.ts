// Private keys at rest in PEM: plain PKCS#8 (RFC 5958), EncryptedPrivateKeyInfo (RFC 7468 §11), and cosign's encrypted
// key. What is read is kept as a key of node's. The passphrase and the bytes of the key stay in this process's memory
// until the garbage collector has them: JavaScript offers no way to be sure of more, so nothing here claims it.

import { demand, isProblem, Problem, utf8 } from "../core/index.ts";
import { encodePkcs8, parsePkcs8, parsePrivateKeyPem, type PrivateKey } from "./key.ts";
import { decryptPbes2, encryptPbes2 } from "./pbes2.ts";
import { encodePem, parsePem } from "./pem.ts";
import { decryptSigstoreKey, encryptSigstoreKey } from "./sigstore-key.ts";

/** Asked for at most once, and only for a key that is encrypted. */
export type KeyPassphrase = () => string | Promise<string>;

const pkcs8Label = "ENCRYPTED PRIVATE KEY";
/** The second is cosign's of before 2.0, with the same content. */
const sigstoreLabels = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"] as const;
const maxPassphraseCharacters = 1024;

function labelOf(pem: string): string | undefined {
  return /^\s*-----BEGIN ([A-Z0-9 ]{1,64})-----\r?$/m.exec(pem.slice(0, 256))?.[1];
}

/** True when the text begins with one of the encrypted kinds, so that it needs a passphrase. */
export function isEncryptedKeyPem(pem: string): boolean {
  const label = labelOf(pem);
  return label === pkcs8Label || sigstoreLabels.some((each) => each === label);
}

/**
 * A private key of one PEM block, encrypted or not. Problems `crypto/passphrase-wrong`, `crypto/key-unsupported`,
 * `crypto/key-invalid`, `crypto/key-encryption-unsupported`, `crypto/pem-invalid`; none of them holds anything secret.
 */
export async function openPrivateKeyPem(pem: string, passphrase: KeyPassphrase): Promise<PrivateKey> {
  const label = labelOf(pem);
  if (label === "PRIVATE KEY") return parsePrivateKeyPem(pem);
  if (label === "EC PRIVATE KEY" || label === "RSA PRIVATE KEY") {
    throw new Problem("crypto/key-unsupported", `a private key in the form ${label} is not read`, {
      hint: "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in KEY -out NEW",
    });
  }
  const known = label !== undefined && isEncryptedKeyPem(pem);
  demand(known, "crypto/pem-invalid", "the text does not begin with a private key in PEM");
  const [block, ...more] = parsePem(pem, label);
  demand(block !== undefined && more.length === 0, "crypto/pem-invalid", "the text holds more than one private key");
  const secret = passphraseBytes(await passphrase());
  if (label !== pkcs8Label) return parsePkcs8(await decryptSigstoreKey(block, secret));
  const pkcs8 = await decryptPbes2(block, secret);
  try {
    return parsePkcs8(pkcs8);
  } catch (cause) {
    // One wrong passphrase of 256 leaves a valid padding behind.
    if (!isProblem(cause, "crypto/key-invalid")) throw cause;
    throw new Problem("crypto/passphrase-wrong", "the private key does not open with this passphrase");
  }
}

function passphraseBytes(passphrase: string): Uint8Array {
  const fits = passphrase.length <= maxPassphraseCharacters;
  demand(fits, "crypto/passphrase-invalid", `the passphrase is longer than ${maxPassphraseCharacters} characters`);
  return utf8(passphrase);
}

/**
 * The key as PEM under a passphrase: `pkcs8` for OpenSSL and most others, `sigstore` for cosign.
 * Problem `crypto/passphrase-invalid` for an empty or overlong one.
 */
export async function encryptPrivateKeyPem(
  key: PrivateKey,
  passphrase: string,
  form: "pkcs8" | "sigstore" = "pkcs8",
): Promise<string> {
  demand(passphrase !== "", "crypto/passphrase-invalid", "an empty passphrase protects nothing");
  const secret = passphraseBytes(passphrase);
  const pkcs8 = encodePkcs8(key);
  if (form === "sigstore") return encodePem(sigstoreLabels[0], await encryptSigstoreKey(pkcs8, secret));
  return encodePem(pkcs8Label, await encryptPbes2(pkcs8, secret));
}
