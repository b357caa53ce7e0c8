import assert from "node:assert/strict";
import { test } from "node:test";
import { newKey } from "../../test/tuf-world.ts";
import { dayMs, hourMs, isProblem, olpcCanonicalJson, utf8, type ProblemCode } from "../core/index.ts";
import { digestHex, type Signer } from "../crypto/index.ts";
import {
  addSignatures,
  createKey,
  createMemoryFetcher,
  createMemoryStore,
  createNextRoot,
  createRoot,
  encodeKey,
  initialRepository,
  parseRoot,
  parseTargets,
  publish,
  readRepository,
  resign,
  signMetadata,
  topLevel,
  update,
  validSigners,
  type Key,
  type Publication,
  type RoleKeys,
  type Signing,
  type TopLevelRole,
} from "./index.ts";

const now = Date.UTC(2030, 0, 1);
const lifetimesMs = { targets: 30 * dayMs, snapshot: 7 * dayMs, timestamp: dayMs };
const refused = (code: ProblemCode) => (error: unknown) => isProblem(error, code) || assert.fail(String(error));

interface Ceremony {
  readonly root: Uint8Array;
  readonly rootKeys: readonly { signer: Signer; key: Key }[];
  readonly roles: Record<TopLevelRole, RoleKeys>;
  readonly signing: Signing;
}

async function ceremony(consistentSnapshot = true): Promise<Ceremony> {
  const rootKeys = [newKey(), newKey("ecdsa-p256"), newKey()];
  const [targets, snapshot, timestamp] = [newKey("ecdsa-p256"), newKey(), newKey()];
  const roles = {
    root: { keys: rootKeys.map((each) => each.key), threshold: 2 },
    targets: { keys: [targets.key], threshold: 1 },
    snapshot: { keys: [snapshot.key], threshold: 1 },
    timestamp: { keys: [timestamp.key], threshold: 1 },
  };
  const signed = createRoot({ version: 1, expiresMs: now + 365 * dayMs, consistentSnapshot, roles });
  const root = await signMetadata(
    signed,
    rootKeys.slice(0, 2).map((each) => each.signer),
    roles.root.keys,
  );
  const signers = new Map([
    ["targets", [targets.signer]],
    ["snapshot", [snapshot.signer]],
    ["timestamp", [timestamp.signer]],
  ]);
  return { root, rootKeys, roles, signing: { signers, lifetimesMs } };
}

function paths(publication: Publication): string[] {
  return publication.files.map(([path]) => path.replace(/[0-9a-f]{64}/, "HASH"));
}

/** A client of everything published so far, in order. */
async function read(root: Uint8Array, publications: readonly Publication[], path: string): Promise<string | undefined> {
  const files = new Map(publications.flatMap((each) => each.files));
  const client = await update({
    bootstrap: root,
    fetcher: createMemoryFetcher(files),
    store: createMemoryStore(),
    now,
  });
  const target = await client.findTarget(path);
  return target && Buffer.from(await client.download(target)).toString();
}

const hello = { path: "dir/hello.txt", content: utf8("hello"), custom: { tag: "v1" } };

test("a new repository is published content first, root before what it signs, timestamp last", async () => {
  const { root, signing } = await ceremony();
  const first = await initialRepository(root, new Map([["targets", { add: [hello] }]]), signing, now);
  assert.deepEqual(paths(first), [
    "targets/dir/HASH.hello.txt",
    "1.root.json",
    "1.targets.json",
    "1.snapshot.json",
    "timestamp.json",
  ]);
  assert.equal(await read(root, [first], "dir/hello.txt"), "hello");
});

test("without consistent snapshots only root carries its version in its name", async () => {
  const { root, signing } = await ceremony(false);
  const first = await initialRepository(root, new Map([["targets", { add: [hello] }]]), signing, now);
  assert.deepEqual(paths(first).slice(0, 3), ["targets/dir/hello.txt", "1.root.json", "targets.json"]);
  assert.equal(await read(root, [first], "dir/hello.txt"), "hello");
});

