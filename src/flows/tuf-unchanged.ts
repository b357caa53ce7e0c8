// What an operation wants and already is so: left out before it is planned, so that nothing is signed for it.

import type { NewTarget, Repository, TargetFile } from "../tuf/index.ts";
import { authorityOf, delegationList, fingerprintOf, type View } from "./tuf-view.ts";
import type { RoleEdit, Wanted, WantedBins, WantedDelegation, WantedTargets } from "./tuf-wanted.ts";

/** Problem `tuf/role-name`: an edit is of no role. */
export async function withoutUnchanged(repository: Repository, view: View, wanted: Wanted): Promise<Wanted> {
  const targets = await Promise.all(wanted.targets.map(async (each) => changedTargets(repository, view, each)));
  return {
    ...wanted,
    edits: await kept(wanted.edits, async (edit) => !(await isEdited(view, edit))),
    targets: targets.filter(({ add, remove }) => add.length + remove.length > 0),
    delegate: await kept(wanted.delegate, async (each) => isDelegated(view, each)),
    bins: await kept(wanted.bins, async (each) => isBinned(repository, each)),
  };
}

async function kept<T>(all: readonly T[], isSo: (each: T) => Promise<boolean>): Promise<T[]> {
  const left: T[] = [];
  for (const each of all) if (!(await isSo(each))) left.push(each);
  return left;
}

async function isEdited(view: View, { role, add, remove, threshold }: RoleEdit): Promise<boolean> {
  if (add.length + remove.length > 0) return true;
  const now = (await authorityOf(view, role)).role.threshold;
  return threshold !== undefined && threshold !== now;
}

async function changedTargets(repository: Repository, view: View, wanted: WantedTargets): Promise<WantedTargets> {
  const { role, add } = wanted;
  const isPlaced = role === undefined && repository.bins.has("targets");
  const listed = (await view.role(role ?? "targets"))?.signed.targets;
  const isListed = async (target: NewTarget): Promise<boolean> => {
    const { path } = target;
    return isSameTarget(isPlaced ? await repository.find(path) : listed?.get(path), target);
  };
  return { ...wanted, add: await kept(add, isListed) };
}

function isSameTarget(now: TargetFile | undefined, { length, hashes, custom }: NewTarget): boolean {
  if (now === undefined || hashes === undefined || now.length !== length || now.hashes.size !== hashes.size) {
    return false;
  }
  const isSame = [...hashes].every(([name, hash]) => now.hashes.get(name) === hash);
  return isSame && JSON.stringify(now.custom ?? {}) === JSON.stringify(custom ?? {});
}

async function isDelegated(view: View, { from, name, ...wanted }: WantedDelegation): Promise<boolean> {
  const delegations = (await view.role(from))?.signed.delegations;
  const now = delegations && delegationList(delegations).find((each) => each.name === name);
  if (now === undefined || now.threshold !== wanted.threshold || now.terminating !== wanted.terminating) return false;
  return isSameSet(now.paths, wanted.paths) && isSameSet(now.keys.map(fingerprintOf), wanted.keys.map(fingerprintOf));
}

function isSameSet(now: readonly string[] | undefined, wanted: readonly string[]): boolean {
  const [a, b] = [new Set(now), new Set(wanted)];
  return now !== undefined && a.size === b.size && [...a].every((each) => b.has(each));
}

async function isBinned(repository: Repository, { role, count, keys, threshold }: WantedBins): Promise<boolean> {
  const now = repository.bins.get(role);
  if (now?.count !== count || keys.length > 0) return false;
  return threshold === undefined || threshold === now.authority.role.threshold;
}
