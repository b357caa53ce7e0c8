// The nouns of in-toto: Statement v1 of the attestation framework (in-toto/attestation spec/v1) and the classic link
// and layout (in-toto specification 1.0 §4). Plain data; parse.ts, statement.ts and create.ts make it.

import type { HashAlgorithm, PublicKey, Scheme } from "../crypto/index.ts";
import type { JsonObject } from "../core/index.ts";

export const statementType = "https://in-toto.io/Statement/v1";
export const statementTypeV01 = "https://in-toto.io/Statement/v0.1";
export const linkPredicateType = "https://in-toto.io/attestation/link/v0.3";
/** DSSE payload type of statements and, by ITE-5, of links and layouts. */
export const payloadType = "application/vnd.in-toto+json";

export const limits = {
  statementBytes: 16 * 1024 * 1024,
  subjects: 65_536,
  digests: 32,
  descriptors: 65_536,
  layoutBytes: 4 * 1024 * 1024,
  /** Of the envelope; crypto takes DSSE payloads of 16 MiB. */
  linkBytes: 32 * 1024 * 1024,
  artifacts: 250_000,
  signatures: 64,
  keys: 1024,
  steps: 256,
  rules: 4096,
  words: 4096,
} as const;

/** Algorithm name to value; unknown names are kept and mean nothing. */
export type DigestSet = ReadonlyMap<string, string>;

export interface ResourceDescriptor {
  readonly name?: string | undefined;
  readonly uri?: string | undefined;
  readonly digest?: DigestSet | undefined;
  readonly content?: Uint8Array | undefined;
  readonly downloadLocation?: string | undefined;
  readonly mediaType?: string | undefined;
  readonly annotations?: JsonObject | undefined;
}

export interface Subject extends ResourceDescriptor {
  readonly digest: DigestSet;
}

export interface Statement {
  readonly type: typeof statementType | typeof statementTypeV01;
  readonly subject: readonly Subject[];
  readonly predicateType: string;
  readonly predicate: JsonObject;
}

/** The digest of an artifact in hand, lower-case hexadecimal. */
export interface ArtifactDigest {
  readonly algorithm: HashAlgorithm;
  readonly digestHex: string;
}

export type Artifacts = ReadonlyMap<string, DigestSet>;

export interface Link {
  readonly type: "link";
  readonly name: string;
  readonly command: readonly string[];
  readonly materials: Artifacts;
  readonly products: Artifacts;
  readonly byproducts: JsonObject;
  readonly environment: JsonObject;
}

export type ArtifactRule =
  | { readonly kind: "create" | "delete" | "modify" | "allow" | "disallow"; readonly pattern: string }
  | { readonly kind: "require"; readonly path: string }
  | {
      readonly kind: "match";
      readonly pattern: string;
      /** Empty where the rule has no IN clause, as in the reference implementation. */
      readonly sourcePrefix: string;
      readonly from: "materials" | "products";
      readonly destinationPrefix: string;
      readonly step: string;
    };

/** What steps and inspections share: a name and the rules on the artifacts of its link. */
export interface SupplyChainItem {
  readonly name: string;
  readonly expectedMaterials: readonly ArtifactRule[];
  readonly expectedProducts: readonly ArtifactRule[];
}

export interface Step extends SupplyChainItem {
  readonly threshold: number;
  /** Keyids of the functionaries who may perform the step. */
  readonly pubkeys: readonly string[];
  readonly expectedCommand: readonly string[];
}

export interface Inspection extends SupplyChainItem {
  readonly run: readonly string[];
}

/** A key that verifies signatures over links or layouts. */
export interface VerificationKey {
  readonly kind: "public";
  readonly keyid: string;
  readonly key: PublicKey;
  readonly scheme: Scheme;
}

/** An identity that Sigstore vouches for. It verifies no classic signature; see `acceptAttestedLink`. */
export interface SigstoreFunctionary {
  readonly kind: "sigstore";
  readonly keyid: string;
  readonly issuer: string;
  readonly identity: string;
}

/** A key of a type that we do not verify, such as OpenPGP: it never counts. */
export interface UnsupportedKey {
  readonly kind: "unsupported";
  readonly keyid: string;
}

export type FunctionaryKey = VerificationKey | SigstoreFunctionary | UnsupportedKey;

export interface Layout {
  readonly type: "layout";
  readonly expiresMs: number;
  readonly readme: string;
  readonly keys: ReadonlyMap<string, FunctionaryKey>;
  readonly steps: readonly Step[];
  readonly inspect: readonly Inspection[];
}

/** A link or layout with its signatures, none of them checked. */
export interface SignedMetadata {
  readonly format: "dsse" | "metablock";
  readonly payload: Link | Layout;
  /** The bytes that the signatures are over. */
  readonly message: Uint8Array;
  readonly signatures: readonly { readonly keyid: string; readonly sig: Uint8Array }[];
}

/** Proof that a functionary performed a step: `key` is who, `functionary` the layout's keyid of them. */
export interface LinkEvidence {
  readonly link: Link;
  readonly functionary: string;
  /** Same key, same text, whatever keyid it goes by: thresholds count these. */
  readonly key: string;
}

export interface SupplyChain {
  /** The agreed link of every step. */
  readonly steps: ReadonlyMap<string, Link>;
  /** Materials of the first step; products, byproducts and command of the last. */
  readonly summary: Link;
  /** Commands that differ from the expected ones: a warning and no more (§4.3.1). */
  readonly warnings: readonly string[];
}
