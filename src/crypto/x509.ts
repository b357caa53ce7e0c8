// X.509 v3 certificates, RFC 5280 §4.1. Stricter: strict DER, version 3 only, no unique identifiers, no duplicate
// extension, times in the form §4.1.2.5 prescribes, only the algorithms of algorithm.ts. Names are compared as bytes.

import { demand, equalBytes, Problem } from "../core/index.ts";
import { readSignatureAlgorithm, type SignatureAlgorithm } from "./algorithm.ts";
import { type DerInput, type DerReader, derTag, readDer } from "./der.ts";
import { type PublicKey, parsePublicKey } from "./key.ts";
import { oids } from "./oid.ts";
import { parsePem } from "./pem.ts";
import {
  type BasicConstraints,
  type KeyUsage,
  parseAuthorityKeyIdentifier,
  parseBasicConstraints,
  parseExtendedKeyUsage,
  parseKeyIdentifier,
  parseKeyUsage,
  parseSubjectAltNames,
  type SubjectAltName,
} from "./x509-extensions.ts";

export const certificateLimits = {
  maxBytes: 65_536,
  maxExtensions: 64,
  maxNameParts: 32,
  /** RFC 5280 §4.1.2.2: 20 octets, and the zero octet that keeps a 160-bit number positive. */
  maxSerialBytes: 21,
  maxPemCertificates: 32,
} as const;

export interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface Certificate {
  readonly raw: Uint8Array;
  readonly tbs: Uint8Array;
  /** Content octets of the INTEGER. */
  readonly serialNumber: Uint8Array;
  /** DER of the Name. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: PublicKey;
  /** Names no curve; with the issuer's key: `verifyWithAlgorithm`. */
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** By dotted object identifier. */
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectAltNames: readonly SubjectAltName[];
  readonly subjectKeyId: Uint8Array | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
}

const code = "crypto/certificate-invalid";
const input: DerInput = { what: "certificate", code, maxBytes: certificateLimits.maxBytes };

/**
 * Reads one certificate; nothing is verified. The bytes are copied, so that a later change of the input changes
 * nothing. Problem `crypto/certificate-invalid`, `crypto/algorithm-unsupported`, `crypto/key-*`. RFC 5280 §4.1.
 */
export function parseCertificate(bytes: Uint8Array): Certificate {
  return parseWithKey(bytes, parsePublicKey);
}

/** As `parseCertificate`, of a certificate that must be for this key, whose parsing is the dearest part. */
export function parseCertificateOf(key: PublicKey, bytes: Uint8Array): Certificate {
  return parseWithKey(bytes, (spki) => {
    demand(equalBytes(spki, key.spki), code, "the certificate is for another key");
    return key;
  });
}

type ReadKey = (spki: Uint8Array) => PublicKey;

function parseWithKey(bytes: Uint8Array, readKey: ReadKey): Certificate {
  const raw = new Uint8Array(bytes);
  return readDer(raw, input, (reader) =>
    reader.sequence((outer) => {
      const tbs = outer.element(derTag.sequence).raw;
      const algorithm = outer.element(derTag.sequence).raw;
      const signature = outer.bitString();
      return { raw, tbs, signature, ...parseTbs(tbs, algorithm, readKey) };
    }),
  );
}

type TbsFields = Omit<Certificate, "raw" | "tbs" | "signature">;

function parseTbs(tbs: Uint8Array, outerAlgorithm: Uint8Array, readKey: ReadKey): TbsFields {
  return readDer(tbs, input, (reader) =>
    reader.sequence((inner) => {
      inner.context(0, (version) => version.version(2));
      const serialNumber = readSerialNumber(inner);
      const algorithm = inner.element(derTag.sequence).raw;
      demand(equalBytes(algorithm, outerAlgorithm), code, "the two signature algorithms of a certificate differ");
      const signatureAlgorithm = readDer(algorithm, input, readSignatureAlgorithm);
      const issuer = readName(inner);
      demand(issuer.length > 2, code, "the issuer of a certificate is empty");
      const [notBeforeMs, notAfterMs] = inner.sequence((validity) => [readTime(validity), readTime(validity)] as const);
      const subject = readName(inner);
      const publicKey = readKey(inner.element(derTag.sequence).raw);
      const extensions = inner.optional(0xa3, (field) => field.context(3, readExtensions)) ?? new Map();
      const fields = { serialNumber, issuer, subject, notBeforeMs, notAfterMs, publicKey, signatureAlgorithm };
      return { ...fields, extensions, ...parseKnownExtensions(extensions) };
    }),
  );
}

