// Sigstore bundle: JSON bytes -> Bundle. protobuf-specs 0.5 sigstore_bundle.proto, media types v0.1, v0.2, v0.3.
// Protobuf JSON: a missing field and null are the default value, 64-bit integers are strings, bytes are base64.
// Unknown fields are ignored, as every client does, so that newer bundles stay readable; where two readings would
// be possible we are stricter: no duplicate names, canonical base64 alone, exactly one kind of signer and content,
// exactly one DSSE signature, and counts bounded before an entry is read.

import { Fields, type Json, parseJson } from "../core/index.ts";
import { digestBytes, parseEnvelope } from "../crypto/index.ts";
import { hashOfName } from "./key-details.ts";
import {
  maxBodyBytes,
  maxBundleBytes,
  maxCertificateBytes,
  maxChainCertificates,
  maxCheckpointChars,
  maxLogEntries,
  maxProofHashes,
  maxSignatureBytes,
  maxTimestampBytes,
  maxTimestamps,
} from "./limits.ts";
import type {
  Bundle,
  BundleContent,
  BundleVersion,
  InclusionProof,
  MessageDigest,
  SignerMaterial,
  TransparencyLogEntry,
} from "./model.ts";

export const bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";

const versions: Readonly<Record<string, BundleVersion>> = {
  "application/vnd.dev.sigstore.bundle+json;version=0.1": "0.1",
  "application/vnd.dev.sigstore.bundle+json;version=0.2": "0.2",
  "application/vnd.dev.sigstore.bundle+json;version=0.3": "0.3",
  [bundleMediaType]: "0.3",
};

const code = "sigstore/bundle-invalid";

/** The bundle of JSON bytes, nothing of it verified. Problems `sigstore/bundle-invalid`, `core/json-*`, `crypto/dsse-*`. */
export function parseBundle(bytes: Uint8Array): Bundle {
  return bundleOf(parseJson(bytes, { maxBytes: maxBundleBytes }));
}

/** As `parseBundle`, of JSON already parsed, such as one attestation of a registry's answer. */
export function bundleOf(json: Json): Bundle {
  const fields = Fields.of(json, "bundle", code);
  const mediaType = fields.string("mediaType");
  const version = Object.hasOwn(versions, mediaType) ? versions[mediaType] : undefined;
  if (version === undefined) throw fields.problem("mediaType", "is not a bundle's of v0.1, v0.2 or v0.3");
  const material = fields.object("verificationMaterial");
  const timestamps = material.nullable("timestampVerificationData", (name) => material.object(name));
  return {
    mediaType,
    version,
    verificationMaterial: {
      signer: parseSigner(material, version),
      logEntries:
        material.nullable("tlogEntries", (name) =>
          material.objects(name, { max: maxLogEntries }, (entry) => parseVersionedEntry(entry, version)),
        ) ?? [],
      timestamps:
        timestamps?.nullable("rfc3161Timestamps", (name) =>
          timestamps.objects(name, { max: maxTimestamps }, (stamp) =>
            stamp.base64("signedTimestamp", { min: 1, max: maxTimestampBytes }),
          ),
        ) ?? [],
    },
    content: parseContent(fields),
  };
}

function present(fields: Fields, ...names: readonly string[]): string[] {
  return names.filter((name) => fields.nullable(name, () => true) === true);
}

function parseSigner(material: Fields, version: BundleVersion): SignerMaterial {
  const [kind, ...others] = present(material, "publicKey", "x509CertificateChain", "certificate");
  if (kind === undefined || others.length > 0) throw material.problem("content", "is not exactly one kind of signer");
  if (kind === "publicKey") {
    const key = material.object("publicKey");
    return { kind: "publicKey", hint: key.nullable("hint", (name) => key.string(name, { max: 1024 })) ?? "" };
  }
  if (kind === "certificate") {
    return { kind: "certificate", leaf: parseCertificateField(material.object("certificate")), rest: [] };
  }
  // sigstore_bundle.proto: a v0.3 bundle carries the leaf alone.
  if (version === "0.3") throw material.problem("x509CertificateChain", "is not allowed in a v0.3 bundle");
  const chain = material
    .object("x509CertificateChain")
    .objects("certificates", { min: 1, max: maxChainCertificates }, parseCertificateField);
  return { kind: "certificate", leaf: chain[0]!, rest: chain.slice(1) };
}

