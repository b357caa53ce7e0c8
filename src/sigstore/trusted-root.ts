// TrustedRoot: JSON <-> model. protobuf-specs 0.5 sigstore_trustroot.proto, media types v0.1 (both spellings) and
// v0.2. Stricter than other readers: a validity without a start is refused, as no bound must never mean unbounded.

import {
  base64,
  Fields,
  formatUtcSeconds,
  type Json,
  type JsonObject,
  parseJson,
  parseRfc3339,
  utf8,
} from "../core/index.ts";
import { maxCertificateBytes, maxChainCertificates, maxInstances, maxTrustedRootBytes } from "./limits.ts";
import type { AuthorityInstance, LogInstance, TimeRange, TrustedRoot } from "./model.ts";

/** What every client reads today; v0.2 adds operators, and some of them refuse it. */
export const trustedRootMediaType = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
export const trustedRootMediaTypeV2 = "application/vnd.dev.sigstore.trustedroot.v0.2+json";

const mediaTypes = [
  trustedRootMediaType,
  "application/vnd.dev.sigstore.trustedroot.v0.1+json",
  trustedRootMediaTypeV2,
] as const;

const code = "sigstore/trusted-root-invalid";

/** The trust root of JSON bytes. Problems `sigstore/trusted-root-invalid`, `core/json-*`. */
export function parseTrustedRoot(bytes: Uint8Array): TrustedRoot {
  return trustedRootOf(parseJson(bytes, { maxBytes: maxTrustedRootBytes }));
}

/** As `parseTrustedRoot`, of JSON already parsed. */
export function trustedRootOf(json: Json): TrustedRoot {
  const fields = Fields.of(json, "trusted root", code);
  const mediaType = fields.oneOf("mediaType", ...mediaTypes);
  // Fields of v0.2 mean nothing in v0.1 (sigstore_trustroot.proto, "Only supported for …").
  const v2 = mediaType === trustedRootMediaTypeV2;
  return {
    mediaType,
    logs: list(fields, "tlogs", (each) => parseLog(each, v2)),
    certificateAuthorities: list(fields, "certificateAuthorities", (each) => parseAuthority(each, v2)),
    ctLogs: list(fields, "ctlogs", (each) => parseLog(each, v2)),
    timestampAuthorities: list(fields, "timestampAuthorities", (each) => parseAuthority(each, v2)),
  };
}

function list<T>(fields: Fields, name: string, item: (each: Fields) => T): readonly T[] {
  return fields.nullable(name, () => fields.objects(name, { max: maxInstances }, item)) ?? [];
}

function text(fields: Fields, name: string): string {
  return fields.nullable(name, () => fields.string(name, { max: 2048 })) ?? "";
}

/** A closed interval with a start. */
export function parseTimeRange(fields: Fields): TimeRange {
  const time = (name: string): number => {
    try {
      return parseRfc3339(fields.string(name));
    } catch {
      throw fields.problem(name, "is not a time");
    }
  };
  const startMs = time("start");
  const endMs = fields.nullable("end", time);
  if (endMs === undefined) return { startMs };
  if (endMs < startMs) throw fields.problem("end", "is before the start");
  return { startMs, endMs };
}

function parseLog(fields: Fields, v2: boolean): LogInstance {
  // Merkle trees of another hash cannot be checked, and none exist.
  fields.oneOf("hashAlgorithm", "SHA2_256");
  const key = fields.object("publicKey");
  const checkpointKeyId = v2
    ? fields.nullable("checkpointKeyId", (name) => fields.object(name).base64("keyId", { min: 4, max: 32 }))
    : undefined;
  return {
    baseUrl: fields.string("baseUrl", { min: 1, max: 2048 }),
    publicKey: key.base64("rawBytes", { min: 1, max: 2048 }),
    keyDetails: key.string("keyDetails", { max: 64 }),
    validFor: parseTimeRange(key.object("validFor")),
    logId: fields.object("logId").base64("keyId", { min: 32, max: 32 }),
    ...(checkpointKeyId === undefined ? {} : { checkpointKeyId }),
    operator: v2 ? text(fields, "operator") : "",
  };
}

function parseAuthority(fields: Fields, v2: boolean): AuthorityInstance {
  const subject = fields.nullable("subject", (name) => fields.object(name));
  return {
    subject: {
      organization: subject === undefined ? "" : text(subject, "organization"),
      commonName: subject === undefined ? "" : text(subject, "commonName"),
    },
    uri: text(fields, "uri"),
    certificates: fields
      .object("certChain")
      .objects("certificates", { min: 1, max: maxChainCertificates }, (each) =>
        each.base64("rawBytes", { min: 1, max: maxCertificateBytes }),
      ),
    validFor: parseTimeRange(fields.object("validFor")),
    operator: v2 ? text(fields, "operator") : "",
  };
}

/** The trust root as UTF-8 JSON in the form of its media type; v0.1 has no place for operators and checkpoint key ids. */
export function encodeTrustedRoot(root: TrustedRoot): Uint8Array {
  return utf8(`${JSON.stringify(trustedRootJson(root), null, 2)}\n`);
}

export function trustedRootJson(root: TrustedRoot): JsonObject {
  const v2 = root.mediaType === trustedRootMediaTypeV2;
  const log = (each: LogInstance): JsonObject => logJson(each, v2);
  const authority = (each: AuthorityInstance): JsonObject => authorityJson(each, v2);
  return {
    mediaType: root.mediaType,
    tlogs: root.logs.map(log),
    certificateAuthorities: root.certificateAuthorities.map(authority),
    ctlogs: root.ctLogs.map(log),
    timestampAuthorities: root.timestampAuthorities.map(authority),
  };
}

/** A TimeRange's JSON; milliseconds are kept, so that an inclusive end such as 23:59:59.999 survives. */
export function timeRangeJson(range: TimeRange): JsonObject {
  return {
    start: rfc3339(range.startMs),
    ...(range.endMs === undefined ? {} : { end: rfc3339(range.endMs) }),
  };
}

function rfc3339(ms: number): string {
  const fraction = ((ms % 1000) + 1000) % 1000;
  const seconds = formatUtcSeconds(ms);
  return fraction === 0 ? seconds : `${seconds.slice(0, -1)}.${String(fraction).padStart(3, "0")}Z`;
}

function logJson(log: LogInstance, v2: boolean): JsonObject {
  return {
    baseUrl: log.baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: {
      rawBytes: base64(log.publicKey),
      keyDetails: log.keyDetails,
      validFor: timeRangeJson(log.validFor),
    },
    logId: { keyId: base64(log.logId) },
    ...(!v2 || log.checkpointKeyId === undefined ? {} : { checkpointKeyId: { keyId: base64(log.checkpointKeyId) } }),
    ...(!v2 || log.operator === "" ? {} : { operator: log.operator }),
  };
}

function authorityJson(authority: AuthorityInstance, v2: boolean): JsonObject {
  return {
    subject: { ...authority.subject },
    uri: authority.uri,
    certChain: { certificates: authority.certificates.map((each) => ({ rawBytes: base64(each) })) },
    validFor: timeRangeJson(authority.validFor),
    ...(!v2 || authority.operator === "" ? {} : { operator: authority.operator }),
  };
}
