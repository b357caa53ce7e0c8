import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "../../test/tuf-world.ts";
import { createMemoryFetcher } from "./memory.ts";
import type { TufFetcher } from "./session.ts";
import { dayMs, formatUtcSeconds, isProblem, type ProblemCode } from "../core/index.ts";

function refused(code: ProblemCode, message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isProblem(error, code), `${String(error)} is not ${code}`);
    if (message !== undefined) assert.match((error as Error).message, message);
    return true;
  };
}

const everything = ["targets", "snapshot", "timestamp"] as const;

test("a first update asks for the next root, then timestamp, snapshot and targets, and stores them as served", async () => {
  const world = await World.create();
  const { trusted } = await world.update();
  assert.deepEqual(world.requests, ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]);
  assert.equal(trusted.targets.signed.version, 1);
  assert.deepEqual(world.stored.get("root.json"), world.bootstrap);
  for (const role of everything) assert.deepEqual(world.stored.get(`${role}.json`), world.files.get(world.path(role)));
});

test("an update with nothing new asks for two files", async () => {
  const world = await World.create();
  await world.update();
  world.requests.length = 0;
  await world.update();
  assert.deepEqual(world.requests, ["2.root.json", "timestamp.json"]);
});

test("without consistent snapshots only roots are fetched by version", async () => {
  const world = await World.create();
  delete world.tree("root").consistent_snapshot;
  await world.publish("root", ...everything);
  world.addTarget("targets", "a/b", new Uint8Array([1]));
  world.files.set("targets/a/b", new Uint8Array([1]));
  await world.publish(...everything);
  const client = await world.update();
  assert.deepEqual(world.requests.slice(2), ["timestamp.json", "snapshot.json", "targets.json"]);
  assert.deepEqual([...(await client.download((await client.findTarget("a/b"))!))], [1]);
});

test("roots are walked one by one, and an intermediate root may have expired", async () => {
  const world = await World.create();
  world.expire("root");
  await world.publish("root");
  world.tree("root").expires = formatUtcSeconds(world.now + dayMs);
  await world.publish("root");
  const { trusted } = await world.update();
  assert.equal(trusted.root.signed.version, 3);
  assert.equal(world.storedVersion("root"), 3);
});

test("the walk is replayed from the bootstrap root without the network the second time", async () => {
  const world = await World.create();
  await world.publish("root");
  await world.publish("root");
  await world.update();
  world.files.delete("2.root.json");
  world.requests.length = 0;
  const { trusted } = await world.update();
  assert.equal(trusted.root.signed.version, 3);
  assert.equal(world.requests[0], "4.root.json");
});

test("a root that is published between the walk and the timestamp is followed in the same update", async () => {
  const world = await World.create();
  await world.update();
  const fetcher = createMemoryFetcher(world.files);
  let isRotated = false;
  const client = await world.update({
    fetcher: {
      fetch: async (path, maxBytes) => {
        if (path === "timestamp.json" && !isRotated) {
          isRotated = true;
          world.tree("root").version++;
          world.rotate("timestamp");
          await world.serve("root");
          await world.publish("timestamp");
        }
        return fetcher.fetch(path, maxBytes);
      },
    },
  });
  assert.equal(client.trusted.root.signed.version, 2);
});

test("a timestamp that no root vouches for is refused after one more look for a root", async () => {
  const world = await World.create();
  await world.update();
  world.requests.length = 0;
  world.replace("timestamp", (file) => (file.signed.version += 1));
  await assert.rejects(world.update(), (error) => isProblem(error, "tuf/threshold"));
  assert.deepEqual(world.requests, ["2.root.json", "timestamp.json", "2.root.json"]);
});

test("a root put into the store by somebody else is never trusted", async () => {
  const world = await World.create();
  const foreign = await World.create();
  await foreign.publish("root");
  world.stored.set("root.json", foreign.files.get("2.root.json")!);
  world.stored.set("root_history/2.root.json", foreign.files.get("2.root.json")!);
  const { trusted } = await world.update();
  assert.equal(trusted.root.signed.version, 1);
  assert.deepEqual(world.stored.get("root.json"), world.bootstrap);
});

test("the last root must not have expired, and stays stored all the same", async () => {
  const world = await World.create();
  world.expire("root");
  await world.publish("root");
  await assert.rejects(world.update(), refused("tuf/expired", /root/));
  assert.deepEqual([...world.stored.keys()].sort(), ["root.json", "root_history/2.root.json"]);
});

test("a bootstrap root that does not sign itself is refused before any request", async () => {
  const world = await World.create();
  world.replace("root", (file) => (file.signatures = []));
  await assert.rejects(world.update({ bootstrap: world.files.get("1.root.json")! }), refused("tuf/threshold"));
  assert.deepEqual(world.requests, []);
});

