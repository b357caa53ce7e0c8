// What a publication will be, before anything is signed: every targets role that is reached from the top, as it was and
// as it is to be, by whose authority, and what its bins are to hold.

import { canonicalJson, demand, Problem, type JsonObject, type Verified } from "../core/index.ts";
import { binNames, binOf, binPrefix, bitsOf, isBinOf, sameShape } from "./bins.ts";
import { encodeDelegations, encodeSuccinct, type NewTarget } from "./create.ts";
import { copyOf, editTargets, nextRole, targetsOf, type TargetEdits } from "./edit.ts";
import type { IdentitySource } from "./identity.ts";
import { defaultLimits } from "./limits.ts";
import type { Delegations, Metadata, Root, SuccinctRoles, TargetFile, Targets } from "./model.ts";
import { parseTargets } from "./parse.ts";
import { prepareDelegatedKeys } from "./post-quantum.ts";
import type { Changes, TargetChanges } from "./repository-model.ts";
import type { OpenRepository } from "./repository.ts";
import { delegated, topLevel, type Authority } from "./verify.ts";

/** A targets role delegated to by name, or the top-level one. */
export interface RolePlan {
  readonly name: string;
  readonly before: Verified<Metadata<Targets>> | undefined;
  /** The edited role, its version and expiry still to be set; undefined when it is not edited here. */
  readonly edited: { readonly targets: JsonObject; readonly delegations: JsonObject | null | undefined } | undefined;
  /** The whole file, signed elsewhere. */
  readonly given: Uint8Array | undefined;
  readonly authorities: Authority[];
  readonly bins: BinsPlan | undefined;
}

export interface BinsPlan {
  readonly delegator: string;
  readonly succinct: SuccinctRoles;
  readonly authority: Authority;
  /** Of all bins, which are new; undefined when they are the same bins as before. */
  readonly contents: ReadonlyMap<string, JsonObject> | undefined;
  /** By bin, of the bins there are. An empty one means a new version. */
  readonly edits: ReadonlyMap<string, TargetEdits>;
}

export interface Plan {
  /** In the order in which the walk from the top meets them. */
  readonly roles: ReadonlyMap<string, RolePlan>;
  readonly added: readonly NewTarget[];
  /** No longer listed where they were. */
  readonly removed: readonly TargetFile[];
}

export interface PlanOptions {
  readonly before: OpenRepository | undefined;
  readonly root: Metadata<Root>;
  readonly changes: Changes;
  /** Bins that get a new version whatever changes in them. */
  readonly renewed: ReadonlySet<string>;
  readonly identities: IdentitySource;
}

/** Problems `tuf/role-name`, `tuf/target-not-found`, `tuf/delegation-invalid`, `tuf/bins-count`, `tuf/threshold`. */
export function planPublication(options: PlanOptions): Promise<Plan> {
  return new Planner(options).run();
}

class Planner {
  private readonly roles = new Map<string, RolePlan>();
  private readonly added: NewTarget[] = [];
  private readonly removed: TargetFile[] = [];

  constructor(private readonly options: PlanOptions) {}

