// The presentation language of TLS as Certificate Transparency uses it: unsigned integers and length-prefixed
// vectors, big-endian. RFC 5246 §4, RFC 6962 §3.

import { assert, concat, Problem } from "../core/index.ts";

function invalid(why: string): Problem {
  return new Problem("crypto/sct-invalid", `not a valid structure of Certificate Transparency: ${why}`);
}

/** A cursor over one structure. Every method throws Problem `crypto/sct-invalid`. */
export class TlsReader {
  private at = 0;

  constructor(private readonly data: Uint8Array) {}

  get done(): boolean {
    return this.at === this.data.length;
  }

  finish(): void {
    if (!this.done) throw invalid("bytes follow its end");
  }

  bytes(count: number): Uint8Array {
    if (count > this.data.length - this.at) throw invalid("it is cut off");
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }

  /** An integer of this many bytes, up to 2^53-1. */
  uint(size: number): number {
    let value = 0;
    for (const byte of this.bytes(size)) value = value * 256 + byte;
    if (value > Number.MAX_SAFE_INTEGER) throw invalid("an integer is too large");
    return value;
  }

  /** A vector whose length has this many bytes. */
  vector(lengthSize: number): Uint8Array {
    return this.bytes(this.uint(lengthSize));
  }
}

/** An integer of `size` bytes. */
export function tlsUint(size: number, value: number): Uint8Array {
  assert(Number.isSafeInteger(value) && value >= 0 && value < 256 ** size, "an integer fits its field");
  const out = new Uint8Array(size);
  for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) out[i] = rest % 256;
  return out;
}

/** A vector with a length of `lengthSize` bytes before it. Problem `crypto/sct-invalid` when it is too long. */
export function tlsVector(lengthSize: number, content: Uint8Array): Uint8Array {
  if (content.length >= 256 ** lengthSize) throw invalid("a vector is too long");
  return concat(tlsUint(lengthSize, content.length), content);
}
