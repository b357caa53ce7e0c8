// What a bundle's signature covers, and whether it covers the artifact: client specification §4 step 8. The scheme
// comes from the key, never from the bundle's own words. Stricter than other clients: the artifact must be a
// subject of the in-toto statement, by digest and algorithm.

import { demand, equalBytes, Fields, fromHex, type JsonObject, parseJson, Problem } from "../core/index.ts";
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
 * What the verifier holds and wants vouched for. `envelope` is for payloads that name no artifact, such as a policy:
 * the payload itself is then the content, and its type must be the one that is expected.
 */
export type Artifact =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "digest"; readonly algorithm: HashAlgorithm; readonly digest: Uint8Array }
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
  if (artifact.kind === "digest") {
    const fits = artifact.digest.length === digestBytes[artifact.algorithm];
    demand(fits, "sigstore/artifact-invalid", `artifact's digest is not of ${artifact.algorithm}`);
  }
  const digestOf: SignedContent["digestOf"] =
    artifact.kind === "bytes"
      ? digester(artifact.bytes)
      : (algorithm) => (algorithm === artifact.algorithm ? artifact.digest : undefined);
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

/** Checks the signature with one of the algorithms. Problems `sigstore/signature-invalid`, `sigstore/artifact-digest-unsuitable`. */
export function verifyContentSignature(content: SignedContent, algorithms: readonly SigningAlgorithm[]): void {
  const { key, signature, message } = content;
  let tried = 0;
  for (const { scheme } of algorithms) {
    const hash = schemeHash(scheme);
    const known = hash && content.digestOf(hash);
    if (message === undefined && known === undefined) continue;
    tried++;
    const valid =
      message === undefined
        ? verifyDigest(key, scheme, known!, signature)
        : verifySignature(key, scheme, message, signature);
    if (valid) return;
  }
  if (tried === 0 && algorithms.length > 0) throw digestMissing();
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
  const statement = parseStatement(envelope, artifact.kind !== "envelope" || predicateType !== undefined);
  if (predicateType !== undefined) {
    const same = statement?.predicateType === predicateType;
    demand(same, "sigstore/predicate-type-mismatch", `the statement's predicate is not of type ${predicateType}`);
  }
  if (artifact.kind !== "envelope") {
    const named = statement?.subjects.some((subject) => isArtifact(subject.digests, artifact)) ?? false;
    demand(named, "sigstore/subject-mismatch", "the artifact is not among the subjects of the statement");
  }
  return statement;
}

function parseStatement(envelope: Envelope, needed: boolean): Statement | undefined {
  if (!needed) return undefined;
  const json = parseJson(envelope.payload, { maxBytes: maxBundleBytes });
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

const algorithms: readonly HashAlgorithm[] = ["sha256", "sha384", "sha512"];

/** True when at least one digest that can be compared is there, and none of those differs. */
function isArtifact(digests: ReadonlyMap<string, string>, artifact: Exclude<Artifact, { kind: "envelope" }>): boolean {
  const compared = algorithms.filter(
    (each) => digests.has(each) && (artifact.kind === "bytes" || artifact.algorithm === each),
  );
  return (
    compared.length > 0 &&
    compared.every((algorithm) => {
      const own = artifact.kind === "bytes" ? digest(algorithm, artifact.bytes) : artifact.digest;
      return sameHex(digests.get(algorithm)!, own);
    })
  );
}

function sameHex(text: string, bytes: Uint8Array): boolean {
  try {
    return equalBytes(fromHex(text), bytes);
  } catch {
    return false;
  }
}
