// What changes between two versions of a root or of a targets role, in lines that a person reads before signing. Made
// from the two documents alone, on both sides of an air gap, so that nobody has to believe what a proposal says of itself.
// Every field counts: what has no words of its own is named as another field that changes. TUF 1.0.34 §4.3, §4.5.

import {
  canonicalJson,
  equalBytes,
  formatUtcSeconds,
  type Json,
  type JsonObject,
  olpcCanonicalJson,
} from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import {
  computedKeyId,
  createKey,
  type DelegatedRole,
  type Delegations,
  type Key,
  type Metadata,
  parseRoot,
  parseTargets,
  type Role,
  type Root,
  type TargetFile,
  type Targets,
  topLevelRoles,
  usableKey,
} from "../tuf/index.ts";

/** What people call a key. */
export type KeyLabel = (keyid: string) => string;

const maxBytes = 512 * 1024 * 1024;
const maxLines = 400;
const maxCustomCharacters = 200;
const targetFields = ["length", "hashes", "custom"];

/** A document that nobody has signed, in the form of one that somebody has. Problem `tuf/metadata-invalid`. */
export function unsignedRoot(signed: JsonObject): Metadata<Root> {
  return parseRoot(canonicalJson({ signatures: [], signed }), maxBytes);
}

/** As `unsignedRoot`. */
export function unsignedTargets(signed: JsonObject): Metadata<Targets> {
  return parseTargets(canonicalJson({ signatures: [], signed }), maxBytes);
}

/** SHA-256 of what is signed, in eight groups that two people can read to each other; the first half of it. */
export function shortDigest(sha256: string): string {
  return sha256.slice(0, 32).match(/.{4}/g)!.join(" ");
}

/** What a root changes against the one before it, or everything in it. */
export function rootDifference(before: Metadata<Root> | undefined, after: Metadata<Root>, label: KeyLabel): string[] {
  const lines = [
    ...common("root", before, after),
    ...topLevelRoles.flatMap((name) =>
      roleDifference(name, before && before.signed.roles[name], after.signed.roles[name], label),
    ),
    ...sharedKeys(
      before?.signed.keys,
      after.signed.keys,
      [before?.tree["keys"], after.tree["keys"]],
      rootKeyids(after),
      label,
    ),
  ];
  if (before !== undefined && before.signed.consistentSnapshot !== after.signed.consistentSnapshot) {
    lines.push(`! consistent snapshots: ${before.signed.consistentSnapshot} -> ${after.signed.consistentSnapshot}`);
  }
  return [...lines, ...others(before?.tree, after.tree, rootFields), ...otherRoleFields(before, after)].map(plain);
}

/** What a targets role changes against the version before it, or everything in it. */
export function targetsDifference(
  role: string,
  before: Metadata<Targets> | undefined,
  after: Metadata<Targets>,
  label: KeyLabel,
): string[] {
  // Files last: what gives power over others must not be hidden behind many of them.
  return [
    ...common(role, before, after),
    ...delegationDifference(before?.signed.delegations, after.signed.delegations, label),
    ...sharedKeys(
      before?.signed.delegations?.keys,
      after.signed.delegations?.keys,
      [before?.tree["delegations"], after.tree["delegations"]].map(
        (each) => (each as JsonObject | undefined)?.["keys"],
      ),
      delegatedKeyids(after),
      label,
    ),
    ...others(before?.tree, after.tree, targetsFields),
    ...otherDelegationFields(before, after),
    ...limited(fileDifference(before, after)),
  ].map(plain);
}

const commonFields = ["_type", "spec_version", "version", "expires"];
const rootFields = [...commonFields, "keys", "roles", "consistent_snapshot"];
const targetsFields = [...commonFields, "targets", "delegations"];

function limited(lines: readonly string[]): string[] {
  if (lines.length <= maxLines) return [...lines];
  return [...lines.slice(0, maxLines), `... and ${lines.length - maxLines} more targets, which the document lists`];
}

const notPlain = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;

/** True for text that stays in its line and steers no terminal. */
export function isPlain(text: string): boolean {
  return !notPlain.test(text);
}

/** Names come from whoever wrote the document: what is no text in them is shown by its number. */
function plain(line: string): string {
  if (isPlain(line)) return line;
  return line.replaceAll(new RegExp(notPlain, "gu"), (each) => `\\u{${each.codePointAt(0)!.toString(16)}}`);
}

interface Versioned {
  readonly version: number;
  readonly specVersion: string;
  readonly expiresMs: number;
}

