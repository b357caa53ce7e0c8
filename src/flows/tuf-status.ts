// How a repository stands: versions, expiry, who can sign, what waits for whom, and what comes next. Answers the question
// of the one whose monitor has just said that something expires.

import { dayMs, isProblem } from "../core/index.ts";
import { type Authority, type Repository, roleSettings, topLevelRoles, usableKey } from "../tuf/index.ts";
import { labelOf } from "./tuf-difference.ts";
import { openPublished } from "./tuf-identity.ts";
import { type Invitation, readInvitations } from "./tuf-invitation.ts";
import { readKeyNames } from "./tuf-key-names.ts";
import { rebase, type TufWorld } from "./tuf-operations.ts";
import { readProposals } from "./tuf-proposal.ts";
import { type Keyring, missingLines, needsOf } from "./tuf-quorum.ts";
import { authorityOf, delegatedRoles, viewOf } from "./tuf-view.ts";

export interface KeyStatus {
  readonly keyid: string;
  readonly name: string | undefined;
  readonly type: string;
  /** Where the private key is, when anybody has said so. */
  readonly where: string | undefined;
  /** This process can open it without asking. */
  readonly opens: boolean;
  /** A kind of key that this program cannot verify with. */
  readonly unknown: boolean;
}

export type RoleHealth = "ok" | "due" | "expired" | "unknown";

export interface RoleStatus {
  readonly role: string;
  readonly version: number | undefined;
  readonly expiresMs: number | undefined;
  /** From when on it is to be signed anew. */
  readonly signFromMs: number | undefined;
  readonly threshold: number;
  readonly keys: readonly KeyStatus[];
  readonly health: RoleHealth;
  /** `up` signs it by itself: it is signed online and enough keys open without asking. */
  readonly automatic: boolean;
  /** Somebody has to do something now. */
  readonly attention: boolean;
}

export interface ProposalStatus {
  readonly id: string;
  readonly operation: string;
  readonly createdMs: number;
  readonly missing: readonly string[];
  /** It can no longer be carried out as it is. */
  readonly problem: string | undefined;
}

export interface RepositoryStatus {
  readonly revision: number;
  readonly roles: readonly RoleStatus[];
  readonly proposals: readonly ProposalStatus[];
  readonly invitations: readonly Invitation[];
  /** What happens if nobody does anything, in order of time. */
  readonly forecast: readonly { readonly atMs: number; readonly what: string; readonly who: string }[];
  readonly healthy: boolean;
}

/** Problems `tuf/metadata-missing` where there is no repository, and those of `openRepository`. */
export async function repositoryStatus(world: TufWorld): Promise<RepositoryStatus> {
  const { store, now } = world;
  const repository = await openPublished(store);
  const names = await readKeyNames(store);
  const keyring = world.keyring(repository.settings.keys);
  const roles = await roleStatuses(repository, names, keyring, now);
  const proposals = await proposalStatuses(world, repository, names);
  return {
    revision: repository.revision,
    roles,
    proposals,
    invitations: await readInvitations(store),
    forecast: forecastOf(roles, now),
    healthy: proposals.length === 0 && !roles.some((role) => role.attention),
  };
}

async function roleStatuses(
  repository: Repository,
  names: ReadonlyMap<string, string>,
  keyring: Keyring,
  now: number,
): Promise<readonly RoleStatus[]> {
  const view = viewOf(repository);
  const { root, targets } = repository.head.root.signed.roles;
  const owners = new Set([...root.keyids, ...targets.keyids]);
  const statuses: RoleStatus[] = [];
  for (const role of topLevelRoles) {
    const { version, expiresMs } = repository.head[role].signed;
    const authority = await authorityOf(view, role);
    const online = role === "snapshot" || role === "timestamp";
    statuses.push(statusOf({ role, version, expiresMs, authority, online, repository, names, keyring, now }));
  }
  for (const [role, by] of await delegatedRoles(view)) {
    const signed = by.bins ? undefined : (await repository.role(role))?.signed;
    const expiresMs = by.bins ? repository.bins.get(by.from)?.expiresMs : signed?.expiresMs;
    const authority = await authorityOf(view, role);
    // What an owner of root or targets signs as well is theirs to sign; `up` leaves it alone.
    const owned = authority.role.keyids.some((keyid) => owners.has(keyid));
    const parts = { role, version: signed?.version, expiresMs, authority, online: !owned };
    statuses.push(statusOf({ ...parts, repository, names, keyring, now }));
  }
  return statuses;
}

