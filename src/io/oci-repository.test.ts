import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isProblem, type JsonObject, type ProblemCode, utf8 } from "../core/index.ts";
import { registryCredentials } from "./oci-credentials.ts";
import { openLayout } from "./oci-layout.ts";
import { parseOciReference } from "./oci-reference.ts";
import { ociDigest, ociMediaTypes, type OciRepository, openRegistryRepository } from "./oci-repository.ts";
import { createRegistryTransport } from "./oci-transport.ts";

const code = (wanted: ProblemCode) => (error: unknown) => isProblem(error, wanted) || assert.fail(String(error));

interface Stored {
  readonly type: string;
  readonly bytes: Buffer;
}

/** A registry in memory that can be made to fail; the interoperation tests use real ones. */
class Registry {
  readonly manifests = new Map<string, Stored>();
  readonly blobs = new Map<string, Buffer>();
  readonly requests: string[] = [];
  /** Statuses to answer with before anything else. */
  readonly failures: number[] = [];
  referrersApi: boolean;
  /** Called before each PUT of a manifest. */
  beforePut: (() => Promise<void>) | undefined;

  constructor(options: { readonly referrersApi: boolean }) {
    this.referrersApi = options.referrersApi;
  }

  async serve(t: TestContext): Promise<OciRepository> {
    const server = createServer((request, response) => void this.answer(request, response));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    t.after(() => (server.closeAllConnections(), server.close()));
    const registry = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return openRegistryRepository(
      { repository: "team/app" },
      createRegistryTransport(registry, async () => undefined),
    );
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { method = "", url = "" } = request;
    this.requests.push(`${method} ${url}`);
    const failure = this.failures.shift();
    if (failure !== undefined) return void response.writeHead(failure, { "retry-after": "0" }).end("no");
    const [, kind, name = ""] = /^\/v2\/team\/app\/(manifests|blobs|referrers)\/(.*)$/.exec(url) ?? [];
    if (kind === "manifests") return this.manifest(method, name, body, request, response);
    if (kind === "referrers") return this.referrers(name, response);
    if (method === "POST") return void response.writeHead(202, { location: `${url}1` }).end();
    if (method === "PUT") {
      this.blobs.set(decodeURIComponent(name.split("digest=")[1] ?? ""), body);
      return void response.writeHead(201).end();
    }
    const found = this.blobs.get(name);
    return void response.writeHead(found === undefined ? 404 : 200).end(method === "HEAD" ? undefined : found);
  }

  private async manifest(
    method: string,
    name: string,
    body: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (method === "GET") {
      const found = this.manifests.get(name);
      if (found === undefined) return void response.writeHead(404).end();
      const etag = `"${ociDigest(found.bytes)}"`;
      return void response.writeHead(200, { "content-type": found.type, etag }).end(found.bytes);
    }
    await this.beforePut?.();
    const before = this.manifests.get(name);
    const held = before === undefined ? undefined : `"${ociDigest(before.bytes)}"`;
    const { "if-match": wanted, "if-none-match": none } = request.headers;
    if ((wanted !== undefined && wanted !== held) || (none === "*" && held !== undefined))
      return void response.writeHead(412).end();
    const stored = { type: String(request.headers["content-type"]), bytes: body };
    this.manifests.set(name, stored).set(ociDigest(body), stored);
    const subject = this.referrersApi
      ? (JSON.parse(String(body)) as { subject?: { digest: string } }).subject
      : undefined;
    return void response.writeHead(201, subject === undefined ? {} : { "oci-subject": subject.digest }).end();
  }

  private referrers(digest: string, response: ServerResponse): void {
    if (!this.referrersApi) return void response.writeHead(404).end();
    const [wanted = "", page = "0"] = digest.split("?page=");
    const all = [...new Set(this.manifests.values())].filter(
      ({ bytes }) => (JSON.parse(String(bytes)) as { subject?: { digest: string } }).subject?.digest === wanted,
    );
    const one = all[Number(page)];
    const manifests =
      one === undefined ? [] : [{ mediaType: one.type, digest: ociDigest(one.bytes), size: one.bytes.length }];
    const next = `</v2/team/app/referrers/${wanted}?page=${Number(page) + 1}>; rel="next"`;
    response.writeHead(200, Number(page) + 1 < all.length ? { link: next } : {});
    response.end(JSON.stringify({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests }));
  }
}

