// The verbs as a person meets them: what each was asked, what it did, what to do next.

import { Problem } from "../core/index.ts";
import { type Judgement, buildIdentity, decisionJson, type Organisation } from "../flows/index.ts";
import { type Decision, explain } from "../policy/index.ts";
import type { ExitCode, Output } from "./output.ts";

/** Exit code of a decision: 0 admitted, 1 refused, 2 could not tell. */
export function exitCodeOfDecision(decision: Decision): ExitCode {
  return exitCodeOfOutcome(decision.outcome);
}

/** 0 admitted, 1 refused, 2 undetermined. */
export function exitCodeOfOutcome(outcome: Decision["outcome"]): ExitCode {
  if (outcome === "admitted") return 0;
  return outcome === "refused" ? 1 : 2;
}

/** The decision in words or as JSON; gives its exit code. */
export function reportDecision(
  out: Output,
  decision: Decision,
  extra: Readonly<Record<string, unknown>> = {},
): ExitCode {
  const [headline = "", ...lines] = explain(decision);
  out.line(out.style(headline, decision.outcome === "admitted" ? "green" : "red"));
  for (const line of lines) out.line(line);
  out.document({ decision: decisionJson(decision), ...extra });
  return exitCodeOfDecision(decision);
}

/** The evidence in a table, then the decision. */
export function reportAdmission(out: Output, admission: Judgement): ExitCode {
  const { evidence } = admission;
  const rows = [
    ["signatures", evidence.signatures],
    ["provenance", evidence.provenance],
    ["layout", evidence.layout],
    ["dependencies", evidence.dependencies],
  ] as const;
  out.table(
    ["evidence", "holds", "refused"],
    rows.map(([name, { held, refused }]) => [
      name,
      String(held.length),
      refused.map(({ code }) => code).join(", ") || "-",
    ]),
  );
  out.line();
  return reportDecision(out, admission.decision, {
    evidence: Object.fromEntries(rows.map(([name, { held, refused }]) => [name, { holds: held.length, refused }])),
  });
}

/** What `init` has made and what to do next. */
export function reportOrganisation(out: Output, organisation: Organisation, dir: string): void {
  out.line(`${out.style(organisation.name, "bold")} is in ${dir}`);
  out.line(`  services    ${organisation.url}`);
  out.line(`  TUF root    ${dir}/root.json (give it to everyone who verifies)`);
  out.line(`  builds are  ${buildIdentity(organisation)}`);
  out.line(`next: sealwright up --dir ${dir}`);
  out.document({ organisation, dir, identity: buildIdentity(organisation) });
}

/** A bundle verified alone. */
export interface BundleReport {
  readonly bundle: string;
  readonly identity: string | undefined;
  readonly issuer: string | undefined;
  readonly times: readonly string[];
  readonly log: readonly string[];
  readonly predicateType: string | undefined;
  /** With --explain. */
  readonly steps?: readonly unknown[];
}

/** What each verified bundle says. Problem `cli/usage` for none. */
export function reportBundles(out: Output, file: string, reports: readonly BundleReport[]): ExitCode {
  if (reports.length === 0) throw new Problem("cli/usage", "no bundle was given");
  for (const report of reports) {
    out.line(`${out.style("verified", "green")} ${file} by ${report.bundle}`);
    if (report.identity !== undefined) out.line(`  signer  ${report.identity}`);
    if (report.issuer !== undefined) out.line(`  issuer  ${report.issuer}`);
    if (report.predicateType !== undefined) out.line(`  states  ${report.predicateType}`);
    out.line(`  time    ${report.times.join(", ") || "none"}`);
    out.line(`  log     ${report.log.join(", ") || "none"}`);
  }
  out.document({ verified: true, file, bundles: reports });
  return 0;
}
