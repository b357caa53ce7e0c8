// External parameters against expectations, SLSA v1.2 spec/verifying-artifacts "Step 2: Check expectations": every
// parameter must be one that is expected, at every depth, and have an expected value. JSON comparison is enough.

import { canonicalJson, equalBytes, isJsonObject, Problem, type Json, type JsonObject } from "../core/index.ts";
import { isUnset } from "../intoto/index.ts";
import type { ParameterRule } from "./model.ts";

/** Problem `slsa/external-parameter`, naming the parameter, for an unknown one or an unexpected value. */
export function checkParameters(
  parameters: JsonObject,
  rules: ReadonlyMap<string, ParameterRule>,
  path = "externalParameters",
): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (!rules.has(name) && !isUnset(value)) throw refused(`${path}.${name}`, "is not expected");
  }
  for (const [name, rule] of rules) checkParameter(parameters[name], rule, `${path}.${name}`);
}

function refused(path: string, what: string): Problem {
  return new Problem("slsa/external-parameter", `${path} ${what}`);
}

function checkParameter(value: Json | undefined, rule: ParameterRule, path: string): void {
  switch (rule.kind) {
    case "any":
      return;
    case "equals":
      if (!equalJson(value, rule.value)) throw refused(path, `is not ${shown(rule.value)} but ${shown(value)}`);
      return;
    case "oneOf":
      if (rule.values.some((each) => equalJson(value, each))) return;
      throw refused(path, `is ${shown(value)}, which is none of the expected values`);
    case "startsWith":
      if (typeof value === "string" && value.startsWith(rule.prefix)) return;
      throw refused(path, `is ${shown(value)}, which does not start with ${shown(rule.prefix)}`);
    case "fields":
      if (!isUnset(value) && !isJsonObject(value)) throw refused(path, "is not an object");
      checkParameters(isJsonObject(value) ? value : {}, rule.fields, path);
  }
}

function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (isUnset(a) || isUnset(b)) return isUnset(a) && isUnset(b);
  return equalBytes(canonicalJson(a as Json), canonicalJson(b as Json));
}

function shown(value: Json | undefined): string {
  return (JSON.stringify(value ?? null) ?? "").slice(0, 200);
}
