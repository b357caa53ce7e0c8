// Strict reader of DER, ITU-T X.690 (02/2021) §8, §10, §11. What BER allows and DER does not is refused: indefinite
// and non-minimal lengths, padded integers, constructed strings, an encoded DEFAULT. Stricter than X.690: no tag
// number above 30, at most four length octets, named limits for depth, object identifiers and fractions of a second.

import { compareBytes, fromUtf8, isProblem, Problem, type ProblemCode } from "../core/index.ts";

/** Identifier octets of the universal types we read and write. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export const derLimits = { maxDepth: 32, maxOidBytes: 64, maxIntegerBytes: 1024, maxFractionDigits: 9 } as const;

/** One tag-length-value: `raw` is the whole of it, `content` the value; both are views of the input. */
export interface DerElement {
  readonly tag: number;
  readonly raw: Uint8Array;
  readonly content: Uint8Array;
}

function invalid(why: string): Problem {
  return new Problem("crypto/der-invalid", `not valid DER: ${why}`);
}

/** What a caller says of its input: the limit in bytes, and the code and noun of the Problem that any defect becomes. */
export interface DerInput {
  readonly what: string;
  readonly code: ProblemCode;
  readonly maxBytes: number;
}

/**
 * Reads `bytes` as exactly what `read` consumes; trailing bytes are refused.
 * `crypto/der-invalid` thrown inside becomes `input.code` with the cause kept; other Problems pass.
 */
export function readDer<T>(bytes: Uint8Array, input: DerInput, read: (reader: DerReader) => T): T {
  if (bytes.length > input.maxBytes)
    throw new Problem(input.code, `${input.what} is larger than ${input.maxBytes} bytes`);
  try {
    const reader = new DerReader(bytes, 0, bytes.length, 0);
    const value = read(reader);
    reader.finish();
    return value;
  } catch (cause) {
    if (!isProblem(cause, "crypto/der-invalid") || input.code === "crypto/der-invalid") throw cause;
    throw new Problem(input.code, `${input.what} is ${cause.message}`, { cause });
  }
}

