// Whether a SignedData's signature is by a certificate's key and over this content: RFC 5652 §5.4, §5.6, §11. Whether
// anybody trusts that certificate is asked elsewhere.

import { demand, equalBytes, markVerified, Problem, type ProblemCode, type Verified } from "../core/index.ts";
import { verifyWithAlgorithm } from "./algorithm.ts";
import { type DetachedSignedData, ed25519Digest, type SignerIdentifier, type SignerInfo } from "./cms.ts";
import { readDer } from "./der.ts";
import * as der from "./der-write.ts";
import { digest } from "./digest.ts";
import { oids } from "./oid.ts";
import { type Certificate, parseCertificate } from "./x509.ts";

/** What a failure is said of, and its code. */
interface Subject {
  readonly what: string;
  readonly code: ProblemCode;
}

/** RFC 5652 §11.1, §11.2: what the signature covers is this content, of this type. */
export function demandCovers(signer: SignerInfo, contentType: string, content: Uint8Array, { code }: Subject): void {
  const type = signer.signedAttributes.get(oids.contentType);
  const sameType = type !== undefined && equalBytes(type, der.oid(contentType));
  demand(sameType, code, "the signed content type is not that of the content");
  const value = signer.signedAttributes.get(oids.messageDigest);
  const wanted = der.octetString(digest(signer.digestAlgorithm, content));
  const sameDigest = value !== undefined && equalBytes(value, wanted);
  demand(sameDigest, code, "the signed digest is not that of the content");
}

/** RFC 5652 §5.4, §5.6: the signature is over the DER of the attributes as SET OF. */
export function demandSigned(signer: SignerInfo, certificate: Certificate, { what, code }: Subject): void {
  const { signatureAlgorithm, digestAlgorithm, signedBytes, signature } = signer;
  const { family, hash = digestAlgorithm } = signatureAlgorithm;
  const paired = family !== "ed25519" || digestAlgorithm === ed25519Digest;
  demand(paired, code, "Ed25519 does not go with this digest algorithm");
  const algorithm = family === "ed25519" ? signatureAlgorithm : { family, hash };
  const valid = verifyWithAlgorithm(algorithm, certificate.publicKey, signedBytes, signature);
  demand(valid, code, `the signature of the ${what} is wrong`);
}

/** True when the identifier names this certificate. */
export function identifies(sid: SignerIdentifier, certificate: Certificate): boolean {
  if ("subjectKeyId" in sid)
    return certificate.subjectKeyId !== undefined && equalBytes(sid.subjectKeyId, certificate.subjectKeyId);
  return equalBytes(sid.issuer, certificate.issuer) && equalBytes(sid.serialNumber, certificate.serialNumber);
}

const message: Subject = { what: "message", code: "crypto/cms-signature" };

/**
 * The certificate that a detached message was signed with, over this content. Stricter than RFC 5652: content and
 * signature are under one digest algorithm, and no two certificates of the message are named by its signer.
 * Problems `crypto/cms-signature`, `crypto/cms-signer` when its certificate is missing or ambiguous, `crypto/cms-invalid`,
 * `crypto/certificate-invalid`, `crypto/key-*`.
 */
export function verifyDetachedSignature(signedData: DetachedSignedData, content: Uint8Array): Verified<Certificate> {
  const { signer, certificates, contentType } = signedData;
  const named = certificates.map(parseCertificate).filter((each) => identifies(signer.sid, each));
  const [certificate] = named;
  if (certificate === undefined || named.length > 1)
    throw new Problem("crypto/cms-signer", `the message holds ${named.length} certificates of its signer, not one`);
  const { hash = signer.digestAlgorithm } = signer.signatureAlgorithm;
  demand(hash === signer.digestAlgorithm, message.code, "content and signature are under different digest algorithms");
  demandSigningTime(signer);
  demandCovers(signer, contentType, content, message);
  demandSigned(signer, certificate, message);
  return markVerified(certificate);
}

/** RFC 5652 §11.3. The signer's own word, which nothing rests on; read, so that it is at least a time. */
function demandSigningTime(signer: SignerInfo): void {
  const value = signer.signedAttributes.get(oids.signingTime);
  if (value === undefined) return;
  const input = { what: "signing time", code: "crypto/cms-invalid", maxBytes: 64 } as const;
  readDer(value, input, (reader) => (reader.peek() === 0x17 ? reader.utcTime() : reader.generalizedTime()));
}
