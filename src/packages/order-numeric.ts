// Versions that are numbers and nothing else: CRAN (R's package_version) and Hackage (Data.Version). The longer of
// two that begin alike is the newer.

import { compareDigits, compareLists } from "./digits.ts";

export type NumericVersion = readonly string[];

export function parseCranVersion(text: string): NumericVersion | undefined {
  return /^\d+(?:[.-]\d+)*$/.test(text) ? text.split(/[.-]/) : undefined;
}

export function parseHackageVersion(text: string): NumericVersion | undefined {
  return /^\d+(?:\.\d+)*$/.test(text) ? text.split(".") : undefined;
}

export function compareNumericVersions(a: NumericVersion, b: NumericVersion): number {
  return compareLists(a, b, (left, right) => {
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    return compareDigits(left, right);
  });
}
