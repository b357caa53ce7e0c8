// The identity that a machine has without anybody logging in: a token that the surroundings hand out to what runs there.
// The variables and addresses are those that cosign and sigstore-python look at. Stricter: the order is fixed, the first
// surroundings that are recognised decide, and one that then gives no token is a Problem: another identity than the one
// expected must never sign. A token for another audience is refused here, before anybody else sees it.
// Fulcio docs/oidc.md; GitHub "OIDC reference"; Google "Service account identity"; SPIFFE Workload API §6.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fromBase64url, fromUtf8, isJsonObject, type JsonObject, parseJson, Problem, utf8 } from "../core/index.ts";
import { readIfThere } from "./files.ts";
import type { HttpReply, HttpRequest } from "./http.ts";
import { fetchSpiffeToken } from "./spiffe.ts";

export interface AmbientWorld {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly request: (what: HttpRequest) => Promise<HttpReply>;
  /** Runs a program of the surroundings; gives its standard output. Problem `oidc/ambient-failed`. */
  readonly run: (program: string, args: readonly string[]) => Promise<string>;
  readonly readIfThere: (path: string, maxBytes: number) => Promise<Uint8Array | undefined>;
  readonly spiffeToken: (socket: string, audience: string) => Promise<string>;
}

export interface AmbientIdentity {
  /** What was recognised, such as `GitHub Actions`. */
  readonly source: string;
  readonly token: string;
}

interface Surroundings {
  readonly name: string;
  isHere(world: AmbientWorld): boolean | Promise<boolean>;
  token(world: AmbientWorld, audience: string): Promise<string>;
}

const maxTokenBytes = 16 * 1024;
const timeoutMs = 10_000;
const code = "oidc/ambient-failed";
const tokenFile = "/var/run/sigstore/cosign/oidc-token";
const googleProduct = "/sys/class/dmi/id/product_name";
const googleMetadata = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default";
const spireSocket = "unix:///tmp/spire-agent/public/api.sock";

/** In this order; the first that is here decides. */
const surroundings: readonly Surroundings[] = [
  {
    // GitLab hands its token over in it too, by `id_tokens: { SIGSTORE_ID_TOKEN: { aud: sigstore } }`.
    name: "SIGSTORE_ID_TOKEN",
    isHere: ({ environment }) => isSet(environment["SIGSTORE_ID_TOKEN"]),
    token: async ({ environment }) => environment["SIGSTORE_ID_TOKEN"]!.trim(),
  },
  {
    name: "GitHub Actions",
    isHere: ({ environment }) =>
      isSet(environment["ACTIONS_ID_TOKEN_REQUEST_URL"]) || environment["GITHUB_ACTIONS"] === "true",
    token: githubToken,
  },
  {
    name: "GitLab CI",
    isHere: ({ environment }) => isSet(environment["GITLAB_CI"]),
    token: async () => {
      throw failed("GitLab CI", "the job declares no id_tokens", "id_tokens: { SIGSTORE_ID_TOKEN: { aud: sigstore } }");
    },
  },
  {
    name: "Buildkite",
    isHere: ({ environment }) => isSet(environment["BUILDKITE"]) || isSet(environment["BUILDKITE_AGENT_ACCESS_TOKEN"]),
    token: ({ run }, audience) => run("buildkite-agent", ["oidc", "request-token", "--audience", audience]),
  },
  {
    name: "CircleCI",
    isHere: ({ environment }) => isSet(environment["CIRCLECI"]),
    token: circleToken,
  },
  {
    name: "Google Cloud",
    isHere: async (world) => isSet(world.environment["GOOGLE_SERVICE_ACCOUNT_NAME"]) || isGoogle(world),
    token: googleToken,
  },
  {
    name: "SPIFFE",
    isHere: async ({ environment }) => isSet(environment["SPIFFE_ENDPOINT_SOCKET"]),
    token: ({ environment, spiffeToken }, audience) =>
      spiffeToken(environment["SPIFFE_ENDPOINT_SOCKET"] ?? spireSocket, audience),
  },
  {
    name: "token file",
    isHere: async (world) => (await world.readIfThere(tokenFile, maxTokenBytes)) !== undefined,
    token: async (world) => fromUtf8((await world.readIfThere(tokenFile, maxTokenBytes))!),
  },
];

/**
 * The token of these surroundings for `audience`, undefined where there are none that is known.
 * Problems `oidc/ambient-failed`, `oidc/audience-mismatch`, `oidc/token-invalid`, `io/*`.
 */
export async function ambientIdentity(
  audience: string,
  world: AmbientWorld = thisMachine,
): Promise<AmbientIdentity | undefined> {
  for (const each of surroundings) {
    if (!(await each.isHere(world))) continue;
    const token = (await each.token(world, audience)).trim();
    demandAudience(token, audience, each.name);
    return { source: each.name, token };
  }
  return undefined;
}

/** Problems `oidc/token-invalid`, `oidc/audience-mismatch`. The signature is the certificate authority's to check. */
export function demandAudience(token: string, audience: string, source: string): void {
  const audiences = claimsOf(token, source)["aud"];
  const listed = Array.isArray(audiences) ? audiences : [audiences];
  if (listed.includes(audience)) return;
  throw new Problem("oidc/audience-mismatch", `the token of ${source} is not for ${audience}`, {
    hint: `have it issued for the audience ${audience}`,
  });
}

