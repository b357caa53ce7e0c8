// A repository from nothing: root version 1 of invited keys, signed by as many as must agree, and everything it vouches
// for. Also the way out when a root can no longer be believed: the same content under new keys, in a new place, with a
// root that has to be handed to every client again. TUF 1.0.34 §5.2, §6.

import { Problem } from "../core/index.ts";
import {
  createRoot,
  createTargets,
  type Delegation,
  defaultSettings,
  describeTarget,
  type Key,
  type NewTarget,
  type Repository,
  roleSettings,
  type TargetFile,
  topLevelRoles,
} from "../tuf/index.ts";
import type { Planned } from "./tuf-plan.ts";
import { createPart, type ProposalPart } from "./tuf-proposal.ts";
import { delegationList, distinctKeys } from "./tuf-view.ts";
import { nothingWanted, type Wanted, type WantedDelegation, type WantedTargets } from "./tuf-wanted.ts";

/** When a first version made now expires. */
export function firstExpiry(now: number): (role: string) => number {
  return (role) => now + roleSettings(defaultSettings, role).expiryMs;
}

/** Problems `tuf/bootstrap-missing`: not asked for; `tuf/threshold`. */
export function planBootstrap(wanted: Wanted, expiresMs: (role: string) => number): Planned {
  const { bootstrap } = wanted;
  if (bootstrap === undefined) {
    throw new Problem("tuf/metadata-missing", "there is no repository here yet", {
      hint: "make one with sealwright tuf ceremony, or a whole organisation with sealwright init",
    });
  }
  for (const role of topLevelRoles) {
    const { threshold } = bootstrap[role];
    // Identities sign delegated roles alone.
    const keys = bootstrap[role].keys.filter((key) => key.identity === undefined);
    if (threshold >= 1 && threshold <= distinctKeys(keys)) continue;
    throw new Problem("tuf/threshold", `${role} has ${distinctKeys(keys)} keys and a threshold of ${threshold}`);
  }
  const root = createRoot({ version: 1, expiresMs: expiresMs("root"), roles: bootstrap });
  const parts: ProposalPart[] = [createPart("root", root, undefined)];
  for (const role of ["targets", ...wanted.delegate.map((each) => each.name)]) {
    const delegations = wanted.delegate
      .filter((each) => each.from === role)
      .map(({ name, paths, keys, threshold, terminating }): Delegation => ({
        name,
        paths,
        keys,
        threshold,
        terminating,
      }));
    const targets = wanted.targets.filter((each) => (each.role ?? "targets") === role).flatMap((each) => each.add);
    const content = { version: 1, expiresMs: expiresMs(role), targets: targets.map(describeTarget) };
    const signed = createTargets(delegations.length === 0 ? content : { ...content, delegations });
    parts.push(createPart(role, signed, undefined));
  }
  const { root: owners } = bootstrap;
  const notes = [
    ...(owners.threshold === 1 ? ["root: one key alone can change everything"] : []),
    ...(distinctKeys(owners.keys) === owners.threshold && owners.threshold > 1
      ? ["root: every key is needed; if one is lost, nobody can sign a next root"]
      : []),
  ];
  return { parts, rests: {}, notes };
}

/**
 * What a new repository is to hold so that it says what the old one says, its bins laid flat. `replace` gives the key
 * that takes the place of one, or undefined where it is left out.
 */
export async function restated(
  repository: Repository,
  replace: (key: Key) => Key | undefined,
): Promise<Pick<Wanted, "targets" | "delegate" | "bootstrap">> {
  const { root } = repository.head;
  const keysOf = (keyids: readonly string[], keys: ReadonlyMap<string, Key>): Key[] =>
    keyids.flatMap((keyid) => {
      const next = keys.has(keyid) ? replace(keys.get(keyid)!) : undefined;
      return next === undefined ? [] : [next];
    });
  const role = (name: (typeof topLevelRoles)[number]) => ({
    keys: keysOf(root.signed.roles[name].keyids, root.signed.keys),
    threshold: root.signed.roles[name].threshold,
  });
  const bootstrap = {
    root: role("root"),
    targets: role("targets"),
    snapshot: role("snapshot"),
    timestamp: role("timestamp"),
  };
  const delegate: WantedDelegation[] = [];
  const targets: WantedTargets[] = [];
  for (const name of ["targets", ...repository.delegated.keys()]) {
    const { signed } = (await repository.role(name))!;
    targets.push({
      role: name,
      add: [...signed.targets.values(), ...(await binned(repository, name))].map(asNew),
      remove: [],
    });
    if (signed.delegations === undefined) continue;
    for (const { paths = [], terminating = false, threshold, keys, ...rest } of delegationList(signed.delegations)) {
      const kept = keys.flatMap((key) => replace(key) ?? []);
      delegate.push({ from: name, name: rest.name, paths, terminating, threshold, keys: kept });
    }
  }
  return { ...nothingWanted, targets, delegate, bootstrap };
}

async function binned(repository: Repository, role: string): Promise<TargetFile[]> {
  const bins = repository.bins.get(role);
  if (bins === undefined) return [];
  const digits = Math.ceil(Math.log2(bins.count) / 4);
  const found: TargetFile[] = [];
  for (let at = 0; at < bins.count; at++) {
    const bin = await repository.role(`${bins.namePrefix}-${at.toString(16).padStart(digits, "0")}`);
    found.push(...(bin?.signed.targets.values() ?? []));
  }
  return found;
}

function asNew({ path, length, hashes, custom }: TargetFile): NewTarget {
  return { path, length, hashes, ...(custom === undefined ? {} : { custom }) };
}
