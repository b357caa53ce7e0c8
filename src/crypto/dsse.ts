// DSSE: Dead Simple Signing Envelope v1.0 (secure-systems-lab/dsse, protocol.md and envelope.md).
// Stricter than those: base64 is canonical and padded, sizes and counts are bounded, a field's type is checked.
// Fields that the specification does not name are ignored, as its envelope.md leaves room for extensions.

import { base64, concat, demand, Fields, fromBase64, isWellFormed, Problem, utf8 } from "../core/index.ts";
import type { Json, JsonObject } from "../core/index.ts";
import type { Signer } from "./signature.ts";

const maxPayloadBytes = 16_777_216;
const maxPayloadTypeCharacters = 1024;
const maxKeyidCharacters = 4096;
const maxSignatureBytes = 8192;
const maxSignatures = 64;

export interface EnvelopeSignature {
  /** A hint that nothing may rest on (protocol.md, "KEYID"); empty when there is none. */
  readonly keyid: string;
  readonly sig: Uint8Array;
}

export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signatures: readonly EnvelopeSignature[];
}

/**
 * PAE(type, body): the bytes that are signed. Both lengths count bytes of UTF-8, never characters.
 * Problem `crypto/dsse-invalid` when the type has no UTF-8, for two such types would sign alike.
 */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  demand(isWellFormed(payloadType), "crypto/dsse-invalid", "payload type holds a lone surrogate");
  const type = utf8(payloadType);
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}

/** An envelope of its JSON form. Problem `crypto/dsse-invalid`. */
export function parseEnvelope(json: Json): Envelope {
  const fields = Fields.of(json, "envelope", "crypto/dsse-invalid");
  return {
    payloadType: fields.string("payloadType", { min: 1, max: maxPayloadTypeCharacters }),
    payload: eitherBase64(fields, "payload", maxPayloadBytes),
    signatures: fields.objects("signatures", { min: 1, max: maxSignatures }, (each) => ({
      keyid: each.nullable("keyid", (name) => each.string(name, { max: maxKeyidCharacters })) ?? "",
      sig: eitherBase64(each, "sig", maxSignatureBytes),
    })),
  };
}

// envelope.md: "Either standard or URL-safe encoding is allowed"; a text that mixes the two is neither.
function eitherBase64(fields: Fields, name: string, max: number): Uint8Array {
  const text = fields.string(name, { max: Math.ceil(max / 3) * 4 });
  const urlSafe = /[-_]/.test(text);
  if (urlSafe && /[+/]/.test(text)) throw fields.problem(name, "mixes two alphabets of base64");
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(urlSafe ? text.replaceAll("-", "+").replaceAll("_", "/") : text);
  } catch (cause) {
    throw new Problem("crypto/dsse-invalid", fields.problem(name, "is not valid base64").message, { cause });
  }
  if (bytes.length > max) throw fields.problem(name, "is too long");
  return bytes;
}

/** The JSON form, in standard base64. `keyid` is always written, as some readers demand it. */
export function encodeEnvelope(envelope: Envelope): JsonObject {
  return {
    payload: base64(envelope.payload),
    payloadType: envelope.payloadType,
    signatures: envelope.signatures.map(({ keyid, sig }) => ({ keyid, sig: base64(sig) })),
  };
}

export interface EnvelopeSigner {
  /** Written beside the signature; leave out for an empty hint. */
  readonly keyid?: string;
  readonly signer: Signer;
}

/** Signs a payload with every signer, in their order. Problem `crypto/dsse-invalid` when there is none or over a limit. */
export async function signEnvelope(
  payloadType: string,
  payload: Uint8Array,
  signers: readonly EnvelopeSigner[],
): Promise<Envelope> {
  const counted = signers.length >= 1 && signers.length <= maxSignatures;
  demand(counted, "crypto/dsse-invalid", `an envelope has 1 to ${maxSignatures} signatures, not ${signers.length}`);
  demand(payload.length <= maxPayloadBytes, "crypto/dsse-invalid", "payload is too long");
  demand(payloadType !== "", "crypto/dsse-invalid", "payload type is empty");
  const message = preAuthenticationEncoding(payloadType, payload);
  const signatures = await Promise.all(
    signers.map(async ({ keyid, signer }) => ({ keyid: keyid ?? "", sig: await signer.sign(message) })),
  );
  return { payloadType, payload, signatures };
}
