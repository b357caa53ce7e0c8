// What cosign kept beside an image before there were bundles: annotations of a layer, and the signed text in it
// (sigstore/cosign specs/SIGNATURE_SPEC.md). Read, they become a v0.1 bundle, so that one verifier judges both; written,
// a bundle becomes annotations. Stricter: a certificate is one or the whole is refused, never taken for a bare key.
// Narrow: an attestation's timestamp covers other bytes here than in a bundle, so it counts for nothing.

import {
  base64,
  demand,
  Fields,
  fromBase64,
  fromHex,
  hex,
  type Json,
  type JsonObject,
  parseJson,
  parseJsonText,
  Problem,
  utf8,
} from "../core/index.ts";
import { encodePem, type Envelope, parsePem } from "../crypto/index.ts";
import {
  maxBodyBytes,
  maxCertificateBytes,
  maxChainCertificates,
  maxSignatureBytes,
  maxTimestampBytes,
} from "./limits.ts";
import type { Bundle, BundleContent, SignerMaterial, TransparencyLogEntry } from "./model.ts";

export const simpleSigningMediaType = "application/vnd.dev.cosign.simplesigning.v1+json";
export const envelopeMediaType = "application/vnd.dsse.envelope.v1+json";

const code = "sigstore/legacy-invalid";
const signatureName = "dev.cosignproject.cosign/signature";
const certificateName = "dev.sigstore.cosign/certificate";
const chainName = "dev.sigstore.cosign/chain";
const bundleName = "dev.sigstore.cosign/bundle";
const timestampName = "dev.sigstore.cosign/rfc3161timestamp";
const payloadType = "cosign container image signature";
const v01 = "application/vnd.dev.sigstore.bundle+json;version=0.1";
const maxPayloadBytes = 1024 * 1024;

export type Annotations = Readonly<Record<string, string>>;

/** The text that a signature of the old form is over. */
export interface SimpleSigning {
  /** `sha256:<hex>` of the image's manifest. */
  readonly digest: string;
  readonly annotations: ReadonlyMap<string, string>;
}

/** Problem `sigstore/legacy-invalid`. Nothing of it is verified. */
export function parseSimpleSigning(bytes: Uint8Array): SimpleSigning {
  const fields = Fields.of(parseJson(bytes, { maxBytes: maxPayloadBytes }), "payload", code);
  const critical = fields.object("critical");
  critical.oneOf("type", payloadType);
  const digest = critical.object("image").string("docker-manifest-digest", { max: 71 });
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw critical.problem("image", "has no sha256 digest");
  const optional = fields.nullable("optional", (name) => fields.object(name));
  const named = (optional?.names() ?? []).filter((name) => typeof optional?.value[name] === "string");
  return { digest, annotations: new Map(named.map((name) => [name, optional!.string(name)])) };
}

/** The bytes to sign for an image; `name` is its repository's. */
export function encodeSimpleSigning(name: string, { digest, annotations }: SimpleSigning): Uint8Array {
  const critical = {
    identity: { "docker-reference": name },
    image: { "docker-manifest-digest": digest },
    type: payloadType,
  };
  return utf8(JSON.stringify({ critical, optional: annotations.size === 0 ? null : Object.fromEntries(annotations) }));
}

/** A layer with a signature over its own bytes. Problems `sigstore/legacy-invalid`, `core/json-*`. */
export function bundleOfLegacySignature(annotations: Annotations): Bundle {
  const signature = decode(annotations[signatureName], signatureName, maxSignatureBytes);
  const timestamp = timestampOf(annotations);
  return bundleOf(annotations, { kind: "message", signature }, timestamp === undefined ? [] : [timestamp]);
}

/** A layer that is an envelope. Problems `sigstore/legacy-invalid`, `core/json-*`. */
export function bundleOfLegacyAttestation(annotations: Annotations, envelope: Envelope): Bundle {
  demand(envelope.signatures.length === 1, code, "the envelope does not have exactly one signature");
  return bundleOf(annotations, { kind: "dsse", envelope }, []);
}

function bundleOf(annotations: Annotations, content: BundleContent, timestamps: readonly Uint8Array[]): Bundle {
  const entry = annotations[bundleName];
  return {
    mediaType: v01,
    version: "0.1",
    verificationMaterial: {
      signer: signerOf(annotations),
      logEntries: entry === undefined ? [] : [logEntryOf(entry)],
      timestamps,
    },
    content,
  };
}

