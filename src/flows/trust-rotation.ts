// `trust rotate --rehearse`: what a new trust root would do to the bundles that are stored already, before anyone gets
// it. Each is verified with the old root and with the new one, for what it says itself to be: who signed is no question
// here, only whether the keys and the authorities behind it would still be believed.

import { fromHex, Fields, isProblem, parseJson, problemChain } from "../core/index.ts";
import { digestBytes, type HashAlgorithm, parseCertificate, type PublicKey } from "../crypto/index.ts";
import {
  type Artifact,
  type Bundle,
  identityOf,
  type TransparencyLogEntry,
  type Trust,
  verifyBundle,
  type VerifyOptions,
} from "../sigstore/index.ts";
import { readAnyBundle } from "./bundle-view.ts";

export interface StoredBundle {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface RehearsedBundle {
  readonly name: string;
  /** `lost` is what the rotation must not do; `bad` verifies with neither; `unjudged` needs a key or an artifact. */
  readonly result: "kept" | "lost" | "gained" | "bad" | "unjudged";
  readonly code: string | undefined;
  readonly reason: string | undefined;
}

export interface RotationRehearsal {
  readonly bundles: readonly RehearsedBundle[];
  readonly lost: number;
}

/** `keys` are tried for bundles without a certificate. Never throws for a bundle: its trouble is its result. */
export function rehearseRotation(
  before: Trust,
  after: Trust,
  stored: readonly StoredBundle[],
  keys: readonly PublicKey[],
): RotationRehearsal {
  const bundles = stored.map(({ name, bytes }) => ({ name, ...rehearse(bytes, before, after, keys) }));
  return { bundles, lost: bundles.filter(({ result }) => result === "lost").length };
}

type Verdict = { readonly code: string; readonly reason: string } | undefined;

function rehearse(
  bytes: Uint8Array,
  before: Trust,
  after: Trust,
  keys: readonly PublicKey[],
): Omit<RehearsedBundle, "name"> {
  let asked: readonly Asked[];
  let bundle: Bundle;
  try {
    ({ bundle } = readAnyBundle(bytes));
    asked = askedOf(bundle, keys);
  } catch (problem) {
    return { result: "bad", ...verdictOf(problem) };
  }
  if (asked.length === 0) {
    const reason = "the bundle does not say what it is over, or whose key signed it";
    return { result: "unjudged", code: undefined, reason };
  }
  const [old, next] = [before, after].map((trust) => judge(bundle, asked, trust)) as [Verdict, Verdict];
  if (next === undefined) return { result: old === undefined ? "kept" : "gained", code: undefined, reason: undefined };
  return { result: old === undefined ? "lost" : "bad", ...next };
}

type Asked = Pick<VerifyOptions, "artifact"> & Pick<VerifyOptions, "identity" | "key">;

/** Undefined when it verifies in one of the ways asked. */
function judge(bundle: Bundle, asked: readonly Asked[], trust: Trust): Verdict {
  let verdict: Verdict;
  for (const each of asked) {
    try {
      verifyBundle(bundle, { ...each, trust } as VerifyOptions);
      return undefined;
    } catch (problem) {
      verdict ??= verdictOf(problem);
    }
  }
  return verdict;
}

function verdictOf(problem: unknown): { readonly code: string; readonly reason: string } {
  if (!isProblem(problem)) throw problem;
  return { code: problem.code, reason: problemChain(problem).join(": ") };
}

function askedOf(bundle: Bundle, keys: readonly PublicKey[]): readonly Asked[] {
  const artifact = artifactNamedBy(bundle);
  if (artifact === undefined) return [];
  const { signer } = bundle.verificationMaterial;
  if (signer.kind === "publicKey") return keys.map((key) => ({ artifact, key }));
  const { issuer, subjectAlternativeName } = identityOf(parseCertificate(signer.leaf));
  return [{ artifact, identity: { issuer, subjectAlternativeName } }];
}

/** What the bundle or its log entry says the signature is over. */
function artifactNamedBy({ content, verificationMaterial }: Bundle): Artifact | undefined {
  if (content.kind === "dsse") return { kind: "envelope", payloadType: content.envelope.payloadType };
  if (content.messageDigest !== undefined) return { kind: "digest", ...content.messageDigest };
  return verificationMaterial.logEntries.map(loggedDigest).find((each) => each !== undefined);
}

function loggedDigest(entry: TransparencyLogEntry): Artifact | undefined {
  if (`${entry.kind} ${entry.version}` !== "hashedrekord 0.0.1") return undefined;
  const code = "sigstore/log-entry-mismatch";
  const body = Fields.of(
    parseJson(entry.canonicalizedBody, { maxBytes: entry.canonicalizedBody.length }),
    "body",
    code,
  );
  const hash = body.object("spec").object("data").object("hash");
  const algorithm: HashAlgorithm = hash.oneOf("algorithm", "sha256", "sha384", "sha512");
  const digest = fromHex(hash.string("value", { max: 2 * digestBytes[algorithm] }));
  return { kind: "digest", algorithm, digest };
}
