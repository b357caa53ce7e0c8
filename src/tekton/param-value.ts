// Values of params and results (tektoncd/pipeline pkg/apis/pipeline/v1/param_types.go). Stricter: a list or an object
// that holds anything but texts is refused, where Tekton would take its JSON text.

import { emptyObject, fromUtf8, isJsonObject, type Json, parseJson, Problem } from "../core/index.ts";
import { maxItems, maxResultBytes, maxTextLength } from "./limits.ts";
import type { ParamType, ParamValue } from "./model.ts";

/** The value in a document; numbers and truth values become their text. Throws `problem`'s path with the fault. */
export function parseParamValue(value: Json, problem: Problem): ParamValue {
  const refuse = (what: string) => new Problem("tekton/invalid", `${problem.message}${what}`);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") {
    if (value.length > maxTextLength) throw refuse("is too long");
    return value;
  }
  if (Array.isArray(value)) {
    if (value.length > maxItems) throw refuse("has too many items");
    return value.map((item: Json) => {
      if (typeof item !== "string") throw refuse("holds something that is not a text");
      return item;
    });
  }
  if (!isJsonObject(value)) throw refuse("is null");
  const out = emptyObject<string>();
  for (const [key, each] of Object.entries(value)) {
    if (typeof each !== "string") throw refuse("holds something that is not a text");
    out[key] = each;
  }
  return out;
}

export function valueType(value: ParamValue): ParamType {
  if (typeof value === "string") return "string";
  return Array.isArray(value) ? "array" : "object";
}

/** The items of an array value; undefined for the other types. */
export function arrayItems(value: ParamValue): readonly string[] | undefined {
  return Array.isArray(value) ? (value as readonly string[]) : undefined;
}

/** The named texts of an object value; undefined for the other types. */
export function objectEntries(value: ParamValue): readonly (readonly [string, string])[] | undefined {
  return valueType(value) === "object" ? Object.entries(value as { readonly [key: string]: string }) : undefined;
}

/** Every text in a value. */
export function textsOf(value: ParamValue): readonly string[] {
  if (typeof value === "string") return [value];
  return arrayItems(value) ?? objectEntries(value)!.map(([, each]) => each);
}

/**
 * The value of a result file: text as it is, array and object as JSON (Tekton docs/tasks.md).
 * Problem `tekton/result-invalid` when it is too large, not UTF-8, or not of its type.
 */
export function parseResultValue(bytes: Uint8Array, type: ParamType, name: string): ParamValue {
  if (bytes.length > maxResultBytes) {
    throw new Problem("tekton/result-too-large", `result ${name} is larger than ${maxResultBytes} bytes`);
  }
  try {
    if (type === "string") return fromUtf8(bytes);
    const value = parseParamValue(
      parseJson(bytes, { maxBytes: maxResultBytes }),
      new Problem("tekton/invalid", `result ${name} `),
    );
    if (valueType(value) === type) return value;
  } catch (cause) {
    throw new Problem("tekton/result-invalid", `result ${name} is not of type ${type}`, { cause });
  }
  throw new Problem("tekton/result-invalid", `result ${name} is not of type ${type}`);
}
