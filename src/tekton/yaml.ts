// YAML text to plain JSON values. YAML 1.2, core schema, and stricter: every warning is refused, keys are strings and
// unique, aliases are followed within a budget, and a plain scalar that YAML 1.1 (what kubectl reads) would take for
// something else, or that a number would not keep as written (`1.20`, `010`), must be quoted.

import { type Document, isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Scalar } from "yaml";
import { emptyObject, fromUtf8, type Json, Problem } from "../core/index.ts";
import { maxYamlBytes, maxYamlDepth, maxYamlDocuments, maxYamlNodes } from "./limits.ts";

// YAML 1.1 types/bool (but for y and n, which no parser takes for truth values), types/merge, types/value, and types/int in base 60; an integer with leading zero or `_`.
const yaml11 =
  /^(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|=|<<|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[-+]?[0-9][0-9_]*_[0-9_]*|[-+]?0b[01_]+|0[0-7]+)$/;

function invalid(why: string, cause?: unknown): Problem {
  return new Problem("tekton/yaml-invalid", `invalid YAML: ${why}`, { cause });
}

/** The documents of a YAML text; empty ones are left out. Problems `tekton/yaml-invalid`, `tekton/yaml-too-large`. */
export function parseYaml(bytes: Uint8Array): Json[] {
  if (bytes.length > maxYamlBytes) {
    throw new Problem("tekton/yaml-too-large", `YAML of ${bytes.length} bytes is over the limit of ${maxYamlBytes}`);
  }
  const reader = new Reader();
  const out: Json[] = [];
  const text = fromUtf8(bytes);
  for (const document of read(text)) {
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault !== undefined)
      throw invalid(`${fault.message.toLowerCase()} (line ${lineOf(text, fault.pos[0])})`, fault);
    if (document.directives?.yaml.version !== "1.2") throw invalid("only YAML 1.2 is read");
    const value = reader.document(document.contents);
    if (value !== null) out.push(value);
  }
  if (out.length > maxYamlDocuments) throw invalid(`more than ${maxYamlDocuments} documents`);
  return out;
}

function lineOf(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

/**
 * The parser's time grows with the square of the nesting, before its stack ends it. Brackets in scripts are counted too;
 * no script leaves this many open.
 */
function refuseDeepNesting(text: string): void {
  let open = 0;
  for (const [mark] of text.matchAll(/[[\]{}]/g)) {
    open = Math.max(0, open + (mark === "[" || mark === "{" ? 1 : -1));
    if (open > 500) throw invalid("too many brackets are open at once");
  }
  if (/(?:[-?] +){500}/.test(text)) throw invalid("too many lists are nested in a line");
}

function read(text: string): readonly Document[] {
  refuseDeepNesting(text);
  try {
    const documents = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      strict: true,
      uniqueKeys: true,
      stringKeys: true,
      merge: false,
      // A message with its place for each of thousands of errors would take minutes.
      prettyErrors: false,
      logLevel: "silent",
    });
    return Array.isArray(documents) ? documents : [];
  } catch (cause) {
    // The parser recurses; nesting beyond the stack ends here.
    throw invalid("it cannot be parsed", cause);
  }
}

class Reader {
  private nodes = 0;
  private readonly anchors = new Map<string, unknown>();

  document(contents: unknown): Json {
    this.anchors.clear();
    return this.value(contents, 0);
  }

  private value(node: unknown, depth: number): Json {
    if (++this.nodes > maxYamlNodes) throw invalid(`more than ${maxYamlNodes} values`);
    if (depth > maxYamlDepth) throw invalid(`nested deeper than ${maxYamlDepth}`);
    if (node === null || node === undefined) return null;
    if (isAlias(node)) {
      const target = this.anchors.get(node.source);
      if (target === undefined) throw invalid(`alias ${node.source} has no anchor`);
      return this.value(target, depth + 1);
    }
    // In document order, so that an alias means the last anchor of its name before it (YAML 1.2 §7.1).
    if ((isScalar(node) || isSeq(node) || isMap(node)) && node.anchor !== undefined)
      this.anchors.set(node.anchor, node);
    if (isScalar(node)) return scalar(node);
    if (isSeq(node)) return node.items.map((item) => this.value(item, depth + 1));
    if (!isMap(node)) throw invalid("a node of an unknown kind");
    const out = emptyObject<Json>();
    for (const pair of node.items) {
      if (!isScalar(pair.key)) throw invalid("a key is not a plain text");
      const key = scalar(pair.key);
      if (typeof key !== "string" || key in out) throw invalid("a key is not a text, or stands twice");
      out[key] = this.value(pair.value, depth + 1);
    }
    return out;
  }
}

function scalar(node: Scalar): Json {
  const value: unknown = node.value;
  const source = node.source ?? "";
  if (node.type === "PLAIN" && yaml11.test(source)) {
    throw invalid(`${JSON.stringify(source)} means different things to YAML 1.1 and 1.2: quote it`);
  }
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" && String(value) === source && !Object.is(value, -0)) return value;
  throw invalid(`${JSON.stringify(source.slice(0, 40))} is a number that would not be kept as written: quote it`);
}
