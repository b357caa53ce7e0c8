// Python versions: PEP 440 (packaging.python.org, "Version specifiers"). Legacy versions, which PEP 440 gives no
// order, are refused.

import { compareDigits, compareLists, compareText } from "./digits.ts";

interface Part {
  readonly word: string;
  readonly number: string;
}

export interface PyPiVersion {
  readonly epoch: string;
  readonly release: readonly string[];
  readonly pre: Part | undefined;
  readonly post: string | undefined;
  readonly dev: string | undefined;
  readonly local: readonly string[] | undefined;
}

const grammar =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/;
const spellings: Readonly<Record<string, string>> = { alpha: "a", beta: "b", c: "rc", pre: "rc", preview: "rc" };

export function parsePyPiVersion(text: string): PyPiVersion | undefined {
  const match = grammar.exec(text.trim().toLowerCase());
  if (match === null) return undefined;
  const [, epoch, release = "", word, number, implicitPost, post, postNumber, dev, devNumber, local] = match;
  return {
    epoch: epoch ?? "0",
    release: release.split("."),
    pre: word === undefined ? undefined : { word: spellings[word] ?? word, number: number || "0" },
    post: implicitPost ?? (post === undefined ? undefined : postNumber || "0"),
    dev: dev === undefined ? undefined : devNumber || "0",
    local: local?.split(/[-_.]/),
  };
}

export function comparePyPiVersions(a: PyPiVersion, b: PyPiVersion): number {
  return (
    compareDigits(a.epoch, b.epoch) ||
    compareLists(a.release, b.release, (left, right) => compareDigits(left ?? "0", right ?? "0")) ||
    comparePre(a, b) ||
    compareOptional(a.post, b.post, -1) ||
    compareOptional(a.dev, b.dev, 1) ||
    compareLocal(a.local, b.local)
  );
}

/** A development release of the release itself is below its pre-releases, anything else above them. */
function preRank({ pre, post, dev }: PyPiVersion): number {
  if (pre !== undefined) return 1;
  return post === undefined && dev !== undefined ? 0 : 2;
}

function comparePre(a: PyPiVersion, b: PyPiVersion): number {
  const rank = Math.sign(preRank(a) - preRank(b));
  if (rank !== 0 || a.pre === undefined || b.pre === undefined) return rank;
  return compareText(a.pre.word, b.pre.word) || compareDigits(a.pre.number, b.pre.number);
}

/** `missing` is the place of a missing number among the others: -1 below them, 1 above. */
function compareOptional(a: string | undefined, b: string | undefined, missing: -1 | 1): number {
  if (a !== undefined && b !== undefined) return compareDigits(a, b);
  if (a === b) return 0;
  return a === undefined ? missing : -missing;
}

function compareLocal(a: readonly string[] | undefined, b: readonly string[] | undefined): number {
  return compareLists(a ?? [], b ?? [], (left, right) => {
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    const numbers = [left, right].map((each) => /^\d+$/.test(each));
    if (numbers[0] !== numbers[1]) return numbers[0] === true ? 1 : -1;
    return numbers[0] === true ? compareDigits(left, right) : compareText(left, right);
  });
}
