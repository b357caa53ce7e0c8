// The patterns of artifact rules. The specification leaves the syntax open (§4.3.3 points to glob(7)); ours is what
// the reference implementation does: Python's fnmatch on POSIX. `*` and `?` match any character, `/` too; `[!x]`
// negates and `[^x]` does not; an unclosed `[` stands for itself; a backslash is a letter like any other.
// The matcher never backtracks further than the last `*`, so time is at most pattern times name.

type Token =
  | { readonly kind: "any" }
  | { readonly kind: "one" }
  | { readonly kind: "character"; readonly code: number }
  | { readonly kind: "set"; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

export interface Glob {
  /** True when the whole name matches. */
  matches(name: string): boolean;
}

/** Compiles a pattern; every text is a pattern. */
export function compileGlob(pattern: string): Glob {
  if (pattern === "*") return { matches: () => true };
  if (!/[*?[]/.test(pattern)) return { matches: (name) => name === pattern };
  const tokens = tokenize(codes(pattern));
  return { matches: (name) => matchTokens(tokens, codes(name)) };
}

function codes(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0)!);
}

const star = 0x2a;
const question = 0x3f;
const open = 0x5b;
const close = 0x5d;
const bang = 0x21;
const dash = 0x2d;

function tokenize(pattern: readonly number[]): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length;) {
    const code = pattern[at++]!;
    if (code === star) tokens.push({ kind: "any" });
    else if (code === question) tokens.push({ kind: "one" });
    else if (code === open) {
      const end = setEnd(pattern, at);
      if (end === undefined) tokens.push({ kind: "character", code });
      else {
        tokens.push(parseSet(pattern.slice(at, end)));
        at = end + 1;
      }
    } else tokens.push({ kind: "character", code });
  }
  return tokens;
}

/** Index of the `]` that closes a set; one that stands first in the set is a member of it. */
function setEnd(pattern: readonly number[], start: number): number | undefined {
  let at = start;
  if (pattern[at] === bang) at++;
  if (pattern[at] === close) at++;
  const end = pattern.indexOf(close, at);
  return end === -1 ? undefined : end;
}

function parseSet(body: readonly number[]): Token {
  const negated = body[0] === bang;
  const ranges: [number, number][] = [];
  // Python cuts at dashes from the second member on and takes the cut from the last character before to the first
  // after; after a cut the next two characters belong to the range and cannot be a cut themselves.
  const chunks: number[][] = [];
  let from = negated ? 1 : 0;
  for (let cut = body.indexOf(dash, from + 1); cut !== -1; cut = body.indexOf(dash, cut + 3)) {
    chunks.push(body.slice(from, cut));
    from = cut + 1;
  }
  const rest = body.slice(from);
  if (rest.length > 0 || chunks.length === 0) chunks.push(rest);
  else chunks.at(-1)!.push(dash);
  for (const [index, chunk] of chunks.entries()) {
    const next = chunks[index + 1];
    if (next !== undefined) {
      const low = chunk.pop()!;
      const high = next.shift()!;
      // An empty range, such as `z-a`, holds nothing.
      if (low <= high) ranges.push([low, high]);
    }
    for (const code of chunk) ranges.push([code, code]);
  }
  return { kind: "set", negated, ranges };
}

function tokenMatches(token: Token, code: number): boolean {
  switch (token.kind) {
    case "character":
      return token.code === code;
    case "set":
      return token.ranges.some(([low, high]) => code >= low && code <= high) !== token.negated;
    default:
      return true;
  }
}

function matchTokens(tokens: readonly Token[], name: readonly number[]): boolean {
  let token = 0;
  let at = 0;
  let lastAny = -1;
  let resume = 0;
  while (at < name.length) {
    const current = tokens[token];
    if (current?.kind === "any") {
      lastAny = token++;
      resume = at;
    } else if (current !== undefined && tokenMatches(current, name[at]!)) {
      token++;
      at++;
    } else if (lastAny !== -1) {
      token = lastAny + 1;
      at = ++resume;
    } else return false;
  }
  while (tokens[token]?.kind === "any") token++;
  return token === tokens.length;
}
