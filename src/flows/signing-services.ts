// One certificate and one timestamp, as a signer gets them: client specification §2, RFC 3161 §2.4.

import { equalBytes, fromBase64url, type Json, type JsonObject, parseJson, Problem } from "../core/index.ts";
import {
  createTimestampRequest,
  digest,
  encodePublicKeyPem,
  parseCertificatesPem,
  parseTimestampResponse,
  parseTimestampToken,
  type Signer,
} from "../crypto/index.ts";
import { signingCertificateRequestJson } from "../sigstore/index.ts";
import { positiveInteger } from "./serial-number.ts";
import type { Randomness } from "./world.ts";

const nonceBytes = 8;
const maxTokenBytes = 16 * 1024;

/** A token, a proof that the key is held, a certificate: DER, the leaf first. Problem `sigstore/certificate-answer`. */
export async function certificateChain(
  signer: Signer,
  token: string,
  challenge: string,
  certificateAuthority: (request: JsonObject) => Promise<Json>,
): Promise<readonly Uint8Array[]> {
  const proof = await signer.sign(new TextEncoder().encode(challenge));
  const answer = await certificateAuthority(
    signingCertificateRequestJson(token, encodePublicKeyPem(signer.publicKey), proof),
  );
  const pems = certificatesOf(answer);
  if (pems === undefined)
    throw new Problem("sigstore/certificate-answer", "the certificate authority's answer holds no chain");
  return pems.flatMap((pem) => parseCertificatesPem(pem).map(({ raw }) => raw));
}

function certificatesOf(answer: Json): readonly string[] | undefined {
  const issued = (answer as JsonObject | null)?.["signedCertificateEmbeddedSct"] as JsonObject | undefined;
  const pems = (issued?.["chain"] as JsonObject | undefined)?.["certificates"];
  return Array.isArray(pems) && pems.length > 0 && pems.every((pem) => typeof pem === "string")
    ? (pems as string[])
    : undefined;
}

/** A timestamp over bytes. Problems `sigstore/timestamp-refused`, `sigstore/timestamp-nonce`. */
export async function timestampOver(
  bytes: Uint8Array,
  random: Randomness,
  timestampAuthority: (query: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const imprint = { hashAlgorithm: "sha256", digest: digest("sha256", bytes) } as const;
  const nonce = positiveInteger(random, nonceBytes);
  const reply = await timestampAuthority(createTimestampRequest({ imprint, nonce, certReq: true }));
  const response = parseTimestampResponse(reply);
  if (!response.granted)
    throw new Problem("sigstore/timestamp-refused", `the timestamp authority refused: ${response.failures.join(", ")}`);
  const answered = parseTimestampToken(response.token).info.nonce;
  // RFC 3161 §2.4.2: a nonce that was asked for must come back; all else the bundle's own verification checks.
  if (answered === undefined || !equalBytes(answered, nonce)) {
    throw new Problem("sigstore/timestamp-nonce", "the timestamp is an answer to another request");
  }
  return reply;
}

/** The `sub` or, for tokens of people, the `email` of a token, unverified: what its own holder proves possession with. */
export function challengeOf(token: string): string {
  const claims = claimsOf(token);
  const value = claims["email"] ?? claims["sub"];
  if (typeof value !== "string") throw new Problem("oidc/token-invalid", "the token has neither sub nor email");
  return value;
}

/** A token's claims, unverified: for who holds it and is about to hand it to a service that verifies it. */
export function claimsOf(token: string): JsonObject {
  const [, body = "", signature] = token.split(".", 4);
  const invalid = (cause?: unknown): Problem =>
    new Problem("oidc/token-invalid", "this is no identity token", { cause });
  if (token.length > maxTokenBytes || signature === undefined) throw invalid();
  try {
    const claims = parseJson(fromBase64url(body), { maxBytes: maxTokenBytes });
    if (typeof claims !== "object" || claims === null || Array.isArray(claims)) throw invalid();
    return claims as JsonObject;
  } catch (cause) {
    throw invalid(cause);
  }
}
