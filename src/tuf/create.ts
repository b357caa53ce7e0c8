// Metadata to be signed, and signing it: TUF 1.0.34 §4, §6.1. The `signed` part is a JSON object and not a model, so
// that an edit keeps the fields it knows nothing of. Whoever holds one key of a quorum adds one signature to bytes
// that others have signed.

import {
  canonicalJson,
  concat,
  demand,
  emptyObject,
  equalBytes,
  formatUtcSeconds,
  olpcCanonicalJson,
  Problem,
  utf8,
} from "../core/index.ts";
import type { Json, JsonObject } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { encodeKey, usableKey } from "./key.ts";
import {
  topLevelRoles,
  type Key,
  type MetaFile,
  type Metadata,
  type Root,
  type TargetFile,
  type TopLevelRole,
} from "./model.ts";
import { isTargetPath } from "./names.ts";
import { keysHeld, signerKeyObject, signWith, type RoleSigner } from "./signer.ts";

export const specVersion = "1.0.34";

export interface RoleKeys {
  readonly keys: readonly Key[];
  readonly threshold: number;
}

export interface RootContent {
  readonly version: number;
  /** Milliseconds since 1970; metadata holds whole seconds. */
  readonly expiresMs: number;
  readonly consistentSnapshot?: boolean;
  readonly roles: Readonly<Record<TopLevelRole, RoleKeys>>;
}

/** §4.3. Problem `tuf/threshold`: a threshold of 0, or more than there are distinct keys. */
export function createRoot({ version, expiresMs, consistentSnapshot = true, roles }: RootContent): JsonObject {
  return {
    ...createCommon("root", version, expiresMs),
    consistent_snapshot: consistentSnapshot,
    keys: encodeKeys(topLevelRoles.flatMap((name) => roles[name].keys)),
    roles: object(topLevelRoles.map((name) => [name, encodeRole(name, roles[name])])),
  };
}

/** The root after another: next version, with the roles that change; fields we do not know are kept. */
export function createNextRoot(
  previous: Metadata<Root>,
  changes: { readonly expiresMs: number; readonly roles?: Partial<Readonly<Record<TopLevelRole, RoleKeys>>> },
): JsonObject {
  const keysBefore = previous.tree["keys"] as JsonObject;
  const rolesBefore = previous.tree["roles"] as JsonObject;
  const keys = emptyObject<Json>();
  const roles = object(Object.entries(rolesBefore));
  for (const name of topLevelRoles) {
    const changed = changes.roles?.[name];
    if (changed === undefined) {
      for (const keyid of previous.signed.roles[name].keyids) if (keyid in keysBefore) keys[keyid] = keysBefore[keyid]!;
      continue;
    }
    roles[name] = { ...(rolesBefore[name] as JsonObject), ...encodeRole(name, changed) };
    for (const key of changed.keys) {
      const before = previous.signed.keys.get(key.keyid);
      if (before !== undefined) demandSameKey(key.keyid, encodeKey(before), encodeKey(key));
      keys[key.keyid] ??= keysBefore[key.keyid] ?? encodeKey(key);
    }
  }
  const expires = formatUtcSeconds(changes.expiresMs);
  return { ...previous.tree, spec_version: specVersion, version: previous.signed.version + 1, expires, keys, roles };
}

/** §4.5 TARGETS. A target of known content, or of known length and hashes. */
export interface NewTarget {
  readonly path: string;
  readonly content?: Uint8Array;
  readonly length?: number;
  readonly hashes?: ReadonlyMap<string, string>;
  readonly custom?: JsonObject;
}

/** The target as metadata lists it; SHA-256 of the content. Problems `tuf/target-path`, `tuf/target-invalid`. */
export function describeTarget({ path, content, length, hashes, custom }: NewTarget): TargetFile {
  demand(isTargetPath(path), "tuf/target-path", `${JSON.stringify(path.slice(0, 200))} is not a relative target path`);
  // Stored, it would be a folder where the file of another target has to be.
  const hidden = /(?:^|\/)[0-9a-f]{64,128}\.[^/]*\//.test(path);
  demand(!hidden, "tuf/target-path", `${path.slice(0, 200)} has a folder that is named like a stored target`);
  if (content !== undefined) {
    return { path, length: content.length, hashes: new Map([["sha256", digestHex("sha256", content)]]), custom };
  }
  if (length === undefined || hashes === undefined || hashes.size === 0) {
    throw new Problem("tuf/target-invalid", `${path} needs its content, or its length and a hash`);
  }
  return { path, length, hashes, custom };
}

