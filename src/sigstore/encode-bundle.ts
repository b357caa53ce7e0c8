// Bundle -> protobuf JSON. Field names in lowerCamelCase, 64-bit integers as strings, bytes in standard base64,
// default values left out as other writers do. What is written here, parse-bundle.ts reads back as the same value.

import { base64, type JsonObject, utf8 } from "../core/index.ts";
import { hashName } from "./key-details.ts";
import type { Bundle, BundleContent, SignerMaterial, TransparencyLogEntry } from "./model.ts";

/** The bundle as UTF-8 JSON, in its own media type's form. */
export function encodeBundle(bundle: Bundle): Uint8Array {
  return utf8(JSON.stringify(bundleJson(bundle)));
}

/** The bundle as a JSON value, for answers that hold several. */
export function bundleJson(bundle: Bundle): JsonObject {
  const { signer, logEntries, timestamps } = bundle.verificationMaterial;
  return {
    mediaType: bundle.mediaType,
    verificationMaterial: {
      ...signerJson(signer, bundle.version === "0.3"),
      tlogEntries: logEntries.map(logEntryJson),
      timestampVerificationData: {
        rfc3161Timestamps: timestamps.map((stamp) => ({ signedTimestamp: base64(stamp) })),
      },
    },
    ...contentJson(bundle.content),
  };
}

function signerJson(signer: SignerMaterial, single: boolean): JsonObject {
  if (signer.kind === "publicKey") return { publicKey: { hint: signer.hint } };
  if (single) return { certificate: { rawBytes: base64(signer.leaf) } };
  const certificates = [signer.leaf, ...signer.rest].map((each) => ({ rawBytes: base64(each) }));
  return { x509CertificateChain: { certificates } };
}

function contentJson(content: BundleContent): JsonObject {
  if (content.kind === "message") {
    const { messageDigest } = content;
    return {
      messageSignature: {
        ...(messageDigest === undefined
          ? {}
          : { messageDigest: { algorithm: hashName(messageDigest.algorithm), digest: base64(messageDigest.digest) } }),
        signature: base64(content.signature),
      },
    };
  }
  const { payloadType, payload, signatures } = content.envelope;
  return {
    dsseEnvelope: {
      payload: base64(payload),
      payloadType,
      signatures: signatures.map(({ keyid, sig }) => ({ sig: base64(sig), ...(keyid === "" ? {} : { keyid }) })),
    },
  };
}

/** A TransparencyLogEntry's JSON: the answer of Rekor v2, and a bundle's entry. */
export function logEntryJson(entry: TransparencyLogEntry): JsonObject {
  const { inclusionProof: proof, signedEntryTimestamp } = entry;
  return {
    logIndex: String(entry.logIndex),
    logId: { keyId: base64(entry.logId) },
    kindVersion: { kind: entry.kind, version: entry.version },
    integratedTime: String(entry.integratedTime),
    ...(signedEntryTimestamp === undefined
      ? {}
      : { inclusionPromise: { signedEntryTimestamp: base64(signedEntryTimestamp) } }),
    ...(proof === undefined
      ? {}
      : {
          inclusionProof: {
            logIndex: String(proof.logIndex),
            rootHash: base64(proof.rootHash),
            treeSize: String(proof.treeSize),
            hashes: proof.hashes.map(base64),
            ...(proof.checkpoint === undefined ? {} : { checkpoint: { envelope: proof.checkpoint } }),
          },
        }),
    canonicalizedBody: base64(entry.canonicalizedBody),
  };
}
