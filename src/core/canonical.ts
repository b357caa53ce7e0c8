// Two canonical forms of JSON, which differ: RFC 8785 (JCS), used by Sigstore's log entries, and OLPC canonical
// JSON, used by TUF and in-toto. Neither is ever parsed back: signatures are made and checked over these bytes.

import { isWellFormed, utf8 } from "./bytes.ts";
import type { Json, JsonObject } from "./json.ts";
import { Problem } from "./problem.ts";

function notCanonical(why: string): Problem {
  return new Problem("core/canonical", `value has no canonical form: ${why}`);
}

/**
 * RFC 8785: names sorted by UTF-16 code unit (§3.2.3), ECMAScript numbers and string escapes.
 * Problem `core/canonical` for a lone surrogate or a number that is not finite (§3.2.2.2, §3.2.2.3).
 */
export function canonicalJson(value: Json): Uint8Array<ArrayBuffer> {
  return utf8(jcs(value));
}

function jcs(value: Json): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw notCanonical("a number is not finite");
    return JSON.stringify(value);
  }
  if (typeof value === "string") return jcsString(value);
  if (Array.isArray(value)) return `[${value.map(jcs).join(",")}]`;
  const object = value as JsonObject;
  const names = Object.keys(object).sort();
  return `{${names.map((name) => `${jcsString(name)}:${jcs(object[name] as Json)}`).join(",")}}`;
}

function jcsString(text: string): string {
  if (!isWellFormed(text)) throw notCanonical("a string holds a lone surrogate");
  return JSON.stringify(text);
}

/**
 * OLPC canonical JSON as TUF 1.0.34 §4.2.1 and in-toto use it: names sorted by code point, only `"` and `\` are
 * escaped, control characters stand as they are, integers alone are numbers.
 * Problem `core/canonical` for another number or a lone surrogate.
 */
export function olpcCanonicalJson(value: Json): Uint8Array<ArrayBuffer> {
  return utf8(olpc(value));
}

function olpc(value: Json): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw notCanonical("a number is not a plain integer");
    return String(value);
  }
  if (typeof value === "string") return olpcString(value);
  if (Array.isArray(value)) return `[${value.map(olpc).join(",")}]`;
  const object = value as JsonObject;
  const names = Object.keys(object).sort(compareCodePoints);
  return `{${names.map((name) => `${olpcString(name)}:${olpc(object[name] as Json)}`).join(",")}}`;
}

function olpcString(text: string): string {
  if (!isWellFormed(text)) throw notCanonical("a string holds a lone surrogate");
  return `"${text.replaceAll(/["\\]/g, (mark) => `\\${mark}`)}"`;
}

/** Order by code point, which is the order of the UTF-8 bytes; UTF-16 order differs beyond U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // A surrogate stands for a code point above every other code unit.
    const leftHigh = left >= 0xd800 && left <= 0xdfff;
    const rightHigh = right >= 0xd800 && right <= 0xdfff;
    if (leftHigh !== rightHigh) return leftHigh ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}
