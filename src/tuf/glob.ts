// PATHPATTERN of TUF 1.0.34 §4.5: shell wildcards over the segments of a path. `*` and `?` never match a slash,
// `[a-z]` and `[!a-z]` are sets, everything else is itself; case counts on every system. glob(7) and the clients in
// use disagree about the backslash, so a pattern that holds one matches nothing.

/** True when the path matches the pattern. Costs at most the product of their lengths. */
export function matchesPattern(path: string, pattern: string): boolean {
  if (pattern.includes("\\")) return false;
  const segments = path.split("/");
  const patterns = pattern.split("/");
  return (
    segments.length === patterns.length && segments.every((each, i) => matchesSegment(each, patterns[i] as string))
  );
}

type Item =
  | { readonly kind: "star" }
  | { readonly kind: "any" }
  | { readonly kind: "literal"; readonly mark: string }
  | { readonly kind: "set"; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

function matchesSegment(text: string, pattern: string): boolean {
  // By code point, so that `?` is one character beyond U+FFFF too.
  const marks = [...text];
  const items = compile([...pattern]);
  let at = 0;
  let item = 0;
  let star = -1;
  let resume = 0;
  // Only the last star is ever retried: a later star can take whatever an earlier one could give up.
  while (at < marks.length) {
    const current = items[item];
    if (current?.kind === "star") {
      star = item++;
      resume = at;
    } else if (current !== undefined && matchesMark(marks[at] as string, current)) {
      item++;
      at++;
    } else if (star !== -1) {
      item = star + 1;
      at = ++resume;
    } else return false;
  }
  while (items[item]?.kind === "star") item++;
  return item === items.length;
}

function matchesMark(mark: string, item: Item): boolean {
  if (item.kind === "literal") return item.mark === mark;
  if (item.kind !== "set") return item.kind === "any";
  const code = mark.codePointAt(0)!;
  const inside = item.ranges.some(([low, high]) => low.codePointAt(0)! <= code && code <= high.codePointAt(0)!);
  return inside !== item.negated;
}

function compile(pattern: readonly string[]): Item[] {
  const items: Item[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const mark = pattern[at] as string;
    const end = mark === "[" ? setEnd(pattern, at) : -1;
    if (mark === "*") items.push({ kind: "star" });
    else if (mark === "?") items.push({ kind: "any" });
    else if (end === -1) items.push({ kind: "literal", mark });
    else {
      items.push(compileSet(pattern.slice(at + 1, end)));
      at = end;
    }
  }
  return items;
}

/** Index of the bracket that closes a set; a bracket that comes first in it is a member. -1: `[` is itself. */
function setEnd(pattern: readonly string[], open: number): number {
  const first = pattern[open + 1] === "!" ? open + 2 : open + 1;
  return pattern.indexOf("]", first + 1);
}

function compileSet(members: readonly string[]): Item {
  const negated = members[0] === "!";
  const ranges: [string, string][] = [];
  for (let at = negated ? 1 : 0; at < members.length; at++) {
    const low = members[at] as string;
    const isRange = members[at + 1] === "-" && at + 2 < members.length;
    ranges.push([low, isRange ? (members[at + 2] as string) : low]);
    if (isRange) at += 2;
  }
  return { kind: "set", negated, ranges };
}
