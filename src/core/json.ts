// Strict JSON, RFC 8259 with the choices of RFC 7493 (I-JSON): well-formed UTF-8, no byte order mark, no
// duplicate name, no lone surrogate, no integer a double cannot hold; depth and size are bounded before work is
// done. Objects have no prototype, so `__proto__` and `constructor` are names like any other.

import { fromUtf8 } from "./bytes.ts";
import { duplicateName, endOfRun, walkJson } from "./json-walk.ts";
import { Problem } from "./problem.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

export interface JsonLimits {
  /** Bytes of the whole text. */
  readonly maxBytes: number;
  /** Nesting of arrays and objects. */
  readonly maxDepth?: number;
  /** `integer` refuses a fraction, an exponent and minus zero, as canonical forms need; `any` is the default. */
  readonly numbers?: "integer" | "any";
}

const defaultMaxDepth = 64;

/** An object without a prototype, to be filled by the caller. */
export function emptyObject<T>(): { [name: string]: T } {
  return Object.create(null) as { [name: string]: T };
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The value that the bytes stand for.
 * Problems: `core/json-too-large`, `core/json-too-deep`, `core/json-duplicate-name`, `core/json-number`,
 * `core/json-invalid`, `core/utf8-invalid`.
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits): Json {
  if (bytes.length > limits.maxBytes) {
    throw new Problem("core/json-too-large", `JSON of ${bytes.length} bytes is over the limit of ${limits.maxBytes}`);
  }
  return parseJsonText(fromUtf8(bytes), limits);
}

/** As `parseJson`, of a text already decoded. */
export function parseJsonText(text: string, limits: JsonLimits): Json {
  const maxDepth = limits.maxDepth ?? defaultMaxDepth;
  const members = countPlainMembers(text, maxDepth) ?? walkJson(text, maxDepth, limits.numbers === "integer");
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    walkJson(text, maxDepth, limits.numbers === "integer");
    throw cause;
  }
  // The platform keeps the last of two equal names; then there are fewer members in the value than in the text.
  if (dropPrototypes(value) !== members) throw duplicateName(text)!;
  return value;
}

const quote = 0x22;
const minus = 0x2d;
const point = 0x2e;
const colon = 0x3a;
const capitalE = 0x45;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const smallE = 0x65;
const openBrace = 0x7b;
const closeBrace = 0x7d;
// Whatever 15 digits say, a double holds.
const maxPlainDigits = 15;

/**
 * The number of members of all objects of a text, for most texts: nested no deeper than the limit, with numbers that are
 * all short, plain integers, and no escape by number. Undefined for others, which are walked. Says nothing about
 * the grammar, which is the platform's to check.
 */
function countPlainMembers(text: string, maxDepth: number): number | undefined {
  let members = 0;
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfPlainString(text, at);
      if (at === -1) return undefined;
      continue;
    }
    if (isDigit(code)) {
      const start = at;
      let after;
      do after = text.charCodeAt(++at);
      while (isDigit(after));
      if (at - start > maxPlainDigits || after === smallE || after === capitalE) return undefined;
      continue;
    }
    if (code === colon) members++;
    else if (code === openBrace || code === openBracket) {
      if (++depth > maxDepth) return undefined;
    } else if (code === closeBrace || code === closeBracket) depth--;
    else if (code === minus || code === point) return undefined;
    at++;
  }
  return members;
}

/** Behind the closing quote; -1 when there is none, or something before it that the walk has to judge. */
function endOfPlainString(text: string, open: number): number {
  for (let at = open + 1; ; at += 2) {
    at = endOfRun(text, at);
    const mark = text.charCodeAt(at);
    if (mark === quote) return at + 1;
    if (mark !== backslash || !'"\\/bfnrt'.includes(text[at + 1] ?? "-")) return -1;
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Takes the prototype from every object below and gives the number of members of all of them. */
function dropPrototypes(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const each of value as readonly Json[]) members += dropPrototypes(each);
    return members;
  }
  Object.setPrototypeOf(value, null);
  // Own names alone, and without a list of them: this loop visits every member of every document.
  for (const name in value) {
    members++;
    const each = (value as JsonObject)[name] as Json;
    if (typeof each === "object") members += dropPrototypes(each);
  }
  return members;
}
