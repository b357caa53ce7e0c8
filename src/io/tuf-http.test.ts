import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { World } from "../../test/tuf-world.ts";
import { isProblem, type ProblemCode, utf8 } from "../core/index.ts";
import { createMemoryStore } from "../tuf/index.ts";
import { createHttpFetcher } from "./tuf-http.ts";

const content = utf8("content");
const bomb = gzipSync(Buffer.alloc(20_000_000));

/** A mirror that answers in another way where `kind` matches. */
async function serve(
  t: TestContext,
  world: World,
  kind?: RegExp,
  misbehave?: (response: ServerResponse, bytes: Uint8Array) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!.slice(1));
    const bytes = world.files.get(path);
    if (kind?.test(path) === true) return misbehave!(response, bytes ?? new Uint8Array());
    return void response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function repository(): Promise<World> {
  const world = await World.create();
  world.delegate("targets", "team", { paths: ["*"] });
  world.addTarget("team", "file", content);
  await world.publish("team", "targets", "snapshot", "timestamp");
  return world;
}

const kinds = {
  root: /root\.json$/,
  timestamp: /^timestamp\.json$/,
  snapshot: /snapshot\.json$/,
  targets: /targets\.json$/,
  "delegated role": /team\.json$/,
  "target file": /^targets\//,
};

const misbehaviours: Readonly<
  Record<string, { code: ProblemCode; answer: (response: ServerResponse, bytes: Uint8Array) => void }>
> = {
  "data without end and without a length": {
    code: "io/too-large",
    answer: (response) => {
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(1_000_000), () => setImmediate(more));
      };
      more();
    },
  },
  "a length over the limit": {
    code: "io/too-large",
    answer: (response) => {
      response.writeHead(200, { "content-length": String(1024 ** 4) });
      response.flushHeaders();
    },
  },
  "a compressed body that nobody asked for": {
    code: "io/encoding",
    answer: (response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(bomb),
  },
  "a byte now and then": {
    code: "io/slow",
    answer: (response) => {
      response.flushHeaders();
      const timer = setInterval(() => response.write("x"), 150);
      response.on("close", () => clearInterval(timer));
    },
  },
  "no answer at all": { code: "io/slow", answer: () => undefined },
  "half a body": {
    code: "io/unreachable",
    answer: (response, bytes) => {
      response.writeHead(200, { "content-length": String(Math.max(bytes.length, 2)) });
      response.write("{", () => response.destroy());
    },
  },
};

for (const [kind, pattern] of Object.entries(kinds)) {
  test(`a mirror that sends for a ${kind} what nobody can use is given up in time, and the next one asked`, async (t) => {
    const world = await repository();
    const good = createHttpFetcher(await serve(t, world));
    for (const [name, { code, answer }] of Object.entries(misbehaviours)) {
      const url = await serve(t, world, pattern, answer);
      const bad = createHttpFetcher(url, { rateWindowMs: 400, timeoutMs: 5000 });
      const follow = async (fetcher: Parameters<World["update"]>[0] & object): Promise<Uint8Array> => {
        const client = await world.update({
          ...fetcher,
          store: createMemoryStore(),
          limits: { targetsBytes: 500_000 },
        });
        return client.download((await client.findTarget("file"))!);
      };
      // Of a target every byte is listed, so that a byte too many is another file and not one that could not be had.
      const expected = kind.startsWith("target file") && code === "io/too-large" ? "tuf/length" : code;
      await assert.rejects(
        follow({ fetcher: bad }),
        (error) => isProblem(error, expected) || assert.fail(`${name}: ${String(error)}`),
      );
      assert.deepEqual(await follow({ fetcher: [bad, good] }), content, name);
    }
  });
}

test("a header that drips is given up", async (t) => {
  const server = createTcpServer((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    const timer = setInterval(() => socket.write("x: y\r\n"), 20);
    socket.on("error", () => undefined).on("close", () => clearInterval(timer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fetcher = createHttpFetcher(url, { rateWindowMs: 100 });
  await assert.rejects(fetcher.fetch("timestamp.json", 1000), (error) => isProblem(error, "io/slow"));
});

test("a file that comes in pieces is bounded, timed and counted as one that comes whole", async (t) => {
  const world = await repository();
  for (const [name, { code, answer }] of Object.entries(misbehaviours)) {
    const fetcher = createHttpFetcher(await serve(t, world, /^x$/, answer), { rateWindowMs: 400 });
    const drain = async (): Promise<void> => {
      for await (const piece of (await fetcher.open!("x", 100_000))!) assert.ok(piece.length > 0);
    };
    await assert.rejects(drain(), (error) => isProblem(error, code) || assert.fail(`${name}: ${String(error)}`));
  }
  const whole = createHttpFetcher(await serve(t, world));
  assert.equal(await whole.open!("missing", 10), undefined);
});
