// Key objects, TUF 1.0.34 §4.2.2, and what public repositories have called keys since 2014. The scheme is the
// key's own and bound to its type and curve: a signature never chooses it. Key ids are opaque (TAP 12): two ids of
// one public key are one key. A key we cannot use is kept, and counts for nothing.

import { concat, demand, fromHex, hex, isProblem, olpcCanonicalJson, Problem, type JsonObject } from "../core/index.ts";
import {
  digestHex,
  ed25519PublicKey,
  encodePublicKeyPem,
  keyFingerprint,
  parsePublicKey,
  parsePublicKeyPem,
  rawEd25519,
  verifySignature,
  type KeyType,
  type PublicKey,
  type Scheme,
  type Signer,
} from "../crypto/index.ts";
import { identityScheme, identityVerification } from "./identity.ts";
import type { Key, Signature } from "./model.ts";
import { mlDsaKey, verifyMlDsaMetadata } from "./post-quantum.ts";

/** A key that signatures can be checked with. */
export interface UsableKey {
  readonly publicKey: PublicKey;
  readonly scheme: Scheme;
  /** The same for the same public key, whatever its id, encoding or scheme. */
  readonly fingerprint: string;
}

interface KeyScheme {
  readonly scheme: Scheme;
  readonly type: KeyType;
  readonly keytypes: readonly string[];
}

const keySchemes: ReadonlyMap<string, KeyScheme> = new Map<string, KeyScheme>([
  ["ed25519", { scheme: "ed25519", type: "ed25519", keytypes: ["ed25519"] }],
  ["ecdsa-sha2-nistp256", ecdsa("ecdsa-p256-sha256", "ecdsa-p256", "ecdsa-sha2-nistp256")],
  ["ecdsa-sha2-nistp384", ecdsa("ecdsa-p384-sha384", "ecdsa-p384", "ecdsa-sha2-nistp384")],
  ["ecdsa-sha2-nistp521", ecdsa("ecdsa-p521-sha512", "ecdsa-p521", "ecdsa-sha2-nistp521")],
  ["rsassa-pss-sha256", { scheme: "rsa-pss-sha256", type: "rsa", keytypes: ["rsa"] }],
  ["rsassa-pss-sha384", { scheme: "rsa-pss-sha384", type: "rsa", keytypes: ["rsa"] }],
  ["rsassa-pss-sha512", { scheme: "rsa-pss-sha512", type: "rsa", keytypes: ["rsa"] }],
  ["rsa-pkcs1v15-sha256", { scheme: "rsa-pkcs1-sha256", type: "rsa", keytypes: ["rsa"] }],
  ["rsa-pkcs1v15-sha384", { scheme: "rsa-pkcs1-sha384", type: "rsa", keytypes: ["rsa"] }],
  ["rsa-pkcs1v15-sha512", { scheme: "rsa-pkcs1-sha512", type: "rsa", keytypes: ["rsa"] }],
]);

function ecdsa(scheme: Scheme, type: KeyType, historic: string): KeyScheme {
  return { scheme, type, keytypes: ["ecdsa", historic] };
}

// SubjectPublicKeyInfo up to the point, for id-ecPublicKey on prime256v1 (RFC 5480 §2).
const p256Prefix = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");

const known = new WeakMap<Key, UsableKey | undefined>();

/** The key ready for use, or undefined when its type, scheme or value is not one that we verify with. */
export function usableKey(key: Key): UsableKey | undefined {
  if (!known.has(key)) known.set(key, readKey(key));
  return known.get(key);
}

function readKey(key: Key): UsableKey | undefined {
  const wanted = keySchemes.get(key.scheme);
  if (wanted === undefined || key.value === undefined || !wanted.keytypes.includes(key.keytype)) return undefined;
  try {
    const publicKey = readPublicKey(wanted.type, key.value);
    if (publicKey.type !== wanted.type) return undefined;
    return { publicKey, scheme: wanted.scheme, fingerprint: hex(keyFingerprint(publicKey)) };
  } catch (error) {
    if (isProblem(error)) return undefined;
    throw error;
  }
}

function readPublicKey(type: KeyType, value: string): PublicKey {
  if (type === "ed25519") return ed25519PublicKey(fromHex(value));
  // The first Sigstore roots hold the P-256 point in hexadecimal.
  if (type === "ecdsa-p256" && /^04[0-9a-f]{128}$/i.test(value))
    return parsePublicKey(concat(p256Prefix, fromHex(value)));
  return parsePublicKeyPem(value);
}