function parseCertificateField(fields: Fields): Uint8Array {
  return fields.base64("rawBytes", { min: 1, max: maxCertificateBytes });
}

function parseContent(fields: Fields): BundleContent {
  const [kind, ...others] = present(fields, "messageSignature", "dsseEnvelope");
  if (kind === undefined || others.length > 0) throw fields.problem("content", "is not exactly one kind of content");
  if (kind === "dsseEnvelope") {
    const envelope = parseEnvelope(fields.json("dsseEnvelope"));
    // sigstore_bundle.proto: a client MUST reject an envelope whose number of signatures is not one.
    if (envelope.signatures.length !== 1) throw fields.problem("dsseEnvelope", "does not have exactly one signature");
    return { kind: "dsse", envelope };
  }
  const message = fields.object("messageSignature");
  const messageDigest = message.nullable("messageDigest", (name) => parseMessageDigest(message.object(name)));
  return {
    kind: "message",
    signature: message.base64("signature", { min: 1, max: maxSignatureBytes }),
    ...(messageDigest === undefined ? {} : { messageDigest }),
  };
}

function parseMessageDigest(fields: Fields): MessageDigest {
  const algorithm = hashOfName(fields.string("algorithm"));
  if (algorithm === undefined) throw fields.problem("algorithm", "is not SHA2_256, SHA2_384 or SHA2_512");
  const digest = fields.base64("digest", { max: 64 });
  if (digest.length !== digestBytes[algorithm]) throw fields.problem("digest", "has not the algorithm's length");
  return { algorithm, digest };
}

function parseVersionedEntry(fields: Fields, version: BundleVersion): TransparencyLogEntry {
  const entry = parseLogEntry(fields);
  // sigstore_bundle.proto: v0.1 promises inclusion; from v0.2 on inclusion is proven, up to a signed checkpoint.
  if (version === "0.1" && entry.signedEntryTimestamp === undefined) {
    throw fields.problem("inclusionPromise", "is missing in a v0.1 bundle");
  }
  if (version !== "0.1" && entry.inclusionProof?.checkpoint === undefined) {
    throw fields.problem("inclusionProof", "or its checkpoint is missing");
  }
  return entry;
}

/** One TransparencyLogEntry, as bundles hold it and a log answers it. */
export function parseLogEntry(fields: Fields): TransparencyLogEntry {
  const kind = fields.object("kindVersion");
  const promise = fields.nullable("inclusionPromise", (name) =>
    fields.object(name).base64("signedEntryTimestamp", { min: 1, max: maxSignatureBytes }),
  );
  const proof = fields.nullable("inclusionProof", (name) => parseProof(fields.object(name)));
  return {
    logIndex: int64(fields, "logIndex"),
    logId: fields.object("logId").base64("keyId", { min: 32, max: 32 }),
    kind: kind.string("kind", { max: 64 }),
    version: kind.string("version", { max: 64 }),
    integratedTime: int64(fields, "integratedTime"),
    ...(promise === undefined ? {} : { signedEntryTimestamp: promise }),
    ...(proof === undefined ? {} : { inclusionProof: proof }),
    canonicalizedBody: fields.base64("canonicalizedBody", { min: 1, max: maxBodyBytes }),
  };
}

function parseProof(fields: Fields): InclusionProof {
  const checkpoint = fields.nullable("checkpoint", (name) =>
    fields.object(name).string("envelope", { min: 1, max: maxCheckpointChars }),
  );
  const hashes = fields.nullable("hashes", (name) =>
    fields.array(name, { max: maxProofHashes }, (value, path) =>
      Fields.of({ hash: value }, path, code).base64("hash", { min: 32, max: 32 }),
    ),
  );
  return {
    logIndex: int64(fields, "logIndex"),
    rootHash: fields.base64("rootHash", { min: 32, max: 32 }),
    treeSize: int64(fields, "treeSize"),
    hashes: hashes ?? [],
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
}

// Protobuf JSON leaves out a field that holds its default, so that a missing index is the index 0.
function int64(fields: Fields, name: string): number {
  return fields.nullable(name, () => fields.int64(name)) ?? 0;
}
