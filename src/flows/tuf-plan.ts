// Planning: from what an operation wants to the documents that have to be signed for it. Pure; signs nothing. What would
// lock everyone out is refused here, with the way out. TUF 1.0.34 §6.1, §6.2; PEP 458, "In the event of a key compromise".

import { type Json, type JsonObject, Problem } from "../core/index.ts";
import {
  binsGroup,
  createNextRoot,
  createTargets,
  type Delegation,
  type Key,
  type NewTarget,
  nextTargets,
  type Repository,
  type RoleKeys,
  type TargetChanges,
  topLevel,
  topLevelRoles,
  type TopLevelRole,
  usableKey,
  validSigners,
} from "../tuf/index.ts";
import type { KeyLabel } from "./tuf-difference.ts";
import { isTrustTarget } from "./tuf-content.ts";
import { createPart, type ProposalPart } from "./tuf-proposal.ts";
import {
  authoritiesFor,
  authorityOf,
  delegatedRoles,
  delegationList,
  distinctKeys,
  fingerprintOf,
  isTopLevel,
  keysOf,
  unknownRole,
  type View,
  viewOf,
} from "./tuf-view.ts";
import { withoutUnchanged } from "./tuf-unchanged.ts";
import { restsOn, type RoleEdit, type Wanted, type WantedTargets } from "./tuf-wanted.ts";

const maxShown = 10;

export interface Planning {
  readonly repository: Repository;
  /** When a new version of a role made now expires. */
  readonly expiresMs: (role: string) => number;
  readonly label: KeyLabel;
  readonly now: number;
}

export interface Planned {
  readonly parts: readonly ProposalPart[];
  readonly rests: Readonly<Record<string, string>>;
  /** Consequences that the documents alone do not show. */
  readonly notes: readonly string[];
}

/**
 * Problems: `tuf/role-name`, `tuf/key-known`, `tuf/key-unknown`, `tuf/threshold`, `tuf/nothing-wanted`,
 * `tuf/delegation-unknown`, `tuf/target-not-found`, and those of `createNextRoot` and `nextTargets`.
 */
export async function plan(planning: Planning, asked: Wanted): Promise<Planned> {
  const { repository } = planning;
  const before = viewOf(repository);
  const rests = await restsOn(before, asked);
  const wanted = await withoutUnchanged(repository, before, asked);
  const root = planRoot(planning, wanted);
  const changes = await planTargets(planning, before, wanted);
  const parts = [...root, ...(await targetParts(planning, root, changes, wanted))];
  const place = placedTargets(repository, wanted);
  const signsOnline = wanted.renew.some(isOnline) || renewedBins(repository, wanted).length > 0;
  if (parts.length === 0 && place.add.length + place.remove.length === 0 && !signsOnline) {
    throw new Problem("tuf/nothing-wanted", "nothing would change");
  }
  const after = viewOf(repository, parts);
  const notes = [...(await notesOn(planning, after, wanted)), ...(await expiredLines(planning, after))];
  return { parts, rests, notes: [...placedLines(place), ...(await revokedLines(repository, wanted)), ...notes] };
}

/** What no document of the proposal shows, since bins are signed when it is carried out. */
function placedLines({ add, remove }: ReturnType<typeof placedTargets>): string[] {
  return [
    ...add.map(({ path, length, hashes }) => {
      const hash = [...(hashes ?? [])].map(([name, value]) => `${name} ${value.slice(0, 16)}`)[0];
      return `into the bins: target ${path} (${length} bytes, ${hash})`;
    }),
    ...remove.map((path) => `out of the bins: target ${path}`),
  ];
}

/** What stays expired, so that no client takes anything. */
async function expiredLines({ repository, now }: Planning, after: View): Promise<string[]> {
  const targets = (await after.role("targets"))!;
  const ends: [role: string, expiresMs: number][] = [
    ["root", after.root.signed.expiresMs],
    ["targets", targets.signed.expiresMs],
  ];
  for (const name of repository.delegated.keys()) {
    const role = await after.role(name);
    if (role !== undefined) ends.push([name, role.signed.expiresMs]);
  }
  return ends
    .filter(([, expiresMs]) => expiresMs <= now)
    .map(([role]) => {
      const who = role === "root" || role === "targets" ? "clients take nothing" : "clients do not find its targets";
      return `${role} has expired, and ${who} until it is signed anew: sealwright tuf resign`;
    });
}

async function revokedLines(repository: Repository, { revoke }: Wanted): Promise<string[]> {
  const lines: string[] = [];
  for (const { name } of revoke) {
    const paths = [...((await repository.role(name))?.signed.targets.keys() ?? [])];
    const shown = paths.slice(0, maxShown).join(", ");
    const more = paths.length > maxShown ? ` and ${paths.length - maxShown} more` : "";
    if (paths.length > 0) lines.push(`clients no longer find what ${name} has published: ${shown}${more}`);
  }
  return lines;
}

