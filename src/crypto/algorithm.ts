// AlgorithmIdentifier (RFC 5280 §4.1.1.2) of the digests and signatures we take, and what it means
// together with a key: ECDSA names only its hash, the curve is the key's. Parameters must be exactly what RFC 5754,
// RFC 5758, RFC 8017 §A.2 and RFC 8410 §3 say; SHA-1 and MD5 are not here.

import { verify } from "node:crypto";
import { equalBytes, hex, Problem } from "../core/index.ts";
import { type DerReader, derTag } from "./der.ts";
import { explicit, integer, nullValue, oid, sequence } from "./der-write.ts";
import type { HashAlgorithm } from "./digest.ts";
import { parseEcdsaSignature } from "./ecdsa-signature.ts";
import type { PublicKey } from "./key.ts";
import { oids } from "./oid.ts";
import { type Scheme, verifySignature } from "./signature.ts";

/** What an AlgorithmIdentifier says of a signature; `hash` is absent where the algorithm or another field fixes it. */
export interface SignatureAlgorithm {
  readonly family: "ecdsa" | "ed25519" | "rsa-pkcs1" | "rsa-pss";
  readonly hash?: HashAlgorithm;
}

const hashOids: Readonly<Record<HashAlgorithm, string>> = {
  sha256: oids.sha256,
  sha384: oids.sha384,
  sha512: oids.sha512,
};
const hashes: readonly HashAlgorithm[] = ["sha256", "sha384", "sha512"];
const saltBytes: Readonly<Record<HashAlgorithm, number>> = { sha256: 32, sha384: 48, sha512: 64 };

/** AlgorithmIdentifier of a digest; parameters absent (RFC 5754 §2). */
export function encodeHashAlgorithm(hash: HashAlgorithm): Uint8Array {
  return sequence(oid(hashOids[hash]));
}

/** Reads the AlgorithmIdentifier of a digest; parameters absent or NULL. Problem `crypto/algorithm-unsupported`. */
export function readHashAlgorithm(reader: DerReader): HashAlgorithm {
  return reader.sequence((inner) => {
    const name = inner.oid();
    inner.optional(derTag.null, (parameters) => parameters.null());
    const hash = hashes.find((candidate) => hashOids[candidate] === name);
    if (hash === undefined) throw unsupported(`digest ${name}`);
    return hash;
  });
}

function pssParameters(hash: HashAlgorithm): Uint8Array {
  const algorithm = sequence(oid(hashOids[hash]), nullValue());
  const mask = sequence(oid(oids.mgf1), algorithm);
  return sequence(explicit(0, algorithm), explicit(1, mask), explicit(2, integer(saltBytes[hash])));
}

const encodings: readonly (readonly [SignatureAlgorithm, Uint8Array])[] = [
  [{ family: "ecdsa", hash: "sha256" }, sequence(oid(oids.ecdsaWithSha256))],
  [{ family: "ecdsa", hash: "sha384" }, sequence(oid(oids.ecdsaWithSha384))],
  [{ family: "ecdsa", hash: "sha512" }, sequence(oid(oids.ecdsaWithSha512))],
  [{ family: "ed25519" }, sequence(oid(oids.ed25519))],
  [{ family: "rsa-pkcs1", hash: "sha256" }, sequence(oid(oids.sha256WithRsa), nullValue())],
  [{ family: "rsa-pkcs1", hash: "sha384" }, sequence(oid(oids.sha384WithRsa), nullValue())],
  [{ family: "rsa-pkcs1", hash: "sha512" }, sequence(oid(oids.sha512WithRsa), nullValue())],
  [{ family: "rsa-pss", hash: "sha256" }, sequence(oid(oids.rsassaPss), pssParameters("sha256"))],
  [{ family: "rsa-pss", hash: "sha384" }, sequence(oid(oids.rsassaPss), pssParameters("sha384"))],
  [{ family: "rsa-pss", hash: "sha512" }, sequence(oid(oids.rsassaPss), pssParameters("sha512"))],
];
const byEncoding: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  encodings.map(([algorithm, encoded]) => [hex(encoded), algorithm]),
);
// CMS alone may name the key's algorithm, the hash then being the SignerInfo's digest (RFC 3370 §3.2).
const rsaKeyEncoding = sequence(oid(oids.rsaEncryption), nullValue());

/** Reads the AlgorithmIdentifier of a signature. Problem `crypto/algorithm-unsupported`. */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  return signatureAlgorithmOf(reader.element(derTag.sequence).raw);
}

/** As `readSignatureAlgorithm`, with `rsaEncryption` taken too, as CMS writes it. */
export function readCmsSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  const { raw } = reader.element(derTag.sequence);
  return equalBytes(raw, rsaKeyEncoding) ? { family: "rsa-pkcs1" } : signatureAlgorithmOf(raw);
}

function signatureAlgorithmOf(raw: Uint8Array): SignatureAlgorithm {
  const algorithm = raw.length <= 128 ? byEncoding.get(hex(raw)) : undefined;
  if (algorithm === undefined) throw unsupported("signature algorithm, or its parameters,");
  return algorithm;
}

const byScheme: ReadonlyMap<string, Uint8Array> = new Map(
  encodings.flatMap(([algorithm, encoded]) => schemeNames(algorithm).map((name) => [name, encoded] as const)),
);

function schemeNames({ family, hash }: SignatureAlgorithm): readonly string[] {
  if (family === "ed25519") return [family];
  if (family !== "ecdsa") return [`${family}-${hash}`];
  return ["p256", "p384", "p521"].map((curve) => `ecdsa-${curve}-${hash}`);
}

/** AlgorithmIdentifier of the signatures a scheme makes. Problem `crypto/algorithm-unsupported` for Ed25519ph. */
export function encodeSignatureAlgorithm(scheme: Scheme): Uint8Array {
  const encoded = byScheme.get(scheme);
  if (encoded === undefined) throw unsupported(`scheme ${scheme} in X.509 and CMS`);
  return encoded;
}

/**
 * True when the signature is this key's under this algorithm; false for any other, and where key and algorithm do not
 * go together. ECDSA takes every pair of curve and hash: X.509 and CMS leave the pair open, and certificates of P-256
 * keys with SHA-384 are in use, which no `Scheme` names.
 */
export function verifyWithAlgorithm(
  algorithm: SignatureAlgorithm,
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { family, hash } = algorithm;
  if (family === "ed25519") return key.type === "ed25519" && verifySignature(key, "ed25519", message, signature);
  if (hash === undefined) return false;
  if (family !== "ecdsa") return key.type === "rsa" && verifySignature(key, `${family}-${hash}`, message, signature);
  if (key.type === "rsa" || key.type === "ed25519") return false;
  if (parseEcdsaSignature(key.type, signature) === undefined) return false;
  return verify(hash, message, { key: key.handle, dsaEncoding: "der" }, signature);
}

function unsupported(what: string): Problem {
  return new Problem("crypto/algorithm-unsupported", `${what} is not supported`);
}