export function encodeTarget({ length, hashes, custom }: TargetFile): JsonObject {
  return { length, hashes: object([...hashes]), ...(custom === undefined ? {} : { custom }) };
}

/** A delegation of §4.5; exactly one of `paths` and `pathHashPrefixes`. */
export interface Delegation extends RoleKeys {
  readonly name: string;
  readonly paths?: readonly string[];
  readonly pathHashPrefixes?: readonly string[];
  readonly terminating?: boolean;
}

/** §4.5 DELEGATIONS. Problems `tuf/role-name`, `tuf/delegation-invalid`, `tuf/threshold`. */
export function encodeDelegations(delegations: readonly Delegation[]): JsonObject {
  const roles = delegations.map((each): JsonObject => {
    checkRoleName(each.name);
    const scope = each.paths ?? each.pathHashPrefixes ?? [];
    const one = (each.paths === undefined) !== (each.pathHashPrefixes === undefined);
    demand(one && scope.length > 0, "tuf/delegation-invalid", `${each.name} needs paths or path hash prefixes`);
    return {
      name: each.name,
      ...encodeRole(each.name, each),
      ...(each.paths === undefined ? { path_hash_prefixes: scope } : { paths: scope }),
      terminating: each.terminating ?? false,
    };
  });
  const names = new Set(delegations.map((each) => each.name));
  demand(names.size === delegations.length, "tuf/role-name", "two delegations have one name");
  return { keys: encodeKeys(delegations.flatMap((each) => each.keys)), roles };
}

/** TAP 15: `2 ** bitLength` bins. Problems `tuf/role-name`, `tuf/threshold`. */
export function encodeSuccinct(bitLength: number, namePrefix: string, role: RoleKeys): JsonObject {
  checkRoleName(namePrefix);
  return {
    keys: encodeKeys(role.keys),
    succinct_roles: { ...encodeRole(namePrefix, role), bit_length: bitLength, name_prefix: namePrefix },
  };
}

function checkRoleName(name: string): void {
  // What the name of a file can be everywhere, encoded or not.
  demand(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name), "tuf/role-name", `${name} cannot name a role`);
  demand(!(topLevelRoles as readonly string[]).includes(name), "tuf/role-name", `${name} is a top-level role`);
}

/** §4.5. */
export function createTargets(content: {
  readonly version: number;
  readonly expiresMs: number;
  readonly targets: Iterable<TargetFile>;
  readonly delegations?: readonly Delegation[];
}): JsonObject {
  const { version, expiresMs, targets, delegations } = content;
  return {
    ...createCommon("targets", version, expiresMs),
    targets: object([...targets].map((each) => [each.path, encodeTarget(each)])),
    ...(delegations === undefined ? {} : { delegations: encodeDelegations(delegations) }),
  };
}

/** §4.4. `meta` is by file name, such as `targets.json`. */
export function createSnapshot(
  version: number,
  expiresMs: number,
  meta: Iterable<readonly [string, MetaFile]>,
): JsonObject {
  return {
    ...createCommon("snapshot", version, expiresMs),
    meta: object([...meta].map(([n, m]) => [n, encodeMeta(m)])),
  };
}

/** §4.6. */
export function createTimestamp(version: number, expiresMs: number, snapshot: MetaFile): JsonObject {
  return { ...createCommon("timestamp", version, expiresMs), meta: { "snapshot.json": encodeMeta(snapshot) } };
}

/** What §4.4 and §4.6 say of a file: its version, length and SHA-256. */
export function describeFile(version: number, bytes: Uint8Array): MetaFile {
  return { version, length: bytes.length, hashes: new Map([["sha256", digestHex("sha256", bytes)]]) };
}

/**
 * The file of §4.2.1: `signed` with a signature for each key of `keys` that a signer holds.
 * Problem `tuf/signer-unknown`: a signer whose key is none of them would sign for nothing.
 */
