// A bundle in JSON and what an attacker may do to it: each change leaves a well-formed bundle that no client may accept.

import { base64, equalBytes, fromBase64, fromUtf8, utf8 } from "../../src/core/index.ts";
import { randomBytes } from "../../src/crypto/index.ts";
import { attest, signBlob } from "../../src/flows/index.ts";
import { parseStatement, type Statement } from "../../src/intoto/index.ts";
import { encodeBundle } from "../../src/sigstore/index.ts";
import type { RunningInstance } from "../instance.ts";
import { statementOf } from "../sigstore-instance.ts";

export interface BundleJson {
  verificationMaterial: {
    certificate: { rawBytes: string };
    tlogEntries: {
      canonicalizedBody: string;
      inclusionProof: { hashes: string[]; checkpoint: { envelope: string } };
    }[];
    timestampVerificationData: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  messageSignature?: { signature: string };
  dsseEnvelope?: { payload: string; signatures: { sig: string }[] };
}

export interface SignedPair {
  readonly artifact: Uint8Array;
  /** A bare signature over the artifact. */
  readonly message: BundleJson;
  /** An attestation with SLSA provenance about the artifact. */
  readonly attestation: BundleJson;
}

export function bundleJson(bytes: Uint8Array): BundleJson {
  return JSON.parse(fromUtf8(bytes)) as BundleJson;
}

/** SLSA provenance v1 with no more than its schema needs. */
export function provenanceOf(artifact: Uint8Array): Statement {
  const statement = JSON.parse(fromUtf8(statementOf(artifact))) as object;
  const predicate = {
    buildDefinition: { buildType: "https://example.com/build/v1", externalParameters: {} },
    runDetails: { builder: { id: "https://example.com/builder" } },
  };
  return parseStatement(utf8(JSON.stringify({ ...statement, predicate })));
}

/** Two bundles about random bytes, made by our own client at the instance; never the log's first, so that proofs have hashes. */
export async function signPair({ signing }: RunningInstance): Promise<SignedPair> {
  const artifact = randomBytes(1000);
  await signBlob(randomBytes(1), signing);
  const message = bundleJson(encodeBundle(await signBlob(artifact, signing)));
  const attestation = bundleJson(encodeBundle(await attest(provenanceOf(artifact), signing)));
  return { artifact, message, attestation };
}

function flip(text: string): string {
  const bytes = fromBase64(text);
  bytes[bytes.length - 1]! ^= 1;
  return base64(bytes);
}

/** The same JSON with one text in it replaced by another as long. */
function edit(encoded: string, from: RegExp, to: (found: string) => string): string {
  const changed = fromUtf8(fromBase64(encoded)).replace(from, to);
  const bytes = utf8(changed);
  if (equalBytes(bytes, fromBase64(encoded))) throw new Error(`nothing to change: ${from.source}`);
  return base64(bytes);
}

/** The form that a verifier which makes the body anew from the bundle need not notice. */
export const bodyChanged = "its log entry's body changed";

/** What is changed, by name. `other` is a bundle of the same signer about something else. */
const changes: Readonly<Record<string, (bundle: BundleJson, other: BundleJson) => void>> = {
  "its signature changed": ({ messageSignature, dsseEnvelope }) => {
    if (messageSignature !== undefined) messageSignature.signature = flip(messageSignature.signature);
    for (const each of dsseEnvelope?.signatures ?? []) each.sig = flip(each.sig);
  },
  "its certificate swapped": (bundle, other) => {
    bundle.verificationMaterial.certificate = other.verificationMaterial.certificate;
  },
  "its timestamp swapped": (bundle, other) => {
    bundle.verificationMaterial.timestampVerificationData = other.verificationMaterial.timestampVerificationData;
  },
  "its log entry swapped": (bundle, other) => {
    bundle.verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries;
  },
  [bodyChanged]: ({ verificationMaterial: { tlogEntries } }) => {
    const flipFirst = (found: string): string => found.slice(0, -1) + (found.endsWith("A") ? "B" : "A");
    for (const entry of tlogEntries) entry.canonicalizedBody = edit(entry.canonicalizedBody, /"digest":"./, flipFirst);
  },
  "a hash of its inclusion proof changed": ({ verificationMaterial: { tlogEntries } }) => {
    for (const { inclusionProof } of tlogEntries) inclusionProof.hashes[0] = flip(inclusionProof.hashes[0]!);
  },
  "its checkpoint of another size": ({ verificationMaterial: { tlogEntries } }) => {
    for (const { inclusionProof } of tlogEntries)
      inclusionProof.checkpoint.envelope = inclusionProof.checkpoint.envelope.replace(/\n(\d+)\n/, "\n1$1\n");
  },
};

/** Every tampered form of `bundle`, by what was done to it. */
export function tamperedForms(bundle: BundleJson, other: BundleJson): readonly (readonly [string, BundleJson])[] {
  const forms = Object.entries(changes).map(([name, change]) => {
    const copy = structuredClone(bundle);
    change(copy, structuredClone(other));
    return [name, copy] as const;
  });
  if (bundle.dsseEnvelope === undefined) return forms;
  const copy = structuredClone(bundle);
  copy.dsseEnvelope!.payload = edit(bundle.dsseEnvelope.payload, /widget\.tar/, () => "gadget.tar");
  return [...forms, ["its payload changed", copy]];
}
