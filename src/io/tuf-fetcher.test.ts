import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { serveRepository } from "../../test/interop/tuf-repository.ts";
import { isProblem, utf8, type ProblemCode } from "../core/index.ts";
import { createMemoryStore, update } from "../tuf/index.ts";
import { createFolderFetcher } from "./tuf-fetcher.ts";
import { createHttpFetcher } from "./tuf-http.ts";

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const code = (wanted: ProblemCode) => (error: unknown) => isProblem(error, wanted) || assert.fail(String(error));

test("a file is read below the base, its name as it was encoded", async (t) => {
  const url = await serve(t, (request, response) => response.end(request.url));
  const text = async (base: string, path: string): Promise<string> =>
    Buffer.from((await createHttpFetcher(base).fetch(path, 1000))!).toString();
  assert.equal(await text(`${url}/repo`, "1.a%2Fb%3F.json"), "/repo/1.a%2Fb%3F.json");
  assert.equal(await text(`${url}/repo/`, "x/y"), "/repo/x/y");
});

test("404 is not there, 403 only when told so, and any other status is a failure", async (t) => {
  const url = await serve(t, (request, response) => {
    response.statusCode = Number(request.url!.slice(1));
    response.end("x");
  });
  const strict = createHttpFetcher(url);
  assert.equal(await strict.fetch("404", 10), undefined);
  await assert.rejects(strict.fetch("403", 10), code("io/status"));
  assert.equal(await createHttpFetcher(url, { forbiddenIsMissing: true }).fetch("403", 10), undefined);
  for (const status of ["401", "410", "500", "503", "206", "204"]) {
    await assert.rejects(strict.fetch(status, 10), code("io/status"));
  }
});

test("a body is read to its limit and no further, with and without a length", async (t) => {
  let sent = 0;
  const url = await serve(t, (request, response) => {
    if (request.url === "/exact") return response.end("0123456789");
    const more = (): void => {
      sent += 65_536;
      if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(more));
    };
    return more();
  });
  const fetcher = createHttpFetcher(url);
  assert.deepEqual(await fetcher.fetch("exact", 10), utf8("0123456789"));
  await assert.rejects(fetcher.fetch("exact", 9), code("io/too-large"));
  await assert.rejects(fetcher.fetch("endless", 100_000), code("io/too-large"));
  assert.ok(sent < 50_000_000);
});

test("a body that drips is given up at the deadline", async (t) => {
  const url = await serve(t, (_request, response) => {
    const timer = setInterval(() => response.write("x"), 10);
    response.on("close", () => clearInterval(timer));
  });
  await assert.rejects(createHttpFetcher(url, { timeoutMs: 200 }).fetch("slow", 1_000_000), code("io/unreachable"));
});

test("a redirect is followed on the same host, and refused to another, to another port, and without end", async (t) => {
  const other = await serve(t, (_request, response) => response.end("elsewhere"));
  const url = await serve(t, (request, response) => {
    const to = { "/a": "/b", "/out": other, "/loop": "/loop", "/scheme": "file:///etc/passwd" }[request.url!];
    if (to === undefined) return response.end("here");
    response.writeHead(302, { location: to });
    return response.end();
  });
  const fetcher = createHttpFetcher(url);
  assert.deepEqual(await fetcher.fetch("a", 10), utf8("here"));
  for (const path of ["out", "loop", "scheme"]) await assert.rejects(fetcher.fetch(path, 10), code("io/redirect"));
});

test("a repository that does not answer, or is no http address, is a Problem", async () => {
  await assert.rejects(createHttpFetcher("http://127.0.0.1:9").fetch("x", 10), code("io/unreachable"));
  for (const base of ["file:///tmp", "nonsense", "http://h/?q", "ftp://h/"]) {
    assert.throws(() => createHttpFetcher(base), code("io/url"));
  }
});

test("a mirror in a folder is read by decoded names that never leave it", async (t) => {
  const path = await mkdtemp(join(tmpdir(), "tuf-mirror-"));
  t.after(() => rm(path, { recursive: true }));
  await mkdir(join(path, "mirror", "dir"), { recursive: true });
  await writeFile(join(path, "secret"), "secret");
  await writeFile(join(path, "mirror", "dir", "a b"), "content");
  const fetcher = createFolderFetcher(join(path, "mirror"));
  assert.deepEqual(await fetcher.fetch("dir/a%20b", 100), utf8("content"));
  for (const each of [
    "missing",
    "../secret",
    "%2e%2e/secret",
    "..%2Fsecret",
    "%2e%2e%2fsecret",
    "%",
    "dir/a%20b/x",
    "a%00",
  ]) {
    assert.equal(await fetcher.fetch(each, 100), undefined, each);
  }
  await assert.rejects(fetcher.fetch("dir/a%20b", 3), code("io/too-large"));
});

test("a repository of ours is followed over HTTP, and every target downloaded", async (t) => {
  const now = Date.now();
  const repository = await serveRepository(now);
  t.after(() => repository.close());
  const fetcher = createHttpFetcher(repository.url);
  const client = await update({ bootstrap: repository.root, fetcher, store: createMemoryStore(), now });
  assert.equal(client.trusted.root.signed.version, 2);
  for (const [path, content] of repository.targets) {
    assert.deepEqual(await client.download((await client.findTarget(path))!), content);
  }
});