const config = utf8("{}");

async function image(repository: OciRepository, tag: string) {
  const layer = await repository.putBlob(utf8(`layer of ${tag}`), "application/octet-stream");
  return repository.putManifest(
    {
      schemaVersion: 2,
      mediaType: ociMediaTypes.manifest,
      config: { ...(await repository.putBlob(config, ociMediaTypes.empty)) },
      layers: [{ ...layer }],
    } as unknown as JsonObject,
    tag,
  );
}

async function referTo(repository: OciRepository, subject: object, artifactType: string) {
  return repository.putManifest({
    schemaVersion: 2,
    mediaType: ociMediaTypes.manifest,
    artifactType,
    config: { ...(await repository.putBlob(config, ociMediaTypes.empty)) },
    layers: [],
    subject,
  } as unknown as JsonObject);
}

test("an image name is read as every client reads it, and nothing else is one", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const read = (text: string) => {
    const { registry, repository, tag, digest: found } = parseOciReference(text);
    return [registry, repository, tag, found];
  };
  assert.deepEqual(read("alpine"), ["registry-1.docker.io", "library/alpine", "latest", undefined]);
  assert.deepEqual(read("team/app:1"), ["registry-1.docker.io", "team/app", "1", undefined]);
  assert.deepEqual(read("localhost:5000/app"), ["localhost:5000", "app", "latest", undefined]);
  assert.deepEqual(read(`r.example/a/b:1@${digest}`), ["r.example", "a/b", "1", digest]);
  assert.deepEqual(read(`r.example/a@${digest}`), ["r.example", "a", undefined, digest]);
  for (const bad of [
    "",
    "A",
    "a//b",
    "r.example/../b",
    "a:",
    "a@sha256:1",
    `a@${digest}@${digest}`,
    "a b",
    "r.example/a?x",
  ])
    assert.throws(() => parseOciReference(bad), code("io/image-name"), bad);
});

for (const referrersApi of [true, false]) {
  const how = referrersApi ? "the referrers API" : "the tag fallback";

  test(`what refers to an image is found by ${how}, all of it`, async (t) => {
    const repository = await new Registry({ referrersApi }).serve(t);
    const subject = await image(repository, "1");
    const made = [];
    for (const type of ["a", "b", "c"]) made.push((await referTo(repository, subject, `application/x-${type}`)).digest);
    const found = await repository.referrers(subject.digest);
    assert.deepEqual(found.map(({ digest }) => digest).sort(), made.sort());
    assert.deepEqual(await repository.referrers(ociDigest(utf8("none"))), []);
  });

  test(`a registry that is throttled or down never looks as if nothing referred to the image, by ${how}`, async (t) => {
    for (const status of [429, 500, 503]) {
      const registry = new Registry({ referrersApi });
      const repository = await registry.serve(t);
      const subject = await image(repository, "1");
      await referTo(repository, subject, "application/x-a");
      registry.failures.push(status, status, status);
      await assert.rejects(repository.referrers(subject.digest), code("io/registry-status"));
      registry.failures.push(status, status);
      assert.equal((await repository.referrers(subject.digest)).length, 1);
    }
    const registry = new Registry({ referrersApi });
    const repository = await registry.serve(t);
    registry.failures.push(403);
    await assert.rejects(repository.referrers(ociDigest(utf8("x"))), code("io/registry-unauthorized"));
  });
}

test("a writer whose list of referrers was replaced meanwhile adds to the new one, and loses nothing", async (t) => {
  const registry = new Registry({ referrersApi: false });
  const repository = await registry.serve(t);
  const subject = await image(repository, "1");
  let others = 3;
  registry.beforePut = async () => {
    if (registry.requests.at(-1)?.includes("/manifests/sha256-") !== true || others === 0) return;
    others--;
    await referTo(repository, subject, `application/x-other-${others}`);
  };
  await referTo(repository, subject, "application/x-ours");
  registry.beforePut = undefined;
  const types = (await repository.referrers(subject.digest)).map(({ artifactType }) => artifactType);
  assert.deepEqual(types.sort(), [
    "application/x-other-0",
    "application/x-other-1",
    "application/x-other-2",
    "application/x-ours",
  ]);
});