/** The next root when a top-level role's keys change, or when it is to be renewed. */
function planRoot({ repository, expiresMs, label }: Planning, wanted: Wanted): ProposalPart[] {
  const { root } = repository.head;
  const roles: Partial<Record<TopLevelRole, RoleKeys>> = {};
  for (const name of topLevelRoles) {
    const edits = wanted.edits.filter((each) => each.role === name);
    if (edits.length === 0) continue;
    const authority = topLevel(root, name);
    const start: RoleKeys = { keys: keysOf(authority), threshold: authority.role.threshold };
    roles[name] = edits.reduce((current, edit) => editKeys(current, edit, label), start);
  }
  if (Object.keys(roles).length === 0 && !wanted.renew.includes("root")) return [];
  const signed = createNextRoot(root, { expiresMs: expiresMs("root"), roles });
  return [createPart("root", signed, root.bytes)];
}

/** One role's keys after an edit. Problems `tuf/key-known`, `tuf/key-unknown`, `tuf/threshold`. */
export function editKeys(before: RoleKeys, edit: RoleEdit, label: KeyLabel): RoleKeys {
  const { role } = edit;
  for (const keyid of edit.remove) {
    if (before.keys.some((key) => key.keyid === keyid)) continue;
    throw new Problem("tuf/key-unknown", `${role} has no key ${label(keyid)}`, {
      hint: `its keys are ${before.keys.map((key) => label(key.keyid)).join(", ")}`,
    });
  }
  demandPlain(role, edit.add, label);
  const kept = before.keys.filter((key) => !edit.remove.includes(key.keyid));
  for (const key of edit.add) {
    const twin = kept.find((each) => fingerprintOf(each) === fingerprintOf(key));
    if (twin === undefined) continue;
    throw new Problem("tuf/key-known", `${label(key.keyid)} is a key of ${role} already, as ${label(twin.keyid)}`, {
      hint: "one key counts once, whatever its ids: bring another key",
    });
  }
  const keys = [...kept, ...edit.add];
  const threshold = edit.threshold ?? before.threshold;
  const isCountAlone = edit.add.length + edit.remove.length === 0;
  demandPossible(
    role,
    keys,
    threshold,
    isCountAlone ? `add a key first: sealwright tuf key add ${role} KEY` : undefined,
  );
  return { keys, threshold };
}

/** What identities are verified with is itself a target: they cannot vouch for what leads to it. */
function demandPlain(role: string, keys: readonly Key[], label: KeyLabel): void {
  const found = isTopLevel(role) ? keys.find((key) => key.identity !== undefined) : undefined;
  if (found === undefined) return;
  throw new Problem(
    "tuf/key-unsupported",
    `${label(found.keyid)} is an identity, and those of ${role} count for nothing`,
    {
      hint: "an identity signs a role that is delegated to: sealwright tuf delegate NAME --key sigstore:ISSUER#IDENTITY",
    },
  );
}

function demandPossible(role: string, keys: readonly Key[], threshold: number, hint?: string): void {
  const distinct = distinctKeys(keys);
  if (distinct === 0) {
    throw new Problem("tuf/threshold", `${role} would have no key: nobody could ever sign it again`, {
      hint: `replace the key instead: sealwright tuf key replace ${role} OLD --with NEW`,
    });
  }
  if (threshold > distinct) {
    throw new Problem(
      "tuf/threshold",
      `${role} would need ${threshold} signatures and have ${distinct} keys: nobody could ever sign it again`,
      { hint: hint ?? `replace the key, or lower the threshold in the same step with --threshold ${distinct}` },
    );
  }
  if (!Number.isSafeInteger(threshold) || threshold < 1) {
    throw new Problem("tuf/threshold", `a threshold of ${threshold} is none: at least one key has to sign`);
  }
}

/** What changes in which targets role. */
async function planTargets(planning: Planning, before: View, wanted: Wanted): Promise<Map<string, TargetChanges>> {
  const { repository } = planning;
  const changes = new Map<string, TargetChanges>();
  const merge = (role: string, change: TargetChanges): void => {
    changes.set(role, { ...changes.get(role), ...change });
  };
  for (const role of wanted.renew) {
    if ([...repository.bins.keys()].some((from) => binsGroup(from) === role)) continue;
    if (role !== "root" && !isOnline(role)) merge(role, {});
  }
  for (const { role = "targets", add, remove } of wanted.targets.filter((each) => !isPlaced(repository, each))) {
    if (role !== "targets" && repository.bins.has(role)) {
      throw new Problem("tuf/bins-placed", `${role} has bins, and only those of targets are published into`);
    }
    const known = changes.get(role);
    merge(role, { add: [...(known?.add ?? []), ...add], remove: [...(known?.remove ?? []), ...remove] });
  }
  for (const [from, delegations] of await planDelegations(planning, before, wanted)) merge(from, { delegations });
  for (const [role, bins] of await planBins(planning, before, wanted)) merge(role, { bins });
  return changes;
}

