// Signatures: ECDSA and Ed25519 (FIPS 186-5, RFC 8032), RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8).
// A scheme names the key type and the hash, so a signature is never read under rules its maker did not mean.
// Stricter than those: ECDSA signatures are strict DER; a PSS salt is as long as the hash.

import { constants, sign as nodeSign, verify as nodeVerify } from "node:crypto";
import { demand, Problem } from "../core/index.ts";
import { digest as digestOf, digestBytes } from "./digest.ts";
import type { HashAlgorithm } from "./digest.ts";
import { signEd25519ph, verifyEd25519ph } from "./ed25519ph.ts";
import { verifyEcdsaDigest } from "./ecdsa-digest.ts";
import { parseEcdsaSignature } from "./ecdsa-signature.ts";
import type { EcdsaKeyType } from "./ecdsa-signature.ts";
import type { KeyType, PrivateKey, PublicKey } from "./key.ts";
import { verifyPkcs1Digest, verifyPssDigest } from "./rsa-digest.ts";

export type Scheme =
  | "ecdsa-p256-sha256"
  | "ecdsa-p384-sha384"
  | "ecdsa-p521-sha512"
  | "ecdsa-p384-sha256"
  | "ecdsa-p521-sha256"
  | "ed25519"
  | "ed25519-ph"
  | "rsa-pkcs1-sha256"
  | "rsa-pkcs1-sha384"
  | "rsa-pkcs1-sha512"
  | "rsa-pss-sha256"
  | "rsa-pss-sha384"
  | "rsa-pss-sha512";

type SchemeRule =
  | { readonly kind: "ecdsa"; readonly keyType: EcdsaKeyType; readonly hash: HashAlgorithm }
  | { readonly kind: "ed25519"; readonly keyType: "ed25519"; readonly hash: undefined }
  | { readonly kind: "ed25519-ph"; readonly keyType: "ed25519"; readonly hash: "sha512" }
  | { readonly kind: "pkcs1" | "pss"; readonly keyType: "rsa"; readonly hash: HashAlgorithm };

const schemes: Readonly<Record<Scheme, SchemeRule>> = {
  "ecdsa-p256-sha256": { kind: "ecdsa", keyType: "ecdsa-p256", hash: "sha256" },
  "ecdsa-p384-sha384": { kind: "ecdsa", keyType: "ecdsa-p384", hash: "sha384" },
  "ecdsa-p521-sha512": { kind: "ecdsa", keyType: "ecdsa-p521", hash: "sha512" },
  "ecdsa-p384-sha256": { kind: "ecdsa", keyType: "ecdsa-p384", hash: "sha256" },
  "ecdsa-p521-sha256": { kind: "ecdsa", keyType: "ecdsa-p521", hash: "sha256" },
  ed25519: { kind: "ed25519", keyType: "ed25519", hash: undefined },
  "ed25519-ph": { kind: "ed25519-ph", keyType: "ed25519", hash: "sha512" },
  "rsa-pkcs1-sha256": { kind: "pkcs1", keyType: "rsa", hash: "sha256" },
  "rsa-pkcs1-sha384": { kind: "pkcs1", keyType: "rsa", hash: "sha384" },
  "rsa-pkcs1-sha512": { kind: "pkcs1", keyType: "rsa", hash: "sha512" },
  "rsa-pss-sha256": { kind: "pss", keyType: "rsa", hash: "sha256" },
  "rsa-pss-sha384": { kind: "pss", keyType: "rsa", hash: "sha384" },
  "rsa-pss-sha512": { kind: "pss", keyType: "rsa", hash: "sha512" },
};

const defaultSchemes: Readonly<Record<KeyType, Scheme>> = {
  "ecdsa-p256": "ecdsa-p256-sha256",
  "ecdsa-p384": "ecdsa-p384-sha384",
  "ecdsa-p521": "ecdsa-p521-sha512",
  ed25519: "ed25519",
  rsa: "rsa-pkcs1-sha256",
};

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
const pkcs1 = { padding: constants.RSA_PKCS1_PADDING };

/** The scheme of a key where nothing else was said: by curve; RSA is PKCS#1 v1.5 with SHA-256. */
export function defaultScheme(key: PublicKey): Scheme {
  return defaultSchemes[key.type];
}

/** The hash of the message that is signed; undefined for pure Ed25519, which signs the message itself. */
export function schemeHash(scheme: Scheme): HashAlgorithm | undefined {
  return ruleOf(scheme).hash;
}