/** A cursor over the elements of one value. Every method throws Problem `crypto/der-invalid`. */
export class DerReader {
  private start = 0;
  private contentStart = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly end: number,
    private readonly depth: number,
  ) {
    if (depth > derLimits.maxDepth) throw invalid("nested too deeply");
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  /** Identifier octet of the next element, -1 at the end. */
  peek(): number {
    return this.at < this.end ? (this.bytes[this.at] as number) : -1;
  }

  finish(): void {
    if (!this.done) throw invalid("bytes follow the last element");
  }

  /** The next element, of this tag when one is given. */
  element(tag?: number): DerElement {
    const found = this.peek();
    this.advance(tag ?? found);
    return {
      tag: found,
      raw: this.bytes.subarray(this.start, this.at),
      content: this.bytes.subarray(this.contentStart, this.at),
    };
  }

  /** Reads inside the next element, all of which `read` must consume. */
  enter<T>(tag: number, read: (reader: DerReader) => T): T {
    this.advance(tag);
    const inner = new DerReader(this.bytes, this.contentStart, this.at, this.depth + 1);
    const value = read(inner);
    inner.finish();
    return value;
  }

  sequence<T>(read: (reader: DerReader) => T): T {
    return this.enter(derTag.sequence, read);
  }

  /** The DER inside an OCTET STRING, as in an X.509 extension. */
  wrapped<T>(read: (reader: DerReader) => T): T {
    return this.enter(derTag.octetString, read);
  }

  /** `[number] EXPLICIT`, or the inside of a constructed `[number] IMPLICIT`. */
  context<T>(number: number, read: (reader: DerReader) => T): T {
    return this.enter(0xa0 | number, read);
  }

  optional<T>(tag: number, read: (reader: DerReader) => T): T | undefined {
    return this.peek() === tag ? read(this) : undefined;
  }

  /** `read` again and again until the end; at most `max` times, at least `min`. */
  list<T>(limits: { readonly min: number; readonly max: number }, read: (reader: DerReader) => T): T[] {
    const out: T[] = [];
    while (!this.done) {
      if (out.length === limits.max) throw invalid(`more than ${limits.max} elements`);
      out.push(read(this));
    }
    if (out.length < limits.min) throw invalid("an element is missing");
    return out;
  }

  /** Refuses elements that are not in the ascending order of SET OF (X.690 §11.6); the cursor stays. */
  requireSorted(): void {
    const ahead = new DerReader(this.bytes, this.at, this.end, this.depth);
    let before: Uint8Array | undefined;
    while (!ahead.done) {
      const { raw } = ahead.element();
      if (before !== undefined && compareBytes(before, raw) > 0) throw invalid("a SET OF is not sorted");
      before = raw;
    }
  }

  setOf<T>(limits: { readonly min: number; readonly max: number }, read: (reader: DerReader) => T): T[] {
    return this.enter(derTag.set, (inner) => {
      inner.requireSorted();
      return inner.list(limits, read);
    });
  }

  boolean(): boolean {
    const content = this.content(derTag.boolean);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw invalid("a BOOLEAN is not 00 or FF");
    return content[0] === 0xff;
  }

  /** BOOLEAN DEFAULT FALSE: absent or TRUE (X.690 §11.5). */
  flag(): boolean {
    if (this.peek() !== derTag.boolean) return false;
    if (!this.boolean()) throw invalid("a default value is encoded");
    return true;
  }

  /** Content octets of an INTEGER: minimal two's complement, big-endian. */
  integer(tag: number = derTag.integer): Uint8Array {
    const content = this.content(tag);
    if (content.length === 0 || content.length > derLimits.maxIntegerBytes)
      throw invalid("an INTEGER has a wrong size");
    const first = content[0] as number;
    const second = content[1] as number;
    if (content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
      throw invalid("an INTEGER is not minimal");
    return content;
  }

  /** An INTEGER from 0 to 2^47-1. */
  smallInteger(tag: number = derTag.integer): number {
    const content = this.integer(tag);
    if (content.length > 6 || (content[0] as number) >= 0x80) throw invalid("an INTEGER is out of range");
    let value = 0;
    for (const byte of content) value = value * 256 + byte;
    return value;
  }

  /** An INTEGER that must be this one, such as a version. */
  version(expected: number): void {
    if (this.smallInteger() !== expected) throw invalid(`a version is not ${expected}`);
  }

  null(): void {
    if (this.content(derTag.null).length !== 0) throw invalid("a NULL is not empty");
  }

  octetString(tag: number = derTag.octetString): Uint8Array {
    return this.content(tag);
  }

  /** A BIT STRING that holds whole octets. */
  bitString(): Uint8Array {
    const content = this.content(derTag.bitString);
    if (content[0] !== 0) throw invalid("a BIT STRING is not a whole number of octets");
    return content.subarray(1);
  }

  /** The numbers of the set bits of a BIT STRING with named bits; trailing zero bits are refused (X.690 §11.2.2). */
  namedBits(): number[] {
    const content = this.content(derTag.bitString);
    const unused = content[0];
    if (unused === undefined || unused > 7 || content.length > 5) throw invalid("a BIT STRING has a wrong size");
    if (content.length === 1 && unused !== 0) throw invalid("an empty BIT STRING has unused bits");
    const bits: number[] = [];
    for (let bit = 0; bit < (content.length - 1) * 8; bit++)
      if (((content[1 + (bit >> 3)] as number) & (0x80 >> (bit & 7))) !== 0) bits.push(bit);
    const last = bits.at(-1) ?? -1;
    if (last !== (content.length - 1) * 8 - unused - 1) throw invalid("a BIT STRING has trailing zero bits");
    return bits;
  }

  oid(): string {
    return decodeOid(this.content(derTag.oid));
  }

  utf8String(): string {
    return text(this.content(derTag.utf8String));
  }

  ia5String(tag: number = derTag.ia5String): string {
    const content = this.content(tag);
    if (content.some((byte) => byte >= 0x80)) throw invalid("an IA5String holds a byte above 7F");
    return text(content);
  }

  printableString(): string {
    const value = text(this.content(derTag.printableString));
    if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)) throw invalid("a PrintableString holds another character");
    return value;
  }

  /** Milliseconds of a UTCTime `YYMMDDHHMMSSZ`, 1950 to 2049 (RFC 5280 §4.1.2.5.1). */
  utcTime(): number {
    const content = this.content(derTag.utcTime);
    if (content.length !== 13 || content[12] !== zulu) throw invalid("a UTCTime is not YYMMDDHHMMSSZ");
    const year = twoDigits(content, 0);
    return instant(year < 50 ? 2000 + year : 1900 + year, content, 2);
  }

  /** Milliseconds of a GeneralizedTime `YYYYMMDDHHMMSS[.f]Z` (X.690 §11.7); digits past the millisecond are cut. */
  generalizedTime(): number {
    const content = this.content(derTag.generalizedTime);
    const last = content.length - 1;
    const digits = last - 15;
    const whole = last === 14;
    const fraction = !whole && digits >= 1 && digits <= derLimits.maxFractionDigits && content[14] === point;
    if (content[last] !== zulu || !(whole || fraction)) throw invalid("a GeneralizedTime is not YYYYMMDDHHMMSS[.f]Z");
    const ms = instant(twoDigits(content, 0) * 100 + twoDigits(content, 2), content, 4);
    return whole ? ms : ms + fractionMs(content, last);
  }

  private content(tag: number): Uint8Array {
    this.advance(tag);
    return this.bytes.subarray(this.contentStart, this.at);
  }

  /** Moves past the next element, leaving where it and its content start. */
  private advance(tag: number): void {
    const { bytes, end } = this;
    const start = this.at;
    if (start + 2 > end) throw invalid("an element is missing or cut off");
    const found = bytes[start] as number;
    if (found !== tag) throw invalid(`tag ${found.toString(16)} where ${tag.toString(16)} was expected`);
    if (found === 0 || (found & 0x1f) === 0x1f) throw invalid("a tag is reserved or above 30");
    let length = bytes[start + 1] as number;
    let contentStart = start + 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > 4 || contentStart + octets > end)
        throw invalid("a length is not definite or cut off");
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + (bytes[contentStart + i] as number);
      if (length < 0x80 || length < 256 ** (octets - 1)) throw invalid("a length is not minimal");
      contentStart += octets;
    }
    if (length > end - contentStart) throw invalid("an element is cut off");
    this.start = start;
    this.contentStart = contentStart;
    this.at = contentStart + length;
  }
}

