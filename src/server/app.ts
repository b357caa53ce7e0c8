// HTTP edge: a request becomes a call of the authority, its answer or Problem a response. Nothing is decided here.

import { Hono } from "hono";
import { maxEvidenceBytes, maxRequestBytes, mediaTypes, paths, type ProblemDocument } from "../api/index.ts";
import { isProblem, type JsonObject, Problem } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import type { Authority, TufFile } from "../flows/index.ts";
import { timestampQueryOfJson } from "../sigstore/index.ts";

/** One line of the access log. */
export interface AccessRecord {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly code?: string;
  readonly error?: unknown;
}

export interface AppOptions {
  /** A fresh identifier for a request. */
  readonly requestId: () => string;
  readonly onAccess?: (record: AccessRecord) => void;
}

const immutable = "public, max-age=31536000, immutable";
const fresh = "no-cache";

/** HTTP status of a Problem: its caller's fault, a state of ours, or a bug. */
export function statusOf(problem: Problem): 400 | 401 | 403 | 404 | 409 | 413 | 503 {
  if (problem.code === "io/too-large" || problem.code === "api/too-large") return 413;
  if (problem.code === "oidc/token-expired" || problem.code === "oidc/token-invalid") return 401;
  if (problem.code.endsWith("/not-found") || problem.code === "decision/none") return 404;
  if (problem.code.startsWith("io/") || problem.code.startsWith("log/") || problem.code.endsWith("/unavailable"))
    return 503;
  return 400;
}

function problemResponse(problem: Problem, requestId: string): Response {
  const status = statusOf(problem);
  // What is wrong on this machine is for its log, which has the whole chain.
  const detail = status === 503 && problem.code.startsWith("io/") ? "the service's storage failed" : problem.message;
  const document: ProblemDocument = {
    type: `https://sealwright.dev/problems/${problem.code}`,
    title: problem.code,
    status,
    detail,
    code: problem.code,
    message: detail,
    requestId,
  };
  // A file that is not there yet, such as the next root, may be there the next moment.
  const headers = { "content-type": mediaTypes.problem, "cache-control": "no-store" };
  return new Response(JSON.stringify(document), { status, headers });
}

function json(body: JsonObject, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": mediaTypes.json, ...headers } });
}

function bytes(body: Uint8Array | string, type: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body as string | Uint8Array<ArrayBuffer>, { headers: { "content-type": type, ...headers } });
}

function requireType(request: Request, ...types: readonly string[]): string {
  const given = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (given !== undefined && types.includes(given)) return given;
  throw new Problem("api/media-type", `content-type must be ${types.join(" or ")}`);
}

function bearerOf(request: Request): string | undefined {
  return /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

function tooLarge(maxBytes: number): Problem {
  return new Problem("api/too-large", `a request body holds at most ${maxBytes} bytes`);
}

/**
 * The body, counted while it comes: nothing is held that no handler asked for, and never more than `maxBytes`.
 * Problem `api/too-large`.
 */
async function bodyOf(request: Request, maxBytes = maxRequestBytes): Promise<Uint8Array> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  // One buffer that doubles: a body in chunks of one byte costs no more than another.
  let held = new Uint8Array(declared || 4096);
  let length = 0;
  for await (const chunk of request.body ?? []) {
    if (length + chunk.length > maxBytes) throw tooLarge(maxBytes);
    if (length + chunk.length > held.length) held = grown(held, length + chunk.length);
    held.set(chunk, length);
    length += chunk.length;
  }
  return held.subarray(0, length);
}

function grown(from: Uint8Array, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(2 * from.length, needed));
  larger.set(from);
  return larger;
}

function addServices(app: Hono, authority: Authority): void {
  app.post(paths.signingCert, async (c) => {
    requireType(c.req.raw, mediaTypes.json);
    return json(await authority.signingCertificate(await bodyOf(c.req.raw), bearerOf(c.req.raw)), 200);
  });
  app.get(paths.trustBundle, () => json(authority.trustBundle()));
  app.get(paths.configuration, () => json(authority.configuration()));
  app.post(paths.logEntries, async (c) => {
    requireType(c.req.raw, mediaTypes.json);
    const { entry, duplicateOf } = await authority.addEntry(await bodyOf(c.req.raw));
    if (duplicateOf === undefined) return json(entry, 201);
    return json({ code: 6, message: "an equivalent entry is in the log already", ...entry }, 409, {
      "x-log-index": String(duplicateOf),
    });
  });
  app.post(paths.timestamp, async (c) => {
    const type = requireType(c.req.raw, mediaTypes.timestampQuery, mediaTypes.json);
    const body = await bodyOf(c.req.raw);
    const query = type === mediaTypes.json ? timestampQueryOfJson(body) : body;
    return bytes(await authority.timestamp(query), mediaTypes.timestampReply);
  });
  app.get(paths.timestampChain, () => bytes(authority.timestampChain(), mediaTypes.pem));
  app.get(paths.discovery, () => json(authority.discovery()));
  app.get(paths.keySet, () => json(authority.keySet()));
  app.post(paths.decisions, async (c) => {
    requireType(c.req.raw, mediaTypes.json);
    return json(await authority.decide(bearerOf(c.req.raw), () => bodyOf(c.req.raw, maxEvidenceBytes)));
  });
  app.get(`${paths.decisions}/:digest`, async (c) => {
    const found = await authority.decision(c.req.param("digest"));
    if (found === undefined) throw new Problem("decision/none", "no decision is recorded for this digest");
    return json(found);
  });
  app.get(paths.health, () => json(authority.health()));
}

