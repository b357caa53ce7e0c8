import assert from "node:assert/strict";
import { test } from "node:test";
import { maxRequestBytes } from "../src/api/index.ts";
import { Problem } from "../src/core/index.ts";
import { digestHex, parseTimestampResponse } from "../src/crypto/index.ts";
import { decisionRequestJson, keyNames, publishTargets } from "../src/flows/index.ts";
import { type AccessRecord, createApp } from "../src/server/index.ts";
import { World } from "./world.ts";

async function open() {
  const world = await World.open();
  const records: AccessRecord[] = [];
  let next = 0;
  const app = createApp(world.authority, {
    requestId: () => `request-${next++}`,
    onAccess: (record) => records.push(record),
  });
  const authorization = `Bearer ${await world.decisionToken()}`;
  const post = (path: string, body: string | Uint8Array<ArrayBuffer>, type = "application/json") =>
    app.request(path, { method: "POST", body, headers: { "content-type": type, authorization } });
  return { world, records, app, post };
}

async function problemOf(response: Response) {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  return (await response.json()) as { code: string; status: number; requestId: string; detail: string };
}

test("what is refused is answered as a problem document with a code and the request's id", async () => {
  const { app, records } = await open();
  const response = await app.request("/no/such/path");
  const problem = await problemOf(response);
  assert.equal(response.status, 404);
  assert.equal(problem.code, "api/not-found");
  assert.equal(problem.requestId, response.headers.get("x-request-id"));
  assert.equal(records.length, 1);
});

test("a bug of ours is told to the log and not to the client", async () => {
  const { world, records } = await open();
  const broken = {
    ...world.authority,
    health: () => {
      throw new Error("secret detail");
    },
  };
  const app = createApp(broken, { requestId: () => "r", onAccess: (record) => records.push(record) });
  const response = await app.request("/healthz");
  assert.equal(response.status, 500);
  assert.ok(!(await response.text()).includes("secret"));
  assert.equal(records.at(-1)?.code, "server/bug");
});

test("a body over the limit is refused, with or without a length", async () => {
  const { post, app } = await open();
  const large = new Uint8Array(maxRequestBytes + 1);
  assert.equal((await problemOf(await post("/api/v2/log/entries", large))).status, 413);
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
  });
  const chunked = await app.request("/api/v2/log/entries", {
    method: "POST",
    body: stream,
    headers: { "content-type": "application/json" },
    duplex: "half",
  } as RequestInit);
  assert.equal((await problemOf(chunked)).status, 413);
});

test("evidence is not read from who has no token", async () => {
  const { app } = await open();
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>(
    { pull: (controller) => (pulls++, controller.enqueue(new Uint8Array(1 << 20))) },
    { highWaterMark: 0 },
  );
  const response = await app.request("/api/v1/decisions", {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
    duplex: "half",
  } as RequestInit);
  assert.equal((await problemOf(response)).code, "oidc/token-invalid");
  assert.equal(pulls, 0);
});

test("a body in pieces of one byte is read as one in a piece", async () => {
  const { app, post } = await open();
  const bytes = new TextEncoder().encode(JSON.stringify({ nothing: "x".repeat(20_000) }));
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => (at < bytes.length ? controller.enqueue(bytes.slice(at, ++at)) : controller.close()),
  });
  const pieces = await app.request("/api/v2/log/entries", {
    method: "POST",
    body: stream,
    headers: { "content-type": "application/json" },
    duplex: "half",
  } as RequestInit);
  const whole = await post("/api/v2/log/entries", bytes);
  assert.deepEqual([pieces.status, (await problemOf(pieces)).detail], [whole.status, (await problemOf(whole)).detail]);
});

test("a wrong media type is refused before the body is read", async () => {
  const { post } = await open();
  assert.equal((await problemOf(await post("/api/v2/signingCert", "{}", "text/plain"))).code, "api/media-type");
  assert.equal((await problemOf(await post("/api/v1/timestamp", "x", "text/plain"))).code, "api/media-type");
});

