// What a time-stamping authority answers: RFC 3161 §2.4.2, with the certificate bound by ESSCertIDv2 (RFC 5816).

import { assert, demand, equalBytes, isProblem, secondMs } from "../core/index.ts";
import { createSignedData, encodeAttribute } from "./cms.ts";
import { derTag } from "./der.ts";
import * as der from "./der-write.ts";
import { digest } from "./digest.ts";
import { oids } from "./oid.ts";
import { type PkiFailure, pkiFailures, type TimestampRequest } from "./rfc3161.ts";
import type { Signer } from "./signature.ts";
import type { Certificate } from "./x509.ts";

export interface TimestampTemplate {
  readonly request: TimestampRequest;
  readonly signer: Signer;
  /** The signer's certificate first; its path is the caller's to have verified. */
  readonly chain: readonly Certificate[];
  /** Cut to whole seconds, which the accuracy of one second covers. */
  readonly genTimeMs: number;
  /** Unsigned, unique for this authority, at most 20 bytes. */
  readonly serialNumber: Uint8Array;
  /** The policy stamped under, and the only one a request may name; Sigstore's unless given. */
  readonly policy?: string;
  readonly accuracySeconds?: number;
  /** Sent along when the request asks for certificates: the signer's alone, or the chain without its last. */
  readonly includeCertificates?: "leaf" | "chain";
}

/**
 * DER of a granted TimeStampResp. Problem `crypto/timestamp-policy` when the request names another policy,
 * `crypto/timestamp-signer` when the chain is not the signer's or not valid at that time. RFC 3161 §2.4.2.
 */
export async function createTimestampResponse(template: TimestampTemplate): Promise<Uint8Array> {
  const { request, signer, chain, genTimeMs, policy = oids.sigstoreTimestampPolicy } = template;
  const accepted = request.policy === undefined || request.policy === policy;
  demand(accepted, "crypto/timestamp-policy", "the request names another policy");
  const [leaf] = chain;
  const held = leaf !== undefined && equalBytes(leaf.publicKey.spki, signer.publicKey.spki);
  demand(held, "crypto/timestamp-signer", "the first certificate is not of the signer's key");
  const wholeSeconds = Math.floor(genTimeMs / secondMs) * secondMs;
  const valid = chain.every(({ notBeforeMs, notAfterMs }) => notBeforeMs <= wholeSeconds && wholeSeconds <= notAfterMs);
  demand(valid, "crypto/timestamp-signer", "a certificate of the authority is not valid at that time");
  const sent = template.includeCertificates === "chain" ? chain.slice(0, Math.max(1, chain.length - 1)) : [leaf];
  const token = await createSignedData(
    {
      contentType: oids.tstInfo,
      content: encodeTstInfo(template, policy, wholeSeconds, leaf),
      certificate: leaf,
      certificates: request.certReq ? sent.map(({ raw }) => raw) : [],
      attributes: [
        encodeAttribute(oids.signingTime, der.time(wholeSeconds)),
        encodeAttribute(oids.signingCertificateV2, encodeSigningCertificate(leaf)),
      ],
    },
    signer,
  );
  return der.sequence(der.sequence(der.integer(0)), token);
}

function encodeTstInfo(template: TimestampTemplate, policy: string, genTimeMs: number, leaf: Certificate): Uint8Array {
  const { request, serialNumber, accuracySeconds = 1 } = template;
  assert(serialNumber.length <= 20, "a serial number of at most 160 bits (RFC 3161 §2.4.2)");
  const name = der.explicit(0, der.explicit(4, leaf.subject));
  return der.sequence(
    der.integer(1),
    der.oid(policy),
    request.imprintBytes,
    der.integer(serialNumber),
    der.generalizedTime(genTimeMs),
    der.sequence(der.integer(accuracySeconds)),
    ...der.present(
      request.nonce === undefined ? undefined : der.encode(derTag.integer, request.nonce),
      leaf.subject.length > 2 ? name : undefined,
    ),
  );
}

/** SigningCertificateV2 (RFC 5035 §3), SHA-256 being the default that is not written. */
function encodeSigningCertificate(leaf: Certificate): Uint8Array {
  const issuerSerial = der.sequence(
    der.sequence(der.explicit(4, leaf.issuer)),
    der.encode(derTag.integer, leaf.serialNumber),
  );
  const identifier = der.sequence(der.octetString(digest("sha256", leaf.raw)), issuerSerial);
  return der.sequence(der.sequence(identifier));
}

/** DER of a TimeStampResp that refuses: PKIStatus rejection, the reason, and a sentence. RFC 3161 §2.4.2. */
export function createTimestampFailure(failure: PkiFailure, text: string): Uint8Array {
  const status = der.sequence(der.integer(2), der.sequence(der.utf8String(text)), der.namedBits(pkiFailures[failure]));
  return der.sequence(status);
}

/** The reason to answer with, of an error that parsing or granting a request ended with. */
export function timestampFailureOf(error: unknown): PkiFailure {
  if (isProblem(error, "crypto/algorithm-unsupported")) return "badAlg";
  if (isProblem(error, "crypto/timestamp-extension")) return "unacceptedExtension";
  if (isProblem(error, "crypto/timestamp-policy")) return "unacceptedPolicy";
  if (isProblem(error, "crypto/timestamp-request-invalid")) return "badDataFormat";
  return "systemFailure";
}