/** What `validSigners` needs of a key, of whatever kind. */
export interface VerificationKey {
  /** The same for the same key, whatever its id, encoding or scheme. */
  readonly fingerprint: string;
  /** `canonical` is the canonical JSON of what is signed. */
  verify(canonical: Uint8Array, signature: Signature): boolean;
}

const verification = new WeakMap<Key, VerificationKey | undefined>();

/** As `usableKey`, with the kinds that crypto's `verifySignature` does not know: ML-DSA (TAP 21), identities (TAP 18). */
export function verificationKey(key: Key): VerificationKey | undefined {
  const identity = identityVerification(key);
  if (identity !== undefined) return identity;
  if (!verification.has(key)) verification.set(key, readVerificationKey(key));
  return verification.get(key);
}

function readVerificationKey(key: Key): VerificationKey | undefined {
  const usable = usableKey(key);
  if (usable !== undefined) {
    const { publicKey, scheme, fingerprint } = usable;
    return overBytes(fingerprint, (canonical, sig) => verifySignature(publicKey, scheme, canonical, sig));
  }
  const quantum = mlDsaKey(key);
  if (quantum === undefined) return undefined;
  const { publicKey, fingerprint } = quantum;
  return overBytes(fingerprint, (canonical, sig) => verifyMlDsaMetadata(publicKey, canonical, sig));
}

/** A signature that is not hexadecimal throughout is no signature. */
function overBytes(
  fingerprint: string,
  verify: (canonical: Uint8Array, signature: Uint8Array) => boolean,
): VerificationKey {
  return {
    fingerprint,
    verify: (canonical, { sig }) => /^([0-9a-fA-F]{2})+$/.test(sig) && verify(canonical, fromHex(sig)),
  };
}

/**
 * The key object for a public key, with the id that §4.2.1 asks for, so that clients which compute it agree:
 * ed25519, ECDSA on P-256, P-384 or P-521, and RSA-PSS with SHA-256. `scheme` is a TUF name, when the key allows more than one.
 * Problem `tuf/key-unsupported`.
 */
export function createKey(publicKey: PublicKey, scheme: string = usualScheme(publicKey.type)): Key {
  const wanted = keySchemes.get(scheme);
  if (wanted === undefined || wanted.type !== publicKey.type) {
    throw new Problem("tuf/key-unsupported", `a key of type ${publicKey.type} has no TUF scheme ${scheme}`);
  }
  const value = publicKey.type === "ed25519" ? hex(rawEd25519(publicKey)) : encodePublicKeyPem(publicKey);
  const key = { keyid: "", keytype: wanted.keytypes[0]!, scheme, value };
  return { ...key, keyid: computedKeyId(key) };
}

function usualScheme(type: KeyType): string {
  if (type === "ed25519") return "ed25519";
  return type === "rsa" ? "rsassa-pss-sha256" : type.replace("ecdsa-p", "ecdsa-sha2-nistp");
}

/**
 * TAP 18: the key object of an identity, with the id that other implementations compute.
 * Problem `tuf/key-unsupported`: an identity or issuer that is nobody.
 */
export function createIdentityKey(issuer: string, identity: string): Key {
  demand(issuer !== "" && identity !== "", "tuf/key-unsupported", "an identity needs its name and its issuer");
  const key: Key = { keyid: "", ...identityScheme, value: undefined, identity: { identity, issuer } };
  return { ...key, keyid: computedKeyId(key) };
}

/** The key object of the key that a signer signs with. Problem `tuf/key-unsupported`. */
export function signerKey(signer: Signer): Key {
  for (const [name, each] of keySchemes) if (each.scheme === signer.scheme) return createKey(signer.publicKey, name);
  throw new Problem("tuf/key-unsupported", `the signature scheme ${signer.scheme} has no name in TUF`);
}

/** The id that §4.2.1 asks for: SHA-256 of the canonical key object, whatever its kind. */
export function computedKeyId(key: Key): string {
  return digestHex("sha256", olpcCanonicalJson(encodeKey(key)));
}

/** The key object of §4.2.2. */
export function encodeKey(key: Key): JsonObject {
  const keyval = key.identity === undefined ? { public: key.value ?? "" } : { ...key.identity };
  return { keytype: key.keytype, scheme: key.scheme, keyval };
}
