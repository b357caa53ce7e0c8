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
  const unordered = new Set<Json>();
  checkOrder(value, unordered);
  const text = olpc(value, unordered);
  // Only beyond U+FFFF does the platform's own order of names differ from that by code point.
  if (!/[\uD800-\uDFFF]/.test(text)) return utf8(text);
  if (!isWellFormed(text)) throw notCanonical("a string holds a lone surrogate");
  return utf8(olpcByCodePoint(value));
}

/**
 * Collects the objects whose names are not in order, and those that hold one; the platform writes the others as they
 * are, several times faster than we could. True when the value is in order throughout.
 */
function checkOrder(value: Json, unordered: Set<Json>): boolean {
  if (typeof value === "number" && (!Number.isSafeInteger(value) || Object.is(value, -0)))
    throw notCanonical("a number is not a plain integer");
  if (typeof value !== "object" || value === null) return true;
  let ordered = true;
  if (Array.isArray(value)) {
    for (const each of value as readonly Json[]) ordered = checkOrder(each, unordered) && ordered;
  } else {
    let before: string | undefined;
    for (const name in value) {
      if (before !== undefined && !(before < name)) ordered = false;
      before = name;
      ordered = checkOrder((value as JsonObject)[name] as Json, unordered) && ordered;
    }
  }
  if (!ordered) unordered.add(value);
  return ordered;
}

function olpc(value: Json, unordered: ReadonlySet<Json>): string {
  if (!unordered.has(value)) return dropEscapes(JSON.stringify(value));
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map((each) => olpc(each, unordered)).join(",")}]`;
  const object = value as JsonObject;
  const members = Object.keys(object)
    .sort()
    .map((name) => `${olpcString(name)}:${olpc(object[name] as Json, unordered)}`);
  return `{${members.join(",")}}`;
}

const asTheyAre: Readonly<Record<string, string>> = {
  '\\"': '\\"',
  "\\\\": "\\\\",
  "\\b": "\b",
  "\\f": "\f",
  "\\n": "\n",
  "\\r": "\r",
  "\\t": "\t",
};

/** JSON as the platform writes it, with control characters as they are. */
function dropEscapes(json: string): string {
  if (!json.includes("\\")) return json;
  return json.replaceAll(
    /\\(?:u[0-9a-f]{4}|.)/g,
    (mark) => asTheyAre[mark] ?? String.fromCharCode(Number.parseInt(mark.slice(2), 16)),
  );
}

function olpcString(text: string): string {
  return dropEscapes(JSON.stringify(text));
}

function olpcByCodePoint(value: Json): string {
  if (typeof value !== "object" || value === null) return dropEscapes(JSON.stringify(value));
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(olpcByCodePoint).join(",")}]`;
  const object = value as JsonObject;
  const members = Object.keys(object)
    .sort(compareCodePoints)
    .map((name) => `${olpcString(name)}:${olpcByCodePoint(object[name] as Json)}`);
  return `{${members.join(",")}}`;
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
