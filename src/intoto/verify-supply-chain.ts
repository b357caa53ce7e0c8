// The final product, in-toto specification 1.0 §5.2 from thresholds to inspections, over evidence already verified.
// Stricter than the reference: links of a step must agree even where the threshold is 1, and what counts is distinct
// keys, not distinct keyids. Narrow: no command is ever run; whoever runs inspections hands in their links.

import { demand, emptyObject, markVerified, Problem, type Json, type Verified } from "../core/index.ts";
import { functionaryIdentity } from "./key.ts";
import type { Inspection, Layout, Link, LinkEvidence, Step, SupplyChain } from "./model.ts";
import { substituteParameters, type Parameters } from "./parameters.ts";
import { applyRules, equalArtifacts } from "./rules.ts";

export interface SupplyChainOptions {
  readonly parameters?: Parameters | undefined;
  /** Links of the inspections, by name, recorded by the caller who ran them. */
  readonly inspections?: ReadonlyMap<string, Link> | undefined;
}

/**
 * Verifies that the evidence is a run of the layout.
 * Problems: `intoto/step-missing`, `intoto/threshold`, `intoto/links-differ`, `intoto/rule`, `intoto/parameter`,
 * `intoto/inspection-unsupported`, `intoto/inspection-failed`.
 */
export function verifySupplyChain(
  layout: Verified<Layout>,
  evidence: readonly Verified<LinkEvidence>[],
  options: SupplyChainOptions = {},
): Verified<SupplyChain> {
  const effective = options.parameters === undefined ? layout : substituteParameters(layout, options.parameters);
  const steps = new Map(effective.steps.map((step) => [step.name, agreedLink(step, layout, evidence)]));
  for (const step of effective.steps) applyRules(step, steps.get(step.name)!, steps);
  // Rules of steps see links of steps alone; rules of inspections see both.
  const links = new Map(steps);
  for (const inspection of effective.inspect) links.set(inspection.name, inspectionLink(inspection, options));
  for (const inspection of effective.inspect) applyRules(inspection, links.get(inspection.name)!, links);
  return markVerified({ steps, summary: summarize(effective, steps), warnings: commandWarnings(effective, steps) });
}

/** The one link of a step that at least `threshold` of its functionaries stand for. */
function agreedLink(step: Step, layout: Layout, evidence: readonly LinkEvidence[]): Link {
  const authorized = evidence.filter((each) => {
    const key = layout.keys.get(each.functionary);
    // The key is compared too: the evidence may have been verified against another layout with the same keyid.
    const same = key !== undefined && functionaryIdentity(key) === each.key;
    return each.link.name === step.name && same && step.pubkeys.includes(each.functionary);
  });
  const [first, ...others] = authorized;
  if (first === undefined) throw new Problem("intoto/step-missing", `step "${step.name}" has no link`);
  const signers = new Set(authorized.map((each) => each.key)).size;
  if (signers < step.threshold) {
    const count = `${signers} of ${step.threshold} needed functionaries`;
    throw new Problem("intoto/threshold", `step "${step.name}" has links of ${count}`);
  }
  for (const { link } of others) {
    const agree =
      equalArtifacts(link.materials, first.link.materials) && equalArtifacts(link.products, first.link.products);
    demand(agree, "intoto/links-differ", `the links of step "${step.name}" differ in materials or products`);
  }
  return first.link;
}

function inspectionLink(inspection: Inspection, options: SupplyChainOptions): Link {
  const link = options.inspections?.get(inspection.name);
  if (link === undefined) {
    const hint = "run it yourself and hand in its link, or write the check as rules of a step";
    const message = `inspection "${inspection.name}" would have to be run`;
    throw new Problem("intoto/inspection-unsupported", message, { hint });
  }
  const passed = inspection.run.length === 0 || link.byproducts["return-value"] === 0;
  demand(passed, "intoto/inspection-failed", `inspection "${inspection.name}" did not end with 0`);
  return link;
}

function summarize(layout: Layout, steps: ReadonlyMap<string, Link>): Link {
  const first = steps.get(layout.steps[0]!.name)!;
  const last = steps.get(layout.steps.at(-1)!.name)!;
  const { products, byproducts, command } = last;
  const environment = emptyObject<Json>();
  return { type: "link", name: "", materials: first.materials, products, byproducts, command, environment };
}

function commandWarnings(layout: Layout, steps: ReadonlyMap<string, Link>): string[] {
  return layout.steps.flatMap((step) => {
    const ran = steps.get(step.name)!.command;
    const expected = step.expectedCommand;
    const same = ran.length === expected.length && ran.every((word, index) => word === expected[index]);
    if (same) return [];
    return [`step "${step.name}" ran ${JSON.stringify(ran)} where ${JSON.stringify(expected)} was expected`];
  });
}
