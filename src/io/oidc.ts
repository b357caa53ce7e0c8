// OpenID Connect for builds: tokens that say which build is running, and their check against the issuer's keys.
// OpenID Connect Core 1.0 §2 and §3.1.3.7, Discovery 1.0 §4; RFC 7519, RFC 7518. jose does the JWT work.

import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  errors,
  exportJWK,
  importPKCS8,
  importSPKI,
  type JSONWebKeySet,
  jwtVerify,
  type JWK,
  SignJWT,
} from "jose";
import { type JsonObject, Problem } from "../core/index.ts";

const algorithm = "ES256";
const maxTokenBytes = 16 * 1024;

export interface TokenIssuer {
  readonly issuer: string;
  readonly keys: JSONWebKeySet;
  /** The same as JSON to be served. */
  readonly keySet: JsonObject;
  /** A token for `subject`, valid for `lifetimeS` seconds from `now` (milliseconds). */
  issue(
    claims: Readonly<Record<string, unknown>>,
    options: { subject: string; audience: string; now: number; lifetimeS: number },
  ): Promise<string>;
}

/** An issuer on one P-256 key, given as PKCS#8 and SPKI in PEM. */
export async function openTokenIssuer(issuer: string, privatePem: string, publicPem: string): Promise<TokenIssuer> {
  const key = await importPKCS8(privatePem, algorithm);
  const jwk: JWK = await exportJWK(await importSPKI(publicPem, algorithm, { extractable: true }));
  const kid = await calculateJwkThumbprint(jwk);
  const keys = { keys: [{ ...jwk, kid, alg: algorithm, use: "sig" }] };
  return {
    issuer,
    keys,
    keySet: keys as unknown as JsonObject,
    issue: (claims, { subject, audience, now, lifetimeS }) => {
      const nowS = Math.floor(now / 1000);
      return new SignJWT({ ...claims })
        .setProtectedHeader({ alg: algorithm, kid, typ: "JWT" })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience(audience)
        .setIssuedAt(nowS)
        .setNotBefore(nowS)
        .setExpirationTime(nowS + lifetimeS)
        .sign(key);
    },
  };
}

/** Claims of a token whose signature, issuer, audience and times hold. */
export type TokenClaims = JsonObject & { readonly iss: string; readonly sub: string };

/**
 * Checks tokens of one issuer by its keys; the algorithm is fixed by us, never by the token.
 * Problems: `oidc/token-invalid`, `oidc/token-expired`.
 */
export function tokenVerifier(
  issuer: string,
  keys: JSONWebKeySet,
): (token: string, now: number, audience: string) => Promise<TokenClaims> {
  const keySet = createLocalJWKSet(keys);
  return async (token, now, audience) => {
    if (token.length > maxTokenBytes) throw new Problem("oidc/token-invalid", "token is too long");
    try {
      const { payload } = await jwtVerify(token, keySet, {
        issuer,
        audience,
        algorithms: [algorithm],
        currentDate: new Date(now),
        clockTolerance: 0,
        requiredClaims: ["iss", "sub", "aud", "exp", "iat"],
      });
      if (typeof payload.sub !== "string" || payload.sub === "")
        throw new Problem("oidc/token-invalid", "token has no subject");
      return payload as unknown as TokenClaims;
    } catch (cause) {
      if (cause instanceof Problem) throw cause;
      if (cause instanceof errors.JWTExpired) throw new Problem("oidc/token-expired", "token has expired", { cause });
      throw new Problem("oidc/token-invalid", "token is not one of this issuer for this service", { cause });
    }
  };
}
