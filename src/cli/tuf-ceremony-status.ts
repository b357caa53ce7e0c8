// How a ceremony stands before there is a root: who is to hold what, who has not answered, and what waits to be signed.

import { formatUtcSeconds } from "../core/index.ts";
import {
  type CeremonyPlan,
  missingHolders,
  readInvitations,
  readProposals,
  showProposal,
  type TufWorld,
  withAnswers,
} from "../flows/index.ts";
import type { ExitCode, Output } from "./output.ts";

export function showPlan(out: Output, plan: CeremonyPlan): void {
  out.line(out.style("a new repository", "bold"));
  out.line(`  root     ${plan.rootThreshold} of ${plan.root.join(", ")}`);
  out.line(`  targets  ${plan.targetsThreshold} of ${plan.targets.join(", ")}`);
  out.line("  snapshot and timestamp: a key each, here, for signing without anybody");
  for (const { name, key } of plan.holders) {
    if (key !== undefined) out.line(`  ${name} holds ${key.keyid.slice(0, 16)} (${key.keytype})`);
  }
}

/** Exit code 1: somebody has to act, or there would be a root. */
export async function ceremonyStatus(out: Output, world: TufWorld, begun: CeremonyPlan): Promise<ExitCode> {
  const { store } = world;
  const plan = await withAnswers(store, begun);
  out.line(`there is no root yet; the ceremony began ${formatUtcSeconds(plan.startedMs)}`);
  showPlan(out, plan);
  const missing = missingHolders(plan);
  const invitations = await readInvitations(store);
  for (const name of missing) {
    const open = invitations.find((each) => each.name === name && each.accepted === undefined);
    const until = open === undefined ? "not invited yet" : `invited until ${formatUtcSeconds(open.expiresMs)}`;
    out.line(`${out.style("waits for", "yellow")} the key of ${name} (${until})`);
  }
  const proposals: { readonly id: string; readonly missing: readonly string[] }[] = [];
  for (const { id } of await readProposals(store)) {
    const shown = await showProposal(world, id);
    out.line(`${shown.proposal.operation} ${id} waits`);
    for (const line of shown.missing) out.line(`  ${line}`);
    proposals.push({ id, missing: shown.missing });
  }
  const again = "sealwright tuf ceremony again";
  const next = [
    missing.length > 0 || proposals.length > 0
      ? `next: sealwright tuf receive FILE for each answer, then ${again}`
      : `next: ${again}`,
    "      sealwright tuf proposals discard abandons it",
  ];
  for (const line of next) out.line(line);
  out.document({ healthy: false, revision: await store.revision(), ceremony: { missing }, proposals, next });
  return 1;
}