test("targets are added, replaced and removed by later publications", async () => {
  const { root, signing } = await ceremony();
  const first = await initialRepository(root, new Map([["targets", { add: [hello] }]]), signing, now);
  const changes = {
    add: [
      { ...hello, content: utf8("again") },
      { path: "new", content: utf8("new") },
    ],
  };
  const second = await publish(first.state, { targets: new Map([["targets", changes]]) }, signing, now);
  assert.deepEqual(paths(second).slice(2), ["2.targets.json", "2.snapshot.json", "timestamp.json"]);
  assert.equal(await read(root, [first, second], "dir/hello.txt"), "again");
  const third = await publish(second.state, { targets: new Map([["targets", { remove: ["new"] }]]) }, signing, now);
  assert.equal(await read(root, [first, second, third], "new"), undefined);
  const again = publish(third.state, { targets: new Map([["targets", { remove: ["new"] }]]) }, signing, now);
  await assert.rejects(again, refused("tuf/target-not-found"));
});

test("a publication without changes gives snapshot and timestamp new versions alone", async () => {
  const { root, signing } = await ceremony();
  const first = await initialRepository(root, new Map(), signing, now);
  assert.deepEqual(paths(await publish(first.state, {}, signing, now)), ["2.snapshot.json", "timestamp.json"]);
});

test("online keys extend the life of snapshot and timestamp, or of the timestamp alone, without any other key", async () => {
  const { root, signing } = await ceremony();
  const first = await initialRepository(root, new Map([["targets", { add: [hello] }]]), signing, now);
  const online = (...roles: string[]): Signing => ({
    lifetimesMs,
    signers: new Map(roles.map((role) => [role, signing.signers.get(role)!])),
  });
  const later = now + 12 * hourMs;
  const both = await resign(first.state, online("snapshot", "timestamp"), later);
  assert.deepEqual(paths(both), ["2.snapshot.json", "timestamp.json"]);
  const one = await resign(both.state, online("timestamp"), later);
  assert.deepEqual(paths(one), ["timestamp.json"]);
  assert.equal(await read(root, [first, both, one], "dir/hello.txt"), "hello");
});

test("a quorum signs a root one after another, and progress can be told", async () => {
  const { roles, rootKeys } = await ceremony();
  const signed = createRoot({ version: 1, expiresMs: now + dayMs, roles });
  let bytes = await signMetadata(signed, []);
  for (const expected of [1, 2, 3]) {
    const root = parseRoot(bytes, 512_000);
    const file = { signed: root.tree, signatures: root.signatures };
    bytes = await addSignatures(file, [rootKeys[expected - 1]!.signer], roles.root.keys);
    const after = parseRoot(bytes, 512_000);
    assert.equal(validSigners(after, topLevel(after, "root")).length, expected);
  }
});

test("a root key is replaced with the signatures of the old and of the new quorum", async () => {
  const { root, roles, rootKeys, signing } = await ceremony();
  const first = await initialRepository(root, new Map([["targets", { add: [hello] }]]), signing, now);
  const fresh = newKey();
  const kept = rootKeys.slice(1);
  const keys = [...kept.map((each) => each.key), fresh.key];
  const next = createNextRoot(parseRoot(root, 512_000), {
    expiresMs: now + 365 * dayMs,
    roles: { root: { keys, threshold: 2 } },
  });
  const few = await signMetadata(next, [kept[0]!.signer, fresh.signer], [...keys, ...roles.root.keys]);
  await assert.rejects(publish(first.state, { root: few }, signing, now), refused("tuf/threshold"));
  const enough = await signMetadata(
    next,
    kept.map((each) => each.signer),
    keys,
  );
  const second = await publish(first.state, { root: enough }, signing, now);
  assert.deepEqual(paths(second), ["2.root.json", "2.snapshot.json", "timestamp.json"]);
  assert.equal(await read(root, [first, second], "dir/hello.txt"), "hello");
  const { keys: listed } = parseRoot(enough, 512_000).signed;
  assert.ok(!listed.has(rootKeys[0]!.key.keyid), "the replaced key is no longer listed");
});

