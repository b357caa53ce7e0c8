// A person logs in: OpenID Connect's authorization code flow with PKCE in a browser, its answer on the loopback
// interface, or the device flow where no browser is at hand. OpenID Connect Core 1.0 §3.1, Discovery 1.0; RFC 7636
// (S256 alone), RFC 8252 §7.3, RFC 8628, RFC 9207. Whatever comes back is checked: state, issuer, nonce, and the
// token's signature by the provider's keys; jose does the JWT work. No client secret: this is a public client.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { base64url, Fields, parseJson, Problem, utf8 } from "../core/index.ts";
import { digest, randomBytes } from "../crypto/index.ts";
import { request } from "./http.ts";
import { verifyIdToken } from "./oidc-token.ts";

export interface LoginOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

export interface BrowserLogin extends LoginOptions {
  /** Shows a person the address, in a browser or as a text. */
  readonly open: (url: string) => void;
  readonly timeoutMs?: number;
}

export interface DeviceLogin extends LoginOptions {
  readonly show: (prompt: { readonly url: string; readonly code: string }) => void;
}

interface Provider {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly deviceEndpoint: string | undefined;
  readonly keysUrl: string;
  readonly hasIssuerInAnswer: boolean;
}

const scope = "openid email";
const maxBytes = 256 * 1024;
const timeoutMs = 20_000;
const loginTimeoutMs = 5 * 60_000;
const callbackPath = "/auth/callback";
const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
const refused = "oidc/login-refused";
const invalid = "oidc/provider-invalid";

/** An identity token of who logged in. Problems `oidc/login-refused`, `oidc/login-timeout`, `oidc/provider-invalid`, `oidc/token-invalid`, `io/*`. */
export async function logInByBrowser(options: BrowserLogin): Promise<string> {
  const provider = await discover(options.issuer);
  const [state, nonce, verifier] = [secret(), secret(), secret()];
  const callback = await listenForCode(state, provider, options.timeoutMs ?? loginTimeoutMs);
  try {
    const url = new URL(provider.authorizationEndpoint);
    const asked = {
      response_type: "code",
      client_id: options.clientId,
      redirect_uri: callback.redirectUri,
      scope,
      state,
      nonce,
      code_challenge: base64url(digest("sha256", utf8(verifier))),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    options.open(url.href);
    const code = await callback.code;
    const answer = await postForm(provider.tokenEndpoint, {
      grant_type: "authorization_code",
      code,
      redirect_uri: callback.redirectUri,
      client_id: options.clientId,
      code_verifier: verifier,
    });
    return await checkedToken(answer, provider, options, nonce);
  } finally {
    callback.close();
  }
}

/** As `logInByBrowser`, by a code that the person enters elsewhere. */
export async function logInByDevice(options: DeviceLogin): Promise<string> {
  const provider = await discover(options.issuer);
  if (provider.deviceEndpoint === undefined) throw new Problem(invalid, `${options.issuer} has no device flow`);
  const { clientId, now, wait } = options;
  // RFC 8628 has no PKCE of its own; Dex, the public instance's provider, takes it here and binds the code to us.
  const verifier = secret();
  const challenge = { code_challenge: base64url(digest("sha256", utf8(verifier))), code_challenge_method: "S256" };
  const started = await postForm(provider.deviceEndpoint, { client_id: clientId, scope, ...challenge });
  const fields = fieldsOf(started, [200]);
  const deviceCode = fields.string("device_code", { min: 1, max: 4096 });
  const complete = fields.optional("verification_uri_complete", (name) => fields.string(name));
  const url = safeUrl(complete ?? fields.string("verification_uri"), "verification_uri").href;
  options.show({ url, code: fields.string("user_code", { max: 256 }) });
  const endMs = now() + fields.integer("expires_in", { min: 1, max: 3600 }) * 1000;
  let intervalS = fields.optional("interval", (name) => fields.integer(name, { min: 1, max: 60 })) ?? 5;
  while (now() < endMs) {
    await wait(intervalS * 1000);
    const answer = await postForm(provider.tokenEndpoint, {
      grant_type: deviceGrant,
      device_code: deviceCode,
      client_id: clientId,
      code_verifier: verifier,
    });
    const error = answer.status === 200 ? undefined : errorOf(answer);
    // §3.5: slow_down asks for five seconds more from then on.
    if (error === "slow_down") intervalS += 5;
    else if (error !== "authorization_pending") return checkedToken(answer, provider, options, undefined);
  }
  throw new Problem("oidc/login-timeout", "nobody entered the code in time");
}

function secret(): string {
  return base64url(randomBytes(32));
}

interface FormReply {
  readonly status: number;
  readonly body: Uint8Array;
  readonly url: string;
}

async function postForm(url: string, form: Readonly<Record<string, string>>): Promise<FormReply> {
  const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
  const body = utf8(new URLSearchParams(form).toString());
  const { status, body: said } = await request({ method: "POST", url, headers, body, maxBytes, timeoutMs });
  return { status, body: said, url };
}

function jsonOf({ body, url }: FormReply): Fields {
  try {
    return Fields.of(parseJson(body, { maxBytes }), "answer", invalid);
  } catch (cause) {
    throw new Problem(invalid, `${url} answered with no JSON object`, { cause });
  }
}

/** The `error` of an answer (RFC 6749 §5.2); only what it may consist of. */
function errorOf(reply: FormReply): string {
  const fields = jsonOf(reply);
  return (fields.optional("error", (name) => fields.string(name, { max: 200 })) ?? `status ${reply.status}`).replaceAll(
    /[^\x20-\x7e]/g,
    "?",
  );
}

function fieldsOf(reply: FormReply, expected: readonly number[]): Fields {
  if (!expected.includes(reply.status)) throw new Problem(refused, `the provider refused: ${errorOf(reply)}`);
  return jsonOf(reply);
}

async function checkedToken(
  reply: FormReply,
  { issuer, keysUrl }: Provider,
  { clientId, now }: LoginOptions,
  nonce: string | undefined,
): Promise<string> {
  const token = fieldsOf(reply, [200]).string("id_token", { min: 1, max: 16 * 1024 });
  const keys = await request({ method: "GET", url: keysUrl, maxBytes, timeoutMs });
  if (keys.status !== 200) throw new Problem(invalid, `${keysUrl} answered with status ${keys.status}`);
  await verifyIdToken(token, keys.body, { issuer, audience: clientId, nonce, now: now() });
  return token;
}

/** Discovery 1.0 §4.3: the document's issuer is the one that was asked. Problem `oidc/provider-invalid`. */
async function discover(issuer: string): Promise<Provider> {
  const base = safeUrl(issuer, "issuer").href.replace(/\/$/, "");
  const url = `${base}/.well-known/openid-configuration`;
  const { status, body } = await request({ method: "GET", url, maxBytes, timeoutMs });
  if (status !== 200) throw new Problem(invalid, `${url} answered with status ${status}`);
  const fields = jsonOf({ status, body, url });
  const named = fields.string("issuer");
  if (named !== issuer && named !== base) throw new Problem(invalid, `${issuer} says that it is another issuer`);
  const endpoint = (name: string): string => safeUrl(fields.string(name), name).href;
  const methods = fields.optional("code_challenge_methods_supported", (name) => fields.strings(name, { max: 20 }));
  if (methods !== undefined && !methods.includes("S256")) throw new Problem(invalid, `${issuer} does not do PKCE`);
  return {
    issuer: named,
    authorizationEndpoint: endpoint("authorization_endpoint"),
    tokenEndpoint: endpoint("token_endpoint"),
    deviceEndpoint: fields.optional("device_authorization_endpoint", endpoint),
    keysUrl: endpoint("jwks_uri"),
    hasIssuerInAnswer:
      fields.optional("authorization_response_iss_parameter_supported", (name) => fields.boolean(name)) ?? false,
  };
}

/** Plain http is for this machine alone. */
function safeUrl(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = url !== undefined && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback)) return url;
  throw new Problem(invalid, `the provider's ${name} is no https address`);
}

