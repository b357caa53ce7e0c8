// What one running Sealwright offers to its clients; `openAuthority` makes it, the server puts it on a port.

import type { JsonObject } from "../core/index.ts";

/** An entry as acknowledged: durable, with its proof. `duplicateOf` is set when the log had it already. */
export interface AddedEntry {
  readonly duplicateOf: number | undefined;
  readonly entry: JsonObject;
}

/** A file of the TUF repository, not held in memory when it is a target. */
export interface TufFile {
  readonly length: number;
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
  /** Under this name there is never anything else. */
  readonly immutable: boolean;
}

export interface Authority {
  /** Fulcio v2 `CreateSigningCertificate`. `bearer` is the token of the Authorization header, when there is one. */
  signingCertificate(body: Uint8Array, bearer: string | undefined): Promise<JsonObject>;
  /** Fulcio v2 `GetTrustBundle`. */
  trustBundle(): JsonObject;
  /** Fulcio v2 `GetConfiguration`. */
  configuration(): JsonObject;
  /** Rekor v2 `CreateEntry`. */
  addEntry(body: Uint8Array): Promise<AddedEntry>;
  /** RFC 3161: the DER of a reply to the DER of a query; a refusal is a reply too. */
  timestamp(query: Uint8Array): Promise<Uint8Array>;
  /** The TSA's certificates in PEM, leaf first. */
  timestampChain(): string;
  /** A file of a log's read path: `checkpoint`, `tile/...`; undefined when there is none. */
  readStatic(area: "log" | "ct", path: string): Promise<Uint8Array | undefined>;
  /** A file of the TUF repository by its path as it stands in a URL; undefined when there is none. */
  readTuf(path: string): Promise<TufFile | undefined>;
  /** Prometheus' text format. */
  metrics(): Promise<string>;
  /** OpenID Connect Discovery 1.0 §4. */
  discovery(): JsonObject;
  keySet(): JsonObject;
  /** Verifies a release, decides, records and answers; for who has a token of this issuer. */
  decide(bearer: string | undefined, body: () => Promise<Uint8Array>): Promise<JsonObject>;
  /** The recorded decision of an artifact digest `sha256:<hex>`. */
  decision(digest: string): Promise<JsonObject | undefined>;
  health(): JsonObject;
  close(): Promise<void>;
}
