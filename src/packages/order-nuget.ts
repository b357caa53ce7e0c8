// NuGet versions (learn.microsoft.com, "Package versioning"): SemVer with up to four numbers, letters in any case.

import { compareDigits, compareLists } from "./digits.ts";
import { compareIdentifier } from "./order-semver.ts";

export interface NuGetVersion {
  readonly numbers: readonly string[];
  readonly preRelease: readonly string[];
}

export function parseNuGetVersion(text: string): NuGetVersion | undefined {
  const match = /^v?(\d+(?:\.\d+){0,3})(?:-([0-9a-z.-]+))?(?:\+[0-9a-z.-]*)?$/.exec(text.toLowerCase());
  if (match === null) return undefined;
  return { numbers: (match[1] ?? "").split("."), preRelease: match[2]?.split(".") ?? [] };
}

export function compareNuGetVersions(a: NuGetVersion, b: NuGetVersion): number {
  const numbers = compareLists(a.numbers, b.numbers, (left, right) => compareDigits(left ?? "0", right ?? "0"));
  if (numbers !== 0) return numbers;
  if (a.preRelease.length === 0 || b.preRelease.length === 0) {
    return Number(a.preRelease.length === 0) - Number(b.preRelease.length === 0);
  }
  return compareLists(a.preRelease, b.preRelease, compareIdentifier);
}
