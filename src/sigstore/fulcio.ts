// Requests and answers of a Fulcio v2 certificate authority: POST /api/v2/signingCert, GET /api/v2/trustBundle.
// sigstore/fulcio fulcio.proto v2. Field names in lowerCamelCase or snake_case, as protobuf JSON readers take both.
// Narrow: embedded signed certificate timestamps alone; the detached form and API v1 are not served.

import { base64, Fields, fromUtf8, type JsonObject, parseJson, Problem } from "../core/index.ts";
import {
  encodePem,
  parseCertificationRequest,
  parsePublicKey,
  parsePublicKeyPem,
  type PublicKey,
} from "../crypto/index.ts";
import { maxRequestBytes, maxSignatureBytes } from "./limits.ts";

export interface SigningCertificateRequest {
  /** The bearer token, where it came in the body; it may come in a header instead. */
  readonly identityToken: string | undefined;
  readonly publicKey: PublicKey;
  /** A certification request has proven itself when it was read; a bare key comes with a signature to check. */
  readonly proof: { readonly kind: "request" } | { readonly kind: "signature"; readonly signature: Uint8Array };
}

const code = "sigstore/certificate-request-invalid";

/** Problems `sigstore/certificate-request-invalid`, `core/json-*`. */
export function parseSigningCertificateRequest(bytes: Uint8Array): SigningCertificateRequest {
  const fields = Fields.of(parseJson(bytes, { maxBytes: maxRequestBytes }), "request", code);
  const credentials = fields.nullable("credentials", (name) => fields.object(name));
  const identityToken =
    credentials &&
    either(credentials, "oidcIdentityToken", "oidc_identity_token", (name) => credentials.string(name, { min: 1 }));
  const bare = either(fields, "publicKeyRequest", "public_key_request", (name) => parseBareKey(fields.object(name)));
  const request = either(fields, "certificateSigningRequest", "certificate_signing_request", (name) =>
    parseRequest(fields.base64(name, { min: 1, max: 65_536 })),
  );
  const [key, ...others] = [bare, request].filter((each) => each !== undefined);
  if (key === undefined || others.length > 0) throw fields.problem("key", "is not exactly one kind of key");
  return { identityToken, ...key };
}

/** The field under its JSON name or its original one; both at once are refused. */
export function either<T>(fields: Fields, name: string, original: string, read: (name: string) => T): T | undefined {
  const value = fields.nullable(name, read);
  const other = fields.nullable(original, read);
  if (value !== undefined && other !== undefined) throw fields.problem(name, "stands twice");
  return value ?? other;
}

type KeyWithProof = Pick<SigningCertificateRequest, "publicKey" | "proof">;

function parseBareKey(fields: Fields): KeyWithProof {
  const key = either(fields, "publicKey", "public_key", (name) => fields.object(name));
  const signature = either(fields, "proofOfPossession", "proof_of_possession", (name) =>
    fields.base64(name, { min: 1, max: maxSignatureBytes }),
  );
  if (key === undefined || signature === undefined) throw fields.problem("publicKey", "or its proof is missing");
  const publicKey = readKey(() => parseKeyText(key));
  return { publicKey, proof: { kind: "signature", signature } };
}

// fulcio.proto, PublicKey.content: "PKIX, ASN.1 DER or PEM-encoded public key"; DER in a JSON string is base64.
function parseKeyText(fields: Fields): PublicKey {
  const text = fields.string("content", { min: 1, max: 8192 });
  return text.startsWith("-----BEGIN") ? parsePublicKeyPem(text) : parsePublicKey(fields.base64("content"));
}

function parseRequest(bytes: Uint8Array): KeyWithProof {
  const publicKey = readKey(() => {
    // 0x30 begins DER; everything else has to be PEM.
    const request = parseCertificationRequest(bytes[0] === 0x30 ? bytes : fromUtf8(bytes));
    return request.publicKey;
  });
  return { publicKey, proof: { kind: "request" } };
}

function readKey(read: () => PublicKey): PublicKey {
  try {
    return read();
  } catch (cause) {
    throw new Problem(code, "request's key cannot be read or is not proven", { cause });
  }
}

/** The answer to a request: the chain in DER, the new certificate first. */
export function signingCertificateJson(chain: readonly Uint8Array[]): JsonObject {
  return { signedCertificateEmbeddedSct: { chain: { certificates: chain.map(certificatePem) } } };
}

/** GET /api/v2/trustBundle: every chain in DER, the anchor last. */
export function trustBundleJson(chains: readonly (readonly Uint8Array[])[]): JsonObject {
  return { chains: chains.map((chain) => ({ certificates: chain.map(certificatePem) })) };
}

function certificatePem(der: Uint8Array): string {
  return encodePem("CERTIFICATE", der);
}

/** What a client sends; `token` goes into the body. */
export function signingCertificateRequestJson(token: string, publicKeyPem: string, proof: Uint8Array): JsonObject {
  return {
    credentials: { oidcIdentityToken: token },
    publicKeyRequest: { publicKey: { content: publicKeyPem }, proofOfPossession: base64(proof) },
  };
}
