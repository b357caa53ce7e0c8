// Values of the X.509 extensions we read, RFC 5280 §4.2.1, and their writers. Every other extension is kept as bytes.
// Narrow: of the general names, e-mail, DNS, URI and Fulcio's user name are understood; another one is kept as hex,
// so that it still counts.

import { demand, hex, utf8 } from "../core/index.ts";
import { type DerInput, type DerReader, derTag, readDer } from "./der.ts";
import * as der from "./der-write.ts";
import { digest } from "./digest.ts";
import type { PublicKey } from "./key.ts";
import { oids } from "./oid.ts";

export type KeyUsage =
  | "digitalSignature"
  | "nonRepudiation"
  | "keyEncipherment"
  | "dataEncipherment"
  | "keyAgreement"
  | "keyCertSign"
  | "cRLSign"
  | "encipherOnly"
  | "decipherOnly";

/** In the order of their bits, RFC 5280 §4.2.1.3. */
const keyUsages: readonly KeyUsage[] = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
];

export const extensionLimits = { maxNames: 64, maxPurposes: 32 } as const;

/** An otherName has its `oid`; a kind of name that is not understood is "other" without one, its value DER in hex. */
export interface SubjectAltName {
  readonly type: "email" | "uri" | "dns" | "other";
  readonly value: string;
  readonly oid?: string;
}

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength?: number;
}