test("a root signed only by the old keys is refused", async () => {
  const world = await World.create();
  const old = world.signers.get("root")!;
  const oldKeys = world.keys.get("root")!;
  world.rotate("root");
  world.signers.set("root", old);
  world.keys.set("root", oldKeys);
  await world.publish("root");
  await assert.rejects(world.update(), refused("tuf/threshold", /0 of 1 needed signatures/));
  assert.equal(world.storedVersion("root"), 1);
});

test("a root signed only by the new keys is refused", async () => {
  const world = await World.create();
  world.rotate("root");
  await world.publish("root");
  await assert.rejects(world.update(), refused("tuf/threshold"));
});

test("a root signed by a threshold of old and of new keys is trusted", async () => {
  const world = await World.create();
  const old = world.signers.get("root")!;
  const oldKeys = world.keys.get("root")!;
  world.rotate("root", 3);
  world.signers.get("root")!.push(...old);
  world.keys.get("root")!.push(...oldKeys);
  await world.publish("root");
  assert.equal((await world.update()).trusted.root.signed.version, 2);
});

test("version N+2 served as N+1 of the root is refused", async () => {
  const world = await World.create();
  world.tree("root").version = 3;
  await world.serve("root");
  world.files.set("2.root.json", world.files.get("3.root.json")!);
  await assert.rejects(world.update(), refused("tuf/root-version"));
  assert.equal(world.storedVersion("root"), 1);
});

test("no more roots are downloaded in one update than the limit allows", async () => {
  const world = await World.create();
  for (let i = 0; i < 4; i++) await world.publish("root");
  const { trusted } = await world.update({ limits: { rootRotations: 2 } });
  assert.equal(trusted.root.signed.version, 3);
  assert.equal((await world.update({ limits: { rootRotations: 2 } })).trusted.root.signed.version, 5);
});

for (const role of ["root", ...everything]) {
  test(`${role} without a signature is refused and not stored`, async () => {
    const world = await World.create();
    await world.update();
    world.signers.set(role, []);
    await world.publish("root", ...everything);
    await assert.rejects(world.update(), refused("tuf/threshold"));
    assert.equal(world.storedVersion(role), 1);
  });

  test(`${role} of the wrong type is refused`, async () => {
    const world = await World.create();
    world.tree(role)._type = role === "targets" ? "snapshot" : "targets";
    await world.publish("root");
    for (const each of everything) world.files.set(world.path(each), await world.sign(each, world.tree(each) as never));
    await assert.rejects(world.update(), refused("tuf/metadata-invalid"));
  });

  test(`${role} served without end is given up at its limit`, async () => {
    const world = await World.create();
    await world.publish("root");
    world.files.set(world.path(role), new Uint8Array(5_000_001).fill(32));
    await assert.rejects(world.update(), refused("tuf/length"));
  });
}

for (const role of everything) {
  test(`${role} that has expired is refused and not stored`, async () => {
    const world = await World.create();
    await world.update();
    world.expire(role);
    await world.publish(...everything);
    await assert.rejects(world.update(), refused("tuf/expired", new RegExp(role)));
    assert.equal(world.storedVersion(role), 1);
  });

  test(`${role} that expires at the very time of the update has expired`, async () => {
    const world = await World.create();
    world.tree(role).expires = formatUtcSeconds(world.now);
    await world.publish(...everything);
    await assert.rejects(world.update(), refused("tuf/expired"));
  });
}

test("a timestamp in the store that has expired is refused when the repository only repeats it", async () => {
  const world = await World.create();
  await world.update();
  world.now += 31 * dayMs;
  world.tree("root").expires = formatUtcSeconds(world.now + dayMs);
  await world.publish("root");
  await assert.rejects(world.update(), refused("tuf/expired", /timestamp/));
});

test("an update succeeds over expired files in the store when newer ones are served", async () => {
  const world = await World.create();
  await world.update();
  world.now += 31 * dayMs;
  for (const role of ["root", ...everything]) world.tree(role).expires = formatUtcSeconds(world.now + dayMs);
  await world.publish("root", ...everything);
  assert.equal((await world.update()).trusted.timestamp.signed.version, 2);
});

test("an older timestamp is a rollback, also for a client that was started anew", async () => {
  const world = await World.create();
  const old = world.files.get("timestamp.json")!;
  await world.publish("timestamp");
  await world.update();
  world.files.set("timestamp.json", old);
  await assert.rejects(world.update(), refused("tuf/rollback", /timestamp/));
  assert.equal(world.storedVersion("timestamp"), 2);
});

