// The types of protobuf-specs 0.5 (sigstore_bundle, sigstore_common, sigstore_rekor, sigstore_trustroot), as this
// program holds them: bytes are bytes, times are milliseconds since the epoch, 64-bit integers are safe integers.

import type { Envelope, HashAlgorithm } from "../crypto/index.ts";

/** A closed interval: both ends belong to it. No end: still in use. */
export interface TimeRange {
  readonly startMs: number;
  readonly endMs?: number;
}

export function contains(range: TimeRange, atMs: number): boolean {
  return range.startMs <= atMs && (range.endMs === undefined || atMs <= range.endMs);
}

export interface MessageDigest {
  readonly algorithm: HashAlgorithm;
  readonly digest: Uint8Array;
}

export type BundleVersion = "0.1" | "0.2" | "0.3";

export interface Bundle {
  readonly mediaType: string;
  readonly version: BundleVersion;
  readonly verificationMaterial: VerificationMaterial;
  readonly content: BundleContent;
}

export interface VerificationMaterial {
  readonly signer: SignerMaterial;
  readonly logEntries: readonly TransparencyLogEntry[];
  /** DER of TimeStampResp (RFC 3161 §2.4.2). */
  readonly timestamps: readonly Uint8Array[];
}

/**
 * What the bundle says about its signer. Of a chain only the leaf is kept in mind: path building trusts the
 * trust root's own certificates and ignores whatever else the bundle brings.
 */
export type SignerMaterial =
  | { readonly kind: "certificate"; readonly leaf: Uint8Array; readonly rest: readonly Uint8Array[] }
  | { readonly kind: "publicKey"; readonly hint: string };

export type BundleContent =
  | { readonly kind: "message"; readonly signature: Uint8Array; readonly messageDigest?: MessageDigest }
  | { readonly kind: "dsse"; readonly envelope: Envelope };

export interface TransparencyLogEntry {
  /** Index in the whole log; in Rekor v1 it runs over all shards, the proof's own index does not. */
  readonly logIndex: number;
  readonly logId: Uint8Array;
  readonly kind: string;
  readonly version: string;
  /** Seconds since the epoch; 0 when the log gives none, as Rekor v2. */
  readonly integratedTime: number;
  readonly signedEntryTimestamp?: Uint8Array;
  readonly inclusionProof?: InclusionProof;
  readonly canonicalizedBody: Uint8Array;
}

export interface InclusionProof {
  readonly logIndex: number;
  readonly rootHash: Uint8Array;
  readonly treeSize: number;
  readonly hashes: readonly Uint8Array[];
  /** A signed note; missing in some v0.1 bundles. */
  readonly checkpoint?: string;
}

export interface TrustedRoot {
  readonly mediaType: string;
  readonly logs: readonly LogInstance[];
  readonly certificateAuthorities: readonly AuthorityInstance[];
  readonly ctLogs: readonly LogInstance[];
  readonly timestampAuthorities: readonly AuthorityInstance[];
}

export interface LogInstance {
  readonly baseUrl: string;
  readonly publicKey: Uint8Array;
  readonly keyDetails: string;
  readonly validFor: TimeRange;
  readonly logId: Uint8Array;
  readonly checkpointKeyId?: Uint8Array;
  readonly operator: string;
}

export interface AuthorityInstance {
  readonly subject: { readonly organization: string; readonly commonName: string };
  readonly uri: string;
  /** DER, from the issuing certificate (or the TSA's own) up to the trust anchor, which is the last. */
  readonly certificates: readonly Uint8Array[];
  readonly validFor: TimeRange;
  readonly operator: string;
}

export interface SigningConfig {
  readonly mediaType: string;
  readonly certificateAuthorities: readonly Service[];
  readonly oidcProviders: readonly Service[];
  readonly logs: readonly Service[];
  readonly logConfig: ServiceConfiguration;
  readonly timestampAuthorities: readonly Service[];
  readonly timestampConfig: ServiceConfiguration;
}

export interface Service {
  readonly url: string;
  readonly majorApiVersion: number;
  readonly validFor: TimeRange;
  readonly operator: string;
}

export type ServiceConfiguration =
  | { readonly selector: "ALL" | "ANY" }
  | { readonly selector: "EXACT"; readonly count: number };
