// Requests to one registry: who we are, redirects to where blobs really lie, and a second try when it is busy. Whatever
// is not an answer is a Problem: a registry that is throttled or down never looks like one that has nothing.

import { setTimeout as sleep } from "node:timers/promises";
import { Fields, parseJson, Problem } from "../core/index.ts";
import { readBody } from "./http.ts";
import type { RegistryCredentials } from "./oci-credentials.ts";

export interface RegistryRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  /** Below the registry, such as `/v2/app/manifests/latest`, or an address that the registry gave. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly maxBytes: number;
  /** Statuses that the caller understands; any other is a Problem. */
  readonly expected: readonly number[];
  /** The reply's body is not held but handed on as `stream`, for as long as a large one may take. */
  readonly streamed?: boolean;
}

export interface RegistryReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** For `streamed` requests, at most `maxBytes`. */
  readonly stream?: AsyncIterable<Uint8Array>;
}

const timeoutMs = 60_000;
const streamTimeoutMs = 60 * 60_000;
const maxRedirects = 5;
const tries = 3;
const maxWaitMs = 10_000;
const maxTokenBytes = 1024 * 1024;

/** Plain http is for this machine alone. */
function baseOf(registry: string): URL {
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(registry);
  return new URL(`${isLoopback ? "http" : "https"}://${registry}`);
}

function isSafeFor(secret: URL, base: URL): boolean {
  return secret.protocol === "https:" || secret.origin === base.origin || baseOf(secret.host).protocol === "http:";
}

/** Problems `io/registry-status`, `io/registry-unauthorized`, `io/unreachable`, `io/too-large`, `io/redirect`. */
export function createRegistryTransport(
  registry: string,
  credentials: () => Promise<RegistryCredentials | undefined>,
): (request: RegistryRequest) => Promise<RegistryReply> {
  const base = baseOf(registry);
  // By the challenge that asked for it.
  const known = new Map<string, string>();
  let authorization: string | undefined;

  const attempt = async (request: RegistryRequest): Promise<Response> => {
    const response = await follow(base, request, authorization);
    if (response.status !== 401) return response;
    const challenge = response.headers.get("www-authenticate") ?? "";
    await response.body?.cancel();
    authorization = known.get(challenge) ?? (await answerChallenge(base, challenge, await credentials()));
    known.set(challenge, authorization);
    return follow(base, request, authorization);
  };

  return async (request) => {
    for (let left = tries; ;) {
      left--;
      const response = await reaching(base, () => attempt(request));
      const { status, headers } = response;
      if (request.expected.includes(status)) {
        if (request.streamed === true) {
          return { status, headers, body: new Uint8Array(), stream: bounded(base, response, request.maxBytes) };
        }
        return { status, headers, body: await reaching(base, () => readBody(response, request.maxBytes)) };
      }
      const said = await reaching(base, () => readBody(response, 64 * 1024)).catch(() => new Uint8Array());
      const isBusy = status === 429 || status >= 500;
      if (isBusy && left > 0) {
        const afterS = Number(headers.get("retry-after") ?? Number.NaN);
        await sleep(Math.min(maxWaitMs, Number.isFinite(afterS) ? afterS * 1000 : 500 * (tries - left)));
        continue;
      }
      throw refusal(registry, request, status, said);
    }
  };
}

async function reaching<T>(base: URL, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem("io/unreachable", `no answer from the registry ${base.host}`, {
      cause,
      hint: "is the name right, and is it reached from here?",
    });
  }
}

/** A body piece by piece. Problems `io/too-large`, `io/unreachable`. */
async function* bounded(base: URL, response: Response, maxBytes: number): AsyncIterable<Uint8Array> {
  let size = 0;
  try {
    for await (const piece of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
      size += piece.length;
      if (size > maxBytes) throw new Problem("io/too-large", `${base.host} sent more than ${maxBytes} bytes`);
      yield piece;
    }
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw new Problem("io/unreachable", `the registry ${base.host} broke off`, { cause });
  }
}

