// Makes X.509 v3 certificates, RFC 5280 §4.1. The same template gives the same TBS bytes, extensions in the order
// given; which extensions a profile demands is the caller's to know.

import { demand, equalBytes } from "../core/index.ts";
import { encodeSignatureAlgorithm } from "./algorithm.ts";
import * as der from "./der-write.ts";
import type { PublicKey } from "./key.ts";
import { oids } from "./oid.ts";
import type { Scheme, Signer } from "./signature.ts";
import { type Certificate, certificateLimits, parseCertificateOf } from "./x509.ts";
import type { ExtensionTemplate } from "./x509-extensions.ts";

/** A distinguished name of at most two attributes, each a UTF8String; without either it is the empty sequence. */
export interface NameTemplate {
  readonly organization?: string;
  readonly commonName?: string;
}

export interface CertificateTemplate {
  /** Big-endian and unsigned, at most 20 bytes, not zero (RFC 5280 §4.1.2.2). */
  readonly serialNumber: Uint8Array;
  readonly subject: NameTemplate;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: PublicKey;
  readonly extensions: readonly ExtensionTemplate[];
}

/** Who signs. Without `certificate` the certificate is self-signed: its issuer is its own subject. */
export interface CertificateIssuer {
  readonly certificate?: Certificate;
  readonly signer: Signer;
}

/** DER of a Name (RFC 5280 §4.1.2.4). */
export function encodeName(name: NameTemplate): Uint8Array {
  const attribute = (oid: string, text: string | undefined) =>
    text === undefined ? undefined : der.set(der.sequence(der.oid(oid), der.utf8String(text)));
  return der.sequence(
    ...der.present(attribute(oids.organization, name.organization), attribute(oids.commonName, name.commonName)),
  );
}

/** DER of TBSCertificate; `issuer` is the DER of its Name, `scheme` that of the signature to come. */
export function encodeTbsCertificate(template: CertificateTemplate, issuer: Uint8Array, scheme: Scheme): Uint8Array {
  const { serialNumber, notBeforeMs, notAfterMs, extensions } = template;
  const code = "crypto/certificate-invalid";
  const sized = serialNumber.length <= 20 && serialNumber.some((byte) => byte !== 0);
  demand(sized, code, "a serial number is zero or longer than 20 bytes");
  demand(notBeforeMs <= notAfterMs, code, "a certificate would end before it begins");
  demand(new Set(extensions.map(({ oid }) => oid)).size === extensions.length, code, "an extension stands twice");
  demand(extensions.length <= certificateLimits.maxExtensions, code, "too many extensions");
  return der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(serialNumber),
    encodeSignatureAlgorithm(scheme),
    issuer,
    der.sequence(der.time(notBeforeMs), der.time(notAfterMs)),
    encodeName(template.subject),
    template.publicKey.spki,
    ...(extensions.length === 0 ? [] : [der.explicit(3, encodeExtensions(extensions))]),
  );
}

/** DER of Extensions (RFC 5280 §4.1.2.9). */
export function encodeExtensions(extensions: readonly ExtensionTemplate[]): Uint8Array {
  return der.sequence(...extensions.map(encodeExtension));
}

export function encodeExtension({ oid, critical, value }: ExtensionTemplate): Uint8Array {
  const flag = critical ? der.boolean(true) : undefined;
  return der.sequence(...der.present(der.oid(oid), flag, der.octetString(value)));
}

/** DER of the signed SEQUENCE that certificates and certification requests share. */
export async function signTbs(tbs: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const algorithm = encodeSignatureAlgorithm(signer.scheme);
  return der.sequence(tbs, algorithm, der.bitString(await signer.sign(tbs)));
}

/**
 * DER of a certificate, read back by our own parser before it is given. Problem `crypto/certificate-invalid` for a
 * template that RFC 5280 does not allow or a signer whose key is not the issuer's, `crypto/algorithm-unsupported` for
 * the scheme Ed25519ph.
 */
export async function createCertificate(template: CertificateTemplate, issuer: CertificateIssuer): Promise<Uint8Array> {
  const name = issuer.certificate?.subject ?? encodeName(template.subject);
  const issuerKey = (issuer.certificate ?? template).publicKey;
  const holds = equalBytes(issuerKey.spki, issuer.signer.publicKey.spki);
  demand(holds, "crypto/certificate-invalid", "the signer's key is not the issuer's");
  const certificate = await signTbs(encodeTbsCertificate(template, name, issuer.signer.scheme), issuer.signer);
  parseCertificateOf(template.publicKey, certificate);
  return certificate;
}
