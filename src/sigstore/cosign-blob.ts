// What cosign wrote beside a file before there were bundles: the JSON of `sign-blob --bundle` of its second version,
// or the signature, the certificate and the log's answer in files of their own. All become a v0.1 bundle, so that one
// verifier judges them. Stricter: what stands for a certificate is one or a PEM public key by its label, and which of
// the two it is decides nothing: a verifier that expects an identity refuses a key.

import {
  base64,
  demand,
  Fields,
  fromBase64,
  fromUtf8,
  isProblem,
  type Json,
  parseJson,
  Problem,
} from "../core/index.ts";
import { parsePem } from "../crypto/index.ts";
import { type Annotations, bundleOfLegacySignature } from "./cosign-legacy.ts";
import { maxBundleBytes, maxCertificateBytes, maxSignatureBytes } from "./limits.ts";
import type { Bundle } from "./model.ts";

const code = "sigstore/legacy-invalid";

/** The parts in files of their own; each may be missing but the signature. */
export interface CosignFiles {
  /** Base64, as `--output-signature` wrote it, or the bare signature. */
  readonly signature: Uint8Array;
  /** PEM, or base64 of PEM; a certificate, or the public key. */
  readonly certificate?: Uint8Array;
  readonly chain?: Uint8Array;
  /** cosign's RekorBundle in JSON. */
  readonly rekorBundle?: Uint8Array;
}

/** True for the JSON of cosign's old `sign-blob --bundle`. */
export function isCosignBlobBundle(json: Json): boolean {
  return typeof json === "object" && json !== null && "base64Signature" in json;
}

/** The bundle of cosign's old JSON. Problems `sigstore/legacy-invalid`, `core/json-*`. Nothing is verified. */
export function bundleOfCosignBlob(bytes: Uint8Array): Bundle {
  const fields = Fields.of(parseJson(bytes, { maxBytes: maxBundleBytes }), "bundle", code);
  const certificate = fields.nullable("cert", (name) => fields.string(name, { max: 4 * maxCertificateBytes }));
  const rekorBundle = fields.nullable("rekorBundle", (name) => JSON.stringify(fields.object(name).value));
  return bundleOfLegacySignature({
    ...signatureAnnotation(fields.string("base64Signature", { max: 2 * maxSignatureBytes })),
    ...(certificate === undefined ? {} : certificateAnnotation(certificate)),
    ...(rekorBundle === undefined ? {} : { "dev.sigstore.cosign/bundle": rekorBundle }),
  });
}

/** The bundle of cosign's separate files. Problems as for `bundleOfCosignBlob`. */
export function bundleOfCosignFiles(files: CosignFiles): Bundle {
  const { signature, certificate, chain, rekorBundle } = files;
  demand(signature.length <= 2 * maxSignatureBytes, code, "the signature is too long");
  return bundleOfLegacySignature({
    ...signatureAnnotation(signatureText(signature)),
    ...(certificate === undefined ? {} : certificateAnnotation(fromUtf8(certificate))),
    ...(chain === undefined ? {} : { "dev.sigstore.cosign/chain": fromUtf8(chain) }),
    ...(rekorBundle === undefined ? {} : { "dev.sigstore.cosign/bundle": fromUtf8(rekorBundle) }),
  });
}

function signatureAnnotation(text: string): Annotations {
  return { "dev.cosignproject.cosign/signature": text.trim() };
}

// A text of base64 alone is never a DER signature, whose second octet is a length.
function signatureText(bytes: Uint8Array): string {
  const text = bytes.every((byte) => byte < 0x80) ? fromUtf8(bytes).trim() : "";
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? text : base64(bytes);
}

/** Nothing for a PEM public key: the verifier is given the key it trusts, and takes none from here. */
function certificateAnnotation(text: string): Annotations {
  const pem = text.startsWith("-----") ? text : decodedPem(text);
  try {
    parsePem(pem, "PUBLIC KEY");
    return {};
  } catch (problem) {
    if (!isProblem(problem)) throw problem;
    return { "dev.sigstore.cosign/certificate": pem };
  }
}

function decodedPem(text: string): string {
  try {
    return fromUtf8(fromBase64(text.trim()));
  } catch (cause) {
    throw new Problem(code, "the certificate is neither PEM nor base64 of PEM", { cause });
  }
}
