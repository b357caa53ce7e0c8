// How operations on the repository are told: what is signed and what it changes, who is missing, what it means for
// clients, what to do next.

import { formatUtcSeconds } from "../core/index.ts";
import { type Outcome, type Proposal, type Rehearsal, shortDigest } from "../flows/index.ts";
import type { ExitCode, Output } from "./output.ts";
import type { TufCall } from "./tuf-world.ts";

/** The documents of a proposal with their digests, and what each changes. */
export function reportDocuments(
  out: Output,
  proposal: Pick<Proposal, "id" | "operation" | "parts" | "notes">,
  differences: readonly (readonly string[])[],
): void {
  out.line(out.style(`${proposal.operation} ${proposal.id}`, "bold"));
  for (const [at, { role, version, sha256 }] of proposal.parts.entries()) {
    out.line(`  ${role} ${version}   ${shortDigest(sha256)}`);
    for (const line of differences[at] ?? []) out.line(`    ${styled(out, line)}`);
  }
  for (const note of proposal.notes) out.line(`  ${out.style("note", "yellow")}: ${note}`);
}

function styled(out: Output, line: string): string {
  if (line.startsWith("+")) return out.style(line, "green");
  if (line.startsWith("-") || line.startsWith("!")) return out.style(line, "red");
  return line.startsWith("~") ? out.style(line, "yellow") : line;
}

function documents(proposal: Pick<Proposal, "parts">, differences: readonly (readonly string[])[]): object[] {
  return proposal.parts.map(({ role, version, sha256 }, at) => ({
    role,
    version,
    sha256,
    changes: differences[at] ?? [],
  }));
}

/**
 * Exit code 0 when it has been carried out, 1 while it waits for signatures. A first root is put beside the repository,
 * for handing over.
 */
export async function reportOutcome(call: TufCall, outcome: Outcome, extra: object = {}): Promise<ExitCode> {
  const { out, world, options } = call;
  const isFirst = outcome.state === "applied" && outcome.proposal.parts.some((part) => isFirstRoot(part));
  const root = `${options.dir}/root.json`;
  if (isFirst) await world.writeFile(root, outcome.applied!.publication.repository.firstRoot);
  const exit = tellOutcome(out, outcome, isFirst ? { root, ...extra } : extra);
  if (isFirst) out.line(`the root is in ${root}: hand it to everyone who verifies, by a way that they trust`);
  return exit;
}

function isFirstRoot({ role, version }: Outcome["proposal"]["parts"][number]): boolean {
  return role === "root" && version === 1;
}

function tellOutcome(out: Output, outcome: Outcome, extra: object): ExitCode {
  const { proposal, differences, missing, rivals, state, applied } = outcome;
  reportDocuments(out, proposal, differences);
  for (const rival of rivals) {
    out.line(
      `  ${out.style("note", "yellow")}: ${rival.operation} ${rival.id} waits too and touches the same documents`,
    );
  }
  if (state === "applied") {
    const { revision } = applied!.publication.repository;
    out.line(
      `${out.style("done", "green")}: published as revision ${revision}; clients take it with their next update`,
    );
  } else {
    out.line(`${out.style("waits for signatures", "yellow")}; nothing has changed for clients yet`);
    for (const line of missing) out.line(`  ${line}`);
    out.line(`next: sealwright tuf sign ${proposal.id}      where one of these keys is at hand`);
    out.line(`      sealwright tuf request ${proposal.id}   makes a file for who is elsewhere`);
  }
  out.document({
    state,
    proposal: proposal.id,
    operation: proposal.operation,
    documents: documents(proposal, differences),
    notes: proposal.notes,
    missing,
    needs: outcome.needs.map(({ role, version, of, threshold, keys, signed }) => ({
      role,
      version,
      of,
      threshold,
      keys: keys.map(({ keyid }) => keyid),
      signed,
    })),
    signatures: proposal.signatures.map(({ role, version, keyid }) => ({ role, version, keyid })),
    names: Object.fromEntries(outcome.names),
    ...(applied === undefined ? {} : { revision: applied.publication.repository.revision }),
    ...extra,
  });
  return state === "applied" ? 0 : 1;
}

/** Exit code 0 when every client would follow, 1 when one would not. */
export function reportRehearsal(out: Output, rehearsal: Rehearsal, extra: object = {}): ExitCode {
  const { proposal, differences, clients, missing, standIns } = rehearsal;
  reportDocuments(out, proposal, differences);
  out.line(out.style("rehearsal: nothing has been written", "bold"));
  if (standIns.length > 0) {
    out.line(`  throwaway keys stood in for ${standIns.join(", ")}`);
  }
  for (const line of missing) out.line(`  would have to sign: ${line}`);
  for (const { who, problem, roles, targets } of clients) {
    if (problem !== undefined) {
      out.line(`  ${who} ${out.style("would not follow", "red")}: ${problem.message} [${problem.code}]`);
      continue;
    }
    out.line(`  ${who} ${out.style("follows", "green")}`);
    const seen = roles.map(({ role, version, expiresMs }) => `${role} ${version} until ${formatUtcSeconds(expiresMs)}`);
    out.line(`    ${seen.join(", ")}`);
    const before = new Map(rehearsal.before.targets.map((each) => [each.path, each.sha256]));
    const changed = targets.filter(({ path, sha256 }) => sha256 === undefined || before.get(path) !== sha256);
    for (const { path, sha256, problem: why } of changed) {
      out.line(`    ${path}: ${sha256 === undefined ? (why ?? "not found") : `sha256 ${sha256.slice(0, 16)}`}`);
    }
    if (targets.length > changed.length) out.line(`    ${targets.length - changed.length} targets found as before`);
  }
  out.document({
    state: "rehearsed",
    operation: proposal.operation,
    documents: documents(proposal, differences),
    notes: proposal.notes,
    missing,
    standIns,
    clients,
    ...extra,
  });
  return clients.every(({ problem }) => problem === undefined) ? 0 : 1;
}
