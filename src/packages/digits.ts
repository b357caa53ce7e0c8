// Numbers in versions have no upper bound (a timestamp of 14 digits is common), so they are compared as digits.

/** Order of two runs of ASCII digits by their value, at any length. */
export function compareDigits(a: string, b: string): number {
  const left = a.replace(/^0+/, "");
  const right = b.replace(/^0+/, "");
  if (left.length !== right.length) return left.length < right.length ? -1 : 1;
  return compareText(left, right);
}

/** Order by UTF-16 code unit, as -1, 0 or 1. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The first difference of two lists, the missing items of the shorter one given as undefined. */
export function compareLists<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (left: T | undefined, right: T | undefined) => number,
): number {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const result = compare(a[i], b[i]);
    if (result !== 0) return result;
  }
  return 0;
}
