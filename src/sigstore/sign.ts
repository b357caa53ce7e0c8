// Makes a bundle: client specification §2 in its order. Key, certificate, signature, timestamps over the signature,
// log entries, and at the end our own verifier: what it would refuse is not given away.
// Services are handed in as functions, so that no network is known here. Bundles are v0.3 with the leaf alone.

import { demand, Fields, type Json, type JsonObject, Problem } from "../core/index.ts";
import {
  digest,
  type Envelope,
  parseCertificate,
  preAuthenticationEncoding,
  schemeHash,
  signEnvelope as signDsse,
  type Signer,
} from "../crypto/index.ts";
import { type ExpectedIdentity, identityOf } from "./identity.ts";
import { signingAlgorithms } from "./key-details.ts";
import type { Bundle, BundleContent, SignerMaterial, TransparencyLogEntry } from "./model.ts";
import { bundleMediaType, parseLogEntry } from "./parse-bundle.ts";
import type { EntryVerifier } from "./rekor-body.ts";
import { hashedRekordRequestJson } from "./rekor.ts";
import { dsseV1Json, hashedRekordV1Json, logEntryOfV1 } from "./rekor-v1.ts";
import type { Trust } from "./trust.ts";
import type { Thresholds, VerifyOptions } from "./verify.ts";
import { verifyBundle } from "./verify.ts";
import type { Artifact } from "./verify-content.ts";

/** Each function talks to one service and gives what it answered; several run side by side. */
export interface SigningServices {
  /** DER of a TimeStampResp over the signature's bytes. */
  readonly timestamps: readonly ((signature: Uint8Array) => Promise<Uint8Array>)[];
  /** Rekor v2: a TransparencyLogEntry's JSON for a hashedRekordRequestV002's. */
  readonly logs: readonly ((request: JsonObject) => Promise<Json>)[];
  /** Rekor v1: the answer for a proposed entry, `hashedrekord` for an artifact and `dsse` for an envelope. */
  readonly logsV1?: readonly ((entry: JsonObject) => Promise<Json>)[];
}

export interface SignOptions {
  /** An ephemeral key for keyless signing, a kept one otherwise. */
  readonly signer: Signer;
  /**
   * `chain` fetches a certificate for the signer's key: DER, the leaf first; the proof of possession is its business.
   * `hint` names a kept key.
   */
  readonly material:
    | { readonly kind: "certificate"; chain(signer: Signer): Promise<readonly Uint8Array[]> }
    | { readonly kind: "publicKey"; readonly hint: string };
  readonly services: SigningServices;
  /** What the finished bundle is verified with. */
  readonly trust: Trust;
  readonly thresholds?: Thresholds;
  /** Whom the certificate must name; without it, whomever it names. */
  readonly identity?: ExpectedIdentity;
}

/** Signs an artifact's bytes. Problems `sigstore/*` of the verifier, `sigstore/signer-unsupported`. */
export async function signMessage(bytes: Uint8Array, options: SignOptions): Promise<Bundle> {
  const prepared = await prepare(options);
  const { signer } = options;
  const signature = await signer.sign(bytes);
  const messageDigest = { algorithm: prepared.hash, digest: digest(prepared.hash, bytes) };
  const content: BundleContent = { kind: "message", signature, messageDigest };
  return finish({ ...prepared, content, signature, message: bytes, artifact: { kind: "bytes", bytes } }, options);
}

/** Signs a payload of this type as a DSSE envelope; for a statement, `statementPayloadType`. Problems as `signMessage`. */
export async function signEnvelope(payloadType: string, payload: Uint8Array, options: SignOptions): Promise<Bundle> {
  const prepared = await prepare(options);
  const { signer } = options;
  // No keyid, even of a key: the bundle's hint names it, and other verifiers take a keyid for one of their own making.
  const envelope: Envelope = await signDsse(payloadType, payload, [{ signer }]);
  const message = preAuthenticationEncoding(payloadType, payload);
  const content: BundleContent = { kind: "dsse", envelope };
  const signature = envelope.signatures[0]!.sig;
  return finish({ ...prepared, content, signature, message, artifact: { kind: "envelope", payloadType } }, options);
}

interface Prepared {
  readonly material: SignerMaterial;
  readonly verifier: EntryVerifier;
  readonly keyDetails: string;
  readonly hash: "sha256" | "sha384" | "sha512";
}

async function prepare({ signer, material }: SignOptions): Promise<Prepared> {
  const algorithm = signingAlgorithms(signer.publicKey).find(({ scheme }) => scheme === signer.scheme);
  const hash = schemeHash(signer.scheme);
  // Pure Ed25519 signs no digest, so that no log could take its signature.
  const usable = algorithm !== undefined && hash !== undefined;
  demand(usable, "sigstore/signer-unsupported", `bundles cannot be signed with ${signer.scheme}`);
  const { keyDetails } = algorithm;
  if (material.kind === "publicKey") {
    return { material, verifier: { kind: "publicKey", der: signer.publicKey.spki }, keyDetails, hash };
  }
  const [leaf] = await material.chain(signer);
  if (leaf === undefined)
    throw new Problem("sigstore/certificate-invalid", "certificate authority gave no certificate");
  const certificate = { kind: "certificate", leaf, rest: [] } as const;
  return { material: certificate, verifier: { kind: "certificate", der: leaf }, keyDetails, hash };
}

interface Signed extends Prepared {
  readonly content: BundleContent;
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  readonly artifact: Artifact;
}

async function finish(signed: Signed, options: SignOptions): Promise<Bundle> {
  const { signature, hash, verifier, keyDetails } = signed;
  const { services } = options;
  // The timestamps come first, so that a log's entry is never older than the time it is judged by.
  const timestamps = await Promise.all(services.timestamps.map((stamp) => stamp(signature)));
  const entry = { algorithm: hash, digest: digest(hash, signed.message), signature, verifier, keyDetails };
  const request = hashedRekordRequestJson(entry);
  const { content } = signed;
  const requestV1 = content.kind === "dsse" ? dsseV1Json(content.envelope, verifier) : hashedRekordV1Json(entry);
  const logEntries = await Promise.all([
    ...services.logs.map(async (log) => readAnswer(await log(request))),
    ...(services.logsV1 ?? []).map(async (log) => logEntryOfV1(await log(requestV1))),
  ]);
  const bundle: Bundle = {
    mediaType: bundleMediaType,
    version: "0.3",
    verificationMaterial: { signer: signed.material, logEntries, timestamps },
    content: signed.content,
  };
  verifyBundle(bundle, ownOptions(signed, options));
  return bundle;
}

function readAnswer(answer: Json): TransparencyLogEntry {
  return parseLogEntry(Fields.of(answer, "log's answer", "sigstore/log-answer-invalid"));
}

function ownOptions(
  { material, artifact }: Signed,
  { trust, thresholds, signer, identity }: SignOptions,
): VerifyOptions {
  const common = { trust, artifact, ...(thresholds === undefined ? {} : { thresholds }) };
  if (material.kind === "publicKey") return { ...common, key: signer.publicKey };
  return { ...common, identity: identity ?? identityOf(parseCertificate(material.leaf)) };
}
