// TUF 1.0.34 §4: bytes -> model. Stricter than the specification's prose where clients have differed: numbers are
// plain integers, no name stands twice in an object, dates have the one form of §4.2.3, thresholds are at least 1,
// key ids are unique in a role and among signatures, hashes are never an empty list. Key ids are opaque (TAP 12).
// Nothing here looks at a signature: whatever these functions return is still unverified.

import {
  Fields,
  isJsonObject,
  isProblem,
  olpcCanonicalJson,
  parseJson,
  parseUtcSeconds,
  Problem,
  type Json,
} from "../core/index.ts";
import { LazyMap } from "./lazy-map.ts";
import {
  maxDelegatedRoles,
  maxDepth,
  maxHashes,
  maxKeys,
  maxPatterns,
  maxRoleKeys,
  maxRoleNameBytes,
  maxSignatures,
} from "./limits.ts";
import {
  topLevelRoles,
  type DelegatedRole,
  type Delegations,
  type Key,
  type MetaFile,
  type Metadata,
  type Role,
  type Root,
  type Signature,
  type Snapshot,
  type SuccinctRoles,
  type TargetFile,
  type Targets,
  type Timestamp,
  type TopLevelRole,
} from "./model.ts";
import { percentEncode } from "./names.ts";

const code = "tuf/metadata-invalid";
const digestForm = /^[0-9a-f]{32,256}$/;

/** §4.3. Problem `tuf/metadata-invalid`, as of every function here. */
export function parseRoot(bytes: Uint8Array, maxBytes: number): Metadata<Root> {
  return parseMetadata(bytes, "root", maxBytes, (signed) => ({
    ...readCommon(signed),
    consistentSnapshot: signed.optional("consistent_snapshot", (name) => signed.boolean(name)) ?? false,
    keys: readKeys(signed),
    roles: readTopLevelRoles(signed.object("roles")),
  }));
}

/** §4.6. */
export function parseTimestamp(bytes: Uint8Array, maxBytes: number): Metadata<Timestamp> {
  return parseMetadata(bytes, "timestamp", maxBytes, (signed) => ({
    ...readCommon(signed),
    snapshot: readMetaFile(signed.object("meta").object("snapshot.json")),
  }));
}

/** §4.4. */
export function parseSnapshot(bytes: Uint8Array, maxBytes: number): Metadata<Snapshot> {
  return parseMetadata(bytes, "snapshot", maxBytes, (signed) => ({
    ...readCommon(signed),
    meta: readLazily(signed.object("meta"), isMetaFile, readMetaFile),
  }));
}

/** §4.5, of the top-level role and of delegated roles. */
export function parseTargets(bytes: Uint8Array, maxBytes: number): Metadata<Targets> {
  return parseMetadata(bytes, "targets", maxBytes, (signed) => ({
    ...readCommon(signed),
    targets: readLazily(signed.object("targets"), isTarget, readTarget),
    delegations: signed.optional("delegations", (name) => readDelegations(signed.object(name))),
  }));
}

function parseMetadata<T>(
  bytes: Uint8Array,
  type: TopLevelRole,
  maxBytes: number,
  read: (signed: Fields) => T,
): Metadata<T> {
  try {
    const file = Fields.of(parseJson(bytes, { maxBytes, maxDepth, numbers: "integer" }), type, code);
    const signed = file.object("signed");
    signed.oneOf("_type", type);
    const model = read(signed);
    return {
      signed: model,
      tree: signed.value,
      message: olpcCanonicalJson(signed.value),
      signatures: readSignatures(file),
      bytes,
    };
  } catch (cause) {
    if (!isProblem(cause) || cause.code === code) throw cause;
    throw new Problem(code, `${type} metadata cannot be read`, { cause });
  }
}

function readSignatures(file: Fields): Signature[] {
  const signatures = file.objects("signatures", { max: maxSignatures }, (each): Signature => {
    const bundle = each.optional("bundle", (name) => each.json(name));
    const signature = { keyid: each.string("keyid", { max: 1024 }), sig: each.string("sig") };
    return bundle === undefined ? signature : { ...signature, bundle };
  });
  // §4.2.1: the keyid MUST be unique in the "signatures" array.
  if (new Set(signatures.map((each) => each.keyid)).size !== signatures.length) {
    throw file.problem("signatures", "holds two signatures with one keyid");
  }
  return signatures;
}

function readCommon(signed: Fields): { version: number; specVersion: string; expiresMs: number } {
  const specVersion = signed.string("spec_version");
  if (!/^1\.(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8}))?$/.test(specVersion)) {
    throw signed.problem("spec_version", "is not a version 1 of the TUF specification");
  }
  const expires = signed.string("expires");
  try {
    return { version: signed.integer("version", { min: 1 }), specVersion, expiresMs: parseUtcSeconds(expires) };
  } catch (cause) {
    if (!isProblem(cause, "core/time-invalid")) throw cause;
    throw new Problem(code, "expires is not of the form YYYY-MM-DDTHH:MM:SSZ", { cause });
  }
}

function readMap<T>(fields: Fields, read: (item: Fields, name: string) => T): Map<string, T> {
  const out = new Map<string, T>();
  for (const name of fields.names()) out.set(name, read(fields.object(name), name));
  return out;
}

/**
 * As `readMap`, for maps of many thousand entries, of which most are never looked at: each is checked now and read when
 * it is asked for. `isPlain` says, of all but odd ones, that `read` would accept it.
 */
function readLazily<T extends object>(
  fields: Fields,
  isPlain: (value: Json) => boolean,
  read: (item: Fields, name: string) => T,
): ReadonlyMap<string, T> {
  const tree = fields.value;
  let size = 0;
  for (const name in tree) {
    size++;
    if (!isPlain(tree[name] as Json)) read(fields.object(name), name);
  }
  return new LazyMap(tree, size, (name) => read(fields.object(name), name));
}

