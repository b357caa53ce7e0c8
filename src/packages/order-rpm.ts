// RPM versions, `[epoch:]version[-release]`, in the order of rpmvercmp (rpm-software-management/rpm, docs/manual/dependencies).

import { compareDigits, compareText } from "./digits.ts";

export interface RpmVersion {
  readonly epoch: string;
  readonly version: readonly string[];
  readonly release: readonly string[] | undefined;
}

/** An epoch that is no number is refused. */
export function parseRpmVersion(text: string): RpmVersion | undefined {
  const match = /^(?:(\d+):)?([^:-]+)(?:-([^:-]*))?$/.exec(text);
  if (match === null) return undefined;
  const [, epoch, version = "", release] = match;
  return {
    epoch: epoch ?? "0",
    version: segments(version),
    release: release === undefined ? undefined : segments(release),
  };
}

/** Runs of digits, runs of letters, and the marks `~` and `^`; everything else only separates. */
function segments(text: string): readonly string[] {
  return text.match(/\d+|[A-Za-z]+|[~^]/g) ?? [];
}

export function compareRpmVersions(a: RpmVersion, b: RpmVersion): number {
  const before = compareDigits(a.epoch, b.epoch) || compareSegments(a.version, b.version);
  if (before !== 0) return before;
  if (a.release === undefined || b.release === undefined) {
    return Number(a.release !== undefined) - Number(b.release !== undefined);
  }
  return compareSegments(a.release, b.release);
}

function compareSegments(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const result = compareSegment(a[i], b[i]);
    if (result !== 0) return result;
  }
  return 0;
}

/** `~` is below the end, the end below `^`, `^` below letters, letters below digits. */
function rank(segment: string | undefined): number {
  if (segment === undefined) return 1;
  if (segment === "~") return 0;
  if (segment === "^") return 2;
  return /^\d/.test(segment) ? 4 : 3;
}

function compareSegment(a: string | undefined, b: string | undefined): number {
  const kind = rank(a) - rank(b);
  if (kind !== 0) return Math.sign(kind);
  return rank(a) === 4 ? compareDigits(a ?? "", b ?? "") : compareText(a ?? "", b ?? "");
}
