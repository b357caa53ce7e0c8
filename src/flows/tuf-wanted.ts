// What an operation wants, as data: role by role which keys come and go, which targets, which delegations. A proposal
// keeps it, so that it can be planned again on a later state; and what it rests on, so that it is not when that would
// mean something else.

import { canonicalJson, Fields, isJsonObject, type Json, type JsonObject } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { encodeKey, type Key, type NewTarget, type RoleKeys, topLevelRoles, type TopLevelRole } from "../tuf/index.ts";
import { present } from "./tuf-proposal.ts";
import { delegatedRoles, isTopLevel, type View } from "./tuf-view.ts";

/** Keys of one role that come and go; a role is a top-level one, a delegated one, or the bins of one. */
export interface RoleEdit {
  readonly role: string;
  readonly add: readonly Key[];
  readonly remove: readonly string[];
  readonly threshold: number | undefined;
}

export interface WantedTargets {
  /** Undefined: wherever the delegations put each of them. */
  readonly role: string | undefined;
  readonly add: readonly NewTarget[];
  readonly remove: readonly string[];
}

export interface WantedDelegation {
  readonly from: string;
  readonly name: string;
  readonly paths: readonly string[];
  readonly keys: readonly Key[];
  readonly threshold: number;
  readonly terminating: boolean;
}

export interface WantedBins {
  readonly role: string;
  readonly count: number;
  /** Empty: those that the bins have, or else the role's own. */
  readonly keys: readonly Key[];
  readonly threshold: number | undefined;
}

/** What is known of a key beside the key: what people call it, and where its private half is. */
export interface KeyHolder {
  readonly keyid: string;
  readonly name: string;
  readonly reference: string | undefined;
}

export interface Wanted {
  readonly edits: readonly RoleEdit[];
  /** Roles that get a new version and a new expiry whatever else changes; `root` may be among them. */
  readonly renew: readonly string[];
  readonly targets: readonly WantedTargets[];
  readonly delegate: readonly WantedDelegation[];
  readonly revoke: readonly { readonly from: string; readonly name: string }[];
  readonly bins: readonly WantedBins[];
  /** Of the keys that come. */
  readonly holders: readonly KeyHolder[];
  /** The roles of a repository that is to be made. */
  readonly bootstrap?: Readonly<Record<TopLevelRole, RoleKeys>> | undefined;
}

export const nothingWanted: Wanted = {
  edits: [],
  renew: [],
  targets: [],
  delegate: [],
  revoke: [],
  bins: [],
  holders: [],
};

const code = "tuf/proposal-invalid";
const maxItems = 100_000;
/** TAP 18. */
const identityKeytype = "sigstore-oidc";

/** The key object of §4.2.2 with its id beside it. */
export function keyJson(key: Key): JsonObject {
  return { keyid: key.keyid, ...encodeKey(key) };
}

/** Problem `tuf/proposal-invalid`. */
export function parseKeyJson(fields: Fields): Key {
  const keyval = fields.object("keyval");
  const keytype = fields.string("keytype");
  return {
    keyid: fields.string("keyid", { min: 1, max: 1024 }),
    keytype,
    scheme: fields.string("scheme"),
    value: keyval.optional("public", (name) => keyval.string(name)),
    ...(keytype === identityKeytype && keyval.has("identity")
      ? { identity: { issuer: keyval.string("issuer"), identity: keyval.string("identity") } }
      : {}),
  };
}

function targetJson(target: NewTarget): JsonObject {
  return present({
    path: target.path,
    length: target.length,
    hashes: target.hashes && Object.fromEntries(target.hashes),
    custom: target.custom,
  });
}

function parseTarget(fields: Fields): NewTarget {
  const custom = fields.optional("custom", (name) => fields.object(name).value);
  return {
    path: fields.string("path", { min: 1 }),
    length: fields.integer("length"),
    hashes: fields.stringMap("hashes", { max: 8 }),
    ...(custom === undefined ? {} : { custom }),
  };
}

export function encodeWanted(wanted: Wanted): JsonObject {
  return {
    edits: wanted.edits.map(({ role, add, remove, threshold }) =>
      present({ role, add: add.map(keyJson), remove, threshold }),
    ),
    renew: wanted.renew,
    targets: wanted.targets.map(({ role, add, remove }) => present({ role, add: add.map(targetJson), remove })),
    delegate: wanted.delegate.map(({ keys, ...rest }) => ({ ...rest, keys: keys.map(keyJson) })),
    revoke: wanted.revoke.map((each) => ({ ...each })),
    bins: wanted.bins.map(({ keys, threshold, ...rest }) => present({ ...rest, keys: keys.map(keyJson), threshold })),
    holders: wanted.holders.map((each) => present({ ...each })),
    ...(wanted.bootstrap === undefined ? {} : { bootstrap: bootstrapJson(wanted.bootstrap) }),
  };
}