  async run(): Promise<Plan> {
    const { root, changes } = this.options;
    const pending: [string, Authority][] = [["targets", topLevel(root, "targets")]];
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      const [name, authority] = next;
      const met = this.roles.get(name);
      if (met !== undefined) {
        met.authorities.push(authority);
        continue;
      }
      const { plan, delegations } = await this.planRole(name, authority);
      this.roles.set(name, plan);
      if (delegations !== undefined) await prepareDelegatedKeys(delegations.keys, this.options.identities);
      for (const each of delegations?.roles ?? []) pending.push([each.name, delegated(delegations!, each, each.name)]);
    }
    for (const name of [...(changes.targets?.keys() ?? []), ...(changes.signed?.keys() ?? [])]) {
      demand(this.roles.has(name), "tuf/role-name", `no role delegates to ${name}`);
    }
    return { roles: this.roles, added: this.added, removed: this.removed };
  }

  private async planRole(name: string, authority: Authority) {
    const before = await this.options.before?.role(name);
    const given = this.options.changes.signed?.get(name);
    const change = this.options.changes.targets?.get(name);
    if (given !== undefined) {
      demand(change === undefined, "tuf/role-name", `${name} is both edited and signed elsewhere`);
      return this.planGiven(name, before, given, authority);
    }
    // No bins where there are none is no change, and takes no delegation by name away.
    const rebins = change?.bins !== undefined && bitsOf(change.bins.count) > 0;
    const hasBins = before?.signed.delegations?.succinct !== undefined;
    if (rebins || (change?.bins !== undefined && hasBins)) return this.planRebin(name, before, change, authority);
    return this.planEdit(name, before, change, authority);
  }

  private async planEdit(
    name: string,
    before: Verified<Metadata<Targets>> | undefined,
    change: TargetChanges | undefined,
    authority: Authority,
  ) {
    const bins = before?.signed.delegations?.succinct;
    const dropsBins = change?.delegations !== undefined && bins !== undefined;
    demand(!dropsBins, "tuf/delegation-invalid", `${name} has bins: make them 1 before it delegates by name`);
    const placed = this.place(name, before, change);
    const own: TargetEdits = {
      add: [...(change?.add ?? []), ...placed.own.add],
      remove: [...(change?.remove ?? []), ...placed.own.remove],
    };
    const isEdited = change !== undefined || own.add!.length + own.remove!.length > 0 || before === undefined;
    const delegations = change?.delegations && encodeDelegations(change.delegations);
    const edited = isEdited ? { targets: this.edit(targetsOf(before), own), delegations } : undefined;
    const after = delegations === undefined ? before?.signed.delegations : readDelegations(delegations);
    return {
      plan: this.rolePlan({ name, before, edited, given: undefined, authority, after, edits: placed.bins }),
      delegations: after,
    };
  }

  private async planRebin(
    name: string,
    before: Verified<Metadata<Targets>> | undefined,
    change: TargetChanges,
    authority: Authority,
  ) {
    const { bins, delegations } = change;
    const bits = bitsOf(bins!.count);
    const byName = delegations ?? before?.signed.delegations?.roles ?? [];
    const mixed = bits > 0 && byName.length > 0;
    demand(!mixed, "tuf/delegation-invalid", `${name} delegates by name: give the bins to a role that it delegates to`);
    const succinct = bits === 0 ? undefined : encodeSuccinct(bits, binPrefix(name, bits), bins!);
    const after = succinct === undefined ? delegations && encodeDelegations(delegations) : succinct;
    const model = after && readDelegations(after);
    const isSame = bits > 0 && sameShape(before?.signed.delegations?.succinct, model?.succinct);
    const placed = this.placements(name);
    const edits = {
      add: [...(change.add ?? []), ...placed.add],
      remove: [...(change.remove ?? []), ...placed.remove],
    };
    const role = { name, before, given: undefined, authority, after: model };
    if (isSame) {
      const edited = { targets: {}, delegations: after };
      const moved = sortByBin(model!.succinct!, { ...edits, move: Object.entries(targetsOf(before)) });
      return { plan: this.rolePlan({ ...role, edited, edits: moved }), delegations: model };
    }
    const all = this.edit(await this.gather(before), edits);
    const contents = bits === 0 ? undefined : partition(model!.succinct!, all);
    const edited = { targets: bits === 0 ? all : {}, delegations: after ?? null };
    return { plan: this.rolePlan({ ...role, edited, contents }), delegations: model };
  }

  private async planGiven(
    name: string,
    before: Verified<Metadata<Targets>> | undefined,
    given: Uint8Array,
    authority: Authority,
  ) {
    const parsed = parseTargets(given, defaultLimits.targetsBytes);
    for (const target of before?.signed.targets.values() ?? []) {
      if (!hasTarget(parsed.signed.targets.get(target.path), target)) this.removed.push(target);
    }
    for (const { custom, ...target } of parsed.signed.targets.values()) {
      if (!hasTarget(before?.signed.targets.get(target.path), { ...target, custom })) this.added.push(target);
    }
    const after = parsed.signed.delegations;
    const placed = this.placements(name);
    const role = { name, before, edited: undefined, given, authority, after };
    const { succinct } = after ?? {};
    if (succinct === undefined) {
      const none = placed.add.length + placed.remove.length === 0;
      demand(none, "tuf/role-name", `${name} is signed elsewhere, so that nothing can be placed in it`);
      return { plan: this.rolePlan(role), delegations: after };
    }
    if (sameShape(before?.signed.delegations?.succinct, succinct)) {
      return { plan: this.rolePlan({ ...role, edits: sortByBin(succinct, placed) }), delegations: after };
    }
    const moved = copyOf(await this.gather(before));
    for (const path of parsed.signed.targets.keys()) delete moved[path];
    const contents = partition(succinct, this.edit(moved, placed));
    return { plan: this.rolePlan({ ...role, contents }), delegations: after };
  }

  private rolePlan(parts: {
    readonly name: string;
    readonly before: Verified<Metadata<Targets>> | undefined;
    readonly edited: RolePlan["edited"];
    readonly given: Uint8Array | undefined;
    readonly authority: Authority;
    readonly after: Delegations | undefined;
    readonly contents?: ReadonlyMap<string, JsonObject> | undefined;
    readonly edits?: ReadonlyMap<string, TargetEdits>;
  }): RolePlan {
    const { name, before, edited, given, authority, after, contents, edits = new Map<string, TargetEdits>() } = parts;
    const { succinct } = after ?? {};
    if (succinct !== undefined) bitsOf(2 ** succinct.bitLength);
    const renewed = succinct === undefined ? [] : [...this.options.renewed].filter((each) => isBinOf(succinct, each));
    const bins = succinct && {
      delegator: name,
      succinct,
      authority: delegated(after!, succinct, succinct.namePrefix),
      contents,
      edits: renewed.length === 0 ? edits : new Map([...renewed.map((each) => [each, {}] as const), ...edits]),
    };
    return { name, before, edited, given, authorities: [authority], bins };
  }

  private placements(name: string): { add: readonly NewTarget[]; remove: readonly string[] } {
    const { place } = this.options.changes;
    return name === "targets" ? { add: place?.add ?? [], remove: place?.remove ?? [] } : { add: [], remove: [] };
  }

  /** Into the role itself what it lists already, which would hide the bin's, or where it has no bins. */
  private place(name: string, before: Metadata<Targets> | undefined, change: TargetChanges | undefined) {
    const { add, remove } = this.placements(name);
    const succinct = before?.signed.delegations?.succinct;
    if (succinct === undefined) return { own: { add, remove }, bins: new Map<string, TargetEdits>() };
    const gone = new Set(change?.remove);
    const listed = new Set([...before!.signed.targets.keys()].filter((path) => !gone.has(path)));
    for (const each of change?.add ?? []) listed.add(each.path);
    const own = { add: add.filter(({ path }) => listed.has(path)), remove: remove.filter((path) => listed.has(path)) };
    const rest = {
      add: add.filter(({ path }) => !listed.has(path)),
      remove: remove.filter((path) => !listed.has(path)),
    };
    return { own, bins: sortByBin(succinct, rest) };
  }

  private edit(targets: JsonObject, edits: TargetEdits): JsonObject {
    noteEdits(targets, edits, this.added, this.removed);
    return editTargets(targets, edits);
  }

  /** Every target of a role and of its bins. */
  private async gather(before: Metadata<Targets> | undefined): Promise<JsonObject> {
    const all = copyOf(targetsOf(before));
    const succinct = before?.signed.delegations?.succinct;
    for (const bin of succinct === undefined ? [] : binNames(succinct)) {
      const targets = targetsOf(await this.options.before!.role(bin));
      // The role's own come first in a search, so they are the ones that stay.
      for (const path of Object.keys(targets)) all[path] ??= targets[path]!;
    }
    return all;
  }
}

