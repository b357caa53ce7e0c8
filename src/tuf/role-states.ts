// How long everything that is signed still lasts, and what is to be signed anew.

import { binNames } from "./bins.ts";
import type { Repository } from "./repository-model.ts";
import { binsGroup, roleSettings } from "./settings.ts";
import { topLevel, type Authority } from "./verify.ts";

export interface RoleState {
  /** A role's name, or the name of a group of bins (`binsGroup`). */
  readonly role: string;
  readonly authority: Authority;
  /** Undefined for bins. */
  readonly version: number | undefined;
  /** Of bins that of the first to expire, or undefined when that is not known. */
  readonly expiresMs: number | undefined;
  /** From when on it is to be signed anew. */
  readonly signingFromMs: number | undefined;
}

/** Root, targets, snapshot, timestamp, then delegated roles and bins. */
export function roleStates(repository: Repository): RoleState[] {
  const { head, settings, delegated, bins } = repository;
  const state = (
    role: string,
    authority: Authority,
    version: number | undefined,
    expiresMs: number | undefined,
  ): RoleState => {
    const signingFromMs = expiresMs === undefined ? undefined : expiresMs - roleSettings(settings, role).signingMs;
    return { role, authority, version, expiresMs, signingFromMs };
  };
  const top = (["root", "targets", "snapshot", "timestamp"] as const).map((role) =>
    state(role, topLevel(head.root, role), head[role].signed.version, head[role].signed.expiresMs),
  );
  const named = [...delegated].map(([role, { metadata, authorities }]) =>
    state(role, authorities[0]!, metadata.signed.version, metadata.signed.expiresMs),
  );
  const binned = [...bins].map(([delegator, { authority, expiresMs }]) =>
    state(binsGroup(delegator), authority, undefined, expiresMs),
  );
  return [...top, ...named, ...binned];
}

export interface DueRoles {
  /** Targets roles by name; bins apart. */
  readonly roles: readonly string[];
  readonly bins: ReadonlySet<string>;
  /** By delegator, when every bin has been looked at. */
  readonly binsExpiryMs: ReadonlyMap<string, number>;
  readonly snapshot: boolean;
  readonly timestamp: boolean;
}

/** What its signing window has come for, of targets roles and bins those that can be signed here. */
export async function dueRoles(
  repository: Repository,
  now: number,
  isSignable: (name: string, authority: Authority) => boolean,
): Promise<DueRoles> {
  const due = roleStates(repository).filter(({ signingFromMs }) => signingFromMs === undefined || signingFromMs <= now);
  const isDue = (role: string): boolean => due.some((each) => each.role === role);
  const roles = due
    .filter(
      ({ role, authority }) => (role === "targets" || repository.delegated.has(role)) && isSignable(role, authority),
    )
    .map(({ role }) => role);
  const bins = new Set<string>();
  const binsExpiryMs = new Map<string, number>();
  for (const [delegator, { authority }] of repository.bins) {
    const group = binsGroup(delegator);
    if (isDue(group) && isSignable(group, authority)) await lookAtBins(repository, delegator, now, bins, binsExpiryMs);
  }
  return { roles, bins, binsExpiryMs, snapshot: isDue("snapshot"), timestamp: isDue("timestamp") };
}

async function lookAtBins(
  repository: Repository,
  delegator: string,
  now: number,
  due: Set<string>,
  expiryMs: Map<string, number>,
): Promise<void> {
  const { settings, bins } = repository;
  const group = binsGroup(delegator);
  const { signingMs, expiryMs: lifeMs } = roleSettings(settings, group);
  const { count, namePrefix } = bins.get(delegator)!;
  let first = now + lifeMs;
  for (const name of binNames({ bitLength: Math.log2(count), namePrefix })) {
    const { expiresMs } = (await repository.role(name))!.signed;
    if (expiresMs - signingMs <= now) due.add(name);
    else first = Math.min(first, expiresMs);
  }
  expiryMs.set(delegator, first);
}
