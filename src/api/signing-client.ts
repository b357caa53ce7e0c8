// The services that a signer talks to, each by its own address: Fulcio v2, Rekor v1 and v2, RFC 3161. A service that
// is busy or cannot be reached is asked again, a bounded number of times; one that fails is a Problem that names it.
// There is no falling back from one service to another: who chose several wants them all.

import { isProblem, type Json, type JsonObject, parseJson, Problem, utf8 } from "../core/index.ts";
import { type ApiReply, type ApiRequest, join, refusal, type Transport } from "./client.ts";
import { mediaTypes, paths } from "./paths.ts";

export interface SigningClients {
  /** Fulcio v2: the JSON of `CreateSigningCertificateRequest` to the JSON of `SigningCertificate`. */
  certificateAuthority(url: string): (request: JsonObject) => Promise<Json>;
  /** Rekor of that version: the JSON of an entry to the JSON of its answer. */
  log(url: string, majorApiVersion: 1 | 2): (request: JsonObject) => Promise<Json>;
  /** RFC 3161, by its whole address: DER to DER. */
  timestampAuthority(url: string): (query: Uint8Array) => Promise<Uint8Array>;
}

export interface SigningClientWorld {
  readonly transport: Transport;
  readonly wait: (ms: number) => Promise<void>;
}

/** A log may take 20 s for an entry (Rekor v2 client specification). */
const timeoutMs = 30_000;
const maxReplyBytes = 4 * 1024 * 1024;
const maxTries = 3;
const firstWaitMs = 500;
const maxWaitMs = 10_000;

/** Problems `api/refused`, `api/unavailable`, `api/entry-exists`, and what the transport throws. */
export function createSigningClients(world: SigningClientWorld): SigningClients {
  const json = async (url: string, body: JsonObject, accepted: readonly number[]): Promise<ApiReply> =>
    send(world, post(url, utf8(JSON.stringify(body)), mediaTypes.json), accepted);
  return {
    certificateAuthority: (url) => async (request) =>
      read(await json(join(url, paths.signingCert), request, [200, 201])),
    log: (url, version) => async (request) => {
      if (version === 2) return addEntry(url, await json(join(url, paths.logEntries), request, [200, 201, 409]));
      const reply = await json(join(url, paths.logEntriesV1), request, [200, 201, 409]);
      return reply.status === 409 ? existingEntry(world, url, reply) : read(reply);
    },
    timestampAuthority: (url) => async (query) =>
      (await send(world, post(url, query, mediaTypes.timestampQuery), [200, 201])).body,
  };
}

function post(url: string, body: Uint8Array, type: string): ApiRequest {
  const headers = { "content-type": type, accept: type === mediaTypes.json ? type : mediaTypes.timestampReply };
  return { method: "POST", url, headers, body, maxBytes: maxReplyBytes, timeoutMs };
}

function read(reply: ApiReply): Json {
  return parseJson(reply.body, { maxBytes: maxReplyBytes });
}

// Ours answers a duplicate with its entry. Others give its index alone: the same signature is in the log already, which
// a fresh key's never is.
function addEntry(url: string, reply: ApiReply): Json {
  const json = read(reply);
  if (reply.status !== 409 || (json as JsonObject | null)?.["canonicalizedBody"] !== undefined) return json;
  throw new Problem("api/entry-exists", `the log ${url} has this signature already`, {
    hint: "the bundle of the first time is the one to keep",
  });
}

/** openapi.yaml, createLogEntry: a conflict's Location is the entry that is there. */
async function existingEntry(world: SigningClientWorld, url: string, reply: ApiReply): Promise<Json> {
  const uuid = /^(?:[^?#]*\/)?api\/v1\/log\/entries\/([0-9a-f]{64,80})$/.exec(reply.headers.get("location") ?? "")?.[1];
  if (uuid === undefined) throw new Problem("api/entry-exists", `the log ${url} has this signature already`);
  const entry = { method: "GET", url: join(url, `${paths.logEntriesV1}/${uuid}`), maxBytes: maxReplyBytes } as const;
  return read(await send(world, { ...entry, timeoutMs }, [200]));
}

async function send(
  { transport, wait }: SigningClientWorld,
  request: ApiRequest,
  accepted: readonly number[],
): Promise<ApiReply> {
  for (let attempt = 1; ; attempt++) {
    let reply: ApiReply | undefined;
    try {
      reply = await transport(request);
    } catch (error) {
      if (!isProblem(error, "io/unreachable") || attempt >= maxTries) throw error;
    }
    if (reply !== undefined && accepted.includes(reply.status)) return reply;
    const isBusy = reply === undefined || reply.status === 429 || reply.status >= 500;
    if (reply !== undefined && (!isBusy || attempt >= maxTries)) throw refusal(request.url, reply);
    const afterS = Number(reply?.headers.get("retry-after") ?? Number.NaN);
    await wait(Math.min(maxWaitMs, Number.isFinite(afterS) ? afterS * 1000 : firstWaitMs * attempt));
  }
}