function bootstrapJson(roles: NonNullable<Wanted["bootstrap"]>): JsonObject {
  const entries = topLevelRoles.map((role) => {
    const { keys, threshold } = roles[role];
    return [role, { keys: keys.map(keyJson), threshold }] as const;
  });
  return Object.fromEntries(entries);
}

function parseBootstrap(fields: Fields): NonNullable<Wanted["bootstrap"]> {
  const role = (name: TopLevelRole): RoleKeys => ({
    keys: fields.object(name).objects("keys", { max: maxItems }, parseKeyJson),
    threshold: fields.object(name).integer("threshold"),
  });
  return { root: role("root"), targets: role("targets"), snapshot: role("snapshot"), timestamp: role("timestamp") };
}

/** Problem `tuf/proposal-invalid`. */
export function parseWanted(args: JsonObject): Wanted {
  const fields = Fields.of(args, "args", code);
  const many = { max: maxItems };
  const threshold = (from: Fields): number | undefined => from.optional("threshold", (name) => from.integer(name));
  const keys = (from: Fields, name: string): Key[] => from.objects(name, many, parseKeyJson);
  return {
    edits: fields.objects("edits", many, (each) => ({
      role: each.string("role"),
      add: keys(each, "add"),
      remove: each.strings("remove", many),
      threshold: threshold(each),
    })),
    renew: fields.strings("renew", many),
    targets: fields.objects("targets", many, (each) => ({
      role: each.optional("role", (name) => each.string(name)),
      add: each.objects("add", many, parseTarget),
      remove: each.strings("remove", many),
    })),
    delegate: fields.objects("delegate", many, (each) => ({
      from: each.string("from"),
      name: each.string("name"),
      paths: each.strings("paths", many),
      keys: keys(each, "keys"),
      threshold: each.integer("threshold"),
      terminating: each.boolean("terminating"),
    })),
    revoke: fields.objects("revoke", many, (each) => ({ from: each.string("from"), name: each.string("name") })),
    bins: fields.objects("bins", many, (each) => ({
      role: each.string("role"),
      count: each.integer("count", { min: 1 }),
      keys: keys(each, "keys"),
      threshold: threshold(each),
    })),
    holders: fields.objects("holders", many, (each) => ({
      keyid: each.string("keyid"),
      name: each.string("name"),
      reference: each.optional("reference", (name) => each.string(name)),
    })),
    bootstrap: fields.optional("bootstrap", (name) => parseBootstrap(fields.object(name))),
  };
}

/** What must still be so for the operation to mean what it meant: by name, in words or as a digest. */
export async function restsOn(view: View, wanted: Wanted): Promise<Record<string, string>> {
  const rests: Record<string, string> = {};
  const delegated = await delegatedRoles(view);
  for (const { role, add, remove, threshold } of wanted.edits) {
    const now = isTopLevel(role) ? view.root.signed.roles[role] : delegated.get(role)?.role;
    for (const { keyid } of add) rests[`key ${keyid} of ${role}`] = String(now?.keyids.includes(keyid) ?? false);
    for (const keyid of remove) rests[`key ${keyid} of ${role}`] = String(now?.keyids.includes(keyid) ?? false);
    if (threshold !== undefined) rests[`threshold of ${role}`] = String(now?.threshold);
  }
  for (const { role = "targets", add, remove } of wanted.targets) {
    const targets = (await view.role(role))?.signed.targets;
    for (const path of [...add.map((each) => each.path), ...remove]) {
      const hashes = targets?.get(path)?.hashes;
      rests[`target ${path} of ${role}`] = hashes === undefined ? "none" : [...hashes.values()].join(" ");
    }
  }
  for (const { from, name } of [...wanted.delegate, ...wanted.revoke]) {
    const found = (await view.role(from))?.signed.delegations?.roles.find((each) => each.name === name);
    rests[`delegation ${name} of ${from}`] = found === undefined ? "none" : digestOf({ ...found });
  }
  for (const { role } of wanted.bins) {
    const bins = (await view.role(role))?.signed.delegations?.succinct;
    rests[`bins of ${role}`] = bins === undefined ? "none" : String(2 ** bins.bitLength);
  }
  return rests;
}

function digestOf(value: object): string {
  const plain = Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Json;
  return isJsonObject(plain) ? digestHex("sha256", canonicalJson(plain)) : "none";
}
