// Succinct bins, TAP 15, as the publisher numbers and names them.

import { demand, utf8 } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { binName } from "./delegation.ts";
import type { SuccinctRoles } from "./model.ts";
import { binsGroup } from "./settings.ts";

const maxBits = 14;

type Shape = Pick<SuccinctRoles, "bitLength" | "namePrefix">;

/** Problem `tuf/bins-count`: not a power of two from 1 to 16,384. 0 bits are no bins. */
export function bitsOf(count: number): number {
  const bits = Math.log2(count);
  demand(
    Number.isInteger(bits) && bits >= 0 && bits <= maxBits,
    "tuf/bins-count",
    `${count} is not a power of two from 1 to ${2 ** maxBits}`,
  );
  return bits;
}

/** Bins of different numbers never share a name: a name's versions only ever go up. */
export function binPrefix(delegator: string, bitLength: number): string {
  return `${binsGroup(delegator)}${bitLength}`;
}

export function binNames({ bitLength, namePrefix }: Shape): string[] {
  const digits = Math.ceil(bitLength / 4);
  return Array.from({ length: 2 ** bitLength }, (_, bin) => `${namePrefix}-${bin.toString(16).padStart(digits, "0")}`);
}

export function isBinOf({ bitLength, namePrefix }: Shape, name: string): boolean {
  if (!name.startsWith(`${namePrefix}-`)) return false;
  const digits = name.slice(namePrefix.length + 1);
  return (
    digits.length === Math.ceil(bitLength / 4) &&
    /^[0-9a-f]+$/.test(digits) &&
    Number.parseInt(digits, 16) < 2 ** bitLength
  );
}

/** The bin of a target path. */
export function binOf(shape: Shape, path: string): string {
  return binName(shape, digestHex("sha256", utf8(path)));
}

export function sameShape(a: Shape | undefined, b: Shape | undefined): boolean {
  return a?.bitLength === b?.bitLength && a?.namePrefix === b?.namePrefix;
}
