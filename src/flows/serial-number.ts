// Random integers of a fixed length in DER: serial numbers (RFC 5280 §4.1.2.2) and nonces (RFC 3161 §2.4.1).

import type { Randomness } from "./world.ts";

/** Bytes of a certificate's serial number: as long as is allowed. */
export const serialBytes = 20;

/** Big-endian, positive, and of full length: the first byte is neither zero nor negative, so the octets are these. */
export function positiveInteger(random: Randomness, byteCount: number): Uint8Array {
  const bytes = random.bytes(byteCount);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes;
}
