// Certification requests, PKCS#10 (RFC 2986). Only the key counts, and the proof that the requester holds it:
// subject and attributes are passed over, as Fulcio does.

import { demand } from "../core/index.ts";
import { readSignatureAlgorithm, verifyWithAlgorithm } from "./algorithm.ts";
import { type DerInput, type DerReader, derTag, readDer } from "./der.ts";
import * as der from "./der-write.ts";
import { type PublicKey, parsePublicKey } from "./key.ts";
import { parsePem } from "./pem.ts";
import type { Signer } from "./signature.ts";
import { readName } from "./x509.ts";
import { encodeName, type NameTemplate, signTbs } from "./x509-create.ts";

export const requestLimits = { maxBytes: 65_536, maxAttributes: 32 } as const;

export interface CertificationRequest {
  readonly raw: Uint8Array;
  /** The key whose private half signed the request. */
  readonly publicKey: PublicKey;
  /** DER of the Name, not vouched for by anybody. */
  readonly subject: Uint8Array;
}

const code = "crypto/request-invalid";
const input: DerInput = { what: "certification request", code, maxBytes: requestLimits.maxBytes };

/**
 * Reads a request of DER, or of PEM with exactly one CERTIFICATE REQUEST, and verifies its signature with its own key.
 * Problem `crypto/request-invalid`, `crypto/request-proof` for a wrong signature, `crypto/algorithm-unsupported`,
 * `crypto/key-*`, `crypto/pem-*`. RFC 2986 §4.
 */
export function parseCertificationRequest(request: Uint8Array | string): CertificationRequest {
  const raw = typeof request === "string" ? onlyBlock(request) : new Uint8Array(request);
  return readDer(raw, input, (reader) =>
    reader.sequence((outer) => {
      const info = outer.element(derTag.sequence).raw;
      const algorithm = readSignatureAlgorithm(outer);
      const signature = outer.bitString();
      const { subject, publicKey } = readDer(info, input, (inner) => inner.sequence(readInfo));
      const proven = verifyWithAlgorithm(algorithm, publicKey, info, signature);
      demand(proven, "crypto/request-proof", "the request is not signed by the key it names");
      return { raw, publicKey, subject };
    }),
  );
}

function onlyBlock(pem: string): Uint8Array {
  const [block, ...more] = parsePem(pem, "CERTIFICATE REQUEST");
  demand(block !== undefined && more.length === 0, code, "not exactly one certification request in the text");
  return block;
}

function readInfo(reader: DerReader): { readonly subject: Uint8Array; readonly publicKey: PublicKey } {
  reader.version(0);
  const subject = readName(reader);
  const publicKey = parsePublicKey(reader.element(derTag.sequence).raw);
  // RFC 2986 §4.1 asks for the field even when empty; some write none at all.
  reader.optional(0xa0, (field) =>
    field.context(0, (set) =>
      set.list({ min: 0, max: requestLimits.maxAttributes }, (attribute) => attribute.element()),
    ),
  );
  return { subject, publicKey };
}

/** DER of a request without attributes, signed by the key it names. */
export async function createCertificationRequest(subject: NameTemplate, signer: Signer): Promise<Uint8Array> {
  const info = der.sequence(der.integer(0), encodeName(subject), signer.publicKey.spki, der.explicit(0));
  return signTbs(info, signer);
}
