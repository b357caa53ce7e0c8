// The search of TUF 1.0.34 §5.6.7: pre-order, depth first, delegations in order of appearance, each role once, a
// terminating delegation is the last. A role is verified against the very delegation by which it was reached: that it
// was good by another way says nothing.

import { demand, isProblem, type Verified } from "../core/index.ts";
import { coveringDelegations, everyDelegation } from "./delegation.ts";
import type { IdentitySource } from "./identity.ts";
import { maxWalkedRoles } from "./limits.ts";
import type { Metadata, Role, TargetFile, Targets, TrustedSet } from "./model.ts";
import { roleFile } from "./names.ts";
import { parseTargets } from "./parse.ts";
import { prepareDelegatedKeys } from "./post-quantum.ts";
import { fetchListed, loadCached, type Session } from "./session.ts";
import {
  checkTargetPath,
  delegated,
  listedFile,
  verifiedTarget,
  verifyFile,
  verifyTargets,
  type Authority,
} from "./verify.ts";

export interface Search {
  readonly session: Session;
  readonly trusted: TrustedSet;
  readonly identities: IdentitySource;
  /** Delegated roles verified before by this client, by the delegation that vouched for them and by name. */
  readonly verified: Map<Role, Map<string, Verified<Metadata<Targets>>>>;
}

interface Visit {
  readonly name: string;
  readonly load: () => Promise<Verified<Metadata<Targets>>>;
}

/** A targets role that has been verified by the delegation through which it was reached. */
export interface VisitedRole {
  readonly name: string;
  readonly metadata: Verified<Metadata<Targets>>;
}

/** `visited` hears of every role that was looked into, in order. */
export async function searchTarget(
  search: Search,
  path: string,
  visited?: (role: VisitedRole) => void,
): Promise<Verified<TargetFile> | undefined> {
  checkTargetPath(path);
  const seen = new Set<string>();
  // A stack: the next role to visit is the last.
  let pending: Visit[] = [{ name: "targets", load: async () => search.trusted.targets }];
  for (let visit = pending.pop(); visit !== undefined; visit = pending.pop()) {
    if (seen.has(visit.name)) continue;
    // The top-level role is not a delegation.
    if (seen.size > search.session.limits.delegations) return undefined;
    seen.add(visit.name);
    const role = await visit.load();
    visited?.({ name: visit.name, metadata: role });
    const target = verifiedTarget(role, path);
    if (target !== undefined) return target;
    const { delegations } = role.signed;
    if (delegations === undefined) continue;
    const covering = coveringDelegations(delegations, path);
    if (covering.at(-1)?.terminating) pending = [];
    for (const each of covering.reverse()) {
      const authority = delegated(delegations, each.role, each.name);
      pending.push({ name: each.name, load: () => loadDelegated(search, each.name, authority) });
    }
  }
  return undefined;
}

/**
 * Every targets role that can be reached and that the snapshot lists, the top-level one first, each once for every
 * delegation that vouches for it. One that the repository does not have is passed over when `skipMissing` says so.
 * Problems of `update`; `tuf/too-many-roles`.
 */
export async function* walkRoles(
  search: Search,
  { skipMissing = false }: { readonly skipMissing?: boolean } = {},
): AsyncGenerator<VisitedRole> {
  const reached = new Map<Role, Set<string>>();
  let count = 0;
  const pending: VisitedRole[] = [{ name: "targets", metadata: search.trusted.targets }];
  for (let visit = pending.pop(); visit !== undefined; visit = pending.pop()) {
    yield visit;
    const { delegations } = visit.metadata.signed;
    if (delegations === undefined) continue;
    for (const { name, role } of everyDelegation(delegations)) {
      const names = reached.get(role) ?? new Set();
      reached.set(role, names);
      if (names.has(name) || !search.trusted.snapshot.signed.meta.has(`${name}.json`)) continue;
      names.add(name);
      demand(++count <= maxWalkedRoles, "tuf/too-many-roles", `more than ${maxWalkedRoles} roles are delegated to`);
      const metadata = await loadUnlessMissing(search, name, delegated(delegations, role, name), skipMissing);
      // Bins delegate no further; to hold them back would be to hold all of them.
      if (metadata === undefined) continue;
      if (metadata.signed.delegations === undefined) yield { name, metadata };
      else pending.push({ name, metadata });
    }
  }
}

async function loadUnlessMissing(
  search: Search,
  name: string,
  authority: Authority,
  skipMissing: boolean,
): Promise<Verified<Metadata<Targets>> | undefined> {
  try {
    return await verifyDelegated(search, name, authority);
  } catch (problem) {
    if (skipMissing && isProblem(problem, "tuf/metadata-missing")) return undefined;
    throw problem;
  }
}

/** A delegated role from memory, or as `verifyDelegated`. */
async function loadDelegated(search: Search, role: string, authority: Authority): Promise<Verified<Metadata<Targets>>> {
  const known = search.verified.get(authority.role) ?? new Map<string, Verified<Metadata<Targets>>>();
  search.verified.set(authority.role, known);
  const metadata = known.get(role) ?? (await verifyDelegated(search, role, authority));
  known.set(role, metadata);
  return metadata;
}

/** A delegated role with the checks of §5.6.1 to §5.6.6: from the store, or from the repository. */
async function verifyDelegated(
  search: Search,
  role: string,
  authority: Authority,
): Promise<Verified<Metadata<Targets>>> {
  const { session, trusted } = search;
  const listed = listedFile(trusted.snapshot, role);
  const maxBytes = session.limits.targetsBytes;
  await prepareDelegatedKeys(authority.keys, search.identities);
  const verify = (bytes: Uint8Array): Verified<Metadata<Targets>> => {
    verifyFile(bytes, listed, authority.name);
    return verifyTargets(parseTargets(bytes, maxBytes), { authority, listed, now: session.now });
  };
  const cached = await loadCached(session, roleFile(role), verify);
  if (cached !== undefined) return cached;
  const metadata = await fetchListed(session, { role, root: trusted.root, listed, maxBytes }, verify);
  await session.store.save(roleFile(role), metadata.bytes);
  return metadata;
}
