// The typed client of a running instance. The transport is handed in; every reply is bounded and checked.

import { fromUtf8, isJsonObject, type Json, type JsonObject, parseJson, Problem, utf8 } from "../core/index.ts";
import { mediaTypes, paths } from "./paths.ts";

export interface ApiRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}
export interface ApiReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}
export type Transport = (request: ApiRequest) => Promise<ApiReply>;

/** Clients of the log must wait at least 20 s for an entry (Rekor v2 client specification). */
const timeoutMs = 30_000;
const maxReplyBytes = 4 * 1024 * 1024;
/** Tries of a request that found the service busy or out of reach. */
const maxTries = 3;

/** Addresses of the services, base addresses but for the TSA's, which is whole. */
export interface ServiceUrls {
  readonly ca: string;
  readonly log: string;
  readonly tsa: string;
}

export interface ServiceClient {
  /** Fulcio v2: the JSON of `CreateSigningCertificateRequest` to the JSON of `SigningCertificate`. */
  signingCertificate(request: JsonObject): Promise<Json>;
  /** Rekor v2: the JSON of `CreateEntryRequest` to the JSON of `TransparencyLogEntry`. */
  addEntry(request: JsonObject): Promise<Json>;
  /** RFC 3161: DER to DER. */
  timestamp(query: Uint8Array): Promise<Uint8Array>;
}

function detailOf(reply: ApiReply): string {
  try {
    const document = parseJson(reply.body, { maxBytes: maxReplyBytes });
    const detail = isJsonObject(document) ? (document["detail"] ?? document["message"]) : undefined;
    if (typeof detail === "string") return detail.slice(0, 500);
  } catch {
    // A body that is no JSON is shown as it is below.
  }
  try {
    return fromUtf8(reply.body).slice(0, 200);
  } catch {
    return `${reply.body.length} bytes`;
  }
}

/** What an answer of another status than wanted is. Problems `api/unavailable`, `api/refused`. */
export function refusal(url: string, reply: ApiReply): Problem {
  const busy = reply.status === 429 || reply.status >= 500;
  return new Problem(busy ? "api/unavailable" : "api/refused", `${url} answered ${reply.status}: ${detailOf(reply)}`);
}

async function send(transport: Transport, request: ApiRequest, accepted: readonly number[]): Promise<ApiReply> {
  for (let attempt = 1; ; attempt++) {
    const reply = await transport(request);
    if (accepted.includes(reply.status)) return reply;
    const busy = reply.status === 429 || reply.status === 503;
    if (!busy || attempt >= maxTries) throw refusal(request.url, reply);
  }
}

/**
 * A client of the three services. Problems: `api/refused`, `api/unavailable`, and what the transport throws.
 * A log's 409 says that the entry is there already, as after a try whose answer was lost; ours carries the entry with it.
 */
export function createServiceClient(urls: ServiceUrls, transport: Transport): ServiceClient {
  const post = (url: string, body: Uint8Array, type: string, accepted: readonly number[]): Promise<ApiReply> =>
    send(
      transport,
      { method: "POST", url, headers: { "content-type": type }, body, maxBytes: maxReplyBytes, timeoutMs },
      accepted,
    );
  const json = async (url: string, body: JsonObject, accepted: readonly number[]): Promise<Json> => {
    const reply = await post(url, utf8(JSON.stringify(body)), mediaTypes.json, accepted);
    return parseJson(reply.body, { maxBytes: maxReplyBytes });
  };
  return {
    signingCertificate: (body) => json(join(urls.ca, paths.signingCert), body, [200, 201]),
    addEntry: (body) => json(join(urls.log, paths.logEntries), body, [200, 201, 409]),
    timestamp: async (query) => (await post(urls.tsa, query, mediaTypes.timestampQuery, [200, 201])).body,
  };
}

/** Fails when the services at an address do not answer. Problems `api/refused`, `api/unavailable`, `io/unreachable`. */
export async function demandHealthy(baseUrl: string, transport: Transport): Promise<void> {
  const url = join(baseUrl, paths.health);
  await send(transport, { method: "GET", url, maxBytes: maxReplyBytes, timeoutMs }, [200]);
}

export interface DecisionClient {
  /** Asks for a decision on a release, and has it recorded. `token` is of the organisation's issuer, for this purpose. */
  decide(release: JsonObject, token: string): Promise<Json>;
}

/** A client of the decision interface at a base address. Problems as for `createServiceClient`. */
export function createDecisionClient(baseUrl: string, transport: Transport): DecisionClient {
  return {
    decide: async (release, token) => {
      const reply = await send(
        transport,
        {
          method: "POST",
          url: join(baseUrl, paths.decisions),
          headers: { "content-type": mediaTypes.json, authorization: `Bearer ${token}` },
          body: utf8(JSON.stringify(release)),
          maxBytes: maxReplyBytes,
          timeoutMs,
        },
        [200],
      );
      return parseJson(reply.body, { maxBytes: maxReplyBytes });
    },
  };
}

/** A base address and a path; a slash that ends the base is not doubled. */
export function join(base: string, path: string): string {
  return base.replace(/\/+$/, "") + path;
}
