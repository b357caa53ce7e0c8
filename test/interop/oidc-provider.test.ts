// A person logs in at a real OpenID provider, oidc-provider 9 (certified by the OpenID Foundation): in a browser with
// PKCE, and by the device flow. The browser is played: pages are fetched with their cookies, forms are filled in and
// sent. Runs where SEALWRIGHT_PEERS_OIDC_PROVIDER names a folder in which `npm install oidc-provider@9` was run.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { claimsOf } from "../../src/flows/index.ts";
import { logInByBrowser, logInByDevice } from "../../src/io/index.ts";

const home = process.env["SEALWRIGHT_PEERS_OIDC_PROVIDER"];
const maxPages = 20;

interface ProviderClass {
  new (issuer: string, configuration: object): { callback(): (request: unknown, response: unknown) => void };
}

/** The issuer's address; undefined after skipping. */
async function startProvider(t: TestContext): Promise<string | undefined> {
  if (home === undefined) {
    t.skip("skipped: SEALWRIGHT_PEERS_OIDC_PROVIDER names no folder with oidc-provider");
    return undefined;
  }
  t.mock.method(console, "warn", () => undefined);
  t.mock.method(console, "info", () => undefined);
  const module = pathToFileURL(join(resolve(home), "node_modules", "oidc-provider", "lib", "index.js")).href;
  const { default: Provider } = (await import(module)) as { default: ProviderClass };
  let answer: (request: unknown, response: unknown) => void = () => undefined;
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => (server.closeAllConnections(), server.close()));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "sigstore",
        application_type: "native",
        token_endpoint_auth_method: "none",
        redirect_uris: ["http://localhost/auth/callback"],
        grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
      },
    ],
    pkce: { required: () => true },
    features: { deviceFlow: { enabled: true } },
    claims: { email: ["email", "email_verified"] },
    conformIdTokenClaims: false,
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id, email_verified: true }),
    }),
    cookies: { keys: ["a key for tests"] },
  });
  answer = provider.callback();
  return issuer;
}

/** Fetches a page as a browser would and sends its forms until there is none left; gives the last page. */
async function browse(start: string, person: string): Promise<string> {
  const cookies = new Map<string, string>();
  let next: { url: string; body?: string } = { url: start };
  for (let page = 0; page < maxPages; page++) {
    const response = await fetch(next.url, {
      redirect: "manual",
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        ...(next.body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      },
      ...(next.body === undefined ? {} : { method: "POST", body: next.body }),
    });
    for (const each of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(each) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get("location");
    if (location !== null) {
      next = { url: new URL(location, next.url).href };
      continue;
    }
    const html = await response.text();
    const form = /<form[^>]*>([^]*?)<\/form>/.exec(html);
    if (form === null) return html;
    const action = /action="([^"]*)"/.exec(form[0])?.[1] ?? next.url;
    const fields = new URLSearchParams();
    for (const [input] of form[1]!.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]*)"/.exec(input)?.[1];
      if (name !== undefined) fields.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? "");
    }
    if (fields.has("login")) fields.set("login", person);
    if (fields.has("password")) fields.set("password", "secret");
    next = { url: new URL(action.replaceAll("&amp;", "&"), next.url).href, body: fields.toString() };
  }
  throw new Error(`more than ${maxPages} pages`);
}

const common = { clientId: "sigstore", now: () => Date.now(), wait: (ms: number) => sleep(Math.min(ms, 50)) };

test("a person logs in with a browser, and the token names them for us", async (t) => {
  const issuer = await startProvider(t);
  if (issuer === undefined) return;
  let last: Promise<string> | undefined;
  const token = await logInByBrowser({
    ...common,
    issuer,
    open: (url) => {
      assert.match(url, /code_challenge_method=S256/);
      last = browse(url, "me@example.org");
    },
  });
  assert.match(await last!, /You are logged in/);
  const { iss, aud, email } = claimsOf(token);
  assert.deepEqual({ iss, aud, email }, { iss: issuer, aud: "sigstore", email: "me@example.org" });
});

test("a person logs in elsewhere by a code, and the token names them for us", async (t) => {
  const issuer = await startProvider(t);
  if (issuer === undefined) return;
  const token = await logInByDevice({
    ...common,
    issuer,
    show: ({ url, code }) => {
      assert.match(code, /^[A-Z0-9-]{6,}$/);
      void browse(url, "me@example.org");
    },
  });
  const { iss, aud, email } = claimsOf(token);
  assert.deepEqual({ iss, aud, email }, { iss: issuer, aud: "sigstore", email: "me@example.org" });
});
