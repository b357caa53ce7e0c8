// Maven's version order: the "Version Order Specification" of the POM reference (maven.apache.org/pom.html), which
// says what ComparableVersion does: tokens, trimming of null values, then token by token with padding.

import { compareDigits, compareText } from "./digits.ts";

interface Token {
  readonly separator: "." | "-";
  readonly text: string;
  readonly numeric: boolean;
}
export type MavenVersion = readonly Token[];

const qualifiers = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
const shorthands: ReadonlyMap<string, string> = new Map([
  ["a", "alpha"],
  ["b", "beta"],
  ["m", "milestone"],
]);
const aliases: ReadonlyMap<string, string> = new Map([
  ["cr", "rc"],
  ["ga", ""],
  ["final", ""],
  ["release", ""],
]);

/** Any text is a Maven version. */
export function parseMavenVersion(text: string): MavenVersion {
  return trim(tokens(text.toLowerCase()));
}

/** Split at `.`, `-` and between digits and anything else; an empty token stands for 0. */
function tokens(text: string): Token[] {
  const out: Token[] = [];
  let separator: "." | "-" = ".";
  const pieces = /(\d+|[^\d.-]+|)([.-]|$|(?=[^.-]))/gy;
  for (let match = pieces.exec(text); match !== null; match = pieces.exec(text)) {
    const [, run, mark] = match as unknown as [string, string, string];
    const joined = mark === "" && pieces.lastIndex < text.length;
    out.push(token(separator, run === "" ? "0" : run, joined && !/\d/.test(run)));
    if (pieces.lastIndex >= text.length) {
      if (mark !== "") out.push(token(mark === "." ? "." : "-", "0", false));
      break;
    }
    separator = mark === "." ? "." : "-";
  }
  return out;
}

function token(separator: "." | "-", run: string, beforeDigit: boolean): Token {
  const numeric = /^\d/.test(run);
  if (numeric) return { separator, text: run, numeric };
  const word = beforeDigit ? (shorthands.get(run) ?? run) : run;
  return { separator, text: aliases.get(word) ?? word, numeric };
}

function isNull(token: Token): boolean {
  return token.numeric ? /^0+$/.test(token.text) : token.text === "";
}

/** Null values go from the end, and from before every hyphen that is left, last hyphen first. */
function trim(all: readonly Token[]): MavenVersion {
  const kept = [...all];
  for (let end = kept.length; end > 0;) {
    let at = end;
    while (at > 0 && isNull(kept[at - 1] as Token)) at--;
    kept.splice(at, end - at);
    end = at;
    // The next place to trim is before the nearest hyphen to the left.
    do end--;
    while (end > 0 && kept[end]?.separator !== "-");
  }
  return kept;
}

export function compareMavenVersions(a: MavenVersion, b: MavenVersion): number {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a[i] ?? padding(b[i] as Token);
    const right = b[i] ?? padding(left);
    const result = compareTokens(left, right);
    if (result !== 0) return result;
  }
  return 0;
}

/** What a shorter version is lengthened with: 0 after a dot, the release qualifier after a hyphen. */
function padding({ separator, numeric }: Token): Token {
  return separator === "." && numeric
    ? { separator, text: "0", numeric: true }
    : { separator, text: "", numeric: false };
}

function compareTokens(a: Token, b: Token): number {
  const kind = rank(a) - rank(b);
  if (kind !== 0) return Math.sign(kind);
  return a.numeric ? compareDigits(a.text, b.text) : compareQualifiers(a.text, b.text);
}

/** ".qualifier" < "-qualifier" < "-number" < ".number", as the published orders of real packages have it. */
function rank({ separator, numeric }: Token): number {
  if (!numeric) return separator === "." ? 0 : 1;
  return separator === "-" ? 2 : 3;
}

/** The known ones in their order, then the others by their text. */
function compareQualifiers(a: string, b: string): number {
  const left = qualifiers.indexOf(a);
  const right = qualifiers.indexOf(b);
  if (left !== -1 && right !== -1) return Math.sign(left - right);
  if (left === -1 && right === -1) return compareText(a, b);
  return left === -1 ? 1 : -1;
}
