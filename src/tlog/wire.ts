// Integers and length-prefixed bytes of the TLS presentation language (RFC 8446 §3), in which RFC 6962, tlog-tiles,
// tlog-cosignature and static-ct-api write their structures.

import { assert, Problem } from "../core/index.ts";
import type { ProblemCode } from "../core/index.ts";

/** Big-endian, in `bytes` bytes. */
export function encodeUint(value: number, bytes: number): Uint8Array<ArrayBuffer> {
  assert(Number.isSafeInteger(value) && value >= 0 && (bytes > 6 || value < 256 ** bytes), "the integer fits");
  const out = new Uint8Array(bytes);
  let rest = value;
  for (let i = bytes - 1; i >= 0; i--) {
    out[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return out;
}

/** Reads a structure from its beginning. Every method throws a Problem with the given code when bytes run out. */
export class WireReader {
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly code: ProblemCode,
    private readonly what: string,
  ) {}

  get position(): number {
    return this.at;
  }

  get done(): boolean {
    return this.at === this.bytes.length;
  }

  problem(why: string): Problem {
    return new Problem(this.code, `${this.what} ${why}`);
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw this.problem("is cut short");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** A big-endian integer; one past 2^53 - 1 is refused. */
  uint(bytes: number): number {
    let value = 0;
    for (const byte of this.take(bytes)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw this.problem("holds a number that is too large");
    return value;
  }

  /** `opaque x<0..2^(8*lengthBytes)-1>`. */
  opaque(lengthBytes: number): Uint8Array {
    return this.take(this.uint(lengthBytes));
  }

  /** Refuses bytes after the structure. */
  end(): void {
    if (!this.done) throw this.problem("has bytes after its end");
  }
}