/** Signed by whoever carries a proposal out, and no part of it. */
function isOnline(role: string): boolean {
  return role === "snapshot" || role === "timestamp";
}

/** The roles whose bins are to be signed anew, which is done when the proposal is carried out. */
export function renewedBins(repository: Repository, { renew }: Wanted): string[] {
  return [...repository.bins.keys()].filter((from) => renew.includes(binsGroup(from)));
}

function isPlaced(repository: Repository, { role }: WantedTargets): boolean {
  return role === undefined && repository.bins.has("targets");
}

/** Targets that go into the bins of `targets`: signed when the proposal is carried out, by the bins' own keys. */
export function placedTargets(repository: Repository, wanted: Wanted): { add: NewTarget[]; remove: string[] } {
  const place: { add: NewTarget[]; remove: string[] } = { add: [], remove: [] };
  for (const each of wanted.targets) {
    if (!isPlaced(repository, each)) continue;
    const { add, remove } = each;
    place.add.push(...add);
    place.remove.push(...remove);
  }
  return place;
}

/** The delegations of each role that delegates, after roles are added, taken away, or get other keys. */
async function planDelegations(
  { label }: Planning,
  before: View,
  wanted: Wanted,
): Promise<Map<string, readonly Delegation[]>> {
  const delegated = await delegatedRoles(before);
  const lists = new Map<string, Delegation[]>();
  const listOf = async (from: string): Promise<Delegation[]> => {
    const known = lists.get(from);
    if (known !== undefined) return known;
    const role = await before.role(from);
    if (role === undefined) throw await unknownRole(before, from);
    const list = role.signed.delegations === undefined ? [] : delegationList(role.signed.delegations);
    lists.set(from, list);
    return list;
  };
  for (const edit of wanted.edits) {
    if (isTopLevel(edit.role)) continue;
    const found = delegated.get(edit.role);
    if (found === undefined) throw await unknownRole(before, edit.role);
    if (found.bins) continue;
    const list = await listOf(found.from);
    const at = list.findIndex((each) => each.name === edit.role);
    list[at] = { ...list[at]!, ...editKeys(list[at]!, edit, label) };
  }
  for (const { from, name, ...rest } of wanted.delegate) {
    const list = await listOf(from);
    demandPossible(name, rest.keys, rest.threshold);
    const at = list.findIndex((each) => each.name === name);
    if (at < 0) list.push({ name, ...rest });
    else list[at] = { name, ...rest };
  }
  for (const { from, name } of wanted.revoke) {
    const list = await listOf(from);
    const at = list.findIndex((each) => each.name === name);
    if (at < 0) {
      throw new Problem("tuf/delegation-unknown", `${from} does not delegate to ${name}`, {
        hint: `it delegates to ${list.map((each) => each.name).join(", ") || "nobody"}`,
      });
    }
    list.splice(at, 1);
  }
  return lists;
}

type BinsChange = NonNullable<TargetChanges["bins"]>;

async function planBins({ label }: Planning, before: View, wanted: Wanted): Promise<Map<string, BinsChange>> {
  const changes = new Map<string, BinsChange>();
  const delegated = await delegatedRoles(before);
  const current = (role: string): BinsChange | undefined => {
    const found = delegated.get(binsGroup(role));
    if (found?.delegations.succinct === undefined) return undefined;
    const { bitLength, threshold, keyids } = found.delegations.succinct;
    const keys = keyids.flatMap((keyid) => found.delegations.keys.get(keyid) ?? []);
    return { count: 2 ** bitLength, keys, threshold };
  };
  for (const { role, count, keys, threshold } of wanted.bins) {
    if (count === 1 && current(role) === undefined) {
      await authorityOf(before, role);
      throw new Problem("tuf/bins-missing", `there are no bins: ${role} lists its targets itself`);
    }
    const usual = current(role) ?? (await roleKeys(before, role));
    const chosen = keys.length === 0 ? usual : { keys, threshold: 1 };
    const next = { count, keys: chosen.keys, threshold: threshold ?? chosen.threshold };
    demandPossible(binsGroup(role), next.keys, next.threshold);
    changes.set(role, next);
  }
  for (const edit of wanted.edits) {
    const found = delegated.get(edit.role);
    if (found?.bins !== true) continue;
    const bins = changes.get(found.from) ?? current(found.from)!;
    changes.set(found.from, { ...bins, ...editKeys(bins, edit, label) });
  }
  return changes;
}