function signerOf(annotations: Annotations): SignerMaterial {
  const pem = annotations[certificateName];
  if (pem === undefined) return { kind: "publicKey", hint: "" };
  const [leaf, ...others] = certificatesOf(pem);
  demand(leaf !== undefined && others.length === 0, code, "the layer's certificate is not exactly one");
  const chain = annotations[chainName];
  // A root of one's own proves nothing; the trust root's is used.
  return {
    kind: "certificate",
    leaf,
    rest: chain === undefined || chain.trim() === "" ? [] : certificatesOf(chain).slice(0, -1),
  };
}

function certificatesOf(pem: string): readonly Uint8Array[] {
  demand(pem.length <= 2 * maxCertificateBytes * maxChainCertificates, code, "the layer's certificates are too long");
  try {
    const certificates = parsePem(pem, "CERTIFICATE");
    demand(certificates.length <= maxChainCertificates, code, "the layer has too many certificates");
    return certificates;
  } catch (cause) {
    throw new Problem(code, "the layer's certificate is none", { cause });
  }
}

/** cosign's `RekorBundle`: what a log of version 1 promised. */
function logEntryOf(text: string): TransparencyLogEntry {
  const fields = Fields.of(parseJsonText(text, { maxBytes: 2 * maxBodyBytes }), "bundle", code);
  const payload = fields.object("Payload");
  const body = payload.base64("body", { min: 1, max: maxBodyBytes });
  const entry = Fields.of(parseJson(body, { maxBytes: maxBodyBytes }), "log entry", code);
  const logId = payload.string("logID", { max: 64 });
  if (!/^[0-9a-f]{64}$/.test(logId)) throw payload.problem("logID", "is not a SHA-256 hash");
  return {
    logIndex: payload.integer("logIndex"),
    logId: fromHex(logId),
    kind: entry.string("kind", { max: 64 }),
    version: entry.string("apiVersion", { max: 64 }),
    integratedTime: payload.integer("integratedTime"),
    signedEntryTimestamp: fields.base64("SignedEntryTimestamp", { min: 1, max: maxSignatureBytes }),
    canonicalizedBody: body,
  };
}

function timestampOf(annotations: Annotations): Uint8Array | undefined {
  const text = annotations[timestampName];
  if (text === undefined) return undefined;
  const json: Json = parseJsonText(text, { maxBytes: 2 * maxTimestampBytes });
  return Fields.of(json, "timestamp", code).base64("SignedRFC3161Timestamp", { min: 1, max: maxTimestampBytes });
}

function decode(text: string | undefined, name: string, maxBytes: number): Uint8Array {
  if (text === undefined || text === "") throw new Problem(code, `the layer has no annotation ${name}`);
  demand(text.length <= maxBytes * 2, code, `the layer's ${name} is too long`);
  try {
    return fromBase64(text);
  } catch (cause) {
    throw new Problem(code, `the layer's ${name} is not base64`, { cause });
  }
}

/**
 * The annotations of a bundle's layer; `chain` are the certificates above its leaf. A log entry without a promise, as
 * every one of Rekor v2, cannot be said in this form and is left out.
 */
export function legacyAnnotations(bundle: Bundle, chain: readonly Uint8Array[]): Annotations {
  const { content } = bundle;
  const { signer, logEntries, timestamps } = bundle.verificationMaterial;
  const isMessage = content.kind === "message";
  const entry = logEntries.find(({ signedEntryTimestamp }) => signedEntryTimestamp !== undefined);
  const [timestamp] = timestamps;
  return {
    [signatureName]: isMessage ? base64(content.signature) : "",
    ...(signer.kind === "certificate" ? { [certificateName]: encodePem("CERTIFICATE", signer.leaf) } : {}),
    ...(chain.length === 0 ? {} : { [chainName]: chain.map((each) => encodePem("CERTIFICATE", each)).join("") }),
    ...(entry === undefined ? {} : { [bundleName]: JSON.stringify(rekorBundle(entry)) }),
    ...(timestamp === undefined || !isMessage
      ? {}
      : { [timestampName]: JSON.stringify({ SignedRFC3161Timestamp: base64(timestamp) }) }),
  };
}

function rekorBundle(entry: TransparencyLogEntry): JsonObject {
  return {
    SignedEntryTimestamp: base64(entry.signedEntryTimestamp!),
    Payload: {
      body: base64(entry.canonicalizedBody),
      integratedTime: entry.integratedTime,
      logIndex: entry.logIndex,
      logID: hex(entry.logId),
    },
  };
}