test("a timestamp of the same version with another content is dropped without an error", async () => {
  const world = await World.create();
  await world.update();
  world.tree("timestamp").meta["snapshot.json"]!.version = 100;
  await world.serve("timestamp");
  const { trusted } = await world.update();
  assert.equal(trusted.timestamp.signed.snapshot.version, 1);
  assert.equal(world.requests.at(-1), "timestamp.json");
  assert.deepEqual(world.stored.get("timestamp.json"), trusted.timestamp.bytes);
});

test("a newer timestamp that lists an older snapshot is a rollback and is not stored", async () => {
  const world = await World.create();
  await world.publish("snapshot", "timestamp");
  await world.update();
  world.tree("timestamp").meta["snapshot.json"]!.version = 1;
  await world.publish("timestamp");
  await assert.rejects(world.update(), refused("tuf/rollback", /snapshot/));
  assert.equal(world.storedVersion("timestamp"), 2);
  await world.publish("snapshot", "timestamp");
  assert.equal((await world.update()).trusted.snapshot.signed.version, 3, "the client is not stuck");
});

test("a newer snapshot that lists an older targets version is a rollback", async () => {
  const world = await World.create();
  await world.publish(...everything);
  await world.update();
  world.tree("snapshot").meta["targets.json"]!.version = 1;
  await world.publish("snapshot", "timestamp");
  await assert.rejects(world.update(), refused("tuf/rollback", /targets/));
  assert.equal(world.storedVersion("snapshot"), 2);
});

test("a newer snapshot that lists an older delegated role is a rollback", async () => {
  const world = await World.create();
  world.delegate("targets", "team", { paths: ["team/*"] });
  await world.publish("team");
  await world.publish("team", ...everything);
  await world.update();
  world.tree("snapshot").meta["team.json"]!.version = 1;
  await world.publish("snapshot", "timestamp");
  await assert.rejects(world.update(), refused("tuf/rollback", /team/));
});

test("a snapshot that drops a role is refused", async () => {
  const world = await World.create();
  world.delegate("targets", "team", { paths: ["team/*"] });
  await world.publish("team", ...everything);
  await world.update();
  delete world.tree("snapshot").meta["team.json"];
  await world.publish("snapshot", "timestamp");
  await assert.rejects(world.update(), refused("tuf/rollback", /no longer listed/));
});

test("a snapshot of another version than the timestamp lists is refused: mix and match", async () => {
  const world = await World.create();
  world.tree("timestamp").meta["snapshot.json"]!.version = 2;
  await world.publish("timestamp");
  world.files.set("2.snapshot.json", world.files.get("1.snapshot.json")!);
  await assert.rejects(world.update(), refused("tuf/version-mismatch", /snapshot/));
});

test("targets of another version than the snapshot lists are refused: mix and match", async () => {
  const world = await World.create();
  world.tree("snapshot").meta["targets.json"]!.version = 2;
  await world.publish("snapshot", "timestamp");
  world.files.set("2.targets.json", world.files.get("1.targets.json")!);
  await assert.rejects(world.update(), refused("tuf/version-mismatch", /targets/));
});

for (const role of ["snapshot", "targets"]) {
  test(`${role} of the listed version but not of the listed hash is refused: mix and match`, async () => {
    const world = await World.create();
    world.listHashes = true;
    await world.publish(...everything);
    await world.update();
    await world.publish(...everything);
    const bytes = world.files.get(world.path(role))!;
    const other = bytes.slice();
    other[other.length - 1] = 32;
    world.files.set(world.path(role), other);
    await assert.rejects(world.update(), refused("tuf/hash-mismatch"));
    assert.equal(world.storedVersion(role), 2);
    world.files.set(world.path(role), new Uint8Array([...bytes, 32]));
    await assert.rejects(world.update(), refused("tuf/length"));
    world.files.set(world.path(role), bytes);
    await world.update();
  });

  test(`a ${role} file in the store that was tampered with is asked for again`, async () => {
    const world = await World.create();
    await world.update();
    world.stored.set(`${role}.json`, new Uint8Array([123, 125]));
    world.requests.length = 0;
    await world.update();
    assert.deepEqual(world.requests.slice(2), [`1.${role}.json`]);
    assert.deepEqual(world.stored.get(`${role}.json`), world.files.get(`1.${role}.json`));
  });
}

