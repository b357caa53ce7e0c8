// What a client is willing to spend before and after a signature is checked. The byte limits are the ones every
// other client has, so that a repository that suits them suits us.

/** Bytes, and how many of a thing. TUF 1.0.34 names W, X, Y and Z in §5.3.3, §5.4.1, §5.5.1 and §5.6.1. */
export interface TufLimits {
  /** One root file: W. */
  readonly rootBytes: number;
  /** The timestamp file: X. */
  readonly timestampBytes: number;
  /** The snapshot file: Y; also the most that a listed length may ask for. */
  readonly snapshotBytes: number;
  /** One targets file: Z; also the most that a listed length may ask for. */
  readonly targetsBytes: number;
  /** One target file, when it is held in memory. */
  readonly targetFileBytes: number;
  /** One target file, when it goes to a sink piece by piece. */
  readonly streamedFileBytes: number;
  /** Root files downloaded in one update: Y of §5.3.3. */
  readonly rootRotations: number;
  /** Delegated roles visited in one search (§5.6.7.1). */
  readonly delegations: number;
}

export const defaultLimits: TufLimits = {
  rootBytes: 512_000,
  timestampBytes: 16_384,
  snapshotBytes: 2_000_000,
  targetsBytes: 5_000_000,
  targetFileBytes: 512 * 1024 * 1024,
  streamedFileBytes: 1024 ** 4,
  rootRotations: 256,
  delegations: 32,
};

/** Signatures on one file; each costs at most one verification. */
export const maxSignatures = 256;
/** Keys named by one role. */
export const maxRoleKeys = 256;
/** Keys listed in one file. */
export const maxKeys = 4096;
/** Delegations in one file: 16,384 bins and room to spare. */
export const maxDelegatedRoles = 32_768;
/** Delegated roles visited when all of a repository is walked, which is never more than its bins and some. */
export const maxWalkedRoles = 65_536;
/** Patterns or prefixes of one delegation. */
export const maxPatterns = 32_768;
/** Hashes of one file. */
export const maxHashes = 16;
/** Nesting of a metadata file; what `custom` holds counts. */
export const maxDepth = 32;
/** Bytes of a role's name once percent-encoded, so that `N.NAME.json` is a file name on every system. */
export const maxRoleNameBytes = 200;