function text(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    throw invalid("a text is not valid UTF-8");
  }
}

const zulu = 0x5a;
const point = 0x2e;

function digit(bytes: Uint8Array, at: number): number {
  const value = (bytes[at] as number) - 0x30;
  if (!(value >= 0 && value <= 9)) throw invalid("a time holds something that is no digit");
  return value;
}

function twoDigits(bytes: Uint8Array, at: number): number {
  return digit(bytes, at) * 10 + digit(bytes, at + 1);
}

/** Of `.f` before the last byte; digits past the millisecond are cut, the last one is not zero (X.690 §11.7.3). */
function fractionMs(bytes: Uint8Array, last: number): number {
  let ms = 0;
  for (let at = 15; at < last; at++) {
    const value = digit(bytes, at);
    if (at < 18) ms += value * 10 ** (17 - at);
    if (at === last - 1 && value === 0) throw invalid("a fraction of a second ends in zero");
  }
  return ms;
}

/** Milliseconds of a year and MMDDHHMMSS at `at`. Years below 100 are none that anything here could mean. */
function instant(year: number, bytes: Uint8Array, at: number): number {
  const month = twoDigits(bytes, at);
  const day = twoDigits(bytes, at + 2);
  const hour = twoDigits(bytes, at + 4);
  const minute = twoDigits(bytes, at + 6);
  const second = twoDigits(bytes, at + 8);
  const exists =
    year >= 100 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month) && hour < 24 && minute < 60;
  if (!exists || second >= 60) throw invalid("a time does not exist");
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function daysOf(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** Dotted form of an object identifier's content octets (X.690 §8.19). Arcs above 2^53-1 are refused. */
function decodeOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > derLimits.maxOidBytes)
    throw invalid("an OBJECT IDENTIFIER has a wrong size");
  let out = "";
  let arc = 0;
  let fresh = true;
  for (const byte of content) {
    if (fresh && byte === 0x80) throw invalid("an OBJECT IDENTIFIER is not minimal");
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) throw invalid("an OBJECT IDENTIFIER has too large an arc");
    fresh = byte < 0x80;
    if (!fresh) continue;
    if (out === "") {
      const top = Math.min(2, Math.floor(arc / 40));
      out = `${top}.${arc - 40 * top}`;
    } else out += `.${arc}`;
    arc = 0;
  }
  if (!fresh) throw invalid("an OBJECT IDENTIFIER is cut off");
  return out;
}
