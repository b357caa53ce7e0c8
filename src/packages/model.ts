// What a lockfile says is installed. Ecosystems are named as OSV 1.7 names them.

/** One package at one exact version. */
export interface Dependency {
  /** OSV's name: `npm`, `Maven`, `Go`, `PyPI`, `Debian:12` ... */
  readonly ecosystem: string;
  /** As the ecosystem writes it: `@scope/name`, `group:artifact`, a module path. */
  readonly name: string;
  readonly version: string;
  /** Canonical package URL, version included. */
  readonly purl: string;
  /** Subresource Integrity of the archive, where the lockfile has one. */
  readonly integrity?: string;
  /** Why name and version cannot be taken for what is installed; then nothing is known about it. */
  readonly unverifiable?: string;
  /** True when nothing but development needs it. */
  readonly dev?: boolean;
}

/** Limits of this area, in one place. */
export const limits = {
  lockfileBytes: 64 * 1024 * 1024,
  lockfilePackages: 200_000,
  nameLength: 512,
  versionLength: 512,
} as const;