async function roleKeys(view: View, role: string): Promise<RoleKeys> {
  const authority = await authorityOf(view, role);
  return { keys: keysOf(authority), threshold: authority.role.threshold };
}

/**
 * The next versions of the targets roles: those that change, and those that their authority would no longer accept.
 * A delegating role comes before those it delegates to, so that who looks at the parts in order knows who may sign.
 */
async function targetParts(
  { repository, expiresMs }: Planning,
  root: readonly ProposalPart[],
  changes: ReadonlyMap<string, TargetChanges>,
  wanted: Wanted,
): Promise<ProposalPart[]> {
  const parts: ProposalPart[] = [];
  const add = async (role: string, change: TargetChanges): Promise<void> => {
    const stored = role === "targets" ? repository.head.targets : await repository.role(role);
    // A role that was delegated to before is still listed in snapshot, and its versions only ever go up (§5.5.5).
    const version = (repository.listedVersion(role) ?? 0) + 1;
    const first = { version, expiresMs: expiresMs(role), targets: [] };
    const signed =
      stored === undefined && Object.keys(change).length === 0
        ? createTargets(first)
        : await nextTargets(repository, role, change, expiresMs(role));
    const kept = change.bins === undefined ? signed : keepTrustTargets(signed, stored?.tree);
    parts.push(createPart(role, kept, stored?.bytes));
  };
  const pending = ["targets"];
  const done = new Set<string>();
  for (let role = pending.shift(); role !== undefined; role = pending.shift()) {
    if (done.has(role)) continue;
    done.add(role);
    const change = changes.get(role) ?? (await needsSignatures(repository, [...root, ...parts], role));
    if (change !== undefined) await add(role, change);
    const view = viewOf(repository, [...root, ...parts]);
    const delegations = (await view.role(role))?.signed.delegations;
    pending.push(...(delegations?.roles.map((each) => each.name) ?? []));
  }
  const lost = [...changes.keys()].find((role) => !done.has(role));
  if (lost !== undefined && !wanted.revoke.some((each) => each.name === lost)) {
    throw await unknownRole(viewOf(repository), lost);
  }
  return parts;
}

/** What consumers decide by stays under the role's own keys when everything else moves into bins, which sign online. */
function keepTrustTargets(signed: JsonObject, before: JsonObject | undefined): JsonObject {
  const targets = { ...(signed["targets"] as JsonObject) } as Record<string, Json>;
  for (const [path, target] of Object.entries((before?.["targets"] ?? {}) as JsonObject)) {
    if (isTrustTarget(path)) targets[path] ??= target;
  }
  return { ...signed, targets };
}

/** An empty change when the signatures that a role has would no longer do, or when it does not exist yet. */
async function needsSignatures(
  repository: Repository,
  parts: readonly ProposalPart[],
  role: string,
): Promise<TargetChanges | undefined> {
  const stored = role === "targets" ? repository.head.targets : await repository.role(role);
  if (stored === undefined) return {};
  const authorities = await authoritiesFor(viewOf(repository, parts), role);
  const accepted = authorities.every((each) => validSigners(stored, each).length >= each.role.threshold);
  return accepted ? undefined : {};
}

/** What whoever decides should know beyond the documents. */
async function notesOn({ label }: Planning, after: View, wanted: Wanted): Promise<string[]> {
  const notes: string[] = [];
  for (const role of new Set(wanted.edits.map((each) => each.role))) {
    const { role: next, keys } = await authorityOf(after, role);
    const held = next.keyids.flatMap((keyid) => keys.get(keyid) ?? []);
    const spare = distinctKeys(held) - next.threshold;
    if (spare === 0 && isTargetsOrRoot(role) && held.length > 1) {
      notes.push(`${role}: every key is needed from now on; if one is lost, nobody can sign ${role} any more`);
    }
    if (role === "root" && next.threshold === 1) notes.push("root: one key alone can change everything");
    for (const key of held) {
      if (usableKey(key) !== undefined) continue;
      notes.push(`${role}: clients that do not know keys of type ${key.keytype} do not count ${label(key.keyid)}`);
    }
  }
  const online = new Set(
    [after.root.signed.roles.timestamp, after.root.signed.roles.snapshot].flatMap((r) => r.keyids),
  );
  const shared = after.root.signed.roles.root.keyids.filter((keyid) => online.has(keyid));
  if (wanted.edits.length > 0 && shared.length > 0) {
    notes.push(`root: ${shared.map(label).join(", ")} also signs online; who takes the server takes a root key`);
  }
  return notes;
}

function isTargetsOrRoot(role: string): boolean {
  return role !== "snapshot" && role !== "timestamp";
}
