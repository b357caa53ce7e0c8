// What a bundle says, for a person: read, never verified. Any bundle, and cosign's JSON before there were bundles.

import { base64, formatUtcSeconds, hex, isProblem, type JsonObject, parseJson, problemChain } from "../core/index.ts";
import { digestHex, oids, parseCertificate, parseSctList, parseTimestamp } from "../crypto/index.ts";
import {
  type Bundle,
  bundleOf,
  bundleOfCosignBlob,
  type BundleContent,
  identityOf,
  isCosignBlobBundle,
  type SignerMaterial,
  type TransparencyLogEntry,
} from "../sigstore/index.ts";
import { parseCheckpoint, parseNote } from "../tlog/index.ts";

const maxBundleBytes = 32 * 1024 * 1024;

/** A bundle of either form. Problems of their parsers. */
export function readAnyBundle(bytes: Uint8Array): { readonly form: "bundle" | "cosign blob"; readonly bundle: Bundle } {
  const json = parseJson(bytes, { maxBytes: maxBundleBytes });
  if (isCosignBlobBundle(json)) return { form: "cosign blob", bundle: bundleOfCosignBlob(bytes) };
  return { form: "bundle", bundle: bundleOf(json) };
}

/** Everything a bundle says as JSON. What cannot be read inside it is said so in its place. */
export function bundleView(bytes: Uint8Array): JsonObject {
  const { form, bundle } = readAnyBundle(bytes);
  const { signer, logEntries, timestamps } = bundle.verificationMaterial;
  return {
    form,
    mediaType: form === "bundle" ? bundle.mediaType : null,
    verified: false,
    signer: readable(() => signerView(signer)),
    content: contentView(bundle.content),
    logEntries: logEntries.map((entry) => readable(() => entryView(entry))),
    timestamps: timestamps.map((token) => readable(() => timestampView(token))),
  };
}

function readable(view: () => JsonObject): JsonObject {
  try {
    return view();
  } catch (problem) {
    if (!isProblem(problem)) throw problem;
    return { unreadable: problemChain(problem).join(": ") };
  }
}

function signerView(signer: SignerMaterial): JsonObject {
  if (signer.kind === "publicKey") return { kind: "public key", hint: signer.hint };
  const certificate = parseCertificate(signer.leaf);
  const list = certificate.extensions.get(oids.sctList);
  return {
    kind: "certificate",
    sha256: digestHex("sha256", signer.leaf),
    serialNumber: hex(certificate.serialNumber),
    notBefore: formatUtcSeconds(certificate.notBeforeMs),
    notAfter: formatUtcSeconds(certificate.notAfterMs),
    key: certificate.publicKey.type,
    identity: readable(() => {
      const { issuer, subjectAlternativeName, subjectAlternativeNameType, extensions } = identityOf(certificate);
      return {
        issuer,
        subjectAlternativeName,
        type: subjectAlternativeNameType,
        extensions: Object.fromEntries(extensions),
      };
    }),
    scts: (list === undefined ? [] : parseSctList(list.value)).map(({ logId, timestampMs }) => ({
      logId: hex(logId),
      time: formatUtcSeconds(timestampMs),
    })),
    chain: signer.rest.length,
  };
}

function contentView(content: BundleContent): JsonObject {
  if (content.kind === "message") {
    const { messageDigest } = content;
    return {
      kind: "message signature",
      signature: base64(content.signature),
      digest: messageDigest === undefined ? null : `${messageDigest.algorithm}:${hex(messageDigest.digest)}`,
    };
  }
  const { payloadType, payload } = content.envelope;
  return {
    kind: "envelope",
    payloadType,
    payloadBytes: payload.length,
    statement: readable(() => {
      const json = parseJson(payload, { maxBytes: maxBundleBytes });
      const { predicateType = null, subject = null } = json as JsonObject;
      return { predicateType, subject };
    }),
  };
}

function entryView(entry: TransparencyLogEntry): JsonObject {
  const { logIndex, logId, kind, version, integratedTime, signedEntryTimestamp, inclusionProof: proof } = entry;
  return {
    kind: `${kind} ${version}`,
    logId: hex(logId),
    logIndex,
    integratedTime: integratedTime === 0 ? null : formatUtcSeconds(integratedTime * 1000),
    promise: signedEntryTimestamp !== undefined,
    proof:
      proof === undefined ? null : { index: proof.logIndex, treeSize: proof.treeSize, hashes: proof.hashes.length },
    checkpoint: proof?.checkpoint === undefined ? null : readable(() => checkpointView(proof.checkpoint!)),
  };
}

function checkpointView(text: string): JsonObject {
  const note = parseNote(text);
  const { origin, size, root } = parseCheckpoint(note.text);
  return { origin, size, root: hex(root), signedBy: note.signatures.map(({ name }) => name) };
}

function timestampView(token: Uint8Array): JsonObject {
  const { info, signedData } = parseTimestamp(token);
  return {
    time: formatUtcSeconds(info.genTimeMs),
    policy: info.policy,
    imprint: `${info.imprint.hashAlgorithm}:${hex(info.imprint.digest)}`,
    certificates: signedData.certificates.length,
  };
}
