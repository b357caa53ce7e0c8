// One case of test/conformance/sigstore: a folder with a bundle, a trusted root and what is asked of the verifier.
// Its name is the property; `_fail` when it must be refused, by the code in case.json.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromUtf8, isProblem, problemChain } from "../../src/core/index.ts";
import { digest, type HashAlgorithm, parsePublicKeyPem } from "../../src/crypto/index.ts";
import {
  type Artifact,
  parseBundle,
  parsePattern,
  parseTrustedRoot,
  prepareTrust,
  type Thresholds,
  type TimeRange,
  type Trust,
  type VerifiedBundle,
  verifyBundle,
  type VerifyOptions,
} from "../../src/sigstore/index.ts";
import { parsePolicy } from "../../src/tlog/index.ts";

/** What a case asks beside its files. */
export interface CaseArguments {
  readonly identity?: string;
  readonly issuer?: string;
  /** Instead of the exact ones. */
  readonly identityPattern?: string;
  readonly issuerPattern?: string;
  readonly extensions?: Readonly<Record<string, string>>;
  readonly keyHint?: string;
  readonly keyValidFor?: TimeRange;
  readonly predicateType?: string;
  /** For envelopes about no artifact. */
  readonly payloadType?: string;
  readonly thresholds?: Thresholds;
  /** Milliseconds, for witness-policy.txt. */
  readonly nowMs?: number;
}

export interface CaseDescription {
  readonly property: string;
  /** Published advisories, and findings of published reviews, that the case is about. */
  readonly advisories?: readonly string[];
  readonly arguments: CaseArguments;
  /** The Problem's code; left out where the case must pass. */
  readonly problem?: string;
  /** How the artifact is given; both unless said otherwise. */
  readonly by?: readonly CaseForm[];
}

export type CaseForm = "path" | HashAlgorithm;

export const casesFolder = join(import.meta.dirname, "sigstore");

export function readDescription(folder: string): CaseDescription {
  return JSON.parse(readFileSync(join(folder, "case.json"), "utf8")) as CaseDescription;
}

export function formsOf(description: CaseDescription): readonly CaseForm[] {
  return description.by ?? ["path", "sha256"];
}

/** What the case asks of the verifier. */
export function caseOptions(folder: string, description: CaseDescription, form: CaseForm): VerifyOptions {
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
  const { arguments: asked } = description;
  // A case has its own file, or the one of all.
  const usual = (name: string): Uint8Array => read(existsSync(join(folder, name)) ? name : join("..", name));
  const trust = prepareTrust(parseTrustedRoot(usual("trusted_root.json")));
  const bytes = usual("artifact");
  const artifact: Artifact =
    asked.payloadType !== undefined
      ? { kind: "envelope", payloadType: asked.payloadType }
      : form === "path"
        ? { kind: "bytes", bytes }
        : { kind: "digest", algorithm: form, digest: digest(form, bytes) };
  const policy = existsSync(join(folder, "witness-policy.txt")) ? parsePolicy(read("witness-policy.txt")) : undefined;
  return {
    ...signerOf(folder, asked, trust),
    trust,
    artifact,
    ...(asked.predicateType === undefined ? {} : { predicateType: asked.predicateType }),
    ...(asked.thresholds === undefined ? {} : { thresholds: asked.thresholds }),
    ...(policy === undefined ? {} : { witnesses: { policy, nowMs: asked.nowMs ?? 0 } }),
  } as VerifyOptions;
}

/** Verifies as the case asks; Problems come through. */
export function verifyCase(folder: string, description: CaseDescription, form: CaseForm): VerifiedBundle {
  const bytes = new Uint8Array(readFileSync(join(folder, "bundle.sigstore.json")));
  return verifyBundle(parseBundle(bytes), caseOptions(folder, description, form));
}

function signerOf(folder: string, asked: CaseArguments, trust: Trust): object {
  const key = join(folder, "key.pub");
  if (existsSync(key)) {
    const { keyValidFor, keyHint } = asked;
    return {
      trust,
      key: parsePublicKeyPem(fromUtf8(readFileSync(key))),
      ...(keyValidFor === undefined ? {} : { keyValidFor }),
      ...(keyHint === undefined ? {} : { keyHint }),
    };
  }
  return {
    identity: {
      issuer: asked.issuerPattern === undefined ? (asked.issuer ?? "") : parsePattern(asked.issuerPattern),
      subjectAlternativeName:
        asked.identityPattern === undefined ? (asked.identity ?? "") : parsePattern(asked.identityPattern),
      extensions: new Map(Object.entries(asked.extensions ?? {})),
    },
  };
}

/** `verified`, or the code of the Problem; what is no Problem is thrown. */
export function outcomeOf(folder: string, description: CaseDescription, form: CaseForm): string {
  try {
    verifyCase(folder, description, form);
    return "verified";
  } catch (error) {
    if (!isProblem(error)) throw error;
    return error.code === description.problem ? error.code : `${error.code} (${problemChain(error).join(": ")})`;
  }
}