function common<T extends Versioned>(
  role: string,
  before: { readonly signed: Versioned } | undefined,
  after: { readonly signed: T },
): string[] {
  const version =
    before === undefined ? `${after.signed.version} (new)` : `${before.signed.version} -> ${after.signed.version}`;
  const was = before === undefined ? "" : ` (was ${formatUtcSeconds(before.signed.expiresMs)})`;
  const lines = [`  ${role} version ${version}, expires ${formatUtcSeconds(after.signed.expiresMs)}${was}`];
  if (before !== undefined && after.signed.expiresMs < before.signed.expiresMs) {
    lines.push(`! ${role} expires earlier than the version before it`);
  }
  if (before !== undefined && before.signed.specVersion !== after.signed.specVersion) {
    lines.push(`~ ${role}: spec_version ${before.signed.specVersion} -> ${after.signed.specVersion}`);
  }
  return lines;
}

function roleDifference(name: string, before: Role | undefined, after: Role | undefined, label: KeyLabel): string[] {
  const had = new Set(before?.keyids);
  const has = new Set(after?.keyids);
  const lines = [
    ...[...has].filter((keyid) => !had.has(keyid)).map((keyid) => `+ ${name}: key ${label(keyid)}`),
    ...[...had].filter((keyid) => !has.has(keyid)).map((keyid) => `- ${name}: key ${label(keyid)}`),
  ];
  if (after !== undefined && before?.threshold !== after.threshold) {
    const was = before === undefined ? "" : `${before.threshold} -> `;
    lines.push(`~ ${name}: threshold ${was}${after.threshold} of ${has.size}`);
  } else if (after !== undefined && lines.length > 0) {
    lines.push(`  ${name}: threshold stays ${after.threshold}, now of ${has.size} (was of ${had.size})`);
  }
  return lines;
}

/** A key id is only a name (TAP 12): what must not change unseen is the key under it, nor a new key hide behind a name. */
function sharedKeys(
  before: ReadonlyMap<string, Key> | undefined,
  after: ReadonlyMap<string, Key> | undefined,
  [treeBefore, treeAfter]: readonly (Json | undefined)[],
  named: ReadonlySet<string>,
  label: KeyLabel,
): string[] {
  const changed = [...(after ?? [])].flatMap(([keyid, key]) => {
    if (before?.has(keyid) === true) {
      const kept = same((treeBefore as JsonObject)[keyid], (treeAfter as JsonObject)[keyid]);
      return kept ? [] : [`! the key under the id of ${label(keyid)} is another one than before`];
    }
    const identity = key.identity === undefined ? "" : ` of ${key.identity.identity} at ${key.identity.issuer}`;
    const lines = [`  ${label(keyid)} is a key of type ${key.keytype}${identity}, id ${keyid}`];
    // By the object as it stands, or by its usual form: old repositories have written keys in other ways.
    const usual = usableKey(key) && createKey(usableKey(key)!.publicKey, key.scheme).keyid;
    const written = digestHex("sha256", olpcCanonicalJson((treeAfter as JsonObject)[keyid]!));
    const isOwn = [usual, written, computedKeyId(key)].includes(keyid);
    return isOwn ? lines : [...lines, `! the id of ${label(keyid)} is not made from its key`];
  });
  const gone = [...(before?.keys() ?? [])].filter((keyid) => after?.has(keyid) !== true && named.has(keyid));
  return [
    ...changed,
    ...gone.map((keyid) => `! the key of ${label(keyid)} goes, and only its id stays: it counts no more`),
  ];
}

/** Ids that some role of a root names. */
function rootKeyids({ signed }: Metadata<Root>): Set<string> {
  return new Set(topLevelRoles.flatMap((role) => signed.roles[role].keyids));
}

function delegatedKeyids({ signed }: Metadata<Targets>): Set<string> {
  const { roles = [], succinct } = signed.delegations ?? {};
  return new Set([...roles.flatMap((role) => role.keyids), ...(succinct?.keyids ?? [])]);
}

function fileDifference(beforeRole: Metadata<Targets> | undefined, afterRole: Metadata<Targets>): string[] {
  const before: ReadonlyMap<string, TargetFile> = beforeRole?.signed.targets ?? new Map<string, TargetFile>();
  const [treeBefore, treeAfter] = [beforeRole, afterRole].map((each) => (each?.tree["targets"] ?? {}) as JsonObject);
  const lines: string[] = [];
  for (const [path, file] of afterRole.signed.targets) {
    const was = before.get(path);
    if (was === undefined) {
      lines.push(`+ target ${path} (${file.length} bytes, ${hashOf(file)}${customOf(file)})`);
      lines.push(...others(undefined, treeAfter![path] as JsonObject, targetFields).map((line) => `${line} (${path})`));
    } else if (hashOf(was, 128) !== hashOf(file, 128) || was.length !== file.length) {
      lines.push(`~ target ${path} ${hashOf(was)} -> ${hashOf(file)} (${file.length} bytes)`);
    } else if (!same(was.custom, file.custom)) lines.push(`~ target ${path}: its custom data${customOf(file)}`);
    else if (!same(treeBefore![path], treeAfter![path])) lines.push(`! target ${path}: another field of it changes`);
  }
  for (const path of before.keys()) if (!afterRole.signed.targets.has(path)) lines.push(`- target ${path}`);
  return lines;
}