test("a root that replaces the targets key makes the targets be signed anew by the new key", async () => {
  const { root, rootKeys, signing } = await ceremony();
  const first = await initialRepository(root, new Map([["targets", { add: [hello] }]]), signing, now);
  const fresh = newKey();
  const next = createNextRoot(parseRoot(root, 512_000), {
    expiresMs: now + 365 * dayMs,
    roles: { targets: { keys: [fresh.key], threshold: 1 } },
  });
  const signedRoot = await signMetadata(
    next,
    rootKeys.map((each) => each.signer),
  );
  await assert.rejects(publish(first.state, { root: signedRoot }, signing, now), refused("tuf/signer-unknown"));
  const signers = new Map([...signing.signers, ["targets", [fresh.signer]]]);
  const second = await publish(first.state, { root: signedRoot }, { ...signing, signers }, now);
  assert.deepEqual(paths(second), ["2.root.json", "2.targets.json", "2.snapshot.json", "timestamp.json"]);
  assert.equal(await read(root, [first, second], "dir/hello.txt"), "hello");
});

test("a root that skips a version, or repeats one, is not published", async () => {
  const { root, rootKeys, signing } = await ceremony();
  const first = await initialRepository(root, new Map(), signing, now);
  const next = createNextRoot(parseRoot(root, 512_000), { expiresMs: now + 365 * dayMs });
  const signers = rootKeys.map((each) => each.signer);
  for (const version of [1, 3]) {
    const wrong = await signMetadata({ ...next, version }, signers);
    await assert.rejects(publish(first.state, { root: wrong }, signing, now), refused("tuf/version-mismatch"));
  }
});

test("a delegated role is signed by its own keys, stored before its delegator, and kept in snapshot when revoked", async () => {
  const { root, signing } = await ceremony();
  const team = newKey("ecdsa-p256");
  const signers = new Map([...signing.signers, ["team", [team.signer]]]);
  const delegations = [{ name: "team", keys: [team.key], threshold: 1, paths: ["team/*"], terminating: true }];
  const all = { ...signing, signers };
  const add = [{ path: "team/file", content: utf8("theirs") }];
  const first = await initialRepository(
    root,
    new Map([
      ["targets", { delegations }],
      ["team", { add }],
    ]),
    all,
    now,
  );
  assert.deepEqual(paths(first).slice(1, 4), ["1.root.json", "1.team.json", "1.targets.json"]);
  assert.equal(await read(root, [first], "team/file"), "theirs");
  const offline = { ...signing, signers: new Map([...signers].filter(([role]) => role !== "targets")) };
  const more = new Map([["team", { add: [{ path: "team/two", content: utf8("2") }] }]]);
  const second = await publish(first.state, { targets: more }, offline, now);
  assert.deepEqual(paths(second).slice(1), ["2.team.json", "2.snapshot.json", "timestamp.json"]);
  const third = await publish(second.state, { targets: new Map([["targets", { delegations: [] }]]) }, signing, now);
  assert.equal(await read(root, [first, second, third], "team/file"), undefined);
  assert.ok(third.state.targets.has("team"));
  const orphan = publish(third.state, { targets: more }, all, now);
  await assert.rejects(orphan, refused("tuf/role-name"));
});

test("a target that no delegation covers, or that another role hides, is not published", async () => {
  const { root, signing } = await ceremony();
  const team = newKey();
  const all = { ...signing, signers: new Map([...signing.signers, ["team", [team.signer]]]) };
  const delegations = [{ name: "team", keys: [team.key], threshold: 1, paths: ["team/*"] }];
  for (const path of ["elsewhere", "team/hidden"]) {
    const targets = new Map([
      ["targets", { delegations, add: [{ path: "team/hidden", content: utf8("top") }] }],
      ["team", { add: [{ path, content: utf8("theirs") }] }],
    ]);
    await assert.rejects(initialRepository(root, targets, all, now), refused("tuf/target-unreachable"));
  }
});