test("no garbage on any path is answered with a server error", async () => {
  const { post } = await open();
  const bodies = [
    "",
    "null",
    "[]",
    "{}",
    "{",
    '"x"',
    "\u0000",
    '{"a":1,"a":2}',
    '{"hashedRekordRequestV002":{}}',
    '{"hashedRekordRequestV002":{"digest":"AA==","signature":null}}',
    '{"credentials":{"oidcIdentityToken":"a.b.c"}}',
    `{"credentials":{"oidcIdentityToken":"${".".repeat(100_000)}"}}`,
    '{"artifact":{"name":"x","sha256":"y"}}',
    "[".repeat(50_000),
  ];
  for (const path of ["/api/v2/signingCert", "/api/v2/log/entries", "/api/v1/decisions"]) {
    for (const body of bodies) {
      const response = await post(path, body);
      assert.ok(response.status >= 400 && response.status < 500, `${path} ${body.slice(0, 40)}: ${response.status}`);
    }
  }
});

test("a timestamp query that is none is answered with a refusal in its own protocol", async () => {
  const { post } = await open();
  const response = await post("/api/v1/timestamp", "garbage", "application/timestamp-query");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/timestamp-reply");
  const reply = parseTimestampResponse(new Uint8Array(await response.arrayBuffer()));
  assert.equal(reply.granted, false);
});

test("paths that try to leave their folder find nothing", async () => {
  const { app } = await open();
  for (const path of [
    "/tuf/../keys/ca.pem",
    "/tuf/..%2fkeys%2fca.pem",
    "/tuf/%2e%2e/keys/ca.pem",
    "/api/v2/tile/../../keys/ca.pem",
    "/ct/..%2f..%2fkeys/ca.pem",
    "/tuf//etc/passwd",
    "/tuf/keys%00",
  ]) {
    assert.equal((await app.request(path)).status, 404, path);
  }
});

test("what never changes may be cached for ever, and what changes must be asked for", async () => {
  const { app, world } = await open();
  await world.release(world.build());
  const cache = async (path: string) => {
    const response = await app.request(path);
    assert.equal(response.status, 200, path);
    return response.headers.get("cache-control") ?? "";
  };
  assert.match(await cache("/tuf/1.root.json"), /immutable/);
  assert.equal(await cache("/tuf/timestamp.json"), "no-cache");
  assert.equal(await cache("/api/v2/checkpoint"), "no-cache");
});

test("discovery names the issuer exactly, and its keys hold no private part", async () => {
  const { app, world } = await open();
  const discovery = (await (await app.request("/.well-known/openid-configuration")).json()) as {
    issuer: string;
    jwks_uri: string;
  };
  assert.equal(discovery.issuer, world.organisation.url);
  const keys = (await (await app.request(new URL(discovery.jwks_uri).pathname)).json()) as {
    keys: Record<string, string>[];
  };
  assert.equal(keys.keys.length, 1);
  assert.equal(keys.keys[0]?.["d"], undefined);
});

test("an entry sent twice is answered 409 with its index", async () => {
  const { post, world } = await open();
  const signing = await world.signing();
  let body = "";
  const services = {
    ...signing.services,
    addEntry: (request: Parameters<typeof signing.services.addEntry>[0]) =>
      signing.services.addEntry(((body = JSON.stringify(request)), request)),
  };
  const { signBlob } = await import("../src/flows/index.ts");
  await signBlob(new Uint8Array([1]), { ...signing, services });
  const again = await post("/api/v2/log/entries", body);
  assert.equal(again.status, 409);
  assert.equal(again.headers.get("x-log-index"), "0");
});

test("a decision is looked up by digest, and without one the answer is 404", async () => {
  const { app, post, world } = await open();
  const release = await world.release(world.build());
  const digest = `sha256:${release.sha256}`;
  assert.equal((await problemOf(await app.request(`/api/v1/decisions/${digest}`))).code, "decision/none");
  assert.equal((await post("/api/v1/decisions", JSON.stringify(decisionRequestJson(release)))).status, 200);
  const found = (await (await app.request(`/api/v1/decisions/${digest}`)).json()) as { decision: { outcome: string } };
  assert.equal(found.decision.outcome, "admitted");
});

