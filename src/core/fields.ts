// How every parse.ts reads a JSON object: by field, each with its type, its bounds and its path in the message.
// The area names the Problem code once.

import { fromBase64 } from "./bytes.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { Problem, type ProblemCode } from "./problem.ts";

/** The fields of one object, read by name. Every method throws a Problem with the area's code. */
export class Fields {
  private constructor(
    readonly value: JsonObject,
    private readonly path: string,
    private readonly code: ProblemCode,
  ) {}

  /** `path` is what messages call the object, such as `bundle`; `code` is thrown for whatever is wrong in it. */
  static of(value: Json | undefined, path: string, code: ProblemCode): Fields {
    if (!isJsonObject(value)) throw new Problem(code, `${path} is not an object`);
    return new Fields(value, path, code);
  }

  problem(name: string, what: string): Problem {
    return new Problem(this.code, `${this.path}.${name} ${what}`);
  }

  has(name: string): boolean {
    return this.value[name] !== undefined;
  }

  names(): string[] {
    return Object.keys(this.value);
  }

  /** Refuses every name that is not listed. */
  only(...names: readonly string[]): this {
    for (const name of this.names()) if (!names.includes(name)) throw this.problem(name, "is not a known field");
    return this;
  }

  json(name: string): Json {
    const value = this.value[name];
    if (value === undefined) throw this.problem(name, "is missing");
    return value;
  }

  string(name: string, limits: { readonly max?: number; readonly min?: number } = {}): string {
    const value = this.json(name);
    if (typeof value !== "string") throw this.problem(name, "is not a string");
    if (value.length > (limits.max ?? 65_536)) throw this.problem(name, "is too long");
    if (value.length < (limits.min ?? 0)) throw this.problem(name, "is too short");
    return value;
  }

  oneOf<const T extends string>(name: string, ...choices: readonly T[]): T {
    const value = this.string(name);
    if (!(choices as readonly string[]).includes(value))
      throw this.problem(name, `is not one of ${choices.join(", ")}`);
    return value as T;
  }

  integer(name: string, limits: { readonly min?: number; readonly max?: number } = {}): number {
    const value = this.json(name);
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw this.problem(name, "is not an integer");
    if (value < (limits.min ?? 0)) throw this.problem(name, `is below ${limits.min ?? 0}`);
    if (value > (limits.max ?? Number.MAX_SAFE_INTEGER)) throw this.problem(name, "is too large");
    return value;
  }

  /** A 64-bit integer as protobuf JSON writes it: a string of digits, or a number. Refuses what a double cannot hold. */
  int64(name: string, limits: { readonly min?: number } = {}): number {
    const value = this.json(name);
    if (typeof value !== "string") return this.integer(name, limits);
    const number = Number(value);
    if (!/^-?(0|[1-9]\d*)$/.test(value) || !Number.isSafeInteger(number)) throw this.problem(name, "is not an integer");
    if (number < (limits.min ?? 0)) throw this.problem(name, `is below ${limits.min ?? 0}`);
    return number;
  }

  boolean(name: string): boolean {
    const value = this.json(name);
    if (typeof value !== "boolean") throw this.problem(name, "is not true or false");
    return value;
  }

  /** Bytes in canonical standard base64. `max` counts decoded bytes. */
  base64(name: string, limits: { readonly max?: number; readonly min?: number } = {}): Uint8Array<ArrayBuffer> {
    const text = this.string(name, { max: Math.ceil((limits.max ?? 1_048_576) / 3) * 4 });
    try {
      const bytes = fromBase64(text);
      if (bytes.length < (limits.min ?? 0)) throw this.problem(name, "is too short");
      return bytes;
    } catch (cause) {
      throw new Problem(this.code, `${this.path}.${name} is not valid base64`, { cause });
    }
  }

  object(name: string): Fields {
    return Fields.of(this.json(name), `${this.path}.${name}`, this.code);
  }

  /** The items of an array, each read by `item` with its own path. */
  array<T>(
    name: string,
    limits: { readonly max: number; readonly min?: number },
    item: (value: Json, path: string) => T,
  ): T[] {
    const value = this.json(name);
    if (!Array.isArray(value)) throw this.problem(name, "is not an array");
    if (value.length > limits.max) throw this.problem(name, `has more than ${limits.max} items`);
    if (value.length < (limits.min ?? 0)) throw this.problem(name, `has fewer than ${limits.min ?? 0} items`);
    return value.map((each: Json, index) => item(each, `${this.path}.${name}[${index}]`));
  }

  objects<T>(name: string, limits: { readonly max: number; readonly min?: number }, item: (fields: Fields) => T): T[] {
    return this.array(name, limits, (value, path) => item(Fields.of(value, path, this.code)));
  }

  strings(name: string, limits: { readonly max: number; readonly min?: number }): string[] {
    return this.array(name, limits, (value) => {
      if (typeof value !== "string") throw this.problem(name, "holds something that is not a string");
      return value;
    });
  }

  /** A map of strings, such as a digest set. Order is kept; names are unique. */
  stringMap(name: string, limits: { readonly max: number }): Map<string, string> {
    const fields = this.object(name);
    const names = fields.names();
    if (names.length > limits.max) throw this.problem(name, `has more than ${limits.max} names`);
    return new Map(names.map((each) => [each, fields.string(each)]));
  }

  /** `read(name)` when the field is there; undefined when it is missing. Null counts as present and is refused by `read`. */
  optional<T>(name: string, read: (name: string) => T): T | undefined {
    return this.has(name) ? read(name) : undefined;
  }

  /** As `optional`, for formats where null means missing (protobuf JSON). */
  nullable<T>(name: string, read: (name: string) => T): T | undefined {
    return this.has(name) && this.value[name] !== null ? read(name) : undefined;
  }
}
