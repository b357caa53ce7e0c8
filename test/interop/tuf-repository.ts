// A repository of ours, three publications old, with a rotated root and a delegation, served on the loopback
// interface: what other clients must be able to read.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dayMs, utf8 } from "../../src/core/index.ts";
import { createNextRoot, exportRepository, type TargetChanges } from "../../src/tuf/index.ts";
import { Publisher, roleOf } from "../tuf-publisher.ts";
import { newKey } from "../tuf-world.ts";

export interface ServedRepository {
  readonly url: string;
  readonly root: Uint8Array;
  /** Target path to content. */
  readonly targets: ReadonlyMap<string, Uint8Array>;
  readonly requests: string[];
  close(): void;
}

const targets = new Map([
  ["hello.txt", utf8("hello")],
  ["dir/sub/file-1.0.tgz", new Uint8Array(70_000).fill(7)],
  ["team/theirs.txt", utf8("by delegation")],
  ["odd name/ü+@ (1).txt", utf8("a name like any other")],
]);

/** Publishes as of `now` and serves; with the targets in bins when a number of them is given. */
export async function serveRepository(now: number, bins?: number): Promise<ServedRepository> {
  const publisher = new Publisher();
  publisher.now = now;
  publisher.rootHolders[2] = newKey("rsa");
  const team = newKey();
  publisher.root = await publisher.signRoot();
  const add = (...paths: string[]) => ({ add: paths.map((path) => ({ path, content: targets.get(path)! })) });
  const all = [...targets.keys()];
  const first = bins === undefined ? ["hello.txt", "odd name/ü+@ (1).txt"] : all;
  await publisher.commit(await publisher.first({ place: add(...first) }));
  const next = createNextRoot(publisher.repository.head.root, { expiresMs: now + 200 * dayMs });
  const roots = [await publisher.signRoot(next)];
  publisher.holders.set("team", [team]);
  const delegations = [{ name: "team", ...roleOf([team], 1), paths: ["team/*"] }];
  const delegating = new Map<string, TargetChanges>([
    ["targets", { delegations, ...add("dir/sub/file-1.0.tgz") }],
    ["team", add("team/theirs.txt")],
  ]);
  const binning = new Map<string, TargetChanges>([
    ["targets", { bins: { count: bins ?? 1, ...roleOf([publisher.bins], 1) } }],
  ]);
  await publisher.publish({ roots, targets: bins === undefined ? delegating : binning });
  const files = new Map<string, Uint8Array>();
  await exportRepository(publisher.store, async (path, bytes) => void files.set(path, bytes), 1 << 20);
  return { root: publisher.root, targets, ...(await serve(files)) };
}

async function serve(
  files: ReadonlyMap<string, Uint8Array>,
): Promise<Pick<ServedRepository, "url" | "requests" | "close">> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request.url!);
    const bytes = files.get(decodeURIComponent(request.url!.slice(1)));
    response.statusCode = bytes === undefined ? 404 : 200;
    response.end(bytes);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, requests, close: () => (server.closeAllConnections(), void server.close()) };
}
