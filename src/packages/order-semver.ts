// Semantic Versioning 2.0.0 §11, for npm, Go, crates.io and the others that OSV orders so. Wider than the grammar
// where registries are: a leading `v` or `=`, a missing minor or patch number, leading zeros.

import { compareDigits, compareLists, compareText } from "./digits.ts";

export interface SemVer {
  readonly numbers: readonly string[];
  readonly preRelease: readonly string[];
  /** Build metadata, which orders nothing but Dart's packages. */
  readonly build: readonly string[];
}

const identifiers = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const grammar = new RegExp(`^[v=]?(\\d+)(?:\\.(\\d+))?(?:\\.(\\d+))?(?:-(${identifiers}))?(?:\\+(${identifiers}))?$`);

/** The parts that order a version; undefined when it is none. Build metadata does not order (§10). */
export function parseSemVer(text: string): SemVer | undefined {
  const match = grammar.exec(text);
  if (match === null) return undefined;
  return {
    numbers: [match[1] ?? "0", match[2] ?? "0", match[3] ?? "0"],
    preRelease: match[4]?.split(".") ?? [],
    build: match[5]?.split(".") ?? [],
  };
}

export function compareSemVer(a: SemVer, b: SemVer): number {
  const numbers = compareLists(a.numbers, b.numbers, (left, right) => compareDigits(left ?? "0", right ?? "0"));
  if (numbers !== 0) return numbers;
  if (a.preRelease.length === 0 || b.preRelease.length === 0) {
    return Number(a.preRelease.length === 0) - Number(b.preRelease.length === 0);
  }
  return compareLists(a.preRelease, b.preRelease, compareIdentifier);
}

/** §11.4: numbers by value and below words; words in ASCII order; the shorter list below. */
export function compareIdentifier(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(b === undefined) - Number(a === undefined);
  const left = /^\d+$/.test(a);
  const right = /^\d+$/.test(b);
  if (left && right) return compareDigits(a, b);
  if (left !== right) return left ? -1 : 1;
  return compareText(a, b);
}

/** pub.dev: as SemVer, and then by build metadata, where some is above none. */
export function comparePubVersions(a: SemVer, b: SemVer): number {
  return compareSemVer(a, b) || compareLists(a.build, b.build, compareIdentifier);
}