/** A positive INTEGER, RFC 5280 §4.1.2.2. */
function readSerialNumber(reader: DerReader): Uint8Array {
  const serial = reader.integer();
  const positive = (serial[0] as number) < 0x80 && serial.some((byte) => byte !== 0);
  const fits = serial.length <= certificateLimits.maxSerialBytes;
  demand(positive && fits, code, "a serial number is not positive or is too long");
  return serial;
}

/** UTCTime through 2049, GeneralizedTime without a fraction from 2050: RFC 5280 §4.1.2.5. */
function readTime(reader: DerReader): number {
  if (reader.peek() === derTag.utcTime) return reader.utcTime();
  const ms = reader.generalizedTime();
  demand(
    ms >= 2_524_608_000_000 && ms % 1000 === 0,
    code,
    "a time before 2050 is a GeneralizedTime, or has a fraction",
  );
  return ms;
}

/** Raw bytes of a Name, its shape checked (RFC 5280 §4.1.2.4). */
export function readName(reader: DerReader): Uint8Array {
  const { raw } = reader.element(derTag.sequence);
  const limits = { min: 0, max: certificateLimits.maxNameParts };
  readDer(raw, { ...input, what: "name" }, (name) =>
    name.sequence((parts) =>
      parts.list(limits, (part) =>
        part.setOf({ ...limits, min: 1 }, (attribute) =>
          attribute.sequence((pair) => {
            pair.oid();
            pair.element();
          }),
        ),
      ),
    ),
  );
  return raw;
}

function readExtensions(reader: DerReader): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  reader.sequence((list) =>
    list.list({ min: 1, max: certificateLimits.maxExtensions }, (item) =>
      item.sequence((fields) => {
        const oid = fields.oid();
        demand(!extensions.has(oid), code, `extension ${oid} stands twice in a certificate`);
        extensions.set(oid, { critical: fields.flag(), value: fields.octetString() });
      }),
    ),
  );
  return extensions;
}

type KnownExtensions =
  | "subjectAltNames"
  | "basicConstraints"
  | "keyUsage"
  | "extendedKeyUsage"
  | "subjectKeyId"
  | "authorityKeyId";

function parseKnownExtensions(extensions: ReadonlyMap<string, Extension>): Pick<Certificate, KnownExtensions> {
  const known = <T>(oid: string, parse: (value: Uint8Array) => T): T | undefined => {
    const found = extensions.get(oid);
    return found === undefined ? undefined : parse(found.value);
  };
  return {
    subjectAltNames: known(oids.subjectAltName, parseSubjectAltNames) ?? [],
    basicConstraints: known(oids.basicConstraints, parseBasicConstraints),
    keyUsage: known(oids.keyUsage, parseKeyUsage),
    extendedKeyUsage: known(oids.extKeyUsage, parseExtendedKeyUsage),
    subjectKeyId: known(oids.subjectKeyIdentifier, parseKeyIdentifier),
    authorityKeyId: known(oids.authorityKeyIdentifier, parseAuthorityKeyIdentifier),
  };
}

/** The certificates of a PEM text, in its order. Problem as `parseCertificate`, `crypto/pem-*`, or when there is none. */
export function parseCertificatesPem(pem: string): Certificate[] {
  const blocks = parsePem(pem, "CERTIFICATE");
  const { maxPemCertificates } = certificateLimits;
  if (blocks.length === 0 || blocks.length > maxPemCertificates)
    throw new Problem(code, `not 1 to ${maxPemCertificates} certificates in the text`);
  return blocks.map(parseCertificate);
}

/** True when issuer and subject are the same name: RFC 5280 §3.2 calls it self-issued. */
export function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.issuer, certificate.subject);
}