/** What an edit adds and takes away, for who looks after it. */
export function noteEdits(targets: JsonObject, edits: TargetEdits, added: NewTarget[], removed: TargetFile[]): void {
  for (const path of edits.remove ?? []) noteOld(targets, path, removed);
  for (const each of edits.add ?? []) {
    added.push(each);
    noteOld(targets, each.path, removed);
  }
}

function noteOld(targets: JsonObject, path: string, removed: TargetFile[]): void {
  const old = targets[path] as { readonly length: number; readonly hashes: Record<string, string> } | undefined;
  if (old === undefined) return;
  removed.push({ path, length: old.length, hashes: new Map(Object.entries(old.hashes)), custom: undefined });
}

function hasTarget(found: TargetFile | undefined, target: TargetFile): boolean {
  return found !== undefined && [...target.hashes].every(([name, hash]) => found.hashes.get(name) === hash);
}

function partition(succinct: SuccinctRoles, targets: JsonObject): Map<string, JsonObject> {
  const contents = new Map(binNames(succinct).map((name) => [name, copyOf({})]));
  for (const path of Object.keys(targets)) contents.get(binOf(succinct, path))![path] = targets[path]!;
  return contents;
}

interface MutableEdits {
  readonly add: NewTarget[];
  readonly remove: string[];
  readonly move: (readonly [string, JsonObject[string]])[];
}

function sortByBin(
  succinct: SuccinctRoles,
  { add = [], remove = [], move = [] }: TargetEdits,
): Map<string, TargetEdits> {
  const sorted = new Map<string, MutableEdits>();
  const editsOf = (path: string): MutableEdits => {
    const bin = binOf(succinct, path);
    const known = sorted.get(bin) ?? { add: [], remove: [], move: [] };
    sorted.set(bin, known);
    return known;
  };
  for (const each of add) editsOf(each.path).add.push(each);
  for (const path of remove) editsOf(path).remove.push(path);
  for (const each of move) editsOf(each[0]).move.push(each);
  return sorted;
}

/** Delegations that are not in a file yet, as the parser reads them. */
function readDelegations(delegations: JsonObject): Delegations {
  const signed = nextRole(undefined, { version: 1, expiresMs: 0, delegations });
  const parsed = parseTargets(canonicalJson({ signatures: [], signed }), defaultLimits.targetsBytes);
  if (parsed.signed.delegations === undefined) throw new Problem("tuf/delegation-invalid", "there are no delegations");
  return parsed.signed.delegations;
}
