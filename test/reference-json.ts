// JSON read character by character, each value made where it stands: slow and plain, for the real reader to be compared
// with. Nothing else uses it.

import { emptyObject, type Json, type JsonLimits, type JsonObject } from "../src/core/json.ts";
import { Problem } from "../src/core/problem.ts";

export function readJsonPlainly(text: string, limits: JsonLimits): Json {
  return new JsonReader(text, limits.maxDepth ?? 64, limits.numbers === "integer").document();
}

const stringRun = /[^"\\\u0000-\u001f]*/y;
const numberToken = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class JsonReader {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
    private readonly integersOnly: boolean,
  ) {}

  document(): Json {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) throw this.invalid("text after the value");
    return value;
  }

  private invalid(what: string): Problem {
    return new Problem("core/json-invalid", `invalid JSON at character ${this.at}: ${what}`);
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  private value(depth: number): Json {
    if (depth > this.maxDepth) throw new Problem("core/json-too-deep", `JSON nests deeper than ${this.maxDepth}`);
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth);
      case "[":
        return this.array(depth);
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.invalid("unknown word");
    this.at += word.length;
    return value;
  }

  private object(depth: number): JsonObject {
    const out = emptyObject<Json>();
    this.at++;
    this.space();
    if (this.text[this.at] === "}") {
      this.at++;
      return out;
    }
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') throw this.invalid("a name was expected");
      const name = this.string();
      // A null-prototype object answers `in` from its own names alone.
      if (name in out)
        throw new Problem("core/json-duplicate-name", `name ${JSON.stringify(name)} stands twice in one object`);
      this.space();
      if (this.text[this.at] !== ":") throw this.invalid("a colon was expected");
      this.at++;
      out[name] = this.value(depth + 1);
      if (this.closed("}")) return out;
    }
  }

  private array(depth: number): readonly Json[] {
    const out: Json[] = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "]") {
      this.at++;
      return out;
    }
    for (;;) {
      out.push(this.value(depth + 1));
      if (this.closed("]")) return out;
    }
  }

  private closed(close: string): boolean {
    this.space();
    const mark = this.text[this.at++];
    if (mark === close) return true;
    if (mark === ",") return false;
    this.at--;
    throw this.invalid(`a comma or ${close} was expected`);
  }

  private string(): string {
    this.at++;
    let out = "";
    let escaped = false;
    for (;;) {
      stringRun.lastIndex = this.at;
      const run = stringRun.exec(this.text)![0];
      this.at += run.length;
      out = out === "" ? run : out + run;
      const mark = this.text[this.at++];
      if (mark === '"') break;
      if (mark !== "\\") throw this.invalid("a string is not closed or holds a control character");
      escaped = true;
      out += this.escape();
    }
    // Decoded UTF-8 has no lone surrogate; only an escape can bring one in.
    if (escaped && loneSurrogate.test(out)) throw this.invalid("a string holds a lone surrogate");
    return out;
  }

  private escape(): string {
    const mark = this.text[this.at++] ?? "";
    if (mark !== "u") {
      const simple = Object.hasOwn(escapes, mark) ? escapes[mark] : undefined;
      if (simple === undefined) throw this.invalid("unknown escape");
      return simple;
    }
    const digits = this.text.slice(this.at, this.at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.invalid("an escape of four hexadecimal digits was expected");
    this.at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  private number(): number {
    numberToken.lastIndex = this.at;
    const match = numberToken.exec(this.text);
    if (match === null) throw this.invalid("a value was expected");
    this.at += match[0].length;
    const value = Number(match[0]);
    const integerForm = match[1] === undefined && match[2] === undefined;
    if (integerForm ? !Number.isSafeInteger(value) : !Number.isFinite(value)) {
      throw new Problem("core/json-number", `number ${match[0].slice(0, 40)} cannot be held exactly`);
    }
    if (this.integersOnly && (!integerForm || Object.is(value, -0))) {
      throw new Problem("core/json-number", `number ${match[0].slice(0, 40)} is not a plain integer`);
    }
    return value;
  }
}
