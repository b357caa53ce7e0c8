// Debian versions: Debian Policy §5.6.12, `[epoch:]upstream[-revision]`, the order of dpkg.

import { compareDigits, compareLists } from "./digits.ts";

export interface DebianVersion {
  readonly epoch: string;
  readonly upstream: string;
  readonly revision: string;
}

export function parseDebianVersion(text: string): DebianVersion | undefined {
  const match = /^(?:(\d+):)?([0-9A-Za-z.+~:-]*?[0-9A-Za-z.+~:])(?:-([0-9A-Za-z.+~]+))?$/.exec(text);
  if (match === null) return undefined;
  return { epoch: match[1] ?? "0", upstream: match[2] ?? "", revision: match[3] ?? "0" };
}

export function compareDebianVersions(a: DebianVersion, b: DebianVersion): number {
  return (
    compareDigits(a.epoch, b.epoch) || compareParts(a.upstream, b.upstream) || compareParts(a.revision, b.revision)
  );
}

/** Non-digits and digits by turns: the former by the table below, the latter by value. */
function compareParts(a: string, b: string): number {
  return compareLists(split(a), split(b), (left = nothing, right = nothing) => {
    return compareWords(left[0], right[0]) || compareDigits(left[1], right[1]);
  });
}

const nothing = ["", ""] as const;

function split(text: string): readonly (readonly [string, string])[] {
  return [...text.matchAll(/(\D*)(\d*)/g)].map(([, word = "", digits = ""]) => [word, digits] as const);
}

function compareWords(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = weight(a[i]) - weight(b[i]);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** A tilde is below the end, the end below letters, letters below everything else. */
function weight(mark: string | undefined): number {
  if (mark === "~") return -1;
  if (mark === undefined) return 0;
  const code = mark.charCodeAt(0);
  return /[A-Za-z]/.test(mark) ? code : code + 256;
}