function claimsOf(token: string, source: string): JsonObject {
  try {
    const parts = token.split(".", 4);
    if (token.length > maxTokenBytes || parts.length !== 3) throw new Error("not three parts");
    const claims = parseJson(fromBase64url(parts[1]!), { maxBytes: maxTokenBytes });
    if (isJsonObject(claims)) return claims;
  } catch {
    // Said below, without the token in it.
  }
  throw new Problem("oidc/token-invalid", `what ${source} gave is no identity token`);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}

function failed(source: string, why: string, hint?: string): Problem {
  return new Problem(code, `${source} gives no identity token: ${why}`, hint === undefined ? {} : { hint });
}

async function githubToken({ environment, request }: AmbientWorld, audience: string): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: address, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = environment;
  if (!isSet(address) || !isSet(bearer) || !URL.canParse(address!))
    throw failed("GitHub Actions", "the workflow may not ask for one", "permissions: { id-token: write }");
  const url = new URL(address!);
  url.searchParams.set("audience", audience);
  const answer = await getJson(request, "GitHub Actions", {
    url: url.href,
    headers: { authorization: `bearer ${bearer}` },
  });
  return textIn(answer, "value", "GitHub Actions");
}

// The job's own token, CIRCLE_OIDC_TOKEN_V2, is for the organisation's audience; the program gets one for ours.
async function circleToken({ environment, run }: AmbientWorld, audience: string): Promise<string> {
  const given = environment["CIRCLE_OIDC_TOKEN_V2"];
  if (isSet(given) && isFor(given!, audience)) return given!;
  return run("circleci", ["run", "oidc", "get", "--claims", JSON.stringify({ aud: audience })]);
}

function isFor(token: string, audience: string): boolean {
  const audiences = claimsOf(token, "CIRCLE_OIDC_TOKEN_V2")["aud"];
  return audiences === audience || (Array.isArray(audiences) && audiences.includes(audience));
}

async function isGoogle(world: AmbientWorld): Promise<boolean> {
  const name = await world.readIfThere(googleProduct, 4096).catch(() => undefined);
  return name !== undefined && ["Google", "Google Compute Engine"].includes(fromUtf8(name).trim());
}

async function googleToken({ environment, request }: AmbientWorld, audience: string): Promise<string> {
  const flavor = { "metadata-flavor": "Google" };
  const account = environment["GOOGLE_SERVICE_ACCOUNT_NAME"];
  if (!isSet(account)) {
    const query = new URLSearchParams({ audience, format: "full" });
    return fromUtf8(
      await get(request, "Google Cloud", { url: `${googleMetadata}/identity?${query}`, headers: flavor }),
    );
  }
  if (!/^[A-Za-z0-9@._-]+$/.test(account!))
    throw failed("Google Cloud", "GOOGLE_SERVICE_ACCOUNT_NAME names no account");
  const scope = new URLSearchParams({ scopes: "https://www.googleapis.com/auth/cloud-platform" });
  const access = await getJson(request, "Google Cloud", { url: `${googleMetadata}/token?${scope}`, headers: flavor });
  const bearer = textIn(access, "access_token", "Google Cloud");
  const url = `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${account}:generateIdToken`;
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const body = utf8(JSON.stringify({ audience, includeEmail: true }));
  return textIn(await getJson(request, "Google Cloud", { url, headers, body }), "token", "Google Cloud");
}

interface Asking {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

async function get(
  request: AmbientWorld["request"],
  source: string,
  { url, headers, body }: Asking,
): Promise<Uint8Array> {
  const method = body === undefined ? "GET" : "POST";
  const reply = await request({
    method,
    url,
    headers,
    maxBytes: 4 * maxTokenBytes,
    timeoutMs,
    ...(body === undefined ? {} : { body }),
  });
  if (reply.status !== 200) throw failed(source, `${new URL(url).host} answered with status ${reply.status}`);
  return reply.body;
}

async function getJson(request: AmbientWorld["request"], source: string, asking: Asking): Promise<JsonObject> {
  const body = await get(request, source, asking);
  try {
    const json = parseJson(body, { maxBytes: 4 * maxTokenBytes });
    if (isJsonObject(json)) return json;
  } catch {
    // Said below: the answer may hold a secret.
  }
  throw failed(source, "its answer is no JSON object");
}

function textIn(json: JsonObject, name: string, source: string): string {
  const value = json[name];
  if (typeof value !== "string") throw failed(source, `its answer has no ${name}`);
  return value;
}

/** Output of a program of the surroundings; what it says beside it is shown, as it says what is missing. */
function runProgram(program: string, args: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    execFile(program, args, { timeout: timeoutMs, maxBuffer: 4 * maxTokenBytes }, (error, stdout, stderr) => {
      if (error === null) done(stdout);
      else fail(failed(program, stderr.trim().slice(0, 300) || "it did not run"));
    });
  });
}

const thisMachine: AmbientWorld = {
  environment: process.env,
  request: async (what) => (await import("./http.ts")).request(what),
  run: runProgram,
  readIfThere: (path, maxBytes) =>
    // The kernel's own files have no size to be checked against.
    path === googleProduct ? readFile(path).catch(() => undefined) : readIfThere(path, maxBytes),
  spiffeToken: fetchSpiffeToken,
};
