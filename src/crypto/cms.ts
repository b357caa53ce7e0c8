// SignedData of the Cryptographic Message Syntax, RFC 5652 §5, in two forms: with its content, as a time-stamp token
// carries it (RFC 3161 §2.4.2), and detached, as git keeps a signature. Stricter: DER throughout, exactly one signer,
// signed attributes required, sorted, each once and of one value; detached, no revocation lists. Certificates stay
// bytes: what a sender puts in the bag is only looked up, never searched.

import { assert, demand } from "../core/index.ts";
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
import { type Scheme, schemeHash, type Signer } from "./signature.ts";
import { type Certificate, readName } from "./x509.ts";

export const cmsLimits = {
  maxBytes: 65_536,
  /** Of a detached message: certificates, log entries and time-stamp tokens stand beside the signature. */
  maxDetachedBytes: 262_144,
  maxCertificates: 16,
  maxAlgorithms: 8,
  maxAttributes: 32,
  maxAttributeValues: 32,
} as const;

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

interface SignedMessage {
  readonly contentType: string;
  /** DER of the certificates sent along, trusted for nothing. */
  readonly certificates: readonly Uint8Array[];
  readonly signer: SignerInfo;
}

export interface SignedData extends SignedMessage {
  readonly content: Uint8Array;
}

/** A message whose content, of type `data`, is elsewhere. */
export interface DetachedSignedData extends SignedMessage {
  /** DER of the values of each attribute, by object identifier. Nobody signed them. */
  readonly unsignedAttributes: ReadonlyMap<string, readonly Uint8Array[]>;
}

/** What a token may be, for `readDer`. */
export const cmsInput: DerInput = {
  what: "time-stamp token",
  code: "crypto/timestamp-invalid",
  maxBytes: cmsLimits.maxBytes,
};

const detachedInput: DerInput = {
  what: "signature message",
  code: "crypto/cms-invalid",
  maxBytes: cmsLimits.maxDetachedBytes,
};

/** Reads a ContentInfo with SignedData. Problem `crypto/timestamp-invalid`, `crypto/algorithm-unsupported`. */
export function readSignedData(reader: DerReader): SignedData {
  const { content, contentType, certificates, signer } = readContentInfo(reader, cmsInput);
  const { code, what } = cmsInput;
  demand(content !== undefined, code, `a ${what} has no content`);
  return { contentType, content, certificates, signer };
}

/** A detached ContentInfo with SignedData. Problem `crypto/cms-invalid`, `crypto/algorithm-unsupported`. */
export function parseDetachedSignedData(bytes: Uint8Array): DetachedSignedData {
  const message = readDer(new Uint8Array(bytes), detachedInput, (reader) => readContentInfo(reader, detachedInput));
  const { content, contentType, certificates, signer, crls, unsigned } = message;
  const { code, what } = detachedInput;
  demand(content === undefined, code, `a ${what} brings its own content`);
  demand(contentType === oids.data, code, `the content of a ${what} is not plain data`);
  demand(crls === undefined, code, `a ${what} brings revocation lists`);
  const unsignedAttributes = unsigned === undefined ? new Map() : readUnsignedAttributes(unsigned);
  return { contentType, certificates, signer, unsignedAttributes };
}

interface RawMessage extends SignedMessage {
  readonly content: Uint8Array | undefined;
  readonly crls: Uint8Array | undefined;
  /** The unsigned attributes under their tag. */
  readonly unsigned: Uint8Array | undefined;
}

function readContentInfo(reader: DerReader, input: DerInput): RawMessage {
  return reader.sequence((info) => {
    demand(info.oid() === oids.signedData, input.code, `a ${input.what} is not signed data`);
    return info.context(0, (content) => content.sequence((fields) => readFields(fields, input)));
  });
}

