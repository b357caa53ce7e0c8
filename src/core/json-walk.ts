// The grammar of RFC 8259, walked from left to right without making a value: what the platform's own parser would let
// pass and we do not is refused here with the code of the first fault. Names that stand twice are found by counting
// members, in the walk and in the value, and named in a second pass.

import { Problem } from "./problem.ts";

const stringRun = /[^"\\\u0000-\u001f]*/y;

/**
 * The first character from `at` on that cannot stand in a string as it is. A match, compiled by the platform, is many
 * times faster than a loop in a process that has just begun; of one class of characters it also takes no stack.
 */
export function endOfRun(text: string, at: number): number {
  stringRun.lastIndex = at;
  stringRun.test(text);
  return stringRun.lastIndex;
}

/** The fault of the first name that stands twice in an object of a text whose grammar has been walked. */
export function duplicateName(text: string): Problem | undefined {
  const open: (Set<string> | undefined)[] = [];
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = endOfString(text, at);
      // Where the walk has ended in the middle of a string.
      if (end === -1) return undefined;
      const names = open.at(-1);
      if (isName && names !== undefined) {
        const name = JSON.parse(text.slice(at, end)) as string;
        if (names.has(name))
          return new Problem(
            "core/json-duplicate-name",
            `name ${JSON.stringify(name.slice(0, 200))} stands twice in one object`,
          );
        names.add(name);
      }
      at = end - 1;
    } else if (code === openBrace) open.push(new Set());
    else if (code === openBracket) open.push(undefined);
    else if (code === closeBrace || code === closeBracket) open.pop();
    if (code === openBrace || code === comma) isName = true;
    else if (code === quote || code === colon) isName = false;
  }
  return undefined;
}

/** Behind the closing quote; -1 when there is none. */
function endOfString(text: string, open: number): number {
  for (let at = open + 1; ; at += 2) {
    at = endOfRun(text, at);
    const mark = text.charCodeAt(at);
    if (mark === quote) return at + 1;
    if (mark !== backslash) return -1;
  }
}

/**
 * Refuses what is not strict JSON and gives the number of members of all objects.
 * Problems `core/json-too-deep`, `core/json-duplicate-name` (before another fault alone), `core/json-number`, `core/json-invalid`.
 */
export function walkJson(text: string, maxDepth: number, integersOnly: boolean): number {
  const walk = new JsonWalk(text, maxDepth, integersOnly);
  try {
    walk.document();
    return walk.members;
  } catch (fault) {
    // A name that stands twice before the fault is the first fault.
    throw duplicateName(text.slice(0, walk.at)) ?? fault;
  }
}

const numberToken = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * The grammar, walked once from left to right without making a value: everything that the platform's own parser
 * would let pass and we do not is refused here, except names that stand twice, for which members are counted.
 */
class JsonWalk {
  at = 0;
  members = 0;

  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
    private readonly integersOnly: boolean,
  ) {}

  document(): void {
    this.value(0);
    this.space();
    if (this.at !== this.text.length) throw this.invalid("text after the value");
  }

  private invalid(what: string): Problem {
    return new Problem("core/json-invalid", `invalid JSON at character ${this.at}: ${what}`);
  }

  /** Passes over white space; the code that follows, NaN at the end. */
  private space(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.at++;
    }
  }

  private value(depth: number): void {
    if (depth > this.maxDepth) throw new Problem("core/json-too-deep", `JSON nests deeper than ${this.maxDepth}`);
    switch (this.space()) {
      case quote:
        return this.string();
      case openBrace:
        return this.object(depth);
      case openBracket:
        return this.array(depth);
      case 0x74:
        return this.word("true");
      case 0x66:
        return this.word("false");
      case 0x6e:
        return this.word("null");
      default:
        return this.number();
    }
  }

  private word(word: string): void {
    if (!this.text.startsWith(word, this.at)) throw this.invalid("unknown word");
    this.at += word.length;
  }

  private object(depth: number): void {
    this.at++;
    if (this.space() === closeBrace) {
      this.at++;
      return;
    }
    do {
      if (this.space() !== quote) throw this.invalid("a name was expected");
      this.string();
      this.members++;
      if (this.space() !== colon) throw this.invalid("a colon was expected");
      this.at++;
      this.value(depth + 1);
    } while (this.continues(closeBrace));
  }

  private array(depth: number): void {
    this.at++;
    if (this.space() === closeBracket) {
      this.at++;
      return;
    }
    do this.value(depth + 1);
    while (this.continues(closeBracket));
  }

  private continues(close: number): boolean {
    const mark = this.space();
    if (mark !== close && mark !== comma) throw this.invalid(`a comma or ${String.fromCharCode(close)} was expected`);
    this.at++;
    return mark === comma;
  }

  private string(): void {
    const { text } = this;
    const start = this.at++;
    let escaped = false;
    for (;;) {
      this.at = endOfRun(text, this.at);
      const mark = text.charCodeAt(this.at);
      if (mark === quote) break;
      if (mark !== backslash) throw this.invalid("a string is not closed or holds a control character");
      escaped = true;
      this.escape();
    }
    this.at++;
    // Decoded UTF-8 has no lone surrogate; only an escape can bring one in.
    if (escaped && loneSurrogate.test(JSON.parse(text.slice(start, this.at)) as string))
      throw this.invalid("a string holds a lone surrogate");
  }

  private escape(): void {
    const mark = this.text[this.at + 1] ?? "";
    if (mark !== "" && '"\\/bfnrt'.includes(mark)) this.at += 2;
    else if (mark !== "u") throw this.invalid("unknown escape");
    else if (/^[0-9a-fA-F]{4}$/.test(this.text.slice(this.at + 2, this.at + 6))) this.at += 6;
    else throw this.invalid("an escape of four hexadecimal digits was expected");
  }

  private number(): void {
    let at = this.at;
    let code = this.text.charCodeAt(at);
    // Most numbers are short and plain: no match has to be made for them.
    if (code > 0x30 && code <= 0x39) {
      while (code >= 0x30 && code <= 0x39) code = this.text.charCodeAt(++at);
      if (at - this.at <= 15 && code !== 0x2e && code !== 0x65 && code !== 0x45) {
        this.at = at;
        return;
      }
    }
    numberToken.lastIndex = this.at;
    const match = numberToken.exec(this.text);
    if (match === null) throw this.invalid("a value was expected");
    const value = Number(match[0]);
    const integerForm = match[1] === undefined && match[2] === undefined;
    if (integerForm ? !Number.isSafeInteger(value) : !Number.isFinite(value)) {
      throw new Problem("core/json-number", `number ${match[0].slice(0, 40)} cannot be held exactly`);
    }
    if (this.integersOnly && (!integerForm || Object.is(value, -0))) {
      throw new Problem("core/json-number", `number ${match[0].slice(0, 40)} is not a plain integer`);
    }
    this.at += match[0].length;
  }
}
