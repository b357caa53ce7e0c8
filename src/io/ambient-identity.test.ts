import assert from "node:assert/strict";
import { createServer } from "node:http2";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { base64url, fromUtf8, isProblem, Problem, utf8 } from "../core/index.ts";
import { ambientIdentity, type AmbientWorld } from "./ambient-identity.ts";
import type { HttpRequest } from "./http.ts";
import { fetchSpiffeToken } from "./spiffe.ts";

function tokenFor(aud: string | readonly string[], sub = "me"): string {
  const part = (json: unknown): string => base64url(utf8(JSON.stringify(json)));
  return `${part({ alg: "RS256" })}.${part({ iss: "https://issuer.example", aud, sub })}.${part("signature")}`;
}
const token = tokenFor("sigstore");

interface Recorded {
  readonly requests: HttpRequest[];
  readonly runs: string[];
}

function world(environment: AmbientWorld["environment"], answers: Partial<AmbientWorld> = {}) {
  const recorded: Recorded = { requests: [], runs: [] };
  const made: AmbientWorld = {
    environment,
    request: async (what) => {
      recorded.requests.push(what);
      const url = new URL(what.url);
      const answer = url.pathname.endsWith("/identity")
        ? token
        : JSON.stringify({ value: token, token, access_token: "access" });
      return { status: 200, headers: new Map(), body: utf8(answer) };
    },
    run: async (program, args) => {
      recorded.runs.push([program, ...args].join(" "));
      return `${token}\n`;
    },
    readIfThere: async () => undefined,
    spiffeToken: async (socket) => tokenFor("sigstore", socket),
    ...answers,
  };
  return { recorded, ask: () => ambientIdentity("sigstore", made) };
}

test("a token in the environment comes before every surroundings, and nothing is asked", async () => {
  const { ask, recorded } = world({ SIGSTORE_ID_TOKEN: token, GITHUB_ACTIONS: "true", BUILDKITE: "true" });
  assert.deepEqual(await ask(), { source: "SIGSTORE_ID_TOKEN", token });
  assert.deepEqual(recorded, { requests: [], runs: [] });
});

test("GitHub Actions is asked for the audience, and keeps what its address says already", async () => {
  const { ask, recorded } = world({
    ACTIONS_ID_TOKEN_REQUEST_URL: "https://actions.example/token?api-version=2",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "secret",
  });
  assert.deepEqual(await ask(), { source: "GitHub Actions", token });
  const [request] = recorded.requests;
  assert.equal(request!.url, "https://actions.example/token?api-version=2&audience=sigstore");
  assert.equal(request!.headers!["authorization"], "bearer secret");
});

