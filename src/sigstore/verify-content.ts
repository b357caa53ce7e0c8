// What a bundle's signature covers, and whether it covers the artifact: client specification §4 step 8. The scheme
// comes from the key, never from the bundle's own words. Stricter than other clients: the artifact must be a
// subject of the in-toto statement, by digest and algorithm.

import { demand, equalBytes, Fields, fromHex, isProblem, type JsonObject, parseJson, Problem } from "../core/index.ts";
import {
  digest,
  digestBytes,
  type Envelope,
  type HashAlgorithm,
  preAuthenticationEncoding,
  type PublicKey,
  schemeHash,
  verifyDigest,
  verifySignature,
} from "../crypto/index.ts";
import type { SigningAlgorithm } from "./key-details.ts";
import { maxBundleBytes, maxDigestsPerSubject, maxSubjects } from "./limits.ts";
import type { Bundle } from "./model.ts";
import type { EntryVerifier } from "./rekor-body.ts";

export const statementPayloadType = "application/vnd.in-toto+json";

/**
 * What the verifier holds and wants vouched for: the bytes, one digest, or several as `digestStream` makes them of a
 * file too large to be held. `envelope` is for payloads that name no artifact, such as a policy:
 * the payload itself is then the content, and its type must be the one that is expected.
 */
export type Artifact =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "digest"; readonly algorithm: HashAlgorithm; readonly digest: Uint8Array }
  | { readonly kind: "digests"; readonly digests: ReadonlyMap<HashAlgorithm, Uint8Array> }
  | { readonly kind: "envelope"; readonly payloadType: string };

/** The signed bytes with all that a log entry can say about them. */
export interface SignedContent {
  readonly key: PublicKey;
  readonly verifier: EntryVerifier;
  readonly signature: Uint8Array;
  readonly envelope?: Envelope;
  /** The bytes themselves; missing when only a digest is at hand. */
  readonly message?: Uint8Array;
  /** The digest that the log was given, undefined when it cannot be made from what is at hand. */
  digestOf(algorithm: HashAlgorithm): Uint8Array | undefined;
}

/** Problems `sigstore/artifact-invalid`, `sigstore/content-mismatch`, `sigstore/digest-mismatch`. */
export function signedContent(
  bundle: Bundle,
  artifact: Artifact,
  signer: { readonly key: PublicKey; readonly verifier: EntryVerifier },
): SignedContent {
  const { content } = bundle;
  if (content.kind === "dsse") {
    const { payloadType, payload, signatures } = content.envelope;
    const message = preAuthenticationEncoding(payloadType, payload);
    return {
      ...signer,
      signature: signatures[0]!.sig,
      envelope: content.envelope,
      message,
      digestOf: digester(message),
    };
  }
  demand(artifact.kind !== "envelope", "sigstore/content-mismatch", "the bundle signs an artifact, not an envelope");
  const digestOf = artifactDigester(artifact);
  const { messageDigest } = content;
  // Only a hint (sigstore_common.proto, MessageSignature), but a bundle that contradicts the artifact is not for it.
  const own = messageDigest && digestOf(messageDigest.algorithm);
  const consistent = messageDigest === undefined || own === undefined || equalBytes(own, messageDigest.digest);
  demand(consistent, "sigstore/digest-mismatch", "artifact's digest is not the one that the bundle names");
  return {
    ...signer,
    signature: content.signature,
    ...(artifact.kind === "bytes" ? { message: artifact.bytes } : {}),
    digestOf,
  };
}

/** Problem `sigstore/artifact-invalid` for a digest of another length than its algorithm's. */
function artifactDigester(artifact: Exclude<Artifact, { kind: "envelope" }>): SignedContent["digestOf"] {
  if (artifact.kind === "bytes") return digester(artifact.bytes);
  const given = artifact.kind === "digests" ? artifact.digests : new Map([[artifact.algorithm, artifact.digest]]);
  demand(given.size > 0, "sigstore/artifact-invalid", "no digest of the artifact is given");
  for (const [algorithm, value] of given) {
    const fits = value.length === digestBytes[algorithm];
    demand(fits, "sigstore/artifact-invalid", `artifact's digest is not of ${algorithm}`);
  }
  return (algorithm) => given.get(algorithm);
}

function digester(message: Uint8Array): SignedContent["digestOf"] {
  const made = new Map<HashAlgorithm, Uint8Array>();
  return (algorithm) => {
    const known = made.get(algorithm) ?? digest(algorithm, message);
    made.set(algorithm, known);
    return known;
  };
}

/** Problem for content whose digest the signature needs and nobody gave. */
export function digestMissing(): Problem {
  return new Problem("sigstore/artifact-digest-unsuitable", "the signature is over another digest than the one given", {
    hint: "verify with the artifact itself",
  });
}

/**
 * Checks the signature with one of the algorithms; gives the one that it was made with.
 * Problems `sigstore/signature-invalid`, `sigstore/artifact-digest-unsuitable`.
 */
