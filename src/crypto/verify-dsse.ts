// Verification of a DSSE v1.0 envelope (protocol.md, "Verifying"), with a threshold over distinct keys.

import { demand, hex, markVerified, Problem } from "../core/index.ts";
import type { Verified } from "../core/index.ts";
import { preAuthenticationEncoding } from "./dsse.ts";
import type { Envelope, EnvelopeSignature } from "./dsse.ts";
import type { PublicKey } from "./key.ts";
import { verifySignature } from "./signature.ts";
import type { Scheme } from "./signature.ts";

const maxKeys = 256;

export interface EnvelopeKey {
  readonly keyid: string;
  readonly key: PublicKey;
  readonly scheme: Scheme;
}

/**
 * Checks that at least `threshold` different public keys of `keys` signed the envelope. A key counts once, however many
 * signatures it made and under however many names it is listed. A `keyid` only says which key to try first.
 * Problem `crypto/dsse-threshold` when too few signed; `crypto/dsse-threshold-invalid` for a threshold that is not
 * a positive integer or more than there are keys; `crypto/scheme-mismatch` when a key that is tried is
 * listed with a scheme of another type.
 */
export function verifyEnvelope(
  envelope: Envelope,
  keys: readonly EnvelopeKey[],
  threshold: number,
): Verified<Envelope> {
  const distinct = new Set(keys.map(identity)).size;
  const possible = Number.isSafeInteger(threshold) && threshold >= 1 && threshold <= distinct;
  demand(possible, "crypto/dsse-threshold-invalid", `a threshold of ${threshold} does not fit ${distinct} keys`);
  demand(keys.length <= maxKeys, "crypto/dsse-threshold-invalid", `more than ${maxKeys} keys`);

  const message = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  const signed = new Set<string>();
  for (const signature of envelope.signatures) {
    const signer = signerOf(signature, message, keys, signed);
    if (signer !== undefined) signed.add(signer);
    if (signed.size >= threshold) return markVerified(envelope);
  }
  throw new Problem("crypto/dsse-threshold", `envelope has ${signed.size} of ${threshold} needed signatures`);
}

// parsePublicKey lets through one encoding a key, so equal keys have equal bytes.
function identity(key: EnvelopeKey): string {
  return hex(key.key.spki);
}

/** The first key, not counted yet, that made this signature: those it names first, then the others. */
function signerOf(
  signature: EnvelopeSignature,
  message: Uint8Array,
  keys: readonly EnvelopeKey[],
  signed: ReadonlySet<string>,
): string | undefined {
  const named = keys.filter((each) => each.keyid === signature.keyid);
  const others = keys.filter((each) => each.keyid !== signature.keyid);
  const found = [...named, ...others].find(
    (each) => !signed.has(identity(each)) && verifySignature(each.key, each.scheme, message, signature.sig),
  );
  return found && identity(found);
}