test("content that is not what its digest says is refused, manifest and blob", async (t) => {
  const registry = new Registry({ referrersApi: true });
  const repository = await registry.serve(t);
  const subject = await image(repository, "1");
  const other = registry.manifests.get((await image(repository, "2")).digest)!;
  registry.manifests.set(subject.digest, other);
  await assert.rejects(repository.manifest(subject.digest), code("io/image-digest"));
  const blob = await repository.putBlob(utf8("evidence"), "text/plain");
  registry.blobs.set(blob.digest, Buffer.from("evidencf"));
  await assert.rejects(repository.blob(blob), code("io/image-digest"));
  registry.blobs.set(blob.digest, Buffer.from("evidence and more"));
  await assert.rejects(repository.blob(blob), code("io/too-large"));
});

test("a layout in a folder finds what refers to an image, and refuses a changed blob", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "oci-layout-"));
  t.after(() => rm(folder, { recursive: true }));
  await assert.rejects(openLayout(join(folder, "none")), code("io/image-layout"));
  const repository = await openLayout(join(folder, "layout"), { create: true });
  const subject = await image(repository, "1");
  const made = await referTo(repository, subject, "application/x-a");
  await image(repository, "2");
  const again = await openLayout(join(folder, "layout"));
  assert.equal((await again.manifest("1"))?.digest, subject.digest);
  assert.deepEqual(
    (await again.referrers(subject.digest)).map(({ digest, artifactType }) => [digest, artifactType]),
    [[made.digest, "application/x-a"]],
  );
  const blob = await again.putBlob(utf8("evidence"), "text/plain");
  await writeFile(join(folder, "layout", "blobs", ...blob.digest.split(":")), "evidencf");
  await assert.rejects(again.blob(blob), code("io/image-digest"));
});

test("credentials are asked of the registry's own token service, and sent nowhere else", async (t) => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const { url = "", headers } = request;
    seen.push(`${url.split("?")[0]} ${headers.authorization ?? "-"}`);
    if (url.startsWith("/token")) return response.end(JSON.stringify({ token: "t" }));
    if (url.startsWith("/cdn")) return response.end("blob");
    if (headers.authorization !== "Bearer t") {
      const realm = `http://${headers.host ?? ""}/token`;
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="r",scope="repository:a:pull"` });
      return response.end();
    }
    const { port } = server.address() as AddressInfo;
    return response.writeHead(307, { location: `http://localhost:${port}/cdn` }).end();
  });
  await new Promise<void>((done) => server.listen(0, done));
  t.after(() => (server.closeAllConnections(), server.close()));
  const registry = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const send = createRegistryTransport(registry, async () => ({ username: "u", password: "p" }));
  const reply = await send({ method: "GET", path: "/v2/a/blobs/x", maxBytes: 100, expected: [200] });
  assert.equal(new TextDecoder().decode(reply.body), "blob");
  const basic = `Basic ${Buffer.from("u:p").toString("base64")}`;
  assert.deepEqual(seen, ["/v2/a/blobs/x -", `/token ${basic}`, "/v2/a/blobs/x Bearer t", "/cdn -"]);
});

test("credentials are read from docker's config, by its forms", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "docker-config-"));
  t.after(() => rm(folder, { recursive: true }));
  const environment = { DOCKER_CONFIG: folder };
  assert.equal(await registryCredentials("r.example", environment), undefined);
  const auths = {
    "r.example": { auth: Buffer.from("user:pass:word").toString("base64") },
    "https://index.docker.io/v1/": { username: "hub", password: "x" },
    "t.example": { identitytoken: "refresh" },
  };
  await writeFile(join(folder, "config.json"), JSON.stringify({ auths }));
  assert.deepEqual(await registryCredentials("r.example", environment), { username: "user", password: "pass:word" });
  assert.equal((await registryCredentials("registry-1.docker.io", environment))?.username, "hub");
  assert.equal((await registryCredentials("t.example", environment))?.identityToken, "refresh");
  await writeFile(join(folder, "config.json"), JSON.stringify({ credHelpers: { "r.example": "../evil" } }));
  await assert.rejects(registryCredentials("r.example", environment), code("io/docker-config"));
});
