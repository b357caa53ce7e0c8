import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { encodePrivateKeyPem, encodePublicKeyPem, generateKey } from "../crypto/index.ts";
import { openTokenIssuer } from "./oidc.ts";
import { logInByBrowser, logInByDevice } from "./oidc-login.ts";

/** What this provider does otherwise than it should. test/interop/oidc-provider.test.ts has a real one that does nothing. */
interface Faults {
  readonly nonce?: string;
  readonly audience?: string;
  readonly signedByAnother?: boolean;
  readonly ageS?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** What the browser brings back, from what it should. */
  readonly callback?: (url: URL) => void;
  /** Answers of the token endpoint before the last one. */
  readonly pending?: readonly string[];
}

async function startProvider(t: TestContext, faults: Faults = {}) {
  const pair = () => generateKey("ecdsa-p256");
  const [key, another] = [pair(), pair()];
  const forms: URLSearchParams[] = [];
  const pending = [...(faults.pending ?? [])];
  let nonce: string | null = null;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", async () => {
      const json = (status: number, value: unknown): void =>
        void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
      const issuer = await openTokenIssuer(url, encodePrivateKeyPem(key), encodePublicKeyPem(key.publicKey));
      switch (request.url) {
        case "/.well-known/openid-configuration":
          return json(200, {
            issuer: url,
            authorization_endpoint: `${url}/auth`,
            token_endpoint: `${url}/token`,
            device_authorization_endpoint: `${url}/device`,
            jwks_uri: `${url}/jwks`,
            code_challenge_methods_supported: ["S256"],
            ...faults.metadata,
          });
        case "/jwks":
          return json(200, issuer.keys);
        case "/device":
          return json(200, {
            device_code: "device",
            user_code: "ABCD-EFGH",
            verification_uri: `${url}/enter`,
            expires_in: 600,
            interval: 1,
          });
        case "/token": {
          forms.push(new URLSearchParams(body));
          const error = pending.shift();
          if (error !== undefined) return json(400, { error });
          const signer = faults.signedByAnother === true ? another : key;
          const own = await openTokenIssuer(url, encodePrivateKeyPem(signer), encodePublicKeyPem(key.publicKey));
          const claims = { email: "me@example.org", ...(nonce === null ? {} : { nonce: faults.nonce ?? nonce }) };
          const about = { subject: "me", audience: faults.audience ?? "sigstore", lifetimeS: 300 };
          const id_token = await own.issue(claims, { ...about, now: Date.now() - (faults.ageS ?? 0) * 1000 });
          return json(200, { access_token: "x", token_type: "Bearer", id_token });
        }
        default:
          return json(404, {});
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => (server.closeAllConnections(), server.close()));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const statuses: number[] = [];
  const open = (text: string): void => {
    const asked = new URL(text);
    nonce = asked.searchParams.get("nonce");
    const back = new URL(asked.searchParams.get("redirect_uri")!);
    back.searchParams.set("state", asked.searchParams.get("state")!);
    back.searchParams.set("code", "the code");
    faults.callback?.(back);
    void fetch(back).then(({ status }) => statuses.push(status));
  };
  const waits: number[] = [];
  const common = {
    issuer: url,
    clientId: "sigstore",
    now: () => Date.now(),
    wait: async (ms: number) => void waits.push(ms),
  };
  return {
    url,
    forms,
    waits,
    statuses,
    byBrowser: (timeoutMs = 5000) => logInByBrowser({ ...common, open, timeoutMs }),
    byDevice: () => logInByDevice({ ...common, show: () => undefined }),
  };
}

test("the code is exchanged with the verifier of its challenge, and the token is given", async (t) => {
  const { byBrowser, forms } = await startProvider(t);
  assert.equal((await byBrowser()).split(".").length, 3);
  assert.equal(forms[0]!.get("code"), "the code");
  assert.match(forms[0]!.get("code_verifier")!, /^[\w-]{43}$/);
  assert.match(forms[0]!.get("redirect_uri")!, /^http:\/\/localhost:\d+\/auth\/callback$/);
});

const wrongTokens: readonly (readonly [string, Faults])[] = [
  ["of another login", { nonce: "another" }],
  ["for another client", { audience: "another" }],
  ["by another key", { signedByAnother: true }],
];
for (const [name, faults] of wrongTokens) {
  test(`an identity token ${name} is refused`, async (t) => {
    const { byBrowser } = await startProvider(t, faults);
    await assert.rejects(byBrowser(), { code: "oidc/token-invalid" });
  });
}

test("an identity token that has expired is refused", async (t) => {
  const { byBrowser } = await startProvider(t, { ageS: 3600 });
  await assert.rejects(byBrowser(), { code: "oidc/token-expired" });
});

test("an answer without our state is no answer, and the login that was asked for goes on", async (t) => {
  const { byBrowser, statuses } = await startProvider(t, { callback: (url) => url.searchParams.set("state", "x") });
  await assert.rejects(byBrowser(300), { code: "oidc/login-timeout" });
  assert.deepEqual(statuses, [400]);
});

test("a refusal, an answer of another provider and one without a code end the login", async (t) => {
  const callbacks: readonly ((url: URL) => void)[] = [
    (url) => url.searchParams.set("error", "access_denied"),
    (url) => url.searchParams.set("iss", "https://other.example"),
    (url) => url.searchParams.delete("code"),
    (url) => url.searchParams.append("code", "second"),
  ];
  for (const callback of callbacks) {
    const { byBrowser } = await startProvider(t, { callback });
    await assert.rejects(byBrowser(), { code: "oidc/login-refused" });
  }
  const promised = { metadata: { authorization_response_iss_parameter_supported: true } };
  await assert.rejects((await startProvider(t, promised)).byBrowser(), { code: "oidc/login-refused" });
});

test("a provider that is another, without PKCE, or on plain http elsewhere is refused before anybody logs in", async (t) => {
  const documents: readonly Readonly<Record<string, unknown>>[] = [
    { issuer: "https://other.example" },
    { code_challenge_methods_supported: ["plain"] },
    { authorization_endpoint: "http://other.example/auth" },
    { token_endpoint: "javascript:alert(1)" },
    { jwks_uri: 7 },
  ];
  for (const metadata of documents) {
    const { byBrowser, forms } = await startProvider(t, { metadata });
    await assert.rejects(byBrowser(), { code: "oidc/provider-invalid" });
    assert.equal(forms.length, 0);
  }
});

test("the device flow waits as long as it is told to, and longer when it is too fast", async (t) => {
  const pending = ["authorization_pending", "slow_down", "authorization_pending"];
  const { byDevice, waits, forms } = await startProvider(t, { pending });
  assert.equal((await byDevice()).split(".").length, 3);
  assert.deepEqual(waits, [1000, 1000, 6000, 6000]);
  assert.equal(forms.at(-1)!.get("grant_type"), "urn:ietf:params:oauth:grant-type:device_code");
});

test("the device flow ends when the person refuses or the code expires", async (t) => {
  for (const error of ["access_denied", "expired_token"]) {
    const { byDevice } = await startProvider(t, { pending: [error] });
    await assert.rejects(byDevice(), { code: "oidc/login-refused" });
  }
  const { byDevice } = await startProvider(t, { metadata: { device_authorization_endpoint: undefined } });
  await assert.rejects(byDevice(), { code: "oidc/provider-invalid" });
});
