// The search of TUF 1.0.34 §5.6.7: pre-order, depth first, delegations in order of appearance, each role once, a
// terminating delegation is the last. A role is verified against the very delegation by which it was reached: that it
// was good by another way says nothing.

import type { Verified } from "../core/index.ts";
import { coveringDelegations } from "./delegation.ts";
import type { Metadata, Role, TargetFile, Targets, TrustedSet } from "./model.ts";
import { roleFile } from "./names.ts";
import { parseTargets } from "./parse.ts";
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
  /** Delegated roles verified before by this client, by the delegation that vouched for them and by name. */
  readonly verified: Map<Role, Map<string, Verified<Metadata<Targets>>>>;
}

interface Visit {
  readonly name: string;
  readonly load: () => Promise<Verified<Metadata<Targets>>>;
}

export async function searchTarget(search: Search, path: string): Promise<Verified<TargetFile> | undefined> {
  checkTargetPath(path);
  const visited = new Set<string>();
  // A stack: the next role to visit is the last.
  let pending: Visit[] = [{ name: "targets", load: async () => search.trusted.targets }];
  for (let visit = pending.pop(); visit !== undefined; visit = pending.pop()) {
    if (visited.has(visit.name)) continue;
    // The top-level role is not a delegation.
    if (visited.size > search.session.limits.delegations) return undefined;
    visited.add(visit.name);
    const role = await visit.load();
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

/** A delegated role with the checks of §5.6.1 to §5.6.6: from memory, from the store, or from the repository. */
async function loadDelegated(search: Search, role: string, authority: Authority): Promise<Verified<Metadata<Targets>>> {
  const { session, trusted } = search;
  const known = search.verified.get(authority.role) ?? new Map<string, Verified<Metadata<Targets>>>();
  search.verified.set(authority.role, known);
  const before = known.get(role);
  if (before !== undefined) return before;
  const listed = listedFile(trusted.snapshot, role);
  const maxBytes = session.limits.targetsBytes;
  const verify = (bytes: Uint8Array): Verified<Metadata<Targets>> => {
    verifyFile(bytes, listed, authority.name);
    return verifyTargets(parseTargets(bytes, maxBytes), { authority, listed, now: session.now });
  };
  const cached = await loadCached(session, roleFile(role), verify);
  const metadata = cached ?? verify(await fetchListed(session, { role, root: trusted.root, listed, maxBytes }));
  if (cached === undefined) await session.store.save(roleFile(role), metadata.bytes);
  known.set(role, metadata);
  return metadata;
}