interface Callback {
  readonly redirectUri: string;
  readonly code: Promise<string>;
  close(): void;
}

/** RFC 8252 §7.3: a port of the moment on the loopback interface, for one answer. */
async function listenForCode(state: string, provider: Provider, withinMs: number): Promise<Callback> {
  let settle: (read: () => string) => void = () => undefined;
  const code = new Promise<string>((done, fail) => {
    settle = (read) => {
      try {
        done(read());
      } catch (error) {
        fail(error as Error);
      }
    };
  });
  // Nobody may be waiting for it yet when it fails.
  code.catch(() => undefined);
  const server = createServer((incoming, response) => {
    const url = new URL(incoming.url ?? "/", "http://localhost");
    const answered = (status: number, text: string): void =>
      void response
        .writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" })
        .end(`${text}\n`);
    if (incoming.method !== "GET" || url.pathname !== callbackPath) return answered(404, "nothing here");
    // Somebody else's page may lead a browser here: without our state it is no answer, and ends nothing.
    if (url.searchParams.get("state") !== state) return answered(400, "this is not the login that was asked for");
    try {
      const read = readAnswer(url.searchParams, provider);
      answered(200, "You are logged in and can close this window.");
      settle(() => read);
    } catch (error) {
      answered(400, "The login was refused. You can close this window.");
      settle(() => {
        throw error;
      });
    }
  });
  await listening(server);
  const timer = setTimeout(
    () =>
      settle(() => {
        throw new Problem("oidc/login-timeout", "nobody logged in in time");
      }),
    withinMs,
  );
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    clearTimeout(timer);
    server.close();
    server.closeIdleConnections();
  };
  return { redirectUri: `http://localhost:${port}${callbackPath}`, code, close };
}

function listening(server: Server): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", (cause) => fail(new Problem("io/unreachable", "no port for the login's answer", { cause })));
    server.listen(0, "localhost", done);
  });
}

function readAnswer(answer: URLSearchParams, { issuer, hasIssuerInAnswer }: Provider): string {
  // RFC 9207 §2.4: an answer of another provider that this one was mixed up with.
  const from = answer.get("iss");
  if ((from !== null || hasIssuerInAnswer) && from !== issuer)
    throw new Problem(refused, "the answer is another provider's");
  const error = answer.get("error");
  if (error !== null)
    throw new Problem(refused, `the provider refused: ${error.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200)}`);
  const code = answer.get("code");
  if (code === null || code === "" || answer.getAll("code").length !== 1)
    throw new Problem(refused, "the provider's answer has no code");
  return code;
}
