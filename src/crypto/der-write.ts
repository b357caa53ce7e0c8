// Writer of DER, ITU-T X.690 (02/2021). Each function gives the whole tag-length-value; what it cannot write in
// DER is a bug of the caller, save what may come from outside, which is Problem `crypto/der-invalid`.

import { assert, compareBytes, formatUtcSeconds, Problem, utf8 } from "../core/index.ts";
import { derLimits, derTag } from "./der.ts";

/** One element of this identifier octet whose content is the parts in a row. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const header = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : 5;
  assert(length < 0x1000000, "a DER element is shorter than 16 MiB");
  const out = new Uint8Array(header + length);
  out[0] = tag;
  if (header === 2) out[1] = length;
  else {
    out[1] = 0x80 | (header - 2);
    for (let i = header - 1, rest = length; i > 1; i--, rest >>>= 8) out[i] = rest & 0xff;
  }
  let at = header;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return encode(derTag.sequence, ...parts);
}

/** SET OF: the elements in ascending order (X.690 §11.6). */
export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return encode(derTag.set, ...[...parts].sort(compareBytes));
}

/** `[number] EXPLICIT`. */
export function explicit(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return encode(0xa0 | number, ...parts);
}

/** `[number] IMPLICIT`: the element with its tag replaced; constructed stays constructed. */
export function implicit(number: number, element: Uint8Array): Uint8Array {
  const out = element.slice();
  out[0] = 0x80 | ((element[0] as number) & 0x20) | number;
  return out;
}

/** INTEGER of a whole number from 0 to 2^53-1, or of an unsigned big-endian magnitude. */
export function integer(value: number | Uint8Array): Uint8Array {
  let magnitude = value;
  if (typeof magnitude === "number") {
    assert(Number.isSafeInteger(magnitude) && magnitude >= 0, "an INTEGER to write is not negative");
    const bytes: number[] = [];
    for (let rest = magnitude; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
    magnitude = Uint8Array.from(bytes);
  }
  let first = 0;
  while (first < magnitude.length && magnitude[first] === 0) first++;
  const minimal = magnitude.subarray(first);
  return minimal.length === 0 || (minimal[0] as number) >= 0x80
    ? encode(derTag.integer, Uint8Array.of(0), minimal)
    : encode(derTag.integer, minimal);
}

export function boolean(value: boolean): Uint8Array {
  return Uint8Array.of(derTag.boolean, 1, value ? 0xff : 0);
}

export function nullValue(): Uint8Array {
  return Uint8Array.of(derTag.null, 0);
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return encode(derTag.octetString, bytes);
}

/** BIT STRING of whole octets. */
export function bitString(bytes: Uint8Array): Uint8Array {
  return encode(derTag.bitString, Uint8Array.of(0), bytes);
}

/** BIT STRING with named bits, trailing zero bits removed (X.690 §11.2.2). */
export function namedBits(...bits: readonly number[]): Uint8Array {
  const count = Math.max(-1, ...bits) + 1;
  const content = new Uint8Array(1 + Math.ceil(count / 8));
  content[0] = (8 - (count % 8)) % 8;
  for (const bit of bits) content[1 + (bit >> 3)] = (content[1 + (bit >> 3)] as number) | (0x80 >> (bit & 7));
  return encode(derTag.bitString, content);
}

// The same few dozen stand in every certificate; beyond the limit nothing more is remembered.
const encodedOids = new Map<string, Uint8Array>();
const maxEncodedOids = 256;

/** OBJECT IDENTIFIER of its dotted form. Problem `crypto/der-invalid` when the text is none. */
export function oid(dotted: string): Uint8Array {
  const known = encodedOids.get(dotted);
  if (known !== undefined) return known;
  const encoded = encodeOid(dotted);
  if (encodedOids.size < maxEncodedOids) encodedOids.set(dotted, encoded);
  return encoded;
}

function encodeOid(dotted: string): Uint8Array {
  const arcs = /^[012](\.(0|[1-9]\d{0,15})){1,32}$/.test(dotted) ? dotted.split(".").map(Number) : [];
  const [top, second, ...rest] = arcs as [number?, number?, ...number[]];
  const invalid = () => new Problem("crypto/der-invalid", "not an object identifier");
  if (top === undefined || second === undefined || (top < 2 && second > 39)) throw invalid();
  const content: number[] = [];
  for (const arc of [top * 40 + second, ...rest]) {
    if (!Number.isSafeInteger(arc)) throw invalid();
    const group = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) group.unshift(0x80 | (left % 128));
    content.push(...group);
  }
  if (content.length > derLimits.maxOidBytes) throw invalid();
  return encode(derTag.oid, Uint8Array.from(content));
}

export function utf8String(value: string): Uint8Array {
  return encode(derTag.utf8String, utf8(value));
}

/** IA5String. Problem `crypto/der-invalid` for a character above 7F. */
export function ia5String(value: string): Uint8Array {
  if (/[^\0-\x7f]/.test(value)) throw new Problem("crypto/der-invalid", "text is not ASCII");
  return encode(derTag.ia5String, utf8(value));
}

/** PrintableString. Problem `crypto/der-invalid` for a character it cannot hold. */
export function printableString(value: string): Uint8Array {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)) throw new Problem("crypto/der-invalid", "text is not printable");
  return encode(derTag.printableString, utf8(value));
}

/** Time of a certificate: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5); below a second is cut. */
export function time(ms: number): Uint8Array {
  const digits = formatUtcSeconds(ms).replaceAll(/[-:T]/g, "");
  assert(digits.length === 15 && digits >= "1950", "a time to write lies from 1950 to 9999");
  return digits < "2050" ? encode(derTag.utcTime, utf8(digits.slice(2))) : encode(derTag.generalizedTime, utf8(digits));
}

/** GeneralizedTime without a fraction; below a second is cut. */
export function generalizedTime(ms: number): Uint8Array {
  const digits = formatUtcSeconds(ms).replaceAll(/[-:T]/g, "");
  assert(digits.length === 15, "a time to write lies from 0 to 9999");
  return encode(derTag.generalizedTime, utf8(digits));
}

/** Elements that are already encoded, those that are absent left out. */
export function present(...parts: readonly (Uint8Array | undefined)[]): Uint8Array[] {
  return parts.filter((part) => part !== undefined);
}
