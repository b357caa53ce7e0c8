// A bin's file as text: what was signed stands in our files as it was signed, so that a publication into many bins
// changes the entries that it must and leaves the others as they are, unread. Whatever is not of the form that
// `encodeFile` gives is left to the parser. The file that comes of it is read whole again before it is published.

import {
  compareCodePoints,
  emptyObject,
  formatUtcSeconds,
  fromUtf8,
  isProblem,
  olpcCanonicalJson,
  parseUtcSeconds,
  utf8,
  type Json,
  type JsonObject,
} from "../core/index.ts";
import { specVersion } from "./create.ts";
import type { Metadata, Signature, Targets } from "./model.ts";

const between = ',"signed":';
const start = /^\{"_type":"targets","expires":"([^"\\]*)","spec_version":"[^"\\]*","targets":\{/;
const end = /\},"version":([1-9]\d{0,15})\}$/;

export class BinText {
  private constructor(
    /** With nothing in `targets`: for the checks of `verifyTargets`, which look at signatures, version and expiry. */
    readonly metadata: Metadata<Targets>,
    /** What is between the braces of `targets`. */
    private readonly body: string,
  ) {}

  /** Undefined when the file has another form: then the parser says what it is. */
  static read(bytes: Uint8Array): BinText | undefined {
    const text = readText(bytes);
    const at = text?.indexOf(between) ?? -1;
    if (text === undefined || at === -1) return undefined;
    const message = text.slice(at + between.length, -1);
    const [head, tail] = [start.exec(message), end.exec(message)];
    const signatures = readSignatures(text.slice(0, at));
    const expiresMs = readTime(head?.[1]);
    if (head === null || tail === null || signatures === undefined || expiresMs === undefined) return undefined;
    // An escape that OLPC canonical JSON does not have: the message was written out as JSON.
    if (/\\[^"\\]/.test(message.replaceAll("\\\\", ""))) return undefined;
    const signed = { version: Number(tail[1]), specVersion, expiresMs, targets: new Map(), delegations: undefined };
    const metadata = { signed, tree: emptyObject<Json>(), message: utf8(message), signatures, bytes };
    return new BinText(metadata, message.slice(head[0].length, tail.index));
  }

  /** The message of the next version. */
  message(version: number, expiresMs: number, entries: BinEntries | undefined): Uint8Array {
    const expires = formatUtcSeconds(expiresMs);
    const body = entries?.text() ?? this.body;
    return utf8(
      `{"_type":"targets","expires":"${expires}","spec_version":"${specVersion}","targets":{${body}},"version":${version}}`,
    );
  }

  /** Undefined when it cannot be told apart into entries. */
  entries(): BinEntries | undefined {
    return BinEntries.read(this.body);
  }
}

/** The entries of `targets`, in canonical order, to be edited. */
export class BinEntries {
  private constructor(
    private readonly paths: string[],
    private readonly values: string[],
  ) {}

  static read(body: string): BinEntries | undefined {
    const paths: string[] = [];
    const values: string[] = [];
    for (let at = 0; at < body.length; at++) {
      const colon = stringEnd(body, at);
      const close = colon === -1 ? -1 : objectEnd(body, colon + 1);
      if (close === -1 || (close < body.length && body[close] !== ",")) return undefined;
      const key = body.slice(at + 1, colon - 1);
      paths.push(key.includes("\\") ? key.replaceAll(/\\(["\\])/g, "$1") : key);
      values.push(body.slice(colon + 1, close));
      at = close;
    }
    return new BinEntries(paths, values);
  }

  get(path: string): JsonObject | undefined {
    const at = this.place(path);
    return this.paths[at] === path ? (JSON.parse(this.values[at]!) as JsonObject) : undefined;
  }

  /** False, and nothing changed, for what cannot stand in a file as it is signed: a control character. */
  set(path: string, target: JsonObject): boolean {
    const at = this.place(path);
    const text = fromUtf8(olpcCanonicalJson(target));
    if (/[\u0000-\u001f]/.test(text)) return false;
    if (this.paths[at] === path) this.values[at] = text;
    else {
      this.paths.splice(at, 0, path);
      this.values.splice(at, 0, text);
    }
    return true;
  }

  remove(path: string): void {
    const at = this.place(path);
    if (this.paths[at] !== path) return;
    this.paths.splice(at, 1);
    this.values.splice(at, 1);
  }

  text(): string {
    return this.paths.map((path, at) => `"${path.replaceAll(/["\\]/g, "\\$&")}":${this.values[at]!}`).join(",");
  }

  /** Where a path is, or would be. */
  private place(path: string): number {
    let [low, high] = [0, this.paths.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareCodePoints(this.paths[middle]!, path) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function readText(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch (problem) {
    if (isProblem(problem)) return undefined;
    throw problem;
  }
}

function readTime(text: string | undefined): number | undefined {
  try {
    return text === undefined ? undefined : parseUtcSeconds(text);
  } catch (problem) {
    if (isProblem(problem)) return undefined;
    throw problem;
  }
}

/** Of one form: key id and signature alone. An identity's, which brings a bundle, is the parser's. */
function readSignatures(head: string): Signature[] | undefined {
  const list = /^\{"signatures":\[(.*)\]$/s.exec(head)?.[1];
  const signatures: Signature[] = [];
  for (const each of list?.split("},{") ?? []) {
    const match = /^\{?"keyid":"([0-9a-zA-Z_-]+)","sig":"([0-9a-f]*)"\}?$/.exec(each);
    if (match === null || signatures.some(({ keyid }) => keyid === match[1])) return undefined;
    signatures.push({ keyid: match[1]!, sig: match[2]! });
  }
  return list === undefined ? undefined : signatures;
}

/** The index of the colon after the name that begins at `at`; -1 when none does. */
function stringEnd(text: string, at: number): number {
  if (text[at] !== '"') return -1;
  let close = text.indexOf('"', at + 1);
  while (close !== -1 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close !== -1 && text[close + 1] === ":" ? close + 1 : -1;
}

function isEscaped(text: string, quote: number): boolean {
  let slashes = 0;
  while (text[quote - 1 - slashes] === "\\") slashes++;
  return slashes % 2 === 1;
}

/** The index after the object that begins at `at`; -1 when none does. */
function objectEnd(text: string, at: number): number {
  if (text[at] !== "{") return -1;
  let depth = 0;
  for (let index = at; index < text.length; index++) {
    const mark = text.charCodeAt(index);
    if (mark === 0x22) {
      let close = text.indexOf('"', index + 1);
      while (close !== -1 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
      if (close === -1) return -1;
      index = close;
    } else if (mark === 0x7b) depth++;
    else if (mark === 0x7d && --depth === 0) return index + 1;
  }
  return -1;
}