test("what is wrong with this machine's files is told to the log and to no client", async () => {
  const { world, records } = await open();
  const failing = {
    ...world.authority,
    readStatic: async () => {
      throw new Problem("io/too-large", "/secret/place is too large");
    },
    decision: async () => {
      throw new Problem("io/write", "cannot write /secret/place");
    },
  };
  const app = createApp(failing, { requestId: () => "r", onAccess: (record) => records.push(record) });
  const response = await app.request(`/api/v1/decisions/sha256:${"0".repeat(64)}`);
  assert.equal(response.status, 503);
  assert.ok(!(await response.text()).includes("secret"));
  assert.ok(String(records.at(-1)?.error).includes("secret"));
});

test("an organisation whose own trust has run out says so of itself and not of the caller", async () => {
  const { world } = await open();
  const release = await world.release(world.build());
  world.clock.advance(30 * 86_400_000);
  const app = createApp(world.authority, { requestId: () => "r" });
  const headers = { "content-type": "application/json", authorization: `Bearer ${await world.decisionToken()}` };
  const response = await app.request("/api/v1/decisions", {
    method: "POST",
    body: JSON.stringify(decisionRequestJson(release)),
    headers,
  });
  assert.equal(response.status, 503);
  assert.equal((await problemOf(response)).code, "decision/unavailable");
});

test("TUF metadata is cached by its name: versioned for good, the timestamp asked for anew and confirmed by its tag", async () => {
  const { app } = await open();
  const versioned = await app.request("/tuf/1.root.json");
  assert.equal(versioned.headers.get("cache-control"), "public, max-age=31536000, immutable");
  assert.equal(versioned.headers.get("content-type"), "application/json");
  const timestamp = await app.request("/tuf/timestamp.json");
  assert.equal(timestamp.headers.get("cache-control"), "no-cache");
  const tag = timestamp.headers.get("etag")!;
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`]) {
    const same = await app.request("/tuf/timestamp.json", { headers: { "if-none-match": known } });
    assert.deepEqual([same.status, await same.text(), same.headers.get("etag")], [304, "", tag]);
  }
  const other = await app.request("/tuf/timestamp.json", { headers: { "if-none-match": '"other"' } });
  assert.equal(other.status, 200);
  const next = await app.request("/tuf/2.root.json");
  assert.deepEqual([next.status, next.headers.get("cache-control")], [404, "no-store"]);
  const head = await app.request("/tuf/1.root.json", { method: "HEAD" });
  assert.deepEqual(
    [head.status, await head.text(), head.headers.get("content-length")],
    [200, "", String((await versioned.arrayBuffer()).byteLength)],
  );
});

test("a target is served under each spelling of its name, in parts, and nothing else of the store is", async () => {
  const { world, app } = await open();
  const content = new Uint8Array(300_000).fill(5);
  const path = "dir/100% of + and @ \u00fc.bin";
  await publishTargets([{ path, content }], keyNames.root.slice(0, 2), world);
  const file = `dir/${digestHex("sha256", content)}.100% of + and @ \u00fc.bin`;
  const plain = file.split("/").map(encodeURIComponent).join("/");
  for (const spelling of [plain, plain.replaceAll("%40", "@").replaceAll("%2B", "+"), plain.replace("%25", "%25")]) {
    const response = await app.request(`/tuf/targets/${spelling}`);
    assert.equal(response.status, 200, spelling);
    assert.equal(response.headers.get("content-length"), String(content.length));
    assert.equal(response.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), content);
  }
  for (const nothing of [
    "targets/dir",
    "targets/",
    "settings",
    "records/settings",
    "tuf.sqlite",
    "..%2Ftuf.sqlite",
    "%00",
  ]) {
    assert.equal((await app.request(`/tuf/${nothing}`)).status, 404, nothing);
  }
});

test("metrics tell how long every TUF role still lasts", async () => {
  const { world, app } = await open();
  const text = await (await app.request("/metrics")).text();
  assert.match(text, /^sealwright_tuf_expiry_seconds\{role="timestamp"\} 604800$/m);
  assert.match(text, /^sealwright_tuf_version\{role="root"\} 1$/m);
  assert.match(text, /^sealwright_tuf_revision 1$/m);
  world.clock.advance(8 * 86_400_000);
  await publishTargets([], keyNames.root.slice(0, 2), world);
  const later = await (await app.request("/metrics")).text();
  assert.match(later, /^sealwright_tuf_version\{role="timestamp"\} 2$/m);
  assert.match(later, /^sealwright_tuf_revision 2$/m);
});