function customOf({ custom }: TargetFile): string {
  if (custom === undefined) return "";
  const text = JSON.stringify(custom);
  return `, custom ${text.length > maxCustomCharacters ? `of SHA-256 ${digestHex("sha256", canonicalJson(custom))}` : text}`;
}

function hashOf({ hashes }: TargetFile, digits = 64): string {
  return [...hashes].map(([name, value]) => `${name} ${value.slice(0, digits)}`).join(" ");
}

function delegationDifference(
  before: Delegations | undefined,
  after: Delegations | undefined,
  label: KeyLabel,
): string[] {
  const had = new Map(before?.roles.map((role) => [role.name, role]));
  const has = new Map(after?.roles.map((role) => [role.name, role]));
  const lines: string[] = [];
  for (const [name, role] of has) {
    const was = had.get(name);
    if (was === undefined) lines.push(`+ delegation ${name} for ${scopeOf(role)}`);
    else if (scopeOf(was) !== scopeOf(role)) lines.push(`~ delegation ${name}: ${scopeOf(was)} -> ${scopeOf(role)}`);
    lines.push(...roleDifference(name, was, role, label));
  }
  for (const name of had.keys()) if (!has.has(name)) lines.push(`- delegation ${name}`);
  const kept = [...had.keys()].filter((name) => has.has(name));
  if (kept.join("\n") !== [...has.keys()].filter((name) => had.has(name)).join("\n")) {
    lines.push("~ the order of the delegations, which decides who is asked first");
  }
  const bins = (each: Delegations | undefined): string => {
    if (each?.succinct === undefined) return "no bins";
    return `${2 ** each.succinct.bitLength} bins (${each.succinct.namePrefix})`;
  };
  if (bins(before) !== bins(after)) lines.push(`~ ${bins(before)} -> ${bins(after)}`);
  lines.push(...roleDifference("bins", before?.succinct, after?.succinct, label));
  return lines;
}

function scopeOf({ paths, pathHashPrefixes, terminating }: DelegatedRole): string {
  const scope = paths ?? pathHashPrefixes?.map((prefix) => `hashes ${prefix}...`) ?? [];
  return `${scope.join(", ")}${terminating ? ", terminating" : ""}`;
}

function others(before: JsonObject | undefined, after: JsonObject, known: readonly string[]): string[] {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after)]);
  return [...names]
    .filter((name) => !known.includes(name) && !same(before?.[name], after[name]))
    .map((name) => `! another field, ${name}, ${after[name] === undefined ? "goes" : "changes"}`);
}

function otherRoleFields(before: Metadata<Root> | undefined, after: Metadata<Root>): string[] {
  return topLevelRoles.flatMap((role) => {
    const [was, is] = [before, after].map((each) => (each?.tree["roles"] as JsonObject | undefined)?.[role]);
    return others(was as JsonObject | undefined, is as JsonObject, ["keyids", "threshold"]).map(
      (line) => `${line} (role ${role})`,
    );
  });
}

function otherDelegationFields(before: Metadata<Targets> | undefined, after: Metadata<Targets>): string[] {
  const [was, is] = [before, after].map((each) => (each?.tree["delegations"] ?? {}) as JsonObject);
  const known = ["name", "keyids", "threshold", "paths", "path_hash_prefixes", "terminating"];
  const roleOf = (delegations: JsonObject, name: Json): JsonObject | undefined =>
    ((delegations["roles"] ?? []) as JsonObject[]).find((each) => each["name"] === name);
  return [
    ...others(was, is!, ["keys", "roles", "succinct_roles"]),
    ...((is!["roles"] ?? []) as JsonObject[]).flatMap((role) =>
      others(roleOf(was!, role["name"]!), role, known).map((line) => `${line} (delegation ${String(role["name"])})`),
    ),
    ...others(was!["succinct_roles"] as JsonObject | undefined, (is!["succinct_roles"] ?? {}) as JsonObject, [
      "keyids",
      "threshold",
      "bit_length",
      "name_prefix",
    ]),
  ];
}

function same(a: Json | undefined, b: Json | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return equalBytes(canonicalJson(a), canonicalJson(b));
}

/** A short name for bytes: what files and people call a proposal or an invitation. */
export function shortId(...parts: readonly Uint8Array[]): string {
  return digestHex("sha256", new Uint8Array(parts.flatMap((part) => [...part]))).slice(0, 8);
}

/** The first digits of a key id, after what people call the key, if anything. */
export function labelOf(names: ReadonlyMap<string, string>): KeyLabel {
  return (keyid) => {
    const name = names.get(keyid);
    return name === undefined ? keyid.slice(0, 8) : `${name} (${keyid.slice(0, 8)})`;
  };
}
