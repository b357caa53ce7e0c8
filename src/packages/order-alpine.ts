// Alpine versions (apk-tools, doc/apk-package.5: "Package version"): numbers, a letter, suffixes, a revision.
// What that grammar does not hold is refused; apk itself answers, but differently from version to version.

import { compareDigits, compareLists, compareText } from "./digits.ts";

export interface AlpineVersion {
  readonly numbers: readonly string[];
  readonly letter: string;
  readonly suffixes: readonly { readonly rank: number; readonly number: string }[];
  readonly revision: string;
}

const suffixes = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];
const released = suffixes.indexOf("");
const grammar = /^(\d+(?:\.\d+)*)([a-z]?)((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?$/;

export function parseAlpineVersion(text: string): AlpineVersion | undefined {
  const match = grammar.exec(text);
  if (match === null) return undefined;
  return {
    numbers: (match[1] ?? "").split("."),
    letter: match[2] ?? "",
    suffixes: [...(match[3] ?? "").matchAll(/_([a-z]+)(\d*)/g)].map(([, word = "", number = ""]) => ({
      rank: suffixes.indexOf(word),
      number,
    })),
    revision: match[4] ?? "",
  };
}

export function compareAlpineVersions(a: AlpineVersion, b: AlpineVersion): number {
  const [first = "", ...rest] = a.numbers;
  const [otherFirst = "", ...otherRest] = b.numbers;
  return (
    compareDigits(first, otherFirst) ||
    compareLists(rest, otherRest, compareFraction) ||
    compareText(a.letter, b.letter) ||
    compareLists(a.suffixes, b.suffixes, (left, right) => {
      const rank = (left?.rank ?? released) - (right?.rank ?? released);
      return Math.sign(rank) || compareDigits(left?.number ?? "", right?.number ?? "");
    }) ||
    compareDigits(a.revision, b.revision)
  );
}

/** Past the first dot, a leading zero makes both numbers decimal fractions, compared as text. */
function compareFraction(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  return a.startsWith("0") || b.startsWith("0") ? compareText(a, b) : compareDigits(a, b);
}