test("nothing is published that would not be signed enough, has expired, or climbs out of its folder", async () => {
  const { root, rootKeys, roles, signing } = await ceremony();
  const none = { ...signing, signers: new Map() };
  await assert.rejects(initialRepository(root, new Map(), none, now), refused("tuf/threshold"));
  const wrong = { ...signing, signers: new Map([...signing.signers, ["targets", [newKey().signer]]]) };
  await assert.rejects(initialRepository(root, new Map(), wrong, now), refused("tuf/signer-unknown"));
  await assert.rejects(initialRepository(root, new Map(), signing, now + 400 * dayMs), refused("tuf/expired"));
  const spent = { ...signing, lifetimesMs: { ...lifetimesMs, targets: -1 } };
  await assert.rejects(initialRepository(root, new Map(), spent, now), refused("tuf/expired"));
  const climbing = new Map([["targets", { add: [{ path: "../x", content: utf8("x") }] }]]);
  await assert.rejects(initialRepository(root, climbing, signing, now), refused("tuf/target-path"));
  const signed = createRoot({ version: 1, expiresMs: now + dayMs, roles });
  const one = await signMetadata(signed, [rootKeys[0]!.signer], roles.root.keys);
  await assert.rejects(initialRepository(one, new Map(), signing, now), refused("tuf/threshold"));
});

test("a threshold of 0, or of more than there are distinct keys, is not made", async () => {
  const { roles } = await ceremony();
  const { key } = newKey();
  const alias = { ...key, keyid: "alias" };
  for (const role of [
    { keys: [key], threshold: 0 },
    { keys: [key, alias], threshold: 2 },
    { keys: [], threshold: 1 },
  ]) {
    const content = { version: 1, expiresMs: now, roles: { ...roles, timestamp: role } };
    assert.throws(() => createRoot(content), refused("tuf/threshold"));
  }
});

test("a role name that could be anything but a file name is not delegated to", async () => {
  const { root, signing } = await ceremony();
  const { key } = newKey();
  for (const name of ["../x", "a/b", "root", "", ".x", "a b"]) {
    const delegations = [{ name, keys: [key], threshold: 1, paths: ["*"] }];
    const made = initialRepository(root, new Map([["targets", { delegations }]]), signing, now);
    await assert.rejects(made, refused("tuf/role-name"), name);
  }
});

test("fields that we do not know survive an edit", async () => {
  const { root, signing, roles } = await ceremony();
  const first = await initialRepository(root, new Map(), signing, now);
  const targets = parseTargets(first.state.targets.get("targets")!, 5_000_000);
  const tree = { ...targets.tree, "x-field": { kept: true } };
  const bytes = await signMetadata(tree, signing.signers.get("targets")!, roles.targets.keys);
  const state = { ...first.state, targets: new Map([["targets", bytes]]) };
  const second = await publish(state, { targets: new Map([["targets", { add: [hello] }]]) }, signing, now);
  assert.deepEqual(
    { ...(parseTargets(second.state.targets.get("targets")!, 5_000_000).tree["x-field"] as object) },
    { kept: true },
  );
});

test("the state of a repository is read back from its files", async () => {
  const { root, signing } = await ceremony();
  const first = await initialRepository(root, new Map([["targets", { add: [hello] }]]), signing, now);
  const second = await publish(first.state, { targets: new Map([["targets", {}]]) }, signing, now);
  const files = new Map([...first.files, ...second.files]);
  assert.deepEqual(await readRepository(async (path) => files.get(path)), second.state);
  files.delete("2.targets.json");
  await assert.rejects(
    readRepository(async (path) => files.get(path)),
    refused("tuf/metadata-missing"),
  );
});

test("a key id is the SHA-256 of the canonical key object, and keys have the forms that every client reads", () => {
  const ed25519 = newKey().key;
  assert.match(ed25519.value!, /^[0-9a-f]{64}$/);
  const ecdsa = newKey("ecdsa-p256").key;
  assert.equal(ecdsa.keytype, "ecdsa");
  assert.match(ecdsa.value!, /^-----BEGIN PUBLIC KEY-----\n[^-]+-----END PUBLIC KEY-----\n$/);
  for (const key of [ed25519, ecdsa]) {
    assert.equal(key.keyid, digestHex("sha256", olpcCanonicalJson(encodeKey(key))));
  }
  assert.throws(() => createKey(newKey().signer.publicKey, "ecdsa-sha2-nistp256"), refused("tuf/key-unsupported"));
});
