// Rules about how the subject came to be: who signed it, who built it, where, from what, by which steps.
// Each is a pure function of its parameters and the facts, and passes on a present fact only.

import { formatUtcSeconds, hourMs, type JsonObject } from "../core/index.ts";
import type { Facts, ProvenanceFact, SignatureFact } from "./facts.ts";
import type { RuleOf, Signer } from "./model.ts";
import { fail, held, pass, refusals, type Verdict } from "./verdict.ts";

function nameOf({ identity, issuer }: Signer): string {
  return `${identity} (${issuer})`;
}

function isBy(signature: SignatureFact, signer: Signer): boolean {
  return signature.issuer === signer.issuer && signature.identity === signer.identity;
}

function signatureJson({ issuer, identity, logIndex, timeMs }: SignatureFact): JsonObject {
  const time = formatUtcSeconds(timeMs);
  return logIndex === undefined ? { issuer, identity, time } : { issuer, identity, logIndex, time };
}

/** At least `threshold` of the listed signers signed; a signer counts once, however often it signed. */
export function signedBy(rule: RuleOf<"signed-by">, { signatures }: Facts): readonly Verdict[] {
  const remedy = `have it signed by ${rule.signers.map(nameOf).join(" or ")}`;
  const fact = held(signatures, "signature");
  if ("outcome" in fact) return [{ remedy, ...fact }];
  const evidence = { signatures: fact.value.map(signatureJson), ...refusals(signatures.refused) };
  const found = rule.signers.filter((signer) => fact.value.some((signature) => isBy(signature, signer)));
  if (found.length >= rule.threshold) return [pass(`signed by ${found.map(nameOf).join(" and ")}`, evidence)];
  const others = fact.value.length === 0 ? "nobody" : fact.value.map(nameOf).join(", ");
  const sentence = `${found.length} of ${rule.threshold} needed signers signed; signed by ${others}`;
  return [fail("policy/signer-not-allowed", sentence, evidence, remedy)];
}

function provenanceJson(value: ProvenanceFact): JsonObject {
  const { builderId, level, buildType, sourceUri, sourceCommit, sourceRef, isolation } = value;
  return {
    builderId,
    level,
    buildType,
    sourceUri,
    sourceCommit,
    ...(sourceRef === undefined ? {} : { sourceRef }),
    ...(isolation === undefined ? {} : { isolation }),
  };
}

/** What `check` makes of the provenance, or why there is none to look at. */
function ofProvenance(
  { provenance }: Facts,
  check: (value: ProvenanceFact, evidence: JsonObject) => readonly Verdict[],
): readonly Verdict[] {
  const fact = held(provenance, "provenance");
  if ("outcome" in fact) return [{ remedy: "build it with attested provenance", ...fact }];
  return check(fact.value, { ...provenanceJson(fact.value), ...refusals(provenance.refused) });
}

/** SLSA Build level, and only by a listed builder: a level that anybody may claim says nothing. */
export function buildLevel(rule: RuleOf<"build-level">, facts: Facts): readonly Verdict[] {
  return ofProvenance(facts, ({ builderId, level }, evidence) => {
    const remedy = `build it with ${rule.builders.join(" or ")} at SLSA Build level ${rule.minimum}`;
    const out: Verdict[] = [];
    if (!rule.builders.includes(builderId)) {
      out.push(fail("policy/builder-not-allowed", `builder ${builderId} is not allowed`, evidence, remedy));
    }
    if (!(level >= rule.minimum)) {
      const sentence = `built at SLSA Build level ${level}, below ${rule.minimum}`;
      out.push(fail("policy/build-level-too-low", sentence, evidence, remedy));
    }
    return out.length > 0 ? out : [pass(`built at SLSA Build level ${level} by ${builderId}`, evidence)];
  });
}

export function builtFrom(rule: RuleOf<"built-from">, facts: Facts): readonly Verdict[] {
  return ofProvenance(facts, ({ sourceUri, sourceRef, sourceCommit }, evidence) => {
    const allowed = rule.sources.filter(({ uri }) => uri === sourceUri);
    if (allowed.length === 0) {
      const remedy = `build it from ${rule.sources.map(({ uri }) => uri).join(" or ")}`;
      return [fail("policy/source-not-allowed", `source ${sourceUri} is not allowed`, evidence, remedy)];
    }
    const onRef = allowed.some(
      ({ refs }) => refs === undefined || (sourceRef !== undefined && refs.includes(sourceRef)),
    );
    if (onRef) return [pass(`built from ${sourceUri} at ${sourceRef ?? sourceCommit}`, evidence)];
    const refs = allowed.flatMap(({ refs }) => refs ?? []);
    const sentence = `built from ${sourceRef ?? "no stated ref"} of ${sourceUri}, which is not allowed`;
    return [fail("policy/ref-not-allowed", sentence, evidence, `build it from ${refs.join(" or ")}`)];
  });
}

export function isolation(rule: RuleOf<"isolation">, facts: Facts): readonly Verdict[] {
  return ofProvenance(facts, ({ isolation }, evidence) => {
    if (isolation !== undefined && rule.allowed.includes(isolation))
      return [pass(`built under ${isolation}`, evidence)];
    const sentence = `built under ${isolation ?? "no stated isolation"}, which is not allowed`;
    return [fail("policy/isolation-not-allowed", sentence, evidence, `build it under ${rule.allowed.join(" or ")}`)];
  });
}

export function layoutFollowed(rule: RuleOf<"layout">, { layout }: Facts): readonly Verdict[] {
  const remedy = `produce it by the steps of layout ${rule.layout}, each with its link`;
  const fact = held(layout, "verified layout");
  if ("outcome" in fact) return [{ remedy, ...fact }];
  const { name, steps } = fact.value;
  const evidence = { layout: name, steps: [...steps], ...refusals(layout.refused) };
  if (name !== rule.layout) {
    return [fail("policy/layout-mismatch", `verified by layout ${name}, not ${rule.layout}`, evidence, remedy)];
  }
  const absent = rule.steps.filter((step) => !steps.includes(step));
  if (absent.length === 0) return [pass(`follows layout ${name}`, evidence)];
  const sentence = `layout ${name} was verified without the steps ${absent.join(", ")}`;
  return [fail("policy/layout-step-missing", sentence, evidence, remedy)];
}

/** Time for others to notice what is wrong with a release. */
export function minimumAge(rule: RuleOf<"minimum-age">, { publishedAt, now }: Facts): readonly Verdict[] {
  const fact = held(publishedAt, "time of publication");
  if ("outcome" in fact) return [fact];
  const published = fact.value;
  const evidence = { publishedAt: formatUtcSeconds(published) };
  if (now - published >= rule.hours * hourMs) return [pass(`published at ${evidence.publishedAt}`, evidence)];
  const ready = formatUtcSeconds(published + rule.hours * hourMs);
  const sentence = `published at ${evidence.publishedAt}, less than ${rule.hours} hours ago`;
  return [fail("policy/too-young", sentence, evidence, `wait until ${ready}`)];
}