for (const role of everything) {
  test(`a missing ${role} fails the update, and the next one succeeds`, async () => {
    const world = await World.create();
    await world.update();
    await world.publish(...everything);
    const bytes = world.files.get(world.path(role))!;
    world.files.delete(world.path(role));
    await assert.rejects(world.update(), refused("tuf/metadata-missing"));
    world.files.set(world.path(role), bytes);
    assert.equal((await world.update()).trusted.targets.signed.version, 2);
  });
}

test("a timestamp version run forward by a thief is recovered from by rotating the timestamp key", async () => {
  const world = await World.create();
  world.tree("timestamp").version = Number.MAX_SAFE_INTEGER;
  await world.serve("timestamp");
  await world.update();
  world.rotate("timestamp");
  world.tree("timestamp").version = 1;
  await world.publish("root");
  await world.serve("timestamp");
  assert.equal((await world.update()).trusted.timestamp.signed.version, 1);
});

test("a snapshot version run forward by a thief is recovered from by rotating the snapshot key alone", async () => {
  const world = await World.create();
  world.tree("snapshot").version = Number.MAX_SAFE_INTEGER - 1;
  await world.serve("snapshot");
  await world.publish("timestamp");
  await world.update();
  world.rotate("snapshot");
  world.tree("snapshot").version = 1;
  await world.publish("root");
  await world.serve("snapshot");
  await world.publish("timestamp");
  assert.equal((await world.update()).trusted.snapshot.signed.version, 1);
});

test("targets versions run forward by a thief are recovered from by rotating the snapshot key", async () => {
  const world = await World.create();
  world.tree("targets").version = 1000;
  await world.serve("targets");
  await world.publish("snapshot", "timestamp");
  await world.update();
  world.rotate("snapshot");
  world.tree("targets").version = 2;
  await world.serve("targets");
  await world.publish("root", "snapshot", "timestamp");
  assert.equal((await world.update()).trusted.targets.signed.version, 2);
});

test("rotating keys between two updates does not let an old state of the current keys back in", async () => {
  const world = await World.create();
  world.rotate("timestamp");
  await world.publish("root", "timestamp");
  const old = world.files.get("timestamp.json")!;
  await world.publish("timestamp");
  await world.update();
  world.files.set("timestamp.json", old);
  await assert.rejects(world.update(), refused("tuf/rollback"));
});

test("unknown fields are part of what is signed, everywhere", async () => {
  const world = await World.create();
  const root = world.tree("root");
  root["x-unknown"] = { nested: [1, "é", null, true] };
  root.roles["snapshot"]!["x-role"] = "kept";
  for (const keyid of Object.keys(root.keys)) {
    root.keys[keyid] = { ...(root.keys[keyid] as object), keyid_hash_algorithms: ["md5"] };
  }
  await world.publish("root", ...everything);
  await world.update();
  world.replace("root", (file) => (file.signed["x-unknown"] = {}));
  world.stored.clear();
  await assert.rejects(world.update(), refused("tuf/threshold"));
});

test("a spec_version of another major, or of no version at all, is refused", async () => {
  for (const version of ["2.0.0", "1", "1..", "1.0.0.0", "1.0-beta", "", "1.x", "01.0"]) {
    const world = await World.create();
    world.tree("timestamp").spec_version = version;
    await world.publish("timestamp");
    await assert.rejects(world.update(), refused("tuf/metadata-invalid"), version);
  }
  const world = await World.create();
  world.tree("timestamp").spec_version = "1.0";
  await world.publish("timestamp");
  await world.update();
});

test("an expiry in any but the one form is refused", async () => {
  const forms = [
    "2036",
    "2036-01-01",
    "2036-01-01T00:00:00+14:00",
    "2036-01-01T00:00:00.5Z",
    "never",
    "",
    "2036-02-30T00:00:00Z",
  ];
  for (const expires of forms) {
    const world = await World.create();
    world.tree("timestamp").expires = expires;
    await world.publish("timestamp");
    await assert.rejects(world.update(), refused("tuf/metadata-invalid"), expires);
  }
});

test("no more than a listed length is asked for, and never more than the limit", async () => {
  const world = await World.create();
  world.listHashes = true;
  await world.publish("targets");
  world.tree("snapshot").meta["targets.json"]!.length = 9_000_000;
  await world.publish("snapshot", "timestamp");
  const asked = new Map<string, number>();
  const fetcher: TufFetcher = {
    fetch: async (path, maxBytes) => (asked.set(path, maxBytes), world.files.get(path)),
  };
  await assert.rejects(world.update({ fetcher }), refused("tuf/length"));
  assert.equal(asked.get("2.snapshot.json"), world.files.get("2.snapshot.json")!.length);
  assert.equal(asked.get("2.targets.json"), 5_000_000);
  assert.equal(asked.get("timestamp.json"), 16_384);
});
