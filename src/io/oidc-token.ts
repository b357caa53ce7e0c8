// An identity token of somebody else's provider, checked as OpenID Connect Core 1.0 §3.1.3.7 has it. The algorithms are
// those that sign with a private key; the token chooses among the provider's keys and nothing else.

import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from "jose";
import { parseJson, Problem } from "../core/index.ts";

const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const maxKeysBytes = 256 * 1024;
/** Of the provider's clock against ours. */
const toleranceS = 60;

/** `keys` is the provider's JWK set. Problems `oidc/token-invalid`, `oidc/token-expired`, `oidc/provider-invalid`. */
export async function verifyIdToken(
  token: string,
  keys: Uint8Array,
  expected: {
    readonly issuer: string;
    readonly audience: string;
    readonly nonce: string | undefined;
    readonly now: number;
  },
): Promise<void> {
  const { issuer, audience, nonce, now } = expected;
  const keySet = keySetOf(keys);
  try {
    const { payload } = await jwtVerify(token, keySet, {
      issuer,
      audience,
      algorithms,
      currentDate: new Date(now),
      clockTolerance: toleranceS,
      requiredClaims: ["iss", "sub", "aud", "exp", "iat"],
    });
    if (nonce !== undefined && payload["nonce"] !== nonce)
      throw new Problem("oidc/token-invalid", "the identity token is of another login");
    // Step 5: with several audiences the one that it was issued to is named.
    const azp = payload["azp"];
    if (
      (Array.isArray(payload.aud) && payload.aud.length > 1 && azp === undefined) ||
      (azp !== undefined && azp !== audience)
    )
      throw new Problem("oidc/token-invalid", "the identity token was issued to another client");
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    if (cause instanceof errors.JWTExpired)
      throw new Problem("oidc/token-expired", "the identity token has expired", { cause });
    throw new Problem("oidc/token-invalid", "the identity token is not the provider's for this client", { cause });
  }
}

function keySetOf(bytes: Uint8Array): ReturnType<typeof createLocalJWKSet> {
  try {
    return createLocalJWKSet(parseJson(bytes, { maxBytes: maxKeysBytes }) as unknown as JSONWebKeySet);
  } catch (cause) {
    throw new Problem("oidc/provider-invalid", "the provider's keys cannot be read", { cause });
  }
}
