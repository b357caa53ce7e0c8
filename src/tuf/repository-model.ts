// The repository as its publisher has it, and what can be asked of it: TUF 1.0.34 §6.

import type { Verified } from "../core/index.ts";
import type { Delegation, NewTarget, RoleKeys } from "./create.ts";
import type { Key, Metadata, TargetFile, Targets, TrustedSet } from "./model.ts";
import type { RepositoryCommit, RepositoryFile } from "./repository-store.ts";
import type { RepositorySettings } from "./settings.ts";
import type { RoleSigner } from "./signer.ts";
import type { Authority } from "./verify.ts";

/** A value: publishing gives another one. */
export interface Repository {
  /** The store's revision that it was read at. */
  readonly revision: number;
  /** What a client trusts that is up to date, whatever has expired. */
  readonly head: TrustedSet;
  /** `1.root.json`: what a fresh client starts from. */
  readonly firstRoot: Uint8Array;
  readonly settings: RepositorySettings;
  /** Every role delegated to by name, verified against all that delegate to it; bins are not among them. */
  readonly delegated: ReadonlyMap<string, DelegatedTargets>;
  /** By the role that delegates to them. */
  readonly bins: ReadonlyMap<string, BinsState>;
  /** Any targets role by name, read when asked for; undefined when nothing delegates to it. Problems as of `openRepository`. */
  role(name: string): Promise<Verified<Metadata<Targets>> | undefined>;
  /** What a client is told of a target path, by the search of §5.6.7. */
  find(path: string): Promise<Verified<TargetFile> | undefined>;
  /** The version of a role that snapshot lists, undelegated roles included. */
  listedVersion(role: string): number | undefined;
  /** Makes ready what signatures of a delegation's keys need, identities among them: see `RepositoryOptions`. */
  prepare(keys: ReadonlyMap<string, Key>): Promise<void>;
}

export interface DelegatedTargets {
  readonly metadata: Verified<Metadata<Targets>>;
  /** One for each role that delegates to it. */
  readonly authorities: readonly Authority[];
}

export interface BinsState {
  readonly count: number;
  readonly namePrefix: string;
  readonly authority: Authority;
  /** No bin expires before; undefined when that is not known. */
  readonly expiresMs: number | undefined;
}

/** What changes in one targets role. An entry without any change gives the role a new version and a new expiry. */
export interface TargetChanges {
  readonly add?: readonly NewTarget[];
  readonly remove?: readonly string[];
  /** Takes the place of all delegations of the role. */
  readonly delegations?: readonly Delegation[];
  /** Moves every target of the role and of its bins. */
  readonly bins?: BinsChange;
}

/** TAP 15. New bins carry their number of bits in their names; the old ones stay listed in snapshot (§5.5.5). */
export interface BinsChange extends RoleKeys {
  /** A power of two up to 16,384; 1 is none, with every target in the role itself, and needs no keys. */
  readonly count: number;
}

export interface Changes {
  /** The next roots, complete with signatures, oldest first: see `createNextRoot`. */
  readonly roots?: readonly Uint8Array[];
  /** By role name. */
  readonly targets?: ReadonlyMap<string, TargetChanges>;
  /** Targets roles that were signed elsewhere: whole files, by role name. See `nextTargets`. */
  readonly signed?: ReadonlyMap<string, Uint8Array>;
  /** Targets added or removed where they belong: in their bins when `targets` has bins, otherwise in `targets`. */
  readonly place?: { readonly add?: readonly NewTarget[]; readonly remove?: readonly string[] };
  /** Roles whose bins all get a new version and a new expiry. */
  readonly renewBins?: readonly string[];
  readonly settings?: RepositorySettings;
}

export interface Signing {
  /** By role name, bins under their group's name (`binsGroup`); roles that need no new version may be left out. */
  readonly signers?: ReadonlyMap<string, readonly RoleSigner[]>;
  /** Sign every role that has a key of theirs. */
  readonly pool?: readonly RoleSigner[];
}

/** Verified and not yet visible: `commitPublication` makes it so. */
export interface Publication {
  /** Contents to be stored before: path below `targets/`, as `RepositoryStore.writeTarget` takes it, and bytes. */
  readonly targets: readonly RepositoryFile[];
  readonly commit: Omit<RepositoryCommit, "event">;
  /** As it is once this has been committed. */
  readonly repository: Repository;
}
