// Packagist versions, in the order of PHP's version_compare (php.net), which Composer's comparator stands on.

import { compareDigits } from "./digits.ts";

export type PackagistVersion = readonly string[];

/** A word counts as the first of these that it begins with, in this spelling. */
const forms: readonly (readonly [string, number])[] = [
  ["dev", 1],
  ["alpha", 2],
  ["a", 2],
  ["beta", 3],
  ["b", 3],
  ["RC", 4],
  ["rc", 4],
  ["#", 5],
  ["pl", 6],
  ["p", 6],
];

export function parsePackagistVersion(text: string): PackagistVersion | undefined {
  if (!/^v?[0-9A-Za-z][0-9A-Za-z.+_#/-]*$/i.test(text)) return undefined;
  return text.replace(/^v(?=\d)/i, "").match(/\d+|[A-Za-z]+|#/g) ?? [];
}

/** Words that PHP does not know are below all that it does. */
function form(part: string): number {
  if (/^\d/.test(part)) return 5;
  return forms.find(([word]) => part.startsWith(word))?.[1] ?? 0;
}

export function comparePackagistVersions(a: PackagistVersion, b: PackagistVersion): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const result = compareParts(a[i], b[i]);
    if (result !== 0) return result;
  }
  return 0;
}

function compareParts(a: string | undefined, b: string | undefined): number {
  if (a === undefined) return b === undefined ? 0 : -compareParts(b, a);
  // What follows the shorter version: a number makes the longer one newer, a word counts against "#".
  if (b === undefined) return /^\d/.test(a) ? 1 : Math.sign(form(a) - 5);
  if (/^\d/.test(a) && /^\d/.test(b)) return compareDigits(a, b);
  return Math.sign(form(a) - form(b));
}
