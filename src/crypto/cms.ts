// SignedData of the Cryptographic Message Syntax, RFC 5652 §5, as a time-stamp token carries it (RFC 3161 §2.4.2).
// Stricter: DER throughout, content inside, exactly one signer, signed attributes required, sorted, each once and of
// one value. Certificates stay bytes: what a sender puts in the bag is only looked up, never searched.

import { demand } from "../core/index.ts";
import {
  encodeHashAlgorithm,
  encodeSignatureAlgorithm,
  readCmsSignatureAlgorithm,
  readHashAlgorithm,
  type SignatureAlgorithm,
} from "./algorithm.ts";
import { type DerInput, type DerReader, derTag, readDer } from "./der.ts";
import * as der from "./der-write.ts";
import { digest, type HashAlgorithm } from "./digest.ts";
import { oids } from "./oid.ts";
import { schemeHash, type Signer } from "./signature.ts";
import { type Certificate, readName } from "./x509.ts";

const code = "crypto/timestamp-invalid";
export const cmsLimits = { maxBytes: 65_536, maxCertificates: 16, maxAlgorithms: 8, maxAttributes: 32 } as const;

/** SignerIdentifier: which certificate the signer says is its own. */
export type SignerIdentifier =
  | { readonly issuer: Uint8Array; readonly serialNumber: Uint8Array }
  | { readonly subjectKeyId: Uint8Array };

export interface SignerInfo {
  readonly sid: SignerIdentifier;
  readonly digestAlgorithm: HashAlgorithm;
  /** DER of the one value of each attribute, by object identifier. */
  readonly signedAttributes: ReadonlyMap<string, Uint8Array>;
  /** The attributes as the SET OF that is signed: RFC 5652 §5.4. */
  readonly signedBytes: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

export interface SignedData {
  readonly contentType: string;
  readonly content: Uint8Array;
  /** DER of the certificates sent along, trusted for nothing. */
  readonly certificates: readonly Uint8Array[];
  readonly signer: SignerInfo;
}

/** What a token may be, for `readDer`. */
export const cmsInput: DerInput = { what: "time-stamp token", code, maxBytes: cmsLimits.maxBytes };

/** Reads a ContentInfo with SignedData. Problem `crypto/timestamp-invalid`, `crypto/algorithm-unsupported`. */
export function readSignedData(reader: DerReader): SignedData {
  return reader.sequence((info) => {
    demand(info.oid() === oids.signedData, code, "a time-stamp token is not signed data");
    return info.context(0, (content) => content.sequence(readFields));
  });
}

function readFields(reader: DerReader): SignedData {
  // RFC 5652 §5.1: version 3, as the content is not plain data.
  reader.version(3);
  const algorithms = reader.setOf({ min: 1, max: cmsLimits.maxAlgorithms }, readHashAlgorithm);
  const { contentType, content } = reader.sequence((encapsulated) => ({
    contentType: encapsulated.oid(),
    content: encapsulated.context(0, (field) => field.octetString()),
  }));
  const certificates = reader.optional(0xa0, readCertificates) ?? [];
  reader.optional(0xa1, (field) => field.element());
  const [signer] = reader.setOf({ min: 1, max: 1 }, readSignerInfo) as [SignerInfo];
  demand(algorithms.includes(signer.digestAlgorithm), code, "the signer's digest algorithm is not announced");
  return { contentType, content, certificates, signer };
}

/** The order of this SET is left open: it is not signed, and many do not sort it. */
function readCertificates(reader: DerReader): Uint8Array[] {
  return reader.context(0, (set) => set.list({ min: 0, max: cmsLimits.maxCertificates }, (item) => item.element().raw));
}

function readSignerInfo(reader: DerReader): SignerInfo {
  return reader.sequence((info) => {
    const version = info.smallInteger();
    const sid = readSignerIdentifier(info);
    demand(version === ("issuer" in sid ? 1 : 3), code, "the version of a SignerInfo does not fit its identifier");
    const digestAlgorithm = readHashAlgorithm(info);
    demand(info.peek() === 0xa0, code, "a time-stamp token has no signed attributes");
    const attributes = info.element();
    const signedBytes = attributes.raw.slice();
    signedBytes[0] = derTag.set;
    const signatureAlgorithm = readCmsSignatureAlgorithm(info);
    const signature = info.octetString();
    info.optional(0xa1, (field) => field.element());
    // The inside is read from the copy, so that what is understood and what is verified are the same bytes.
    const signedAttributes = readAttributes(signedBytes);
    return { sid, digestAlgorithm, signedAttributes, signedBytes, signatureAlgorithm, signature };
  });
}

function readSignerIdentifier(reader: DerReader): SignerIdentifier {
  if (reader.peek() === 0x80) return { subjectKeyId: reader.octetString(0x80) };
  return reader.sequence((pair) => ({ issuer: readName(pair), serialNumber: pair.integer() }));
}

function readAttributes(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const attributes = new Map<string, Uint8Array>();
  readDer(bytes, cmsInput, (reader) =>
    reader.setOf({ min: 1, max: cmsLimits.maxAttributes }, (attribute) =>
      attribute.sequence((pair) => {
        const type = pair.oid();
        demand(!attributes.has(type), code, `signed attribute ${type} stands twice`);
        const [value] = pair.setOf({ min: 1, max: 1 }, (item) => item.element().raw) as [Uint8Array];
        attributes.set(type, value);
      }),
    ),
  );
  return attributes;
}

export interface SignedDataTemplate {
  readonly contentType: string;
  readonly content: Uint8Array;
  /** The signer's own certificate. */
  readonly certificate: Certificate;
  /** DER of the certificates to send along. */
  readonly certificates: readonly Uint8Array[];
  /** DER of attributes beside content-type and message-digest, which are always signed (RFC 5652 §5.3). */
  readonly attributes: readonly Uint8Array[];
}

/** DER of an Attribute with one value. */
export function encodeAttribute(type: string, value: Uint8Array): Uint8Array {
  return der.sequence(der.oid(type), der.set(value));
}

/** DER of a ContentInfo with SignedData. Problem `crypto/algorithm-unsupported` for the scheme Ed25519ph. */
export async function createSignedData(template: SignedDataTemplate, signer: Signer): Promise<Uint8Array> {
  const { contentType, content, certificate, certificates } = template;
  const hash = schemeHash(signer.scheme) ?? ed25519Digest;
  const attributes = [
    encodeAttribute(oids.contentType, der.oid(contentType)),
    encodeAttribute(oids.messageDigest, der.octetString(digest(hash, content))),
    ...template.attributes,
  ];
  const signedBytes = der.set(...attributes);
  const signature = await signer.sign(signedBytes);
  const signerInfo = der.sequence(
    der.integer(1),
    der.sequence(certificate.issuer, der.encode(derTag.integer, certificate.serialNumber)),
    encodeHashAlgorithm(hash),
    der.implicit(0, signedBytes),
    encodeSignatureAlgorithm(signer.scheme),
    der.octetString(signature),
  );
  const signedData = der.sequence(
    der.integer(3),
    der.set(encodeHashAlgorithm(hash)),
    der.sequence(der.oid(contentType), der.explicit(0, der.octetString(content))),
    ...(certificates.length === 0 ? [] : [der.implicit(0, der.set(...certificates))]),
    der.set(signerInfo),
  );
  return der.sequence(der.oid(oids.signedData), der.explicit(0, signedData));
}

/** RFC 8419 §3.1: beside signed attributes, Ed25519 goes with SHA-512. */
export const ed25519Digest: HashAlgorithm = "sha512";
