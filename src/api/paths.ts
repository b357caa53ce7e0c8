// Paths and media types of the HTTP interface, those of the services whose clients use it.

export const paths = {
  signingCert: "/api/v2/signingCert",
  trustBundle: "/api/v2/trustBundle",
  configuration: "/api/v2/configuration",
  logEntries: "/api/v2/log/entries",
  logEntriesV1: "/api/v1/log/entries",
  /** C2SP tlog-tiles read path of the log: `checkpoint`, `tile/...` below it. */
  log: "/api/v2",
  timestamp: "/api/v1/timestamp",
  timestampChain: "/api/v1/timestamp/certchain",
  /** C2SP static-ct-api read path of the certificate log. */
  ct: "/ct",
  tuf: "/tuf",
  discovery: "/.well-known/openid-configuration",
  keySet: "/.well-known/jwks.json",
  decisions: "/api/v1/decisions",
  health: "/healthz",
  /** Prometheus' text format. */
  metrics: "/metrics",
} as const;

export const mediaTypes = {
  json: "application/json",
  problem: "application/problem+json",
  timestampQuery: "application/timestamp-query",
  timestampReply: "application/timestamp-reply",
  pem: "application/pem-certificate-chain",
} as const;

/** RFC 9457 problem document; `code` is a Problem's code, `message` is what gRPC gateway clients read. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly message: string;
  readonly requestId: string;
}

/** The longest request body in bytes, and that of a release's evidence, which lists every file of every step. */
export const maxRequestBytes = 4 * 1024 * 1024;
export const maxEvidenceBytes = 128 * 1024 * 1024;
