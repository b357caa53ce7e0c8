// SigningConfig v0.2: which services a signer talks to, and the rules by which it selects them.
// protobuf-specs 0.5 sigstore_trustroot.proto, messages SigningConfig, Service, ServiceConfiguration and
// ClientTrustConfig. Certificate authority, log and OIDC URLs are bases; a timestamp authority's is the whole URL.

import { demand, Fields, type Json, type JsonObject, parseJson, utf8 } from "../core/index.ts";
import { maxInstances, maxSigningConfigBytes, maxTrustedRootBytes } from "./limits.ts";
import { contains, type Service, type ServiceConfiguration, type SigningConfig, type TrustedRoot } from "./model.ts";
import { parseTimeRange, timeRangeJson, trustedRootJson, trustedRootOf } from "./trusted-root.ts";

export const signingConfigMediaType = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
export const clientTrustConfigMediaType = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json";

const code = "sigstore/signing-config-invalid";

/** The signing config of JSON bytes. Problems `sigstore/signing-config-invalid`, `core/json-*`. */
export function parseSigningConfig(bytes: Uint8Array): SigningConfig {
  return signingConfigOf(parseJson(bytes, { maxBytes: maxSigningConfigBytes }));
}

function signingConfigOf(json: Json): SigningConfig {
  const fields = Fields.of(json, "signing config", code);
  return {
    mediaType: fields.oneOf("mediaType", signingConfigMediaType),
    certificateAuthorities: parseServices(fields, "caUrls"),
    oidcProviders: parseServices(fields, "oidcUrls"),
    logs: parseServices(fields, "rekorTlogUrls"),
    logConfig: parseConfiguration(fields, "rekorTlogConfig"),
    timestampAuthorities: parseServices(fields, "tsaUrls"),
    timestampConfig: parseConfiguration(fields, "tsaConfig"),
  };
}

function parseServices(fields: Fields, name: string): readonly Service[] {
  return fields.nullable(name, () => fields.objects(name, { max: maxInstances }, parseService)) ?? [];
}

function parseService(fields: Fields): Service {
  const url = fields.string("url", { min: 1, max: 2048 });
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw fields.problem("url", "is not a URL");
  }
  // Service.url: MUST include scheme and authority. Credentials in it would end up in logs.
  const plain = /^https?:$/.test(parsed.protocol) && parsed.username === "" && parsed.password === "";
  if (!plain) throw fields.problem("url", "is not an http or https URL without credentials");
  return {
    url,
    majorApiVersion: fields.nullable("majorApiVersion", () => fields.integer("majorApiVersion", { max: 1000 })) ?? 0,
    validFor: parseTimeRange(fields.object("validFor")),
    operator: fields.nullable("operator", () => fields.string("operator", { max: 256 })) ?? "",
  };
}

function parseConfiguration(fields: Fields, name: string): ServiceConfiguration {
  const configuration = fields.nullable(name, () => fields.object(name));
  // No selector is an error only where services are selected by it: a config may list none.
  if (configuration === undefined) return { selector: "ANY" };
  const selector = configuration.oneOf("selector", "ALL", "ANY", "EXACT");
  if (selector !== "EXACT") return { selector };
  return { selector, count: configuration.integer("count", { min: 1, max: maxInstances }) };
}

export type ServiceKind = "certificateAuthorities" | "oidcProviders" | "logs" | "timestampAuthorities";

/**
 * The services to use of one kind, at time `nowMs`, among those whose API version is in `apiVersions`: the highest
 * such version alone, in their validity, the newest start first, at most one of each operator; then as many as the
 * selector says. Problem `sigstore/service-unavailable` when there are too few.
 */
export function selectServices(
  config: SigningConfig,
  kind: ServiceKind,
  apiVersions: readonly number[],
  nowMs: number,
): readonly [Service, ...Service[]] {
  const valid = config[kind].filter(
    (each) => contains(each.validFor, nowMs) && apiVersions.includes(each.majorApiVersion),
  );
  const version = valid.reduce((highest, each) => Math.max(highest, each.majorApiVersion), 0);
  const newest = valid
    .filter((each) => each.majorApiVersion === version)
    .sort((a, b) => b.validFor.startMs - a.validFor.startMs);
  const perOperator = newest.filter((each, at) => newest.findIndex((other) => other.operator === each.operator) === at);
  const configuration = configurationOf(config, kind);
  const needed = configuration.selector === "EXACT" ? configuration.count : 1;
  demand(
    perOperator.length >= needed,
    "sigstore/service-unavailable",
    `signing config has ${perOperator.length} of ${needed} needed services for ${kind}`,
  );
  const [first, ...others] = perOperator.slice(0, configuration.selector === "ALL" ? undefined : needed);
  return [first!, ...others];
}

// SigningConfig.caUrls and oidcUrls: MUST select only one.
function configurationOf(config: SigningConfig, kind: ServiceKind): ServiceConfiguration {
  if (kind === "logs") return config.logConfig;
  if (kind === "timestampAuthorities") return config.timestampConfig;
  return { selector: "ANY" };
}

/** The signing config as UTF-8 JSON. */
export function encodeSigningConfig(config: SigningConfig): Uint8Array {
  return utf8(`${JSON.stringify(signingConfigJson(config), null, 2)}\n`);
}

function signingConfigJson(config: SigningConfig): JsonObject {
  return {
    mediaType: signingConfigMediaType,
    caUrls: config.certificateAuthorities.map(serviceJson),
    oidcUrls: config.oidcProviders.map(serviceJson),
    rekorTlogUrls: config.logs.map(serviceJson),
    rekorTlogConfig: { ...config.logConfig },
    tsaUrls: config.timestampAuthorities.map(serviceJson),
    tsaConfig: { ...config.timestampConfig },
  };
}

function serviceJson(service: Service): JsonObject {
  return {
    url: service.url,
    majorApiVersion: service.majorApiVersion,
    validFor: timeRangeJson(service.validFor),
    operator: service.operator,
  };
}

export interface ClientTrustConfig {
  readonly trustedRoot: TrustedRoot;
  readonly signingConfig: SigningConfig;
}

/** Trust root and signing config in one file. Problems as for the two, and `sigstore/signing-config-invalid`. */
export function parseClientTrustConfig(bytes: Uint8Array): ClientTrustConfig {
  const json = parseJson(bytes, { maxBytes: maxTrustedRootBytes + maxSigningConfigBytes });
  const fields = Fields.of(json, "client trust config", code);
  fields.oneOf("mediaType", clientTrustConfigMediaType);
  return {
    trustedRoot: trustedRootOf(fields.json("trustedRoot")),
    signingConfig: signingConfigOf(fields.json("signingConfig")),
  };
}

export function encodeClientTrustConfig(config: ClientTrustConfig): Uint8Array {
  const json = {
    mediaType: clientTrustConfigMediaType,
    trustedRoot: trustedRootJson(config.trustedRoot),
    signingConfig: signingConfigJson(config.signingConfig),
  };
  return utf8(`${JSON.stringify(json, null, 2)}\n`);
}
