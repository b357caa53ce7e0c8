// A repository of ours, three publications old, with a rotated root and a delegation, served on the loopback
// interface: what other clients must be able to read.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dayMs, utf8 } from "../../src/core/index.ts";
import {
  createNextRoot,
  createRoot,
  initialRepository,
  parseRoot,
  publish,
  signMetadata,
  type Signing,
  type TargetChanges,
} from "../../src/tuf/index.ts";
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

/** Publishes as of `now` and serves. */
export async function serveRepository(now: number): Promise<ServedRepository> {
  const lifetimesMs = { targets: 30 * dayMs, snapshot: 30 * dayMs, timestamp: dayMs };
  const rootKeys = [newKey(), newKey("ecdsa-p256"), newKey("rsa")];
  const [top, online, team] = [newKey("ecdsa-p256"), newKey(), newKey()];
  const oneOf = (...made: readonly { key: (typeof top)["key"] }[]) => ({
    keys: made.map((each) => each.key),
    threshold: 1,
  });
  const roles = {
    root: { keys: rootKeys.map((each) => each.key), threshold: 2 },
    targets: oneOf(top),
    snapshot: oneOf(online),
    timestamp: oneOf(online),
  };
  const signRoot = (signed: Parameters<typeof signMetadata>[0]) =>
    signMetadata(
      signed,
      rootKeys.map((each) => each.signer),
      roles.root.keys,
    );
  const root = await signRoot(createRoot({ version: 1, expiresMs: now + 100 * dayMs, roles }));
  const signing: Signing = {
    lifetimesMs,
    signers: new Map([
      ["targets", [top.signer]],
      ["snapshot", [online.signer]],
      ["timestamp", [online.signer]],
      ["team", [team.signer]],
    ]),
  };
  const add = (...paths: string[]) => ({ add: paths.map((path) => ({ path, content: targets.get(path)! })) });
  const first = await initialRepository(
    root,
    new Map([["targets", add("hello.txt", "odd name/ü+@ (1).txt")]]),
    signing,
    now,
  );
  const second = createNextRoot(parseRoot(root, 512_000), { expiresMs: now + 200 * dayMs });
  const delegations = [{ name: "team", ...oneOf(team), paths: ["team/*"] }];
  const changes = new Map<string, TargetChanges>([
    ["targets", { delegations, ...add("dir/sub/file-1.0.tgz") }],
    ["team", add("team/theirs.txt")],
  ]);
  const next = await publish(first.state, { root: await signRoot(second), targets: changes }, signing, now);
  return { root, targets, ...(await serve(new Map([...first.files, ...next.files]))) };
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
