// `tuf status` and `tuf log`: how the repository stands, and what has been done to it.

import { formatUtcSeconds, type JsonObject, Problem, utf8 } from "../core/index.ts";
import {
  consequence,
  daysUntil,
  eventLine,
  labelOf,
  openIfThere,
  readCeremony,
  readKeyNames,
  repositoryStatus,
  type RepositoryStatus,
  type RoleStatus,
  transcript,
  openPublished,
} from "../flows/index.ts";
import type { RepositoryEvent, RepositoryStore } from "../tuf/index.ts";
import type { ExitCode, Output } from "./output.ts";
import { ceremonyStatus } from "./tuf-ceremony-status.ts";
import { flowWorld, withStore } from "./tuf-change.ts";
import type { TufCall } from "./tuf-world.ts";

/** Exit code 0: all well; 1: something has expired, or waits for somebody to sign it. */
export function statusVerb(call: TufCall): Promise<ExitCode> {
  const quiet: TufCall = { ...call, options: { ...call.options, dryRun: true } };
  return withStore<ExitCode>(call, async (store) => {
    const { out, options, world } = call;
    const begun = (await openIfThere(store)) === undefined ? await readCeremony(store) : undefined;
    if (begun !== undefined) return ceremonyStatus(out, flowWorld(quiet, store), begun);
    const status = await repositoryStatus(flowWorld(quiet, store));
    showRoles(out, status, world.now());
    showWaiting(out, status);
    showForecast(out, status, world.now());
    const targets = options.targets === true ? await listTargets(out, store) : undefined;
    const next = nextSteps(status);
    for (const line of next) out.line(line);
    out.document({
      healthy: status.healthy,
      revision: status.revision,
      roles: status.roles.map((role) => ({ ...role, expires: role.expiresMs && formatUtcSeconds(role.expiresMs) })),
      proposals: status.proposals,
      invitations: status.invitations.map(({ id, name, expiresMs, accepted }) => ({
        id,
        name,
        expiresMs,
        key: accepted?.keyid,
      })),
      forecast: status.forecast.map((each) => ({ ...each, at: formatUtcSeconds(each.atMs) })),
      next,
      ...(targets === undefined ? {} : { targets }),
    });
    return status.healthy ? 0 : 1;
  });
}

function showRoles(out: Output, { roles, revision }: RepositoryStatus, now: number): void {
  out.line(out.style(`revision ${revision}`, "bold"));
  out.table(
    ["role", "version", "expires", "in days", "state", "needs", "keys"],
    roles.map((role) => [
      role.role,
      role.version === undefined ? "-" : String(role.version),
      role.expiresMs === undefined ? "not known" : formatUtcSeconds(role.expiresMs),
      role.expiresMs === undefined ? "-" : String(daysUntil(role.expiresMs, now)),
      stateOf(role),
      `${role.threshold} of ${role.keys.length}`,
      role.keys.map(keyText).join(", "),
    ]),
  );
}

function stateOf({ health, automatic, attention }: RoleStatus): string {
  if (health === "expired") return "EXPIRED";
  if (health === "due") return attention ? "SIGN NOW" : "due, up signs it";
  return automatic && health === "ok" ? "ok, up signs it" : health;
}

function keyText({ name, keyid, where, opens, unknown }: RoleStatus["keys"][number]): string {
  const what = name ?? keyid.slice(0, 8);
  if (unknown) return `${what} (kind not known)`;
  if (opens) return `${what} (here)`;
  return where === undefined ? what : `${what} (${where})`;
}

function showWaiting(out: Output, { proposals, invitations }: RepositoryStatus): void {
  for (const { id, operation, missing, problem } of proposals) {
    out.line(`${operation} ${id} waits${problem === undefined ? "" : `: ${problem}`}`);
    for (const line of missing) out.line(`  ${line}`);
  }
  for (const { name, expiresMs, accepted } of invitations) {
    if (accepted === undefined) out.line(`invitation of ${name} is open until ${formatUtcSeconds(expiresMs)}`);
  }
}

function showForecast(out: Output, { forecast }: RepositoryStatus, now: number): void {
  if (forecast.length > 0) out.line(out.style("what comes next", "bold"));
  for (const { atMs, what, who } of forecast) {
    const when = atMs <= now ? "now       " : formatUtcSeconds(atMs).slice(0, 10);
    out.line(`  ${when}  ${what} (${who})`);
  }
}

/** For whoever was woken by it. */
function nextSteps({ roles, proposals }: RepositoryStatus): string[] {
  const steps = roles
    .filter((role) => role.attention)
    .map((role) => {
      const state = role.health === "expired" ? "has expired" : `ends ${formatUtcSeconds(role.expiresMs!)}`;
      const way = role.automatic
        ? "sealwright up signs it by itself: is it running, and does its log say why not?"
        : `sealwright tuf resign ${role.role}`;
      return `next: ${role.role} ${state}, ${consequence(role.role)}: ${way}`;
    });
  return proposals.length === 0
    ? steps
    : [...steps, "next: sealwright tuf sign ID, or sealwright tuf request ID for who is elsewhere"];
}

async function listTargets(out: Output, store: RepositoryStore): Promise<JsonObject[]> {
  const repository = await openPublished(store);
  const listed: JsonObject[] = [];
  for (const role of ["targets", ...repository.delegated.keys()]) {
    for (const { path, length, hashes } of (await repository.role(role))!.signed.targets.values()) {
      out.line(`${role}  ${path}  ${length}  ${[...hashes.values()][0]?.slice(0, 16)}`);
      listed.push({ role, path, length, hashes: Object.fromEntries(hashes) });
    }
  }
  for (const [role, { count, namePrefix }] of repository.bins) {
    out.line(`${role} has ${count} bins, ${namePrefix}-…; their targets are not listed here`);
  }
  return listed;
}

const shownEvents = 30;

/** What has been done; with an id or a revision the transcript of it. Exit code 0. */
export function logVerb(call: TufCall): Promise<ExitCode> {
  return withStore<ExitCode>(call, async (store) => {
    const { args, out, options, world } = call;
    const [which] = args;
    const events = await store.events();
    const names = await readKeyNames(store);
    if (which === undefined) {
      for (const event of events.slice(-shownEvents)) out.line(eventLine(event));
      if (events.length > shownEvents) out.line(`the last ${shownEvents} of ${events.length}; all with --output json`);
      out.document({ events: events.map((each) => ({ ...each, at: formatUtcSeconds(each.atMs) })) });
      return 0;
    }
    const found = findEvent(events, which);
    const lines = transcript(found);
    for (const line of lines) out.line(line);
    if (options.out !== undefined) await world.writeFile(options.out, utf8(`${lines.join("\n")}\n`));
    out.document({ ...found, at: formatUtcSeconds(found.atMs), transcript: lines, names: namesOf(names) });
    return 0;
  });
}

function namesOf(names: ReadonlyMap<string, string>): Record<string, string> {
  const label = labelOf(names);
  return Object.fromEntries([...names.keys()].map((keyid) => [keyid, label(keyid)]));
}

/** The commit that carried a proposal out, or the one with a revision. */
function findEvent(events: readonly RepositoryEvent[], which: string): RepositoryEvent {
  const found =
    events.findLast(({ event }) => event["proposal"] === which && event["documents"] !== undefined) ??
    events.find(({ revision }) => String(revision) === which);
  if (found !== undefined) return found;
  throw new Problem("tuf/proposal-unknown", `the log has no ${which}`, {
    hint: "sealwright tuf log lists what there is",
  });
}