function isMetaFile(value: Json): boolean {
  if (!isJsonObject(value)) return false;
  const { version, length, hashes } = value;
  return (
    isFrom(1, version) && (length === undefined || isFrom(1, length)) && (hashes === undefined || areHashes(hashes))
  );
}

function isTarget(value: Json): boolean {
  if (!isJsonObject(value)) return false;
  const { length, hashes, custom } = value;
  return isFrom(0, length) && areHashes(hashes) && (custom === undefined || isJsonObject(custom));
}

function isFrom(min: number, value: Json | undefined): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min;
}

function areHashes(value: Json | undefined): boolean {
  if (!isJsonObject(value)) return false;
  let count = 0;
  for (const algorithm in value) {
    const digest = value[algorithm];
    if (typeof digest !== "string" || !digestForm.test(digest)) return false;
    count++;
  }
  return count > 0 && count <= maxHashes;
}

function readKeys(owner: Fields): Map<string, Key> {
  const keys = readMap(owner.object("keys"), readKey);
  if (keys.size > maxKeys) throw owner.problem("keys", `has more than ${maxKeys} keys`);
  return keys;
}

function readKey(fields: Fields, keyid: string): Key {
  const keyval = fields.object("keyval").value;
  const value: Json | undefined = keyval["public"];
  const { issuer, identity } = keyval;
  return {
    ...(typeof issuer === "string" && typeof identity === "string" ? { identity: { issuer, identity } } : {}),
    keyid,
    keytype: fields.string("keytype"),
    scheme: fields.string("scheme"),
    // Key types we do not know may keep their value in another shape; they are never used.
    value: typeof value === "string" ? value : undefined,
  };
}

function readRole(fields: Fields): Role {
  const keyids = fields.strings("keyids", { max: maxRoleKeys });
  if (new Set(keyids).size !== keyids.length) throw fields.problem("keyids", "holds one keyid twice");
  return { keyids, threshold: fields.integer("threshold", { min: 1 }) };
}

function readTopLevelRoles(fields: Fields): Record<TopLevelRole, Role> {
  const [root, targets, snapshot, timestamp] = topLevelRoles.map((name) => readRole(fields.object(name)));
  return { root: root!, targets: targets!, snapshot: snapshot!, timestamp: timestamp! };
}

function readMetaFile(fields: Fields): MetaFile {
  return {
    version: fields.integer("version", { min: 1 }),
    length: fields.optional("length", (name) => fields.integer(name, { min: 1 })),
    hashes: fields.optional("hashes", () => readHashes(fields)),
  };
}

function readHashes(fields: Fields): Map<string, string> {
  const hashes = fields.stringMap("hashes", { max: maxHashes });
  if (hashes.size === 0) throw fields.problem("hashes", "is empty");
  // A digest becomes part of a file name, so it can be nothing but digits.
  for (const digest of hashes.values()) {
    if (!digestForm.test(digest)) throw fields.problem("hashes", "holds something that is not a digest");
  }
  return hashes;
}

function readTarget(fields: Fields, path: string): TargetFile {
  return {
    path,
    length: fields.integer("length"),
    hashes: readHashes(fields),
    custom: fields.optional("custom", (name) => fields.object(name).value),
  };
}

function readDelegations(fields: Fields): Delegations {
  const roles = fields.optional("roles", (name) =>
    fields.objects(name, { max: maxDelegatedRoles }, (each) => readDelegatedRole(each)),
  );
  const succinct = fields.optional("succinct_roles", (name) => readSuccinctRoles(fields.object(name)));
  if ((roles === undefined) === (succinct === undefined)) {
    throw fields.problem("roles", "and succinct_roles: exactly one of them is needed");
  }
  const names = new Set(roles?.map((each) => each.name));
  if (names.size !== (roles?.length ?? 0)) throw fields.problem("roles", "holds two roles of one name");
  return { keys: readKeys(fields), roles: roles ?? [], succinct };
}

function readDelegatedRole(fields: Fields): DelegatedRole {
  const name = readRoleName(fields, "name");
  const list = (field: string): string[] => fields.strings(field, { max: maxPatterns });
  const paths = fields.optional("paths", list);
  const pathHashPrefixes = fields.optional("path_hash_prefixes", list);
  if (paths !== undefined && pathHashPrefixes !== undefined) {
    throw fields.problem("paths", "and path_hash_prefixes exclude each other");
  }
  if (pathHashPrefixes?.some((each) => !/^[0-9a-f]{1,64}$/.test(each))) {
    throw fields.problem("path_hash_prefixes", "holds something that is not a prefix of a SHA-256 digest");
  }
  const terminating = fields.optional("terminating", (field) => fields.boolean(field)) ?? false;
  return { ...readRole(fields), name, terminating, paths, pathHashPrefixes };
}

function readSuccinctRoles(fields: Fields): SuccinctRoles {
  const bitLength = fields.integer("bit_length", { min: 1, max: 32 });
  return { ...readRole(fields), bitLength, namePrefix: readRoleName(fields, "name_prefix") };
}

/** A delegated role cannot take the name of a top-level role: its file would take the place of theirs. */
function readRoleName(fields: Fields, field: string): string {
  const name = fields.string(field, { min: 1, max: maxRoleNameBytes });
  if ((topLevelRoles as readonly string[]).includes(name))
    throw fields.problem(field, "is the name of a top-level role");
  if (percentEncode(name).length > maxRoleNameBytes) throw fields.problem(field, "is too long");
  return name;
}
