// Patterns for identities, for who asks for one: `*` stands for one or more characters other than `/` and `@`, `**`
// for any characters at all; everything else for itself. A pattern is matched against the whole text. No regular
// expressions: an unanchored or mistyped one lets strangers in, and some take exponential time. This one walks the
// text once, with as many states as the pattern has tokens. Stricter: the host of a URI, or the domain of an address,
// must be written out, so that no pattern means anybody.

import { demand } from "../core/index.ts";
import { maxIdentityCharacters, maxPatternCharacters, maxWildcards } from "./limits.ts";

/** A pattern that was asked for in so many words; a bare string is never one. */
export interface Pattern {
  readonly text: string;
  readonly tokens: readonly Token[];
}

type Token = { readonly kind: "character"; readonly code: number } | { readonly kind: "segment" | "any" };

const code = "sigstore/pattern-invalid";

/** Problem `sigstore/pattern-invalid`. */
export function parsePattern(text: string): Pattern {
  demand(text.length <= maxPatternCharacters, code, `a pattern is longer than ${maxPatternCharacters} characters`);
  demand(!/[\s\u0000-\u001f]/.test(text), code, "a pattern holds a space or a control character");
  const hosted = /^[a-z][a-z0-9+.-]*:\/\/[^/*@]+\//.test(text);
  const addressed = !text.includes("://") && /^[^@]+@[^/*@]+$/.test(text);
  demand(hosted || addressed, code, "a pattern does not write out the host of a URI or the domain of an address");
  const pieces = text.split(/(\*+)/).filter((piece) => piece !== "");
  const wildcards = pieces.filter((piece) => piece.startsWith("*"));
  demand(wildcards.length > 0, code, "a pattern has no wildcard: expect the identity itself");
  demand(wildcards.length <= maxWildcards, code, `a pattern has more than ${maxWildcards} wildcards`);
  demand(
    wildcards.every((piece) => piece.length <= 2),
    code,
    "a pattern has three or more asterisks in a row",
  );
  return { text, tokens: pieces.flatMap(tokensOf) };
}

function tokensOf(piece: string): readonly Token[] {
  if (piece === "*") return [{ kind: "segment" }];
  if (piece === "**") return [{ kind: "any" }];
  return Array.from({ length: piece.length }, (_, at) => ({ kind: "character", code: piece.charCodeAt(at) }));
}

const slash = 0x2f;
const at = 0x40;

/** True when the pattern stands for the whole text. */
export function matchesPattern(pattern: Pattern, text: string): boolean {
  const { tokens } = pattern;
  if (text.length > maxIdentityCharacters) return false;
  // reached[i]: the text so far is what the first i tokens stand for.
  let reached = new Uint8Array(tokens.length + 1);
  reached[0] = 1;
  skipEmpty(tokens, reached);
  for (let index = 0; index < text.length; index++) {
    reached = step(tokens, reached, text.charCodeAt(index));
    if (!reached.includes(1)) return false;
  }
  return reached[tokens.length] === 1;
}

function step(tokens: readonly Token[], before: Uint8Array, code: number): Uint8Array<ArrayBuffer> {
  const after = new Uint8Array(tokens.length + 1);
  for (const [index, token] of tokens.entries()) {
    // A wildcard may go on with what it has begun, as well as begin.
    const begins = before[index] === 1;
    const goesOn = token.kind !== "character" && before[index + 1] === 1;
    if ((begins || goesOn) && takes(token, code)) after[index + 1] = 1;
  }
  skipEmpty(tokens, after);
  return after;
}

function takes(token: Token, code: number): boolean {
  if (token.kind === "character") return token.code === code;
  return token.kind === "any" || (code !== slash && code !== at);
}

/** `**` may stand for nothing. */
function skipEmpty(tokens: readonly Token[], reached: Uint8Array): void {
  for (const [index, token] of tokens.entries()) {
    if (token.kind === "any" && reached[index] === 1) reached[index + 1] = 1;
  }
}
