// PublicKeyDetails of protobuf-specs 0.5 (sigstore_common.proto): one name fixes a key's encoding, its kind and the
// signature scheme, so no scheme is ever taken from the data it is to prove. Names that no scheme of ours can
// serve (HMAC, LMS, ML-DSA) are not listed and make a key unusable.

import { Problem } from "../core/index.ts";
import {
  der,
  type HashAlgorithm,
  type KeyType,
  oids,
  parsePublicKey,
  type PublicKey,
  type Scheme,
} from "../crypto/index.ts";

interface KeyDetails {
  readonly name: string;
  readonly scheme: Scheme;
  readonly type: KeyType;
  /** RSA modulus, where the name fixes it. */
  readonly bits?: number;
  /** False for names that exist only for keys of old logs: PKCS#1 encoding, or a size left open. */
  readonly signing: boolean;
}

const table: readonly KeyDetails[] = [
  { name: "PKIX_ECDSA_P256_SHA_256", scheme: "ecdsa-p256-sha256", type: "ecdsa-p256", signing: true },
  { name: "PKIX_ECDSA_P384_SHA_384", scheme: "ecdsa-p384-sha384", type: "ecdsa-p384", signing: true },
  { name: "PKIX_ECDSA_P521_SHA_512", scheme: "ecdsa-p521-sha512", type: "ecdsa-p521", signing: true },
  // Deprecated, yet found in the wild: accepted, never written.
  { name: "PKIX_ECDSA_P384_SHA_256", scheme: "ecdsa-p384-sha256", type: "ecdsa-p384", signing: true },
  { name: "PKIX_ECDSA_P521_SHA_256", scheme: "ecdsa-p521-sha256", type: "ecdsa-p521", signing: true },
  { name: "PKIX_ED25519_PH", scheme: "ed25519-ph", type: "ed25519", signing: true },
  { name: "PKIX_ED25519", scheme: "ed25519", type: "ed25519", signing: true },
  { name: "PKIX_RSA_PKCS1V15_2048_SHA256", scheme: "rsa-pkcs1-sha256", type: "rsa", bits: 2048, signing: true },
  { name: "PKIX_RSA_PKCS1V15_3072_SHA256", scheme: "rsa-pkcs1-sha256", type: "rsa", bits: 3072, signing: true },
  { name: "PKIX_RSA_PKCS1V15_4096_SHA256", scheme: "rsa-pkcs1-sha256", type: "rsa", bits: 4096, signing: true },
  { name: "PKIX_RSA_PSS_2048_SHA256", scheme: "rsa-pss-sha256", type: "rsa", bits: 2048, signing: true },
  { name: "PKIX_RSA_PSS_3072_SHA256", scheme: "rsa-pss-sha256", type: "rsa", bits: 3072, signing: true },
  { name: "PKIX_RSA_PSS_4096_SHA256", scheme: "rsa-pss-sha256", type: "rsa", bits: 4096, signing: true },
  { name: "PKIX_RSA_PKCS1V5", scheme: "rsa-pkcs1-sha256", type: "rsa", signing: false },
  { name: "PKIX_RSA_PSS", scheme: "rsa-pss-sha256", type: "rsa", signing: false },
  { name: "PKCS1_RSA_PKCS1V5", scheme: "rsa-pkcs1-sha256", type: "rsa", signing: false },
  { name: "PKCS1_RSA_PSS", scheme: "rsa-pss-sha256", type: "rsa", signing: false },
];

function fits(details: KeyDetails, key: PublicKey): boolean {
  return details.type === key.type && (details.bits === undefined || details.bits === key.bits);
}

/** The key and the scheme that a name stands for; undefined where the name is none that we can serve. */
export function readKey(name: string, raw: Uint8Array): { key: PublicKey; scheme: Scheme } | undefined {
  const details = table.find((each) => each.name === name);
  if (details === undefined) return undefined;
  const key = parsePublicKey(name.startsWith("PKCS1_") ? spkiOfPkcs1(raw) : raw);
  if (!fits(details, key)) {
    throw new Problem("sigstore/key-details-mismatch", `a key is not of the kind that ${name} names`);
  }
  return { key, scheme: details.scheme };
}

export interface SigningAlgorithm {
  readonly keyDetails: string;
  readonly scheme: Scheme;
}

// By kind and size of the key alone, so there are no more than there are kinds and RSA sizes.
const algorithmsByKind = new Map<string, readonly SigningAlgorithm[]>();

/** Every way in which a signer with this key may have signed, the usual one first. */
export function signingAlgorithms(key: PublicKey): readonly SigningAlgorithm[] {
  const kind = `${key.type} ${key.bits}`;
  const known = algorithmsByKind.get(kind);
  if (known !== undefined) return known;
  const algorithms = table
    .filter((each) => each.signing && fits(each, key))
    .map((each) => ({ keyDetails: each.name, scheme: each.scheme }));
  algorithmsByKind.set(kind, algorithms);
  return algorithms;
}

const hashNames: Readonly<Record<HashAlgorithm, string>> = {
  sha256: "SHA2_256",
  sha384: "SHA2_384",
  sha512: "SHA2_512",
};

/** HashAlgorithm's name in protobuf-specs. */
export function hashName(algorithm: HashAlgorithm): string {
  return hashNames[algorithm];
}

/** The algorithm of a protobuf-specs name; undefined for SHA-3, which signs nothing here. */
export function hashOfName(name: string): HashAlgorithm | undefined {
  return (Object.keys(hashNames) as HashAlgorithm[]).find((each) => hashNames[each] === name);
}

/** RFC 3279 §2.3.1: rsaEncryption with NULL parameters. */
function spkiOfPkcs1(raw: Uint8Array): Uint8Array {
  return der.sequence(der.sequence(der.oid(oids.rsaEncryption), der.nullValue()), der.bitString(raw));
}
