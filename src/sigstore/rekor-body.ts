// The one entry type of Rekor v2, hashedrekord 0.0.2 (rekor-tiles, rekor_hashedrekord.proto): its canonical body,
// which is the Merkle leaf. Every field has one form, so that verifier and log make the same bytes from the same
// facts. An attestation is logged the same way, its digest being that of the DSSE pre-authentication encoding.

import { base64, utf8 } from "../core/index.ts";
import type { HashAlgorithm } from "../crypto/index.ts";
import { hashName } from "./key-details.ts";

export const hashedRekordKind = "hashedrekord";
export const hashedRekordVersion = "0.0.2";

/** Who signed, as the log records it: a certificate or a bare key, in DER. */
export type EntryVerifier =
  | { readonly kind: "certificate"; readonly der: Uint8Array }
  | { readonly kind: "publicKey"; readonly der: Uint8Array };

export interface HashedRekord {
  readonly algorithm: HashAlgorithm;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  readonly verifier: EntryVerifier;
  /** PublicKeyDetails: the scheme of the signature. */
  readonly keyDetails: string;
}

/**
 * RFC 8785 JSON of the entry. Its names stand in that order here, and its values are base64 and names of algorithms, in
 * which nothing is escaped: so the platform's own JSON is the canonical one.
 */
export function canonicalBody(entry: HashedRekord): Uint8Array {
  const rawBytes = base64(entry.verifier.der);
  const { keyDetails } = entry;
  const body = {
    apiVersion: hashedRekordVersion,
    kind: hashedRekordKind,
    spec: {
      hashedRekordV002: {
        data: { algorithm: hashName(entry.algorithm), digest: base64(entry.digest) },
        signature: {
          content: base64(entry.signature),
          verifier:
            entry.verifier.kind === "certificate"
              ? { keyDetails, x509Certificate: { rawBytes } }
              : { keyDetails, publicKey: { rawBytes } },
        },
      },
    },
  };
  return utf8(JSON.stringify(body));
}