/** A file of the TUF repository: streamed when it is a target, confirmed when the client has it already. */
function tufResponse(
  { content, length, immutable: isFixed }: TufFile,
  path: string,
  known: string | undefined,
): Response {
  const type = path.endsWith(".json") && !path.startsWith("targets/") ? mediaTypes.json : "application/octet-stream";
  const headers = { "content-type": type, "content-length": String(length) };
  if (isFixed || !(content instanceof Uint8Array)) {
    const body = content instanceof Uint8Array ? (content as Uint8Array<ArrayBuffer>) : ReadableStream.from(content);
    return new Response(body, { headers: { ...headers, "cache-control": immutable } });
  }
  const etag = `"${digestHex("sha256", content).slice(0, 32)}"`;
  const fixed = { etag, "cache-control": fresh };
  const matches = known?.split(",").some((each) => each.trim().replace(/^W\//, "") === etag) ?? false;
  if (matches) return new Response(null, { status: 304, headers: fixed });
  return new Response(content as Uint8Array<ArrayBuffer>, { headers: { ...headers, ...fixed } });
}

/** Static read paths: tiles and versioned metadata never change, checkpoints and the timestamp always may. */
function addStatic(app: Hono, authority: Authority): void {
  const serve = async (area: "log" | "ct", path: string): Promise<Response> => {
    const found = await authority.readStatic(area, path);
    if (found === undefined) throw new Problem("static/not-found", `there is no ${area} file of this name`);
    const isCheckpoint = path === "checkpoint";
    return bytes(found, isCheckpoint ? "text/plain; charset=utf-8" : "application/octet-stream", {
      "cache-control": isCheckpoint ? fresh : immutable,
    });
  };
  const rest = (path: string, base: string): string => path.slice(base.length + 1);
  app.get(`${paths.log}/checkpoint`, () => serve("log", "checkpoint"));
  app.get(`${paths.log}/tile/*`, (c) => serve("log", rest(c.req.path, paths.log)));
  app.get(`${paths.ct}/*`, (c) => serve("ct", rest(c.req.path, paths.ct)));
  app.get(`${paths.tuf}/*`, async (c) => {
    // Not the framework's path, in which some of what was encoded is decoded.
    const path = rest(new URL(c.req.url).pathname, paths.tuf);
    const found = await authority.readTuf(path);
    if (found === undefined) throw new Problem("static/not-found", "there is no tuf file of this name");
    return tufResponse(found, path, c.req.header("if-none-match"));
  });
  app.get(paths.metrics, async () => bytes(await authority.metrics(), "text/plain; version=0.0.4; charset=utf-8"));
}

/** The application: every path of `api/paths.ts`, one error form, one access record a request. */
export function createApp(authority: Authority, options: AppOptions): Hono {
  const app = new Hono();
  const ids = new WeakMap<Request, string>();
  const idOf = (request: Request): string => {
    const known = ids.get(request) ?? options.requestId();
    ids.set(request, known);
    return known;
  };
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("x-request-id", idOf(c.req.raw));
    c.res.headers.set("x-content-type-options", "nosniff");
    if (c.error === undefined)
      options.onAccess?.({ requestId: idOf(c.req.raw), method: c.req.method, path: c.req.path, status: c.res.status });
  });
  addServices(app, authority);
  addStatic(app, authority);
  // Not `app.notFound`, which would come after the middleware above.
  app.all("*", (c) => {
    throw new Problem("api/not-found", `there is nothing at ${c.req.path.slice(0, 200)}`);
  });
  app.onError((error, c) => {
    const requestId = idOf(c.req.raw);
    // What is no Problem is a bug of ours: the client learns that, the log learns what.
    const problem = isProblem(error) ? error : undefined;
    const status = problem === undefined ? 500 : statusOf(problem);
    options.onAccess?.({
      requestId,
      method: c.req.method,
      path: c.req.path,
      status,
      code: problem?.code ?? "server/bug",
      error,
    });
    if (problem !== undefined) return problemResponse(problem, requestId);
    const document = {
      type: "about:blank",
      title: "server/bug",
      status,
      detail: "internal error",
      code: "server/bug",
      message: "internal error",
      requestId,
    };
    return new Response(JSON.stringify(document), { status, headers: { "content-type": mediaTypes.problem } });
  });
  return app;
}