/** One extension of a template; `value` is the DER inside the OCTET STRING. */
export interface ExtensionTemplate {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** How the value of one extension is read: its size is bounded by the certificate's. */
export function extensionInput(what: string): DerInput {
  return { what, code: "crypto/certificate-invalid", maxBytes: 65_536 };
}

export function parseBasicConstraints(value: Uint8Array): BasicConstraints {
  return readDer(value, extensionInput("basicConstraints"), (reader) =>
    reader.sequence((inner) => {
      const ca = inner.flag();
      const pathLength = inner.optional(derTag.integer, (length) => length.smallInteger());
      demand(ca || pathLength === undefined, "crypto/certificate-invalid", "a path length stands without ca");
      return pathLength === undefined ? { ca } : { ca, pathLength };
    }),
  );
}

export function parseKeyUsage(value: Uint8Array): ReadonlySet<KeyUsage> {
  return readDer(value, extensionInput("keyUsage"), (reader) => {
    const bits = reader.namedBits();
    const known = bits.every((bit) => bit < keyUsages.length);
    demand(bits.length > 0 && known, "crypto/certificate-invalid", "key usage is empty or unknown");
    return new Set(bits.map((bit) => keyUsages[bit] as KeyUsage));
  });
}

export function parseExtendedKeyUsage(value: Uint8Array): readonly string[] {
  return readDer(value, extensionInput("extKeyUsage"), (reader) =>
    reader.sequence((inner) => inner.list({ min: 1, max: extensionLimits.maxPurposes }, (item) => item.oid())),
  );
}

export function parseKeyIdentifier(value: Uint8Array): Uint8Array {
  return readDer(value, extensionInput("subjectKeyIdentifier"), (reader) => reader.octetString());
}

/** The keyIdentifier; issuer and serial number, which RFC 5280 lets stand beside it, are passed over. */
export function parseAuthorityKeyIdentifier(value: Uint8Array): Uint8Array | undefined {
  return readDer(value, extensionInput("authorityKeyIdentifier"), (reader) =>
    reader.sequence((inner) => {
      const identifier = inner.optional(0x80, (field) => field.octetString(0x80));
      inner.optional(0xa1, (field) => field.element());
      inner.optional(0x82, (field) => field.integer(0x82));
      return identifier;
    }),
  );
}

export function parseSubjectAltNames(value: Uint8Array): readonly SubjectAltName[] {
  return readDer(value, extensionInput("subjectAltName"), (reader) =>
    reader.sequence((inner) => inner.list({ min: 1, max: extensionLimits.maxNames }, readGeneralName)),
  );
}

function readGeneralName(reader: DerReader): SubjectAltName {
  const tag = reader.peek();
  if (tag === 0x81) return { type: "email", value: reader.ia5String(0x81) };
  if (tag === 0x82) return { type: "dns", value: reader.ia5String(0x82) };
  if (tag === 0x86) return { type: "uri", value: reader.ia5String(0x86) };
  if (tag !== 0xa0) return { type: "other", value: hex(reader.element().raw) };
  return reader.context(0, (inner) => {
    const oid = inner.oid();
    const value = inner.context(0, (field) =>
      field.peek() === derTag.utf8String ? field.utf8String() : hex(field.element().raw),
    );
    return { type: "other" as const, oid, value };
  });
}

/** RFC 5280 §4.2.1.9; critical. */
export function basicConstraints(constraints: BasicConstraints): ExtensionTemplate {
  const { ca, pathLength } = constraints;
  const length = pathLength === undefined ? undefined : der.integer(pathLength);
  const value = der.sequence(...der.present(ca ? der.boolean(true) : undefined, ca ? length : undefined));
  return { oid: oids.basicConstraints, critical: true, value };
}

/** RFC 5280 §4.2.1.3; critical. */
export function keyUsage(...usages: readonly KeyUsage[]): ExtensionTemplate {
  demand(usages.length > 0, "crypto/certificate-invalid", "key usage is empty");
  const value = der.namedBits(...usages.map((usage) => keyUsages.indexOf(usage)));
  return { oid: oids.keyUsage, critical: true, value };
}

/** RFC 5280 §4.2.1.12. Time-stamping must be critical (RFC 3161 §2.3). */
export function extendedKeyUsage(
  purposes: readonly string[],
  options: { readonly critical?: boolean } = {},
): ExtensionTemplate {
  demand(purposes.length > 0, "crypto/certificate-invalid", "extended key usage is empty");
  const critical = options.critical ?? purposes.includes(oids.timeStamping);
  return { oid: oids.extKeyUsage, critical, value: der.sequence(...purposes.map(der.oid)) };
}

/** Key identifier of RFC 7093 §2 method 1: the leftmost 160 bits of the SHA-256 of the subjectPublicKey bits. */
export function keyIdentifier(key: PublicKey): Uint8Array {
  const input: DerInput = { what: "public key", code: "crypto/key-invalid", maxBytes: 65_536 };
  const bits = readDer(key.spki, input, (reader) =>
    reader.sequence((inner) => {
      inner.element(derTag.sequence);
      return inner.bitString();
    }),
  );
  return digest("sha256", bits).subarray(0, 20);
}

export function subjectKeyIdentifier(key: PublicKey): ExtensionTemplate {
  return { oid: oids.subjectKeyIdentifier, critical: false, value: der.octetString(keyIdentifier(key)) };
}

/** `identifier` is the issuer's subjectKeyId; for a self-signed certificate, `keyIdentifier` of its key. */
export function authorityKeyIdentifier(identifier: Uint8Array): ExtensionTemplate {
  const value = der.sequence(der.implicit(0, der.octetString(identifier)));
  return { oid: oids.authorityKeyIdentifier, critical: false, value };
}

/** RFC 5280 §4.2.1.6; `critical` must be true when the subject is empty. Problem `crypto/der-invalid` beyond ASCII. */
export function subjectAlternativeName(
  names: readonly SubjectAltName[],
  options: { readonly critical: boolean },
): ExtensionTemplate {
  demand(names.length > 0, "crypto/certificate-invalid", "subject alternative name is empty");
  return { oid: oids.subjectAltName, critical: options.critical, value: der.sequence(...names.map(generalName)) };
}

function generalName(name: SubjectAltName): Uint8Array {
  const ascii = () => der.ia5String(name.value);
  if (name.type === "email") return der.implicit(1, ascii());
  if (name.type === "dns") return der.implicit(2, ascii());
  if (name.type === "uri") return der.implicit(6, ascii());
  demand(name.oid !== undefined, "crypto/certificate-invalid", "another name needs its object identifier");
  return der.explicit(0, der.oid(name.oid), der.explicit(0, der.utf8String(name.value)));
}

/** An extension that is a DER UTF8String, as Fulcio's 1.3.6.1.4.1.57264.1.8 and above. */
export function utf8Extension(oid: string, text: string): ExtensionTemplate {
  return { oid, critical: false, value: der.utf8String(text) };
}

/** An extension whose value is the bare text, as Fulcio's deprecated 1.3.6.1.4.1.57264.1.1 to 1.6. */
export function rawTextExtension(oid: string, text: string): ExtensionTemplate {
  return { oid, critical: false, value: utf8(text) };
}
