// Parameter substitution in a layout, as the reference implementation of in-toto does it; the specification has none:
// `{name}` in rules and commands, `{{` and `}}` for the braces themselves. Any other use of a brace is refused,
// where Python would evaluate a format expression.

import { demand, Problem } from "../core/index.ts";
import type { ArtifactRule, Layout, SupplyChainItem } from "./model.ts";

export type Parameters = ReadonlyMap<string, string>;

/**
 * The layout with every `{name}` replaced. Without parameters a layout is used as it stands, braces included.
 * Problem `intoto/parameter` for a name that is malformed or not given.
 */
export function substituteParameters(layout: Layout, parameters: Parameters): Layout {
  for (const name of parameters.keys()) {
    demand(/^[a-zA-Z0-9_-]+$/.test(name), "intoto/parameter", `"${name}" is no valid parameter name`);
  }
  const replace = (text: string): string => substitute(text, parameters);
  const item = (of: SupplyChainItem): SupplyChainItem => ({
    name: of.name,
    expectedMaterials: of.expectedMaterials.map((rule) => substituteRule(rule, replace)),
    expectedProducts: of.expectedProducts.map((rule) => substituteRule(rule, replace)),
  });
  return {
    ...layout,
    steps: layout.steps.map((step) => ({
      ...step,
      ...item(step),
      expectedCommand: step.expectedCommand.map(replace),
    })),
    inspect: layout.inspect.map((inspection) => ({
      ...inspection,
      ...item(inspection),
      run: inspection.run.map(replace),
    })),
  };
}

function substituteRule(rule: ArtifactRule, replace: (text: string) => string): ArtifactRule {
  if (rule.kind === "require") return { kind: rule.kind, path: replace(rule.path) };
  if (rule.kind !== "match") return { kind: rule.kind, pattern: replace(rule.pattern) };
  return {
    kind: rule.kind,
    pattern: replace(rule.pattern),
    sourcePrefix: replace(rule.sourcePrefix),
    from: rule.from,
    destinationPrefix: replace(rule.destinationPrefix),
    step: replace(rule.step),
  };
}

function substitute(text: string, parameters: Parameters): string {
  return text.replaceAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (found, name: string | undefined) => {
    if (found === "{{") return "{";
    if (found === "}}") return "}";
    if (name === undefined) throw new Problem("intoto/parameter", `"${text}" has a brace that closes nothing`);
    const value = parameters.get(name);
    if (value === undefined) throw new Problem("intoto/parameter", `no value is given for parameter "${name}"`);
    return value;
  });
}
