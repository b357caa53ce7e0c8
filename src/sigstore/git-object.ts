// Commits and tags as git keeps them: gitformat-commit-graph's raw objects, Documentation/gitformat-signature. What is
// signed is the object's own bytes without the signature, cut out as git does it (commit.c, gpg-interface.c of git
// 2.39). Stricter than git: headers in their order, those that stand once only once, no NUL byte, one signature, and
// nothing after it. A `mergetag` is a header as any other: the tag inside it, its signature too, is not looked at.

import { concat, demand, fromUtf8, Problem } from "../core/index.ts";
import type { GitObjectFormat } from "../crypto/index.ts";
import { gitSignatureLabel } from "./git-signature.ts";

const code = "git/object-invalid";
const maxHeaders = 4096;
const newline = 0x0a;
const space = 0x20;

export interface SignedGitObject {
  readonly type: "commit" | "tag";
  /** The object's bytes without its signature: what the signature is over. */
  readonly payload: Uint8Array;
  /** Its armour; of another label than `SIGNED MESSAGE` it is refused. */
  readonly signature: Uint8Array;
  /** What a tag calls itself; undefined for a commit. */
  readonly tagName: string | undefined;
}

interface Header {
  readonly name: string;
  /** Its place in the object, with the lines that continue it. */
  readonly start: number;
  readonly end: number;
  /** Without the space that each further line begins with. */
  readonly value: Uint8Array;
}

/** Headers that begin an object, in this order; `*` may stand any number of times, `?` may be missing. */
const leading = {
  commit: ["tree", "parent*", "author", "committer"],
  tag: ["object", "type", "tag", "tagger?"],
} as const;
const once = ["encoding", "gpgsig", "gpgsig-sha256"];
const signatureHeaders: ReadonlySet<string> = new Set(["gpgsig", "gpgsig-sha256"]);

/**
 * A commit's or a tag's signature and what it is over. `format` is the repository's: a commit's signature over its
 * SHA-1 form and that over its SHA-256 form are two headers.
 * Problems `git/object-invalid`, `git/unsigned`, `git/signature-unsupported`, `core/utf8-invalid`.
 */
export function parseSignedGitObject(
  type: "commit" | "tag",
  bytes: Uint8Array,
  format: GitObjectFormat,
): SignedGitObject {
  demand(!bytes.includes(0), code, `the ${type} holds a NUL byte`);
  const { headers, bodyStart } = readHeaders(bytes, type);
  checkHeaders(headers, type);
  const split = type === "commit" ? splitCommit(bytes, headers, format) : splitTag(bytes, headers, bodyStart);
  const tagName = type === "tag" ? fromUtf8(headers.find(({ name }) => name === "tag")!.value) : undefined;
  demandSupported(split.signature);
  return { type, ...split, tagName };
}

function readHeaders(bytes: Uint8Array, type: string): { headers: readonly Header[]; bodyStart: number } {
  const headers: Header[] = [];
  for (let at = 0; ;) {
    demand(at < bytes.length, code, `the ${type} has no end of its headers`);
    if (bytes[at] === newline) return { headers, bodyStart: at + 1 };
    demand(headers.length < maxHeaders, code, `the ${type} has more than ${maxHeaders} headers`);
    const header = readHeader(bytes, at, type);
    headers.push(header);
    at = header.end;
  }
}

function readHeader(bytes: Uint8Array, start: number, type: string): Header {
  const nameEnd = bytes.indexOf(space, start);
  const lineEnd = bytes.indexOf(newline, start);
  const formed = nameEnd > start && nameEnd < lineEnd;
  demand(formed, code, `a header of the ${type} has no name or no value`);
  const name = fromUtf8(bytes.subarray(start, nameEnd));
  demand(/^[!-~]{1,100}$/.test(name), code, `the name of a header of the ${type} is not one`);
  const lines = [bytes.subarray(nameEnd + 1, lineEnd + 1)];
  let end = lineEnd + 1;
  while (bytes[end] === space) {
    const next = bytes.indexOf(newline, end);
    demand(next >= 0, code, `a header of the ${type} is cut off`);
    lines.push(bytes.subarray(end + 1, next + 1));
    end = next + 1;
  }
  const value = concat(...lines);
  return { name, start, end, value: value.subarray(0, -1) };
}

function checkHeaders(headers: readonly Header[], type: "commit" | "tag"): void {
  let at = 0;
  for (const rule of leading[type]) {
    const name = rule.replace(/[*?]$/, "");
    const first = at;
    while (headers[at]?.name === name && (rule.endsWith("*") || at === first)) at++;
    const there = at > first || rule !== name;
    demand(there, code, `the ${type} has no ${name} in its place`);
  }
  const rest = headers.slice(at).map(({ name }) => name);
  const begun: ReadonlySet<string> = new Set(leading[type].map((rule) => rule.replace(/[*?]$/, "")));
  const astray = rest.find((name) => begun.has(name));
  demand(astray === undefined, code, `the ${type} has a header ${astray} twice or out of its place`);
  const twice = once.find((name) => rest.filter((each) => each === name).length > 1);
  demand(twice === undefined, code, `the ${type} has a header ${twice} twice`);
}

/** All but the headers that hold signatures, of whichever form of the object. */
function withoutSignatures(bytes: Uint8Array, headers: readonly Header[], end: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const header of headers.filter(({ name }) => signatureHeaders.has(name))) {
    parts.push(bytes.subarray(at, header.start));
    at = header.end;
  }
  return concat(...parts, bytes.subarray(at, end));
}

type Split = Pick<SignedGitObject, "payload" | "signature">;

function splitCommit(bytes: Uint8Array, headers: readonly Header[], format: GitObjectFormat): Split {
  const name = format === "sha1" ? "gpgsig" : "gpgsig-sha256";
  const found = headers.find((header) => header.name === name);
  demand(found !== undefined, "git/unsigned", "the commit is not signed");
  return { payload: withoutSignatures(bytes, headers, bytes.length), signature: found.value };
}

const begins = ["PGP SIGNATURE", "PGP MESSAGE", "SSH SIGNATURE", gitSignatureLabel].map((label) =>
  new TextEncoder().encode(`-----BEGIN ${label}-----`),
);

/** A tag's signature is the end of its message. git takes the last one; where there are two, we take none. */
function splitTag(bytes: Uint8Array, headers: readonly Header[], bodyStart: number): Split {
  const starts: number[] = [];
  for (let at = bodyStart; at < bytes.length;) {
    if (begins.some((label) => label.every((byte, i) => bytes[at + i] === byte))) starts.push(at);
    const next = bytes.indexOf(newline, at);
    at = next < 0 ? bytes.length : next + 1;
  }
  const [start, ...others] = starts;
  demand(start !== undefined, "git/unsigned", "the tag is not signed");
  demand(others.length === 0, code, "the tag has more than one signature");
  return { payload: withoutSignatures(bytes, headers, start), signature: bytes.subarray(start) };
}

function demandSupported(signature: Uint8Array): void {
  const label = /^-----BEGIN ([A-Z ]{1,40})-----/.exec(fromUtf8(signature))?.[1];
  if (label === gitSignatureLabel) return;
  const what = label === undefined ? "in no armour" : `a ${label}`;
  throw new Problem("git/signature-unsupported", `the signature is ${what}, not a ${gitSignatureLabel}`, {
    hint: "only signatures made with gpg.format x509 by gitsign or by this program can be verified here",
  });
}