export async function signMetadata(
  signed: JsonObject,
  signers: readonly RoleSigner[],
  keys: readonly Key[] = signers.map(signerKeyObject),
): Promise<Uint8Array> {
  return addSignatures({ signed, signatures: [] }, signers, keys);
}

/** One signature of a file; TAP 18 has a `bundle` beside `sig`. */
export type FileSignature = JsonObject & { readonly keyid: string; readonly sig: string };

/** As `signMetadata`, keeping the signatures there are; one of the same key id is replaced. */
export async function addSignatures(
  file: {
    readonly signed: JsonObject;
    readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
  },
  signers: readonly RoleSigner[],
  keys: readonly Key[] = signers.map(signerKeyObject),
): Promise<Uint8Array> {
  const message = olpcCanonicalJson(file.signed);
  const added = await signMessage(message, signers, keys);
  const signatures = new Map(file.signatures.map((each) => [each.keyid, each as FileSignature]));
  for (const each of added) signatures.set(each.keyid, each);
  return encodeFile(message, [...signatures.values()], () => file.signed);
}

/** A signature for each key of `keys` that a signer holds. Problem `tuf/signer-unknown`. */
export async function signMessage(
  message: Uint8Array,
  signers: readonly RoleSigner[],
  keys: readonly Key[],
): Promise<FileSignature[]> {
  const signatures = new Map<string, FileSignature>();
  for (const signer of signers) {
    const held = keysHeld(signer, keys);
    demand(
      held.length > 0,
      "tuf/signer-unknown",
      `the key of a signer (${signerKeyObject(signer).keyid}) has no part in the role`,
    );
    const fields = await signWith(signer, message);
    for (const { keyid } of held) signatures.set(keyid, { ...fields, keyid });
  }
  return [...signatures.values()];
}

const before = utf8('{"signatures":');
const between = utf8(',"signed":');
const after = utf8("}");

/**
 * The bytes of a file. What was signed stands in it as it was signed, unless it holds a control character, which OLPC
 * canonical JSON leaves as it is and JSON does not allow.
 */
export function encodeFile(
  message: Uint8Array,
  signatures: readonly FileSignature[],
  signed: () => JsonObject,
): Uint8Array {
  const isJson = !hasControl(message);
  return concat(before, canonicalJson(signatures), between, isJson ? message : canonicalJson(signed()), after);
}

function hasControl(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) < 0x20) return true;
  return false;
}

function createCommon(type: TopLevelRole, version: number, expiresMs: number): JsonObject {
  return { _type: type, spec_version: specVersion, version, expires: formatUtcSeconds(expiresMs) };
}

function encodeRole(name: string, { keys, threshold }: RoleKeys): JsonObject {
  const distinct = new Set(keys.map((key) => usableKey(key)?.fingerprint ?? `id ${key.keyid}`)).size;
  const possible = Number.isSafeInteger(threshold) && threshold >= 1 && threshold <= distinct;
  demand(possible, "tuf/threshold", `${name} has ${distinct} keys and a threshold of ${threshold}`);
  return { keyids: [...new Set(keys.map((key) => key.keyid))], threshold };
}

function encodeKeys(keys: readonly Key[]): JsonObject {
  const encoded = emptyObject<Json>();
  for (const key of keys) {
    const known = encoded[key.keyid];
    if (known !== undefined) demandSameKey(key.keyid, known, encodeKey(key));
    encoded[key.keyid] = encodeKey(key);
  }
  return encoded;
}

/** A key id is a name (TAP 12): who takes the name of a key would be trusted in its place. Problem `tuf/key-known`. */
function demandSameKey(keyid: string, known: Json, key: Json): void {
  const same = equalBytes(canonicalJson(known), canonicalJson(key));
  demand(same, "tuf/key-known", `another key has the id ${keyid.slice(0, 16)} already`);
}

export function encodeMeta({ version, length, hashes }: MetaFile): JsonObject {
  return {
    version,
    ...(length === undefined ? {} : { length }),
    ...(hashes === undefined ? {} : { hashes: object([...hashes]) }),
  };
}

/** Without a prototype, so that `__proto__` is a name like any other. */
export function object(entries: readonly (readonly [string, Json])[]): { [name: string]: Json } {
  const out = emptyObject<Json>();
  for (const [name, value] of entries) out[name] = value;
  return out;
}
