// An artifact that is read once and never held, however large: which digests its bundles will be compared with, and
// those digests of a stream. What signs the bytes themselves (pure Ed25519) cannot be verified so.

import { isProblem, Problem } from "../core/index.ts";
import { createHasher, type HashAlgorithm, parseCertificate, type PublicKey, schemeHash } from "../crypto/index.ts";
import { signingAlgorithms } from "./key-details.ts";
import type { Bundle } from "./model.ts";
import { type Artifact, statementPayloadType, subjectAlgorithms } from "./verify-content.ts";

/**
 * The digests that verifying this bundle may ask for. `key` is the caller's, for a bundle without a certificate.
 * Nothing is verified. Problem `sigstore/artifact-needed` when the signature is over the bytes themselves.
 */
export function neededDigests(bundle: Bundle, key?: PublicKey): readonly HashAlgorithm[] {
  const { content, verificationMaterial } = bundle;
  if (content.kind === "dsse") {
    const { payloadType, payload } = content.envelope;
    return payloadType === statementPayloadType ? subjectAlgorithms(payload) : [];
  }
  const { signer } = verificationMaterial;
  const signing = signer.kind === "certificate" ? keyOf(signer.leaf) : key;
  const schemes = signing === undefined ? [] : signingAlgorithms(signing).map(({ scheme }) => schemeHash(scheme));
  const pure = schemes.includes(undefined) && verificationMaterial.logEntries.length === 0;
  if (pure) {
    throw new Problem("sigstore/artifact-needed", "the signature may be over the artifact itself, not over a digest", {
      hint: "verify with the artifact in memory",
    });
  }
  const named = content.messageDigest === undefined ? [] : [content.messageDigest.algorithm];
  return [...new Set([...named, ...schemes.filter((each) => each !== undefined)])];
}

/** Undefined for one that is no certificate, which verifying refuses by its own code. */
function keyOf(leaf: Uint8Array): PublicKey | undefined {
  try {
    return parseCertificate(leaf).publicKey;
  } catch (problem) {
    if (isProblem(problem)) return undefined;
    throw problem;
  }
}

/** The digests of a stream's bytes, of which no more than one piece is held. Without a named algorithm, SHA-256. */
export async function digestStream(
  pieces: AsyncIterable<Uint8Array>,
  algorithms: readonly HashAlgorithm[],
): Promise<Artifact & { readonly kind: "digests" }> {
  const wanted = algorithms.length === 0 ? (["sha256"] as const) : [...new Set(algorithms)];
  const hashers = wanted.map((algorithm) => ({ algorithm, hasher: createHasher(algorithm) }));
  for await (const piece of pieces) for (const { hasher } of hashers) hasher.update(piece);
  return { kind: "digests", digests: new Map(hashers.map(({ algorithm, hasher }) => [algorithm, hasher.digest()])) };
}
