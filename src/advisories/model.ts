// OSV schema 1.7 (ossf.github.io/osv-schema), as far as matching needs it, and CISA's catalogue of known exploited
// vulnerabilities.

export type RangeType = "SEMVER" | "ECOSYSTEM" | "GIT";
export type EventKind = "introduced" | "fixed" | "last_affected" | "limit";

export interface RangeEvent {
  readonly kind: EventKind;
  /** A version, `0` for "before any" (introduced), `*` for "no limit" (limit). */
  readonly at: string;
}

export interface AffectedRange {
  readonly type: RangeType;
  readonly events: readonly RangeEvent[];
}

export interface Affected {
  /** Missing where a record names commits only. */
  readonly package?: { readonly ecosystem: string; readonly name: string };
  readonly ranges: readonly AffectedRange[];
  readonly versions: readonly string[];
}

/** The label some databases give; not computed from a CVSS vector. */
export type Severity = "low" | "moderate" | "high" | "critical";

export interface Advisory {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly modifiedMs: number;
  readonly withdrawnMs?: number;
  readonly severity?: Severity;
  /** A malicious package, not a flaw in an honest one: an OSV `MAL-` id, or CWE-506. */
  readonly malicious: boolean;
  readonly affected: readonly Affected[];
}

/** A catalogue's word on one vulnerability; dates are `YYYY-MM-DD`. */
export interface Exploited {
  readonly dateAdded: string;
  readonly dueDate: string;
}

export interface ExploitedCatalog {
  readonly version: string;
  readonly releasedMs: number;
  /** By CVE id. */
  readonly entries: ReadonlyMap<string, Exploited>;
}

/** One advisory that a dependency falls under, with what led there. */
export interface Finding {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly severity?: Severity;
  readonly malicious: boolean;
  readonly knownExploited?: Exploited;
  /** The range or list that the version is in, in words: `>= 2.13.0, < 2.15.0`. */
  readonly range: string;
  /** Fixed versions above this one and not affected themselves, smallest first. */
  readonly fixedVersions: readonly string[];
}

/** A question about a dependency that has no answer: never to be read as "not affected". */
export interface Unanswered {
  /** The advisory that could not be evaluated; missing when there is no data at all. */
  readonly id?: string;
  readonly reason: string;
}

export interface Match {
  readonly findings: readonly Finding[];
  readonly unanswered: readonly Unanswered[];
  /** The smallest known fixed version above this one that has no finding; missing when there is none. */
  readonly upgrade?: string;
}

/** Limits of this area, in one place. */
export const limits = {
  recordBytes: 8 * 1024 * 1024,
  setBytes: 256 * 1024 * 1024,
  records: 1_000_000,
  aliases: 1_000,
  affected: 20_000,
  ranges: 1_000,
  events: 10_000,
  versions: 200_000,
  catalogBytes: 32 * 1024 * 1024,
  catalogEntries: 100_000,
  textLength: 512,
} as const;
