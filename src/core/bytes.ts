// Bytes are Uint8Array everywhere. The encodings are the strict ones: what does not round-trip is refused.
// RFC 4648 §4 (base64), §5 (base64url), §8 (hex, lower case on output); RFC 3629 (UTF-8).

import { Problem } from "./problem.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 of a text. A lone surrogate becomes U+FFFD, as in WHATWG Encoding; `isWellFormed` tells before. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Text of UTF-8 bytes. Problem `core/utf8-invalid` when they are not well-formed. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new Problem("core/utf8-invalid", "text is not valid UTF-8", { cause });
  }
}

/** True when no surrogate stands alone, so that UTF-8 keeps the text. */
export function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Equality of public values; not constant in time. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order of unsigned bytes. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function hex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += hexPairs[byte];
  return out;
}

/** Bytes of hexadecimal digits, either case. Problem `core/hex-invalid`. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 2 !== 0 || /[^0-9a-fA-F]/.test(text)) {
    throw new Problem("core/hex-invalid", "text is not an even number of hexadecimal digits");
  }
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const urlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function reverse(letters: string): Uint8Array {
  const table = new Uint8Array(128).fill(255);
  for (let i = 0; i < 64; i++) table[letters.charCodeAt(i)] = i;
  return table;
}
const values = reverse(alphabet);
const urlValues = reverse(urlAlphabet);

function encode64(bytes: Uint8Array, letters: string, pad: boolean): string {
  let out = "";
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
    out += letters[group >> 18]! + letters[(group >> 12) & 63]! + letters[(group >> 6) & 63]! + letters[group & 63]!;
  }
  const rest = bytes.length - i;
  if (rest === 0) return out;
  const group = ((bytes[i] as number) << 16) | (rest === 2 ? (bytes[i + 1] as number) << 8 : 0);
  out += letters[group >> 18]! + letters[(group >> 12) & 63]!;
  if (rest === 2) out += letters[(group >> 6) & 63]!;
  return pad ? out + "=".repeat(3 - rest) : out;
}

function decode64(text: string, table: Uint8Array, padded: boolean): Uint8Array<ArrayBuffer> | undefined {
  let digits = text.length;
  if (padded) {
    if (digits % 4 !== 0) return undefined;
    if (text.endsWith("==")) digits -= 2;
    else if (text.endsWith("=")) digits -= 1;
  }
  const rest = digits % 4;
  if (rest === 1) return undefined;
  const out = new Uint8Array(Math.floor((digits * 3) / 4));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? (table[code] as number) : 255;
    if (value === 255) return undefined;
    held = ((held << 6) | value) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 255;
    }
  }
  // Bits that no byte holds must be zero, or two texts would stand for the same bytes.
  return (held & ((1 << bits) - 1)) === 0 ? out : undefined;
}

export function base64(bytes: Uint8Array): string {
  return encode64(bytes, alphabet, true);
}

/** Bytes of padded, canonical standard base64. Problem `core/base64-invalid`. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const out = decode64(text, values, true);
  if (out === undefined) throw new Problem("core/base64-invalid", "text is not canonical base64");
  return out;
}

export function base64url(bytes: Uint8Array): string {
  return encode64(bytes, urlAlphabet, false);
}

/** Bytes of unpadded, canonical base64url. Problem `core/base64-invalid`. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  const out = decode64(text, urlValues, false);
  if (out === undefined) throw new Problem("core/base64-invalid", "text is not canonical base64url");
  return out;
}