interface Standing {
  readonly role: string;
  readonly version: number | undefined;
  readonly expiresMs: number | undefined;
  readonly authority: Authority;
  readonly online: boolean;
  readonly repository: Repository;
  readonly names: ReadonlyMap<string, string>;
  readonly keyring: Keyring;
  readonly now: number;
}

function statusOf(standing: Standing): RoleStatus {
  const { role, version, expiresMs, authority, online, repository, names, keyring, now } = standing;
  const { signingMs } = roleSettings(repository.settings, role);
  const keys = authority.role.keyids.map((keyid): KeyStatus => {
    const key = authority.keys.get(keyid);
    const known = key !== undefined && (usableKey(key) !== undefined || key.identity !== undefined);
    const where = keyring.where(keyid);
    const opens = keyring.opens(keyid);
    return { keyid, name: names.get(keyid), type: key?.keytype ?? "missing", where, opens, unknown: !known };
  });
  const automatic = online && keys.filter((key) => key.opens).length >= authority.role.threshold;
  const signFromMs = expiresMs === undefined ? undefined : expiresMs - signingMs;
  const health = healthOf(expiresMs, signFromMs, now);
  // What signs by itself has half of its window to do so; then something is wrong with it.
  const late = expiresMs !== undefined && now >= expiresMs - signingMs / 2;
  const attention = health === "expired" || (health === "due" && (!automatic || late));
  return {
    role,
    version,
    expiresMs,
    signFromMs,
    threshold: authority.role.threshold,
    keys,
    health,
    automatic,
    attention,
  };
}

function healthOf(expiresMs: number | undefined, signFromMs: number | undefined, now: number): RoleHealth {
  if (expiresMs === undefined || signFromMs === undefined) return "unknown";
  if (expiresMs <= now) return "expired";
  return signFromMs <= now ? "due" : "ok";
}

async function proposalStatuses(
  world: TufWorld,
  repository: Repository,
  names: ReadonlyMap<string, string>,
): Promise<readonly ProposalStatus[]> {
  const label = labelOf(names);
  const statuses: ProposalStatus[] = [];
  for (const stored of await readProposals(world.store)) {
    const { id, operation, createdMs } = stored;
    try {
      const proposal = await rebase(repository, stored, { now: world.now, label });
      const missing = missingLines(await needsOf(repository, proposal), label);
      statuses.push({ id, operation, createdMs, missing, problem: undefined });
    } catch (error) {
      if (!isProblem(error)) throw error;
      statuses.push({ id, operation, createdMs, missing: [], problem: error.message });
    }
  }
  return statuses;
}

function forecastOf(roles: readonly RoleStatus[], now: number): RepositoryStatus["forecast"] {
  const events = roles.flatMap((role) => {
    const { expiresMs, signFromMs, threshold, keys, automatic } = role;
    if (expiresMs === undefined || signFromMs === undefined) return [];
    const holders = keys.map((key) => key.name ?? key.keyid.slice(0, 8)).join(", ");
    const who = automatic ? "up, by itself" : `${threshold} of ${holders}`;
    const due = { atMs: Math.max(signFromMs, now), what: `${role.role} is to be signed anew`, who };
    const end = { atMs: expiresMs, what: `${role.role} ends: ${consequence(role.role)}`, who };
    // What signs by itself is not news until it has not.
    return automatic && !role.attention ? [due] : [due, end];
  });
  return events.toSorted((a, b) => a.atMs - b.atMs);
}

/** What an expired role means for clients. */
export function consequence(role: string): string {
  if (role === "root" || role === "timestamp" || role === "snapshot" || role === "targets") {
    return "from then on every client refuses to update and downloads nothing";
  }
  return "from then on clients do not find its targets";
}

/** Whole days from now, rounded down; negative when it is past. */
export function daysUntil(atMs: number, now: number): number {
  return Math.floor((atMs - now) / dayMs);
}
