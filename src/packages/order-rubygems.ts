// RubyGems versions: Gem::Version (ruby/rubygems). Letters make a pre-release and are below numbers.

import { compareDigits, compareLists, compareText } from "./digits.ts";

export type RubyGemsVersion = readonly string[];

export function parseRubyGemsVersion(text: string): RubyGemsVersion | undefined {
  const trimmed = text.trim();
  if (
    !/^(?:[0-9]+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?|[0-9]+[A-Za-z][0-9A-Za-z.]*)$/.test(trimmed)
  ) {
    return undefined;
  }
  return canonical(trimmed.replaceAll("-", ".pre.").match(/\d+|[A-Za-z]+/g) ?? []);
}

/** Zeros say nothing at the end, nor before the first letters. */
function canonical(segments: readonly string[]): RubyGemsVersion {
  const letters = segments.findIndex((segment) => !/^\d/.test(segment));
  const numbers = letters === -1 ? segments : segments.slice(0, letters);
  const rest = letters === -1 ? [] : segments.slice(letters);
  return [...withoutZeros(numbers), ...withoutZeros(rest)];
}

function withoutZeros(segments: readonly string[]): readonly string[] {
  return segments.slice(0, segments.findLastIndex((segment) => !/^0+$/.test(segment)) + 1);
}

export function compareRubyGemsVersions(a: RubyGemsVersion, b: RubyGemsVersion): number {
  return compareLists(a, b, (left = "0", right = "0") => {
    const leftNumber = /^\d/.test(left);
    const rightNumber = /^\d/.test(right);
    if (leftNumber !== rightNumber) return leftNumber ? 1 : -1;
    return leftNumber ? compareDigits(left, right) : compareText(left, right);
  });
}