export function verifyContentSignature(
  content: SignedContent,
  algorithms: readonly SigningAlgorithm[],
): SigningAlgorithm {
  const { key, signature, message } = content;
  let untried = 0;
  for (const algorithm of algorithms) {
    const { scheme } = algorithm;
    const hash = schemeHash(scheme);
    const known = hash && message === undefined ? content.digestOf(hash) : undefined;
    if (message === undefined && known === undefined) {
      untried++;
      continue;
    }
    const valid =
      message === undefined
        ? verifyDigest(key, scheme, known!, signature)
        : verifySignature(key, scheme, message, signature);
    if (valid) return algorithm;
  }
  // Pure Ed25519 signs the artifact itself, and another digest than the one at hand cannot be made: not known to be wrong.
  if (untried > 0) throw digestMissing();
  throw new Problem("sigstore/signature-invalid", "the signature is not the signer's over this content");
}

export interface Statement {
  readonly type: string;
  readonly predicateType: string;
  readonly subjects: readonly { readonly name: string; readonly digests: ReadonlyMap<string, string> }[];
  /** The whole statement, for who knows its predicate. */
  readonly json: JsonObject;
}

const statementTypes = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"] as const;
const code = "sigstore/statement-invalid";

/**
 * Checks that the envelope is about the artifact: an in-toto statement with the artifact among its subjects, or, for
 * an `envelope`, of the payload type expected. Gives the statement when there is one.
 * Problems `sigstore/payload-type-mismatch`, `sigstore/statement-invalid`, `sigstore/subject-mismatch`,
 * `sigstore/predicate-type-mismatch`.
 */
export function verifyEnvelopeContent(
  envelope: Envelope,
  artifact: Artifact,
  predicateType: string | undefined,
): Statement | undefined {
  const expected = artifact.kind === "envelope" ? artifact.payloadType : statementPayloadType;
  const typed = envelope.payloadType === expected;
  demand(typed, "sigstore/payload-type-mismatch", `the envelope's payload is not of type ${expected}`);
  const statement =
    artifact.kind !== "envelope" || predicateType !== undefined ? readStatement(envelope.payload) : undefined;
  if (predicateType !== undefined) {
    const same = statement?.predicateType === predicateType;
    demand(same, "sigstore/predicate-type-mismatch", `the statement's predicate is not of type ${predicateType}`);
  }
  if (artifact.kind !== "envelope") {
    const own = statement === undefined ? [] : ownDigests(statement, artifact);
    const named = statement?.subjects.some(({ digests }) => isArtifact(digests, own)) ?? false;
    demand(named, "sigstore/subject-mismatch", "the artifact is not among the subjects of the statement");
  }
  return statement;
}

function readStatement(payload: Uint8Array): Statement {
  const json = parseJson(payload, { maxBytes: maxBundleBytes });
  const fields = Fields.of(json, "statement", code);
  return {
    type: fields.oneOf("_type", ...statementTypes),
    predicateType: fields.string("predicateType", { min: 1, max: 1024 }),
    subjects: fields.objects("subject", { min: 1, max: maxSubjects }, (subject) => ({
      name: subject.nullable("name", (name) => subject.string(name, { max: 4096 })) ?? "",
      digests: subject.stringMap("digest", { max: maxDigestsPerSubject }),
    })),
    json: fields.value,
  };
}

const hashes: readonly HashAlgorithm[] = ["sha256", "sha384", "sha512"];

/** Digest algorithms that subjects of a statement's bytes name; none where it is no statement. */
export function subjectAlgorithms(payload: Uint8Array): readonly HashAlgorithm[] {
  let statement: Statement;
  try {
    statement = readStatement(payload);
  } catch (problem) {
    if (isProblem(problem)) return [];
    throw problem;
  }
  return hashes.filter((algorithm) => statement.subjects.some(({ digests }) => digests.has(algorithm)));
}

/** True when at least one digest that can be compared is there, and none of those differs. */
function isArtifact(
  digests: ReadonlyMap<string, string>,
  own: readonly (readonly [HashAlgorithm, Uint8Array])[],
): boolean {
  const compared = own.filter(([algorithm]) => digests.has(algorithm));
  return compared.length > 0 && compared.every(([algorithm, value]) => sameHex(digests.get(algorithm)!, value));
}

/** The artifact's digests under those algorithms that a subject names, each made once for however many subjects. */
function ownDigests(
  statement: Statement,
  artifact: Exclude<Artifact, { kind: "envelope" }>,
): readonly (readonly [HashAlgorithm, Uint8Array])[] {
  const digestOf = artifactDigester(artifact);
  return hashes.flatMap((algorithm) => {
    if (!statement.subjects.some(({ digests }) => digests.has(algorithm))) return [];
    const own = digestOf(algorithm);
    return own === undefined ? [] : [[algorithm, own] as const];
  });
}

function sameHex(text: string, bytes: Uint8Array): boolean {
  try {
    return equalBytes(fromHex(text), bytes);
  } catch {
    return false;
  }
}