function readFields(reader: DerReader, input: DerInput): RawMessage {
  const { code, what } = input;
  const version = reader.smallInteger();
  const algorithms = reader.setOf({ min: 1, max: cmsLimits.maxAlgorithms }, readHashAlgorithm);
  const { contentType, content } = reader.sequence((encapsulated) => ({
    contentType: encapsulated.oid(),
    content: encapsulated.optional(0xa0, (field) => field.context(0, (inner) => inner.octetString())),
  }));
  const certificates = reader.optional(0xa0, readCertificates) ?? [];
  const crls = reader.optional(0xa1, (field) => field.element().raw);
  const signers = reader.setOf({ min: 1, max: 1 }, (each) => readSignerInfo(each, input));
  const [{ signer, unsigned }] = signers as [ReturnType<typeof readSignerInfo>];
  // RFC 5652 §5.1: 1 for plain data and an issuer's serial number, 3 otherwise.
  const plain = contentType === oids.data && "issuer" in signer.sid;
  demand(version === (plain ? 1 : 3), code, `the version of a ${what} does not fit what is in it`);
  demand(algorithms.includes(signer.digestAlgorithm), code, "the signer's digest algorithm is not announced");
  return { contentType, content, certificates, crls, signer, unsigned };
}

/** The order of this SET is left open: it is not signed, and many do not sort it. */
function readCertificates(reader: DerReader): Uint8Array[] {
  return reader.context(0, (set) => set.list({ min: 0, max: cmsLimits.maxCertificates }, (item) => item.element().raw));
}

function readSignerInfo(reader: DerReader, input: DerInput): { signer: SignerInfo; unsigned: Uint8Array | undefined } {
  const { code, what } = input;
  return reader.sequence((info) => {
    const version = info.smallInteger();
    const sid = readSignerIdentifier(info);
    demand(version === ("issuer" in sid ? 1 : 3), code, "the version of a SignerInfo does not fit its identifier");
    const digestAlgorithm = readHashAlgorithm(info);
    demand(info.peek() === 0xa0, code, `a ${what} has no signed attributes`);
    const attributes = info.element();
    const signedBytes = attributes.raw.slice();
    signedBytes[0] = derTag.set;
    const signatureAlgorithm = readCmsSignatureAlgorithm(info);
    const signature = info.octetString();
    const unsigned = info.optional(0xa1, (field) => field.element().raw);
    // The inside is read from the copy, so that what is understood and what is verified are the same bytes.
    const signedAttributes = readSignedAttributes(signedBytes, input);
    const signer = { sid, digestAlgorithm, signedAttributes, signedBytes, signatureAlgorithm, signature };
    return { signer, unsigned };
  });
}

function readSignerIdentifier(reader: DerReader): SignerIdentifier {
  if (reader.peek() === 0x80) return { subjectKeyId: reader.octetString(0x80) };
  return reader.sequence((pair) => ({ issuer: readName(pair), serialNumber: pair.integer() }));
}

function readSignedAttributes(bytes: Uint8Array, input: DerInput): ReadonlyMap<string, Uint8Array> {
  const attributes = new Map<string, Uint8Array>();
  readDer(bytes, input, (reader) =>
    reader.setOf({ min: 1, max: cmsLimits.maxAttributes }, (attribute) =>
      attribute.sequence((pair) => {
        const type = pair.oid();
        demand(!attributes.has(type), input.code, `signed attribute ${type} stands twice`);
        const [value] = pair.setOf({ min: 1, max: 1 }, (item) => item.element().raw) as [Uint8Array];
        attributes.set(type, value);
      }),
    ),
  );
  return attributes;
}