test("surroundings that are recognised and give no token end the search", async () => {
  const failing = { code: "oidc/ambient-failed" };
  await assert.rejects(world({ GITHUB_ACTIONS: "true", BUILDKITE: "true" }).ask(), failing);
  await assert.rejects(world({ GITLAB_CI: "true", BUILDKITE: "true" }).ask(), failing);
  const refusing = async () => ({ status: 403, headers: new Map<string, string>(), body: utf8("no") });
  const github = { ACTIONS_ID_TOKEN_REQUEST_URL: "https://actions.example/", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "secret" };
  await assert.rejects(world({ ...github, BUILDKITE: "true" }, { request: refusing }).ask(), (error) => {
    assert(isProblem(error, "oidc/ambient-failed"));
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});

test("Buildkite's agent and CircleCI's program are asked for the audience", async () => {
  const buildkite = world({ BUILDKITE: "true" });
  assert.deepEqual(await buildkite.ask(), { source: "Buildkite", token });
  assert.deepEqual(buildkite.recorded.runs, ["buildkite-agent oidc request-token --audience sigstore"]);
  const circle = world({ CIRCLECI: "true", CIRCLE_OIDC_TOKEN_V2: tokenFor("organisation") });
  assert.deepEqual(await circle.ask(), { source: "CircleCI", token });
  assert.deepEqual(circle.recorded.runs, ['circleci run oidc get --claims {"aud":"sigstore"}']);
  const given = world({ CIRCLECI: "true", CIRCLE_OIDC_TOKEN_V2: token });
  assert.deepEqual(await given.ask(), { source: "CircleCI", token });
  assert.deepEqual(given.recorded.runs, []);
});

test("Google's metadata server is asked on its machines, and for an account by its name", async () => {
  const here = {
    readIfThere: async (path: string) => (path.endsWith("product_name") ? utf8("Google Compute Engine\n") : undefined),
  };
  const machine = world({}, here);
  assert.deepEqual(await machine.ask(), { source: "Google Cloud", token });
  const [request] = machine.recorded.requests;
  assert.equal(request!.headers!["metadata-flavor"], "Google");
  assert.match(request!.url, /identity\?audience=sigstore&format=full$/);
  const account = world({ GOOGLE_SERVICE_ACCOUNT_NAME: "signer@project.iam.gserviceaccount.com" });
  assert.deepEqual(await account.ask(), { source: "Google Cloud", token });
  const [access, impersonation] = account.recorded.requests;
  assert.match(access!.url, /^http:\/\/metadata\.google\.internal\//);
  assert.equal(impersonation!.headers!["authorization"], "Bearer access");
  assert.deepEqual(JSON.parse(fromUtf8(impersonation!.body!)), { audience: "sigstore", includeEmail: true });
  const odd = world({ GOOGLE_SERVICE_ACCOUNT_NAME: "x/../../other" });
  await assert.rejects(odd.ask(), { code: "oidc/ambient-failed" });
});

test("SPIFFE's socket and the token file are looked at last, and then there is nothing", async () => {
  const spiffe = await world({ SPIFFE_ENDPOINT_SOCKET: "unix:///run/spire.sock" }).ask();
  assert.equal(spiffe?.source, "SPIFFE");
  const file = world(
    {},
    { readIfThere: async (path) => (path.endsWith("oidc-token") ? utf8(`${token}\n`) : undefined) },
  );
  assert.deepEqual(await file.ask(), { source: "token file", token });
  assert.equal(await world({}).ask(), undefined);
});

test("a token for another audience, or none at all, is refused without being shown", async () => {
  await assert.rejects(world({ SIGSTORE_ID_TOKEN: tokenFor("other") }).ask(), { code: "oidc/audience-mismatch" });
  assert.equal(
    (await world({ SIGSTORE_ID_TOKEN: tokenFor(["other", "sigstore"]) }).ask())?.source,
    "SIGSTORE_ID_TOKEN",
  );
  for (const text of ["secret", "a.b.c", `${token}.more`]) {
    await assert.rejects(world({ SIGSTORE_ID_TOKEN: text }).ask(), (error) => {
      assert(isProblem(error, "oidc/token-invalid"));
      assert.doesNotMatch(error.message, /secret|a\.b\.c/);
      return true;
    });
  }
});

/** A workload endpoint that answers each call with these message bytes, or with a gRPC status. */
async function serveSpiffe(answer: Uint8Array | number) {
  const folder = await mkdtemp(join(tmpdir(), "sealwright-spiffe-"));
  const path = join(folder, "api.sock");
  const seen: { headers: Record<string, unknown>; body: Buffer }[] = [];
  const server = createServer();
  server.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      seen.push({ headers: { ...headers }, body: Buffer.concat(chunks) });
      if (typeof answer === "number") {
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": String(answer) },
          { endStream: true },
        );
        return;
      }
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      const head = Buffer.alloc(5);
      head.writeUInt32BE(answer.length, 1);
      stream.end(Buffer.concat([head, answer]));
    });
  });
  await new Promise<void>((done) => server.listen(path, done));
  const close = async (): Promise<void> => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { socket: `unix://${path}`, seen, close };
}

function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}

test("the workload API gives a JWT-SVID for the audience over its socket", async (t) => {
  const svid = Buffer.concat([field(1, "spiffe://example.org/build"), field(2, token), field(3, "hint")]);
  const endpoint = await serveSpiffe(Buffer.concat([Buffer.from([0x48, 0x01]), field(1, svid)]));
  t.after(endpoint.close);
  assert.equal(await fetchSpiffeToken(endpoint.socket, "sigstore"), token);
  const [call] = endpoint.seen;
  assert.equal(call!.headers[":path"], "/SpiffeWorkloadAPI/FetchJWTSVID");
  assert.equal(call!.headers["workload.spiffe.io"], "true");
  assert.deepEqual(call!.body, Buffer.concat([Buffer.from([0, 0, 0, 0, 10]), field(1, "sigstore")]));
});

test("a workload API that refuses, answers nothing useful or is not there is a problem", async (t) => {
  for (const answer of [
    7,
    new Uint8Array(),
    field(1, field(1, "spiffe://example.org/build")),
    Buffer.from([10, 200]),
  ]) {
    const endpoint = await serveSpiffe(answer);
    t.after(endpoint.close);
    await assert.rejects(fetchSpiffeToken(endpoint.socket, "sigstore"), { code: "oidc/ambient-failed" });
  }
  for (const socket of [
    "unix:///nowhere/api.sock",
    "tcp://spire.example.org:8081",
    "/run/api.sock",
    "unix://relative",
  ]) {
    await assert.rejects(fetchSpiffeToken(socket, "sigstore"), (error) => error instanceof Problem);
  }
});
