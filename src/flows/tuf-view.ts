// A repository as a proposal would leave it: who delegates to whom, and with which keys, when some documents are new and
// the others are as they are. TUF 1.0.34 §4.5, TAP 15.

import { Problem } from "../core/index.ts";
import {
  type Authority,
  binsGroup,
  type Delegation,
  type Delegations,
  type Key,
  type Metadata,
  type Repository,
  type Role,
  type Root,
  type Targets,
  topLevel,
  topLevelRoles,
  type TopLevelRole,
  usableKey,
} from "../tuf/index.ts";
import { unsignedRoot, unsignedTargets } from "./tuf-difference.ts";
import type { ProposalPart } from "./tuf-proposal.ts";

const maxRoles = 1024;

/** The documents that count: those of a proposal before those of the repository. */
export interface View {
  readonly root: Metadata<Root>;
  role(name: string): Promise<Metadata<Targets> | undefined>;
  /** Makes ready what signatures of a delegation's keys need; without it those of identities count for nothing. */
  prepare?(keys: ReadonlyMap<string, Key>): Promise<void>;
}

/** Undefined as repository: there is none yet. */
export function viewOf(repository: Repository | undefined, parts: readonly ProposalPart[] = []): View {
  const last = parts.findLast((part) => part.role === "root");
  const root = last === undefined ? repository?.head.root : unsignedRoot(last.signed);
  if (root === undefined) throw new Problem("tuf/metadata-missing", "there is no root");
  const known = new Map<string, Metadata<Targets>>();
  for (const part of parts) if (part.role !== "root") known.set(part.role, unsignedTargets(part.signed));
  const stored = async (name: string): Promise<Metadata<Targets> | undefined> => repository?.role(name);
  return {
    root,
    role: async (name) => known.get(name) ?? stored(name),
    prepare: async (keys) => repository?.prepare(keys),
  };
}

/** One role as another delegates to it. */
export interface DelegatedBy {
  readonly from: string;
  readonly delegations: Delegations;
  readonly role: Role;
  /** True for the bins of `from`, which go by one name: `binsGroup`. */
  readonly bins: boolean;
  /** Others that delegate to it too. */
  readonly also: readonly DelegatedBy[];
}

/** Every role that is reached by delegation, with its first delegator; the bins of one role under one name. */
export async function delegatedRoles(view: View): Promise<ReadonlyMap<string, DelegatedBy>> {
  const found = new Map<string, DelegatedBy>();
  const pending = ["targets"];
  for (let from = pending.shift(); from !== undefined && found.size < maxRoles; from = pending.shift()) {
    const delegations = (await view.role(from))?.signed.delegations;
    if (delegations === undefined) continue;
    if (delegations.succinct !== undefined) {
      found.set(binsGroup(from), { from, delegations, role: delegations.succinct, bins: true, also: [] });
    }
    for (const role of delegations.roles) {
      const by = { from, delegations, role, bins: false, also: [] };
      const first = found.get(role.name);
      found.set(role.name, first === undefined ? by : { ...first, also: [...first.also, by] });
      if (first === undefined) pending.push(role.name);
    }
  }
  return found;
}

export function isTopLevel(role: string): role is TopLevelRole {
  return (topLevelRoles as readonly string[]).includes(role);
}

/** Who may sign a role, and how many must, once for each that delegates to it. Problem `tuf/role-name`: no such role. */
export async function authoritiesFor(view: View, role: string): Promise<readonly [Authority, ...Authority[]]> {
  if (isTopLevel(role)) return [topLevel(view.root, role)];
  const found = (await delegatedRoles(view)).get(role);
  if (found === undefined) throw await unknownRole(view, role);
  for (const { delegations } of [found, ...found.also]) await view.prepare?.(delegations.keys);
  const authority = (by: DelegatedBy): Authority => ({ keys: by.delegations.keys, role: by.role, name: role });
  return [authority(found), ...found.also.map(authority)];
}

/** The first of `authoritiesFor`. */
export async function authorityOf(view: View, role: string): Promise<Authority> {
  return (await authoritiesFor(view, role))[0];
}

export async function unknownRole(view: View, role: string): Promise<Problem> {
  const names = [...topLevelRoles, ...(await delegatedRoles(view)).keys()];
  return new Problem("tuf/role-name", `there is no role ${role}`, { hint: `the roles are ${names.join(", ")}` });
}

/** The key objects of an authority, in the role's order; one that is not listed is left out. */
export function keysOf({ keys, role }: Authority): Key[] {
  return role.keyids.flatMap((keyid) => keys.get(keyid) ?? []);
}

/** What makes two keys one: the public key, where we know how to read it. */
export function fingerprintOf(key: Key): string {
  if (key.identity !== undefined && key.keytype === "sigstore-oidc")
    return `identity ${JSON.stringify([key.identity.issuer, key.identity.identity])}`;
  return usableKey(key)?.fingerprint ?? `id ${key.keyid}`;
}

export function distinctKeys(keys: readonly Key[]): number {
  return new Set(keys.map(fingerprintOf)).size;
}

/** Delegations as the engine takes them, from delegations as they were read. */
export function delegationList({ keys, roles }: Delegations): Delegation[] {
  return roles.map((each) => ({
    name: each.name,
    keys: each.keyids.flatMap((keyid) => keys.get(keyid) ?? []),
    threshold: each.threshold,
    ...(each.paths === undefined ? { pathHashPrefixes: each.pathHashPrefixes ?? [] } : { paths: each.paths }),
    terminating: each.terminating,
  }));
}

/** Every role that a key has a part in. */
export async function rolesOfKey(view: View, keyid: string): Promise<string[]> {
  const top = topLevelRoles.filter((name) => view.root.signed.roles[name].keyids.includes(keyid));
  const below = [...(await delegatedRoles(view))].filter(([, { role }]) => role.keyids.includes(keyid));
  return [...top, ...below.map(([name]) => name)];
}
