import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "../../test/tuf-world.ts";
import { isProblem, Problem, utf8 } from "../core/index.ts";
import { createMemoryFetcher } from "./memory.ts";
import type { TufFetcher } from "./session.ts";

const content = utf8("content");

async function repository(): Promise<World> {
  const world = await World.create();
  world.delegate("targets", "team", { paths: ["*"] });
  world.addTarget("team", "file", content);
  await world.publish("root");
  await world.publish("team", "targets", "snapshot", "timestamp");
  return world;
}

const kinds = {
  root: /^\d+\.root\.json$/,
  timestamp: /^timestamp\.json$/,
  snapshot: /^\d+\.snapshot\.json$/,
  targets: /^\d+\.targets\.json$/,
  delegated: /^\d+\.team\.json$/,
  target: /^targets\//,
};

/** A mirror of the world's files that is wrong about one kind of them. */
function faulty(world: World, kind: RegExp, answer: () => Promise<Uint8Array | undefined>): TufFetcher {
  const good = createMemoryFetcher(world.files);
  return { fetch: (path, maxBytes) => (kind.test(path) ? answer() : good.fetch(path, maxBytes)) };
}

const faults: Readonly<Record<string, (world: World) => Promise<Uint8Array | undefined>>> = {
  missing: async () => undefined,
  unreachable: async () => {
    throw new Problem("io/unreachable", "nobody answers");
  },
  "too slow": async () => {
    throw new Problem("io/slow", "a byte a minute");
  },
  garbage: async () => utf8("<html>maintenance</html>"),
  endless: async () => new Uint8Array(10_000_000),
  empty: async () => new Uint8Array(),
  "another file": async (world) => world.bootstrap,
};

for (const [kind, pattern] of Object.entries(kinds)) {
  for (const [fault, answer] of Object.entries(faults)) {
    test(`a mirror whose ${kind} is ${fault} is passed over for one that is whole`, async () => {
      const world = await repository();
      const bad = faulty(world, pattern, () => answer(world));
      const client = await world.update({ fetcher: [bad, createMemoryFetcher(world.files)] });
      assert.equal(client.trusted.root.signed.version, 2);
      assert.deepEqual(await client.download((await client.findTarget("file"))!), content);
    });
  }
}

test("a mirror that is behind, or whose metadata has expired, is passed over", async () => {
  const world = await repository();
  await world.update();
  const behind = createMemoryFetcher(new Map(world.files));
  await world.publish("root", "snapshot", "timestamp");
  const client = await world.update({ fetcher: [behind, createMemoryFetcher(world.files)], store: memoryless() });
  // Nobody can tell that it is behind who has not seen more; but its roots end no walk.
  assert.equal(client.trusted.root.signed.version, 3);
  await world.update();
  await world.publish("timestamp");
  await world.update();
  const known = await world.update({ fetcher: [behind, createMemoryFetcher(world.files)] });
  assert.equal(known.trusted.timestamp.signed.version, world.tree("timestamp").version);
  world.now += 29 * 86_400_000;
  for (const role of ["targets", "snapshot", "timestamp"]) world.tree(role).expires = "2040-01-01T00:00:00Z";
  await world.publish("targets", "snapshot", "timestamp");
  world.now += 3 * 86_400_000;
  world.tree("root").expires = "2040-01-01T00:00:00Z";
  await world.publish("root");
  const fresh = await world.update({ fetcher: [behind, createMemoryFetcher(world.files)], store: memoryless() });
  assert.equal(fresh.trusted.timestamp.signed.version, world.tree("timestamp").version);
});

function memoryless(): { load(): Promise<undefined>; save(): Promise<void>; remove(): Promise<void> } {
  return { load: async () => undefined, save: async () => undefined, remove: async () => undefined };
}

test("the root after the newest is not there when the mirrors that answer say so, and unknown when none does", async () => {
  const world = await repository();
  const unreachable = faulty(world, /./, faults["unreachable"] as () => Promise<undefined>);
  const client = await world.update({ fetcher: [unreachable, createMemoryFetcher(world.files)] });
  assert.equal(client.trusted.root.signed.version, 2);
  const noRoots = faulty(world, kinds.root, faults["unreachable"] as () => Promise<undefined>);
  await assert.rejects(world.update({ fetcher: [noRoots, noRoots] }), (error) => isProblem(error, "io/unreachable"));
});

test("a mirror that failed is asked last from then on, and not waited for with every file", async () => {
  const world = await repository();
  let asked = 0;
  const slow: TufFetcher = {
    fetch: async () => {
      asked++;
      throw new Problem("io/slow", "slow");
    },
  };
  const client = await world.update({ fetcher: [slow, createMemoryFetcher(world.files)] });
  await client.download((await client.findTarget("file"))!);
  // At the beginning, where the root after the newest has to be asked of everybody, and for the first target.
  assert.equal(asked, 3);
});

test("what is wrong with the first mirror is reported when all fail", async () => {
  const world = await repository();
  const first = faulty(world, kinds.timestamp, async () => utf8("{}"));
  const second = faulty(world, kinds.timestamp, faults["unreachable"] as () => Promise<undefined>);
  await assert.rejects(world.update({ fetcher: [first, second] }), (error) => isProblem(error, "tuf/metadata-invalid"));
  await assert.rejects(world.update({ fetcher: [] }), (error) => isProblem(error, "tuf/no-mirror"));
});

test("a mirror that fails in the middle of a target leaves nothing of it behind", async () => {
  const world = await repository();
  const half: TufFetcher = {
    ...faulty(world, kinds.target, async () => undefined),
    open: async () =>
      (async function* () {
        yield content.subarray(0, 3);
        throw new Problem("io/unreachable", "gone");
      })(),
  };
  const client = await world.update({ fetcher: [half, createMemoryFetcher(world.files)] });
  const log: string[] = [];
  const pieces: Uint8Array[] = [];
  const target = (await client.findTarget("file"))!;
  const { kept } = await client.downloadTo(target, {
    read: async () => undefined,
    create: async () => {
      log.push("create");
      pieces.length = 0;
      return {
        write: async (piece) => void pieces.push(piece),
        commit: async () => void log.push("commit"),
        discard: async () => void log.push("discard"),
      };
    },
  });
  assert.deepEqual([kept, log], [false, ["create", "discard", "create", "commit"]]);
  assert.deepEqual(Buffer.concat(pieces), Buffer.from(content));
});
