// What a decision is made from. Facts are values: nothing here is read, fetched or verified; that was done before,
// and a fact says how it ended. `unavailable` is never `absent`, and neither is ever good.

/** Evidence that was offered and did not verify, with the code that says why. It never helps; it explains. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

interface Offered {
  readonly refused?: readonly Refusal[];
}

export type Fact<T> = Offered &
  (
    | { readonly status: "present"; readonly value: T }
    /** Looked for, and it is not there. */
    | { readonly status: "absent" }
    /** Could not be looked for. */
    | { readonly status: "unavailable"; readonly reason: string }
    /** What was known at `since` (ms) and could not be renewed. */
    | { readonly status: "stale"; readonly value: T; readonly since: number }
  );

/** A signature over the subject, verified. */
export interface SignatureFact {
  /** The OIDC issuer that vouched for the identity. */
  readonly issuer: string;
  /** The subject alternative name, whole. */
  readonly identity: string;
  readonly logIndex?: number;
  /** When a log or a timestamp authority saw it, ms. */
  readonly timeMs: number;
}

/** SLSA provenance of the subject, verified, with the level that the builder's trust entry gives it. */
export interface ProvenanceFact {
  readonly builderId: string;
  readonly level: 0 | 1 | 2 | 3;
  readonly buildType: string;
  readonly sourceUri: string;
  readonly sourceCommit: string;
  readonly sourceRef?: string;
  /** How the build was kept apart, as the builder measured it: `bubblewrap`, `vm` ... */
  readonly isolation?: string;
}

/** An in-toto layout whose verification succeeded. */
export interface LayoutFact {
  readonly name: string;
  readonly steps: readonly string[];
}

/** What the subject is made of, and which documents say so. */
export interface DependenciesFact {
  readonly count: number;
  /** Lockfiles or bills of materials: `package-lock.json`. */
  readonly sources: readonly string[];
}

export interface FindingFact {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly ecosystem: string;
  readonly package: string;
  readonly version: string;
  /** Package URL; a version in it is ignored where packages are compared. */
  readonly purl: string;
  readonly severity?: "low" | "moderate" | "high" | "critical";
  readonly malicious: boolean;
  readonly knownExploited?: { readonly dateAdded: string; readonly dueDate: string };
  readonly fixedVersions: readonly string[];
  /** The smallest version without any finding, where one is known. */
  readonly upgrade?: string;
}

export interface FindingsFact {
  readonly found: readonly FindingFact[];
  /** Packages about which an advisory, or all of them, could not be evaluated. */
  readonly unanswered: readonly { readonly package: string; readonly version: string; readonly reason: string }[];
}

/** Which advisory data the findings come from, ms. */
export interface AdvisoryDataFact {
  readonly asOf: number;
  /** Missing when there is no catalogue of known exploited vulnerabilities. */
  readonly exploitedAsOf?: number;
}

export interface Facts {
  readonly subject: { readonly name: string; readonly digests: Readonly<Record<string, string>> };
  /** The moment of the decision, ms. */
  readonly now: number;
  readonly signatures: Fact<readonly SignatureFact[]>;
  readonly provenance: Fact<ProvenanceFact>;
  readonly layout: Fact<LayoutFact>;
  readonly dependencies: Fact<DependenciesFact>;
  readonly findings: Fact<FindingsFact>;
  readonly advisoryData: Fact<AdvisoryDataFact>;
  /** When the subject was first published, ms. */
  readonly publishedAt: Fact<number>;
}

/** Facts about a subject of which nothing is known: every one absent. The start from which a flow fills in. */
export function noFacts(subject: Facts["subject"], now: number): Facts {
  const absent = { status: "absent" } as const;
  return {
    subject,
    now,
    signatures: absent,
    provenance: absent,
    layout: absent,
    dependencies: absent,
    findings: absent,
    advisoryData: absent,
    publishedAt: absent,
  };
}