/** Neither these nor their values need be sorted: nobody signed them. */
function readUnsignedAttributes(bytes: Uint8Array): ReadonlyMap<string, readonly Uint8Array[]> {
  const attributes = new Map<string, readonly Uint8Array[]>();
  readDer(bytes, detachedInput, (reader) =>
    reader.context(1, (set) =>
      set.list({ min: 1, max: cmsLimits.maxAttributes }, (attribute) =>
        attribute.sequence((pair) => {
          const type = pair.oid();
          demand(!attributes.has(type), detachedInput.code, `unsigned attribute ${type} stands twice`);
          const limits = { min: 1, max: cmsLimits.maxAttributeValues };
          const values = pair.enter(derTag.set, (each) => each.list(limits, (item) => item.element().raw));
          attributes.set(type, values);
        }),
      ),
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

/** DER of an Attribute. */
export function encodeAttribute(type: string, ...values: readonly Uint8Array[]): Uint8Array {
  return der.sequence(der.oid(type), der.set(...values));
}

/** DER of the SET OF attributes that is signed: the two that RFC 5652 §5.3 demands, and others. */
export function encodeSignedAttributes(
  { contentType, content, hash }: { readonly contentType: string; readonly content: Uint8Array; hash: HashAlgorithm },
  others: readonly Uint8Array[],
): Uint8Array {
  return der.set(
    encodeAttribute(oids.contentType, der.oid(contentType)),
    encodeAttribute(oids.messageDigest, der.octetString(digest(hash, content))),
    ...others,
  );
}

/** DER of a ContentInfo with SignedData. Problem `crypto/algorithm-unsupported` for the scheme Ed25519ph. */
export async function createSignedData(template: SignedDataTemplate, signer: Signer): Promise<Uint8Array> {
  const { contentType, content } = template;
  const hash = schemeHash(signer.scheme) ?? ed25519Digest;
  const signedBytes = encodeSignedAttributes({ contentType, content, hash }, template.attributes);
  const signature = await signer.sign(signedBytes);
  const made = { ...template, hash, scheme: signer.scheme, signedBytes, signature, unsignedAttributes: [] };
  return encodeSignedData(made, [der.explicit(0, der.octetString(content))]);
}

export interface DetachedTemplate {
  readonly certificate: Certificate;
  /** DER of the certificates to send along. */
  readonly certificates: readonly Uint8Array[];
  /** Of the content's digest, and of the scheme. */
  readonly hash: HashAlgorithm;
  readonly scheme: Scheme;
  /** As `encodeSignedAttributes` makes them, of the type `data`. */
  readonly signedBytes: Uint8Array;
  /** Over those. */
  readonly signature: Uint8Array;
  /** DER of attributes that are not signed. */
  readonly unsignedAttributes: readonly Uint8Array[];
}

/** DER of a ContentInfo with SignedData whose content is elsewhere, around a signature made before. */
export function encodeDetachedSignedData(template: DetachedTemplate): Uint8Array {
  const { hash, scheme } = template;
  assert((schemeHash(scheme) ?? ed25519Digest) === hash, "the digest of a message is its scheme's");
  return encodeSignedData({ ...template, contentType: oids.data }, []);
}

function encodeSignedData(
  made: DetachedTemplate & { readonly contentType: string },
  content: readonly Uint8Array[],
): Uint8Array {
  const { certificate, certificates, contentType, hash, unsignedAttributes } = made;
  const signerInfo = der.sequence(
    der.integer(1),
    der.sequence(certificate.issuer, der.encode(derTag.integer, certificate.serialNumber)),
    encodeHashAlgorithm(hash),
    der.implicit(0, made.signedBytes),
    encodeSignatureAlgorithm(made.scheme),
    der.octetString(made.signature),
    ...(unsignedAttributes.length === 0 ? [] : [der.implicit(1, der.set(...unsignedAttributes))]),
  );
  const signedData = der.sequence(
    der.integer(contentType === oids.data ? 1 : 3),
    der.set(encodeHashAlgorithm(hash)),
    der.sequence(der.oid(contentType), ...content),
    ...(certificates.length === 0 ? [] : [der.implicit(0, der.set(...certificates))]),
    der.set(signerInfo),
  );
  return der.sequence(der.oid(oids.signedData), der.explicit(0, signedData));
}

/** RFC 8419 §3.1: beside signed attributes, Ed25519 goes with SHA-512. */
export const ed25519Digest: HashAlgorithm = "sha512";