function ruleOf(scheme: Scheme): SchemeRule {
  // A name read from a document may have been cast to Scheme.
  demand(Object.hasOwn(schemes, scheme), "crypto/scheme-unknown", "signature scheme is not known");
  return schemes[scheme];
}

function ruleFor(key: PublicKey, scheme: Scheme): SchemeRule {
  const rule = ruleOf(scheme);
  demand(rule.keyType === key.type, "crypto/scheme-mismatch", `scheme ${scheme} does not fit a key of ${key.type}`);
  return rule;
}

/**
 * True when the signature of the message is the key's; false for any other or malformed one.
 * Problem `crypto/scheme-mismatch` when the scheme is not of the key's type, `crypto/scheme-unknown`.
 */
export function verifySignature(key: PublicKey, scheme: Scheme, message: Uint8Array, signature: Uint8Array): boolean {
  const rule = ruleFor(key, scheme);
  switch (rule.kind) {
    case "ecdsa":
      if (parseEcdsaSignature(rule.keyType, signature) === undefined) return false;
      return nodeVerify(rule.hash, message, { key: key.handle, dsaEncoding: "der" }, signature);
    case "ed25519":
      return signature.length === 64 && nodeVerify(null, message, { key: key.handle }, signature);
    case "ed25519-ph":
      return verifyEd25519ph(key, digestOf(rule.hash, message), signature);
    case "pkcs1":
      // RFC 8017 §8.2.2 step 1 and §8.1.2 step 1: exactly as long as the modulus.
      if (signature.length !== key.bits / 8) return false;
      return nodeVerify(rule.hash, message, { key: key.handle, ...pkcs1 }, signature);
    case "pss":
      if (signature.length !== key.bits / 8) return false;
      return nodeVerify(rule.hash, message, { key: key.handle, ...pss }, signature);
  }
}

/**
 * As `verifySignature`, of a digest made beforehand with the scheme's hash. The digest must come from who holds the
 * artifact: with a digest of the signer's choice a signature proves nothing about a message.
 * Problem `crypto/digest-unsupported` for pure Ed25519, `crypto/digest-invalid` for a digest of another length.
 */
export function verifyDigest(key: PublicKey, scheme: Scheme, digest: Uint8Array, signature: Uint8Array): boolean {
  const rule = ruleFor(key, scheme);
  if (rule.kind === "ed25519") {
    throw new Problem("crypto/digest-unsupported", "pure Ed25519 signs the message, not a digest of it");
  }
  const fits = digest.length === digestBytes[rule.hash];
  demand(fits, "crypto/digest-invalid", `a digest of ${digest.length} bytes is not of ${rule.hash}`);
  switch (rule.kind) {
    case "ecdsa": {
      const scalars = parseEcdsaSignature(rule.keyType, signature);
      return scalars !== undefined && verifyEcdsaDigest(rule.keyType, key, digest, scalars);
    }
    case "ed25519-ph":
      return verifyEd25519ph(key, digest, signature);
    case "pkcs1":
      return verifyPkcs1Digest(key, rule.hash, digest, signature);
    case "pss":
      return verifyPssDigest(key, rule.hash, digest, signature);
  }
}

/** Whatever signs: a key at hand, or one that stays elsewhere. Always `await` the result. */
export interface Signer {
  readonly scheme: Scheme;
  readonly publicKey: PublicKey;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A signer whose key is in this process. */
export interface LocalSigner extends Signer {
  sign(message: Uint8Array): Uint8Array;
}

/** Signs with a private key; the scheme is the key's default unless given. Problem `crypto/scheme-mismatch`. */
export function createSigner(key: PrivateKey, scheme: Scheme = defaultScheme(key.publicKey)): LocalSigner {
  const rule = ruleFor(key.publicKey, scheme);
  return { scheme, publicKey: key.publicKey, sign: (message) => signWith(key, rule, message) };
}

function signWith(key: PrivateKey, rule: SchemeRule, message: Uint8Array): Uint8Array {
  switch (rule.kind) {
    case "ecdsa":
      return new Uint8Array(nodeSign(rule.hash, message, { key: key.handle, dsaEncoding: "der" }));
    case "ed25519":
      return new Uint8Array(nodeSign(null, message, { key: key.handle }));
    case "ed25519-ph":
      return signEd25519ph(key, digestOf(rule.hash, message));
    case "pkcs1":
      return new Uint8Array(nodeSign(rule.hash, message, { key: key.handle, ...pkcs1 }));
    case "pss":
      return new Uint8Array(nodeSign(rule.hash, message, { key: key.handle, ...pss }));
  }
}