/** Follows redirects of reads; what proves who we are goes to the registry alone. */
async function follow(base: URL, request: RegistryRequest, authorization: string | undefined): Promise<Response> {
  const signal = AbortSignal.timeout(request.streamed === true ? streamTimeoutMs : timeoutMs);
  let url = new URL(request.path, base);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const headers: Record<string, string> = { ...request.headers };
    if (authorization !== undefined && url.origin === base.origin) headers["authorization"] = authorization;
    const response = await fetch(url, {
      method: request.method,
      redirect: "manual",
      signal,
      headers,
      ...(request.body === undefined ? {} : { body: request.body as Uint8Array<ArrayBuffer> }),
    });
    const location = response.headers.get("location");
    const moves = [301, 302, 303, 307, 308].includes(response.status);
    if (!moves || location === null || request.body !== undefined) return response;
    await response.body?.cancel();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    const isDowngrade = url.protocol === "https:" && next?.protocol !== "https:";
    if (next === undefined || isDowngrade || !/^https?:$/.test(next.protocol)) {
      throw new Problem("io/redirect", `${url.href} leads to an address that is not followed`);
    }
    url = next;
  }
  throw new Problem("io/redirect", `${request.path} is redirected more than ${maxRedirects} times`);
}

/** Distribution's token authentication, or Basic (RFC 7617). */
async function answerChallenge(
  base: URL,
  challenge: string,
  credentials: RegistryCredentials | undefined,
): Promise<string> {
  const basic =
    credentials === undefined
      ? undefined
      : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
  const denied = (why: string): Problem =>
    new Problem("io/registry-unauthorized", `the registry ${base.host} wants to know who asks: ${why}`, {
      hint: "log in as for docker: its config.json is read (DOCKER_CONFIG, else ~/.docker)",
    });
  if (/^basic\b/i.test(challenge)) {
    if (basic === undefined) throw denied("there are no credentials for it");
    return basic;
  }
  if (!/^bearer\b/i.test(challenge)) throw denied("it does not say how");
  const parameters = new Map(
    [...challenge.matchAll(/([a-z]+)="([^"]*)"/gi)].map(([, name = "", value = ""]) => [name.toLowerCase(), value]),
  );
  const realm = parameters.get("realm") ?? "";
  if (!URL.canParse(realm) || !isSafeFor(new URL(realm), base)) throw denied("its token service has no safe address");
  const url = new URL(realm);
  const asked = new URLSearchParams();
  for (const name of ["service", "scope"]) if (parameters.has(name)) asked.set(name, parameters.get(name)!);
  const refresh = credentials?.identityToken;
  if (refresh !== undefined) {
    asked.set("grant_type", "refresh_token");
    asked.set("client_id", "sealwright");
    asked.set("refresh_token", refresh);
  } else for (const [name, value] of asked) url.searchParams.set(name, value);
  const response = await fetch(url, {
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
    ...(refresh === undefined
      ? { headers: basic === undefined ? {} : { authorization: basic } }
      : { method: "POST", body: asked }),
  });
  const body = await readBody(response, maxTokenBytes);
  if (response.status !== 200) throw denied(`its token service answered with status ${response.status}`);
  const fields = Fields.of(parseJson(body, { maxBytes: maxTokenBytes }), "token", "io/registry-unauthorized");
  return `Bearer ${fields.string(fields.has("token") ? "token" : "access_token")}`;
}

function refusal(registry: string, request: RegistryRequest, status: number, said: Uint8Array): Problem {
  const text = new TextDecoder().decode(said.subarray(0, 300)).replaceAll(/[^\x20-\x7e]+/g, " ");
  const what = `${registry} answered ${request.method} ${request.path.split("?")[0]} with status ${status}${text === "" ? "" : `: ${text}`}`;
  if (status === 401 || status === 403) return new Problem("io/registry-unauthorized", what);
  const isBusy = status === 429 || status >= 500;
  const hint = "the registry is busy or failing: nothing was concluded";
  return new Problem("io/registry-status", what, isBusy ? { hint } : {});
}
