// A decision in words. The trace of the evaluation is the explanation; nothing is evaluated again.

import { printable } from "../core/index.ts";
import type { Decision, Reason, ReasonOutcome } from "./model.ts";

const order: readonly ReasonOutcome[] = ["fail", "undetermined", "warn", "excepted", "pass"];

const maxLineLength = 2000;

/** Lines of text: the outcome, every reason with what decided first, and the shortest way out. */
export function explain(decision: Decision): readonly string[] {
  const { outcome, subject, policy, reasons } = decision;
  const [digest] = Object.entries(subject.digests).map(([algorithm, value]) => ` (${algorithm}:${value})`);
  const lines = [`${outcome}: ${subject.name}${digest ?? ""} by policy ${policy.name}, version ${policy.version}`];
  for (const kind of order) lines.push(...reasons.filter((reason) => reason.outcome === kind).map(line));
  const remedies = remediesOf(decision);
  if (remedies.length > 0) lines.push("way out:", ...remedies.map((remedy) => `  ${remedy}`));
  return lines.map((each) => printable(each.slice(0, maxLineLength)));
}

function line({ outcome, rule, sentence, code }: Reason): string {
  const cited = outcome === "pass" ? "" : ` [${code}]`;
  return `  ${outcome} ${rule}: ${sentence}${cited}`;
}

/** What to do, each once: for what was refused or undetermined, and for warnings when the subject was admitted. */
export function remediesOf({ outcome, reasons }: Decision): readonly string[] {
  const open: readonly ReasonOutcome[] = outcome === "admitted" ? ["warn"] : ["fail", "undetermined"];
  const texts = reasons.filter((reason) => open.includes(reason.outcome)).flatMap(({ remedy }) => remedy ?? []);
  return [...new Set(texts)];
}
