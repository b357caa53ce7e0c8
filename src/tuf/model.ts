// TUF 1.0.34 §4: the metadata as a model. It is read-only and partial: fields that the specification does not name
// stay in `tree`, over which signatures are made and checked, and are never lost by going through the model.

import type { Json, JsonObject, Verified } from "../core/index.ts";

export type TopLevelRole = "root" | "targets" | "snapshot" | "timestamp";
export const topLevelRoles: readonly TopLevelRole[] = ["root", "targets", "snapshot", "timestamp"];

/** §4.2.2. `value` is `keyval.public`; undefined for key types that have none. */
export interface Key {
  readonly keyid: string;
  readonly keytype: string;
  readonly scheme: string;
  readonly value: string | undefined;
  /** TAP 18: who signs, for keys that are identities. */
  readonly identity?: { readonly issuer: string; readonly identity: string };
}

export interface Role {
  readonly keyids: readonly string[];
  readonly threshold: number;
}

export interface Signature {
  readonly keyid: string;
  /** As it stands in the file: a key holder who has not signed yet is an empty text in some repositories. */
  readonly sig: string;
  /** TAP 18: what proves the signature of an identity. */
  readonly bundle?: Json;
}

interface Common {
  readonly version: number;
  readonly specVersion: string;
  readonly expiresMs: number;
}

export interface Root extends Common {
  readonly consistentSnapshot: boolean;
  readonly keys: ReadonlyMap<string, Key>;
  readonly roles: Readonly<Record<TopLevelRole, Role>>;
}

/** §4.4 METAFILES: what one file says of another. */
export interface MetaFile {
  readonly version: number;
  readonly length: number | undefined;
  readonly hashes: ReadonlyMap<string, string> | undefined;
}

export interface Timestamp extends Common {
  readonly snapshot: MetaFile;
}

export interface Snapshot extends Common {
  /** By file name, such as `targets.json`. */
  readonly meta: ReadonlyMap<string, MetaFile>;
}

/** §4.5 TARGETS: one target file. */
export interface TargetFile {
  readonly path: string;
  readonly length: number;
  /** Algorithm to lower-case hexadecimal digest, in the order of the file; never empty. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly custom: JsonObject | undefined;
}

export interface DelegatedRole extends Role {
  readonly name: string;
  readonly terminating: boolean;
  readonly paths: readonly string[] | undefined;
  readonly pathHashPrefixes: readonly string[] | undefined;
}

/** TAP 15: 2^bitLength bins that share keys, named by a prefix and the first bits of SHA-256(target path). */
export interface SuccinctRoles extends Role {
  readonly bitLength: number;
  readonly namePrefix: string;
}

export interface Delegations {
  readonly keys: ReadonlyMap<string, Key>;
  readonly roles: readonly DelegatedRole[];
  readonly succinct: SuccinctRoles | undefined;
}

export interface Targets extends Common {
  readonly targets: ReadonlyMap<string, TargetFile>;
  readonly delegations: Delegations | undefined;
}

/** One file: the model, what is signed, and the bytes as received. */
export interface Metadata<T> {
  readonly signed: T;
  /** The `signed` object as parsed, unknown fields included. */
  readonly tree: JsonObject;
  /** The canonical form of `tree`: the message of every signature. */
  readonly message: Uint8Array;
  readonly signatures: readonly Signature[];
  readonly bytes: Uint8Array;
}

/** What a client trusts after an update: every check of §5.3 to §5.6.6 has been made. */
export interface TrustedSet {
  readonly root: Verified<Metadata<Root>>;
  readonly timestamp: Verified<Metadata<Timestamp>>;
  readonly snapshot: Verified<Metadata<Snapshot>>;
  readonly targets: Verified<Metadata<Targets>>;
}
