import assert from "node:assert/strict";
import { test } from "node:test";
import { pathsOf, Publisher, roleOf, settings } from "../../test/tuf-publisher.ts";
import { newKey } from "../../test/tuf-world.ts";
import { dayMs, hourMs, isProblem, olpcCanonicalJson, utf8, type ProblemCode } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import {
  addSignatures,
  commitPublication,
  createKey,
  createMemoryRepositoryStore,
  createMemoryStore,
  createNextRoot,
  createRoot,
  encodeKey,
  initialRepository,
  openRepository,
  parseRoot,
  publish,
  resign,
  signMetadata,
  topLevel,
  validSigners,
  type Key,
  type MetadataSigner,
} from "./index.ts";

const refused = (code: ProblemCode) => (error: unknown) => isProblem(error, code) || assert.fail(String(error));
const hello = { path: "dir/hello.txt", content: utf8("hello"), custom: { tag: "v1" } };
const one = (role: string, change: object) => ({ targets: new Map([[role, change]]) });

test("a new repository is written root before what it signs, timestamp last, contents before all", async () => {
  const publisher = new Publisher();
  publisher.root = await publisher.signRoot();
  const first = await publisher.first(one("targets", { add: [hello] }));
  assert.deepEqual(pathsOf(first), ["1.root.json", "1.targets.json", "1.snapshot.json", "timestamp.json"]);
  assert.deepEqual(
    first.targets.map(([path]) => path),
    [`dir/${digestHex("sha256", hello.content)}.hello.txt`],
  );
  assert.equal(await publisher.store.revision(), 0);
  await publisher.commit(first);
  assert.equal(await publisher.store.revision(), 1);
  assert.equal(await publisher.read("dir/hello.txt"), "hello");
  await assert.rejects(publisher.first(), refused("tuf/repository-exists"));
});

test("a repository without consistent snapshots is neither made nor published into", async () => {
  const publisher = new Publisher();
  const roles = publisher.roles();
  const expiresMs = publisher.now + dayMs;
  const root = await publisher.signRoot(createRoot({ version: 1, expiresMs, consistentSnapshot: false, roles }));
  await assert.rejects(publisher.first({}, publisher.signing(), root), refused("tuf/not-consistent"));
});

test("targets are added, replaced and removed by later publications", async () => {
  const publisher = await Publisher.create(one("targets", { add: [hello] }));
  const add = [
    { ...hello, content: utf8("again") },
    { path: "new", content: utf8("new") },
  ];
  const second = await publisher.publish(one("targets", { add }));
  assert.deepEqual(pathsOf(second), ["2.targets.json", "2.snapshot.json", "timestamp.json"]);
  assert.equal(await publisher.read("dir/hello.txt"), "again");
  await publisher.publish(one("targets", { remove: ["new"] }));
  assert.equal(await publisher.read("new"), undefined);
  const again = publish(publisher.repository, one("targets", { remove: ["new"] }), publisher.signing(), publisher.now);
  await assert.rejects(again, refused("tuf/target-not-found"));
});

test("a publication without changes gives snapshot and timestamp new versions alone", async () => {
  const publisher = await Publisher.create();
  assert.deepEqual(pathsOf(await publisher.publish({})), ["2.snapshot.json", "timestamp.json"]);
});

test("online keys extend the life of snapshot and timestamp, or of the timestamp alone, without any other key", async () => {
  const publisher = await Publisher.create(one("targets", { add: [hello] }));
  publisher.now += 12 * hourMs;
  const both = await publisher.resign(publisher.signing("targets", "bins"));
  assert.deepEqual(pathsOf(both), ["2.snapshot.json", "timestamp.json"]);
  const alone = await publisher.resign(publisher.signing("targets", "bins", "snapshot"));
  assert.deepEqual(pathsOf(alone), ["timestamp.json"]);
  publisher.now += 23 * hourMs;
  assert.equal(await publisher.read("dir/hello.txt"), "hello");
});

test("what is resigned when asked for what is due is what its signing window has come for, and nothing else", async () => {
  const publisher = await Publisher.create(one("targets", { add: [hello] }));
  const due = async () =>
    pathsOf(await resign(publisher.repository, publisher.signing(), publisher.now, { onlyDue: true }));
  assert.deepEqual(await due(), []);
  publisher.now += 12 * hourMs;
  assert.deepEqual(await due(), ["timestamp.json"]);
  publisher.now += 5 * dayMs;
  assert.deepEqual(await due(), ["2.snapshot.json", "timestamp.json"]);
  publisher.now += 15 * dayMs;
  assert.deepEqual(await due(), ["2.targets.json", "2.snapshot.json", "timestamp.json"]);
  const online = await resign(publisher.repository, publisher.signing("targets"), publisher.now, { onlyDue: true });
  assert.deepEqual(pathsOf(online), ["2.snapshot.json", "timestamp.json"]);
});

test("what has expired does not stop who signs the rest anew", async () => {
  const publisher = await Publisher.create();
  publisher.now += 31 * dayMs;
  publisher.repository = await openRepository(publisher.store);
  await publisher.resign(publisher.signing("targets"));
  await assert.rejects(publisher.update(), refused("tuf/expired"));
  await publisher.publish(one("targets", {}));
  await publisher.update();
});

test("a new root is written before what its keys sign, and clients old and new follow", async () => {
  const publisher = await Publisher.create(one("targets", { add: [hello] }));
  const memory = createMemoryStore();
  await publisher.update(memory);
  for (const role of ["snapshot", "timestamp", "targets"]) publisher.holders.set(role, [newKey()]);
  const expiresMs = publisher.now + 365 * dayMs;
  const next = createNextRoot(publisher.repository.head.root, { expiresMs, roles: publisher.roles() });
  const after = createNextRoot(parseRoot(await publisher.signRoot(next), 512_000), { expiresMs });
  const roots = [await publisher.signRoot(next), await publisher.signRoot(after)];
  const files = pathsOf(await publisher.publish({ roots }));
  assert.deepEqual(files, ["2.root.json", "3.root.json", "2.targets.json", "2.snapshot.json", "timestamp.json"]);
  assert.equal(await publisher.read("dir/hello.txt"), "hello");
  assert.equal(await publisher.read("dir/hello.txt", memory), "hello");
});

test("a root alone is published by who has no other key, when it leaves theirs as they are", async () => {
  const publisher = await Publisher.create();
  const expiresMs = publisher.now + 400 * dayMs;
  const root = await publisher.signRoot(createNextRoot(publisher.repository.head.root, { expiresMs }));
  assert.deepEqual(pathsOf(await publisher.publish({ roots: [root] }, {})), ["2.root.json"]);
  assert.equal((await publisher.update()).trusted.root.signed.version, 2);
  publisher.holders.set("timestamp", [newKey()]);
  const roles = publisher.roles();
  const other = await publisher.signRoot(createNextRoot(publisher.repository.head.root, { expiresMs, roles }));
  await assert.rejects(publisher.publish({ roots: [other] }, {}), refused("tuf/threshold"));
});

test("a root signed by too few, and one that skips a version or repeats one, is not published", async () => {
  const publisher = await Publisher.create();
  const next = createNextRoot(publisher.repository.head.root, { expiresMs: publisher.now + 365 * dayMs });
  const lone = await signMetadata(next, [publisher.rootHolders[0]!.signer]);
  await assert.rejects(publisher.publish({ roots: [lone] }), refused("tuf/threshold"));
  for (const version of [1, 3]) {
    const wrong = await publisher.signRoot({ ...next, version });
    await assert.rejects(publisher.publish({ roots: [wrong] }), refused("tuf/root-version"));
  }
});

test("a quorum signs one after another", async () => {
  const publisher = new Publisher();
  const [a, b] = publisher.rootHolders as [(typeof publisher.rootHolders)[0], (typeof publisher.rootHolders)[0]];
  const signed = createRoot({ version: 1, expiresMs: publisher.now + dayMs, roles: publisher.roles() });
  const first = await signMetadata(signed, [a.signer]);
  const parsed = parseRoot(first, 512_000);
  assert.equal(validSigners(parsed, topLevel(parsed, "root")).length, 1);
  const both = await addSignatures({ signed: parsed.tree, signatures: parsed.signatures }, [b.signer]);
  await publisher.first({}, publisher.signing(), both);
});

test("a delegated role is signed by its own keys, before its delegator, and is gone when nothing delegates to it", async () => {
  const team = newKey("ecdsa-p256");
  const delegations = [{ name: "team", ...roleOf([team], 1), paths: ["team/*"], terminating: true }];
  const publisher = await Publisher.create();
  publisher.holders.set("team", [team]);
  const add = [{ path: "team/file", content: utf8("theirs") }];
  const made = await publisher.publish({
    targets: new Map([
      ["targets", { delegations }],
      ["team", { add }],
    ]),
  });
  assert.deepEqual(pathsOf(made), ["1.team.json", "2.targets.json", "2.snapshot.json", "timestamp.json"]);
  assert.equal(await publisher.read("team/file"), "theirs");
  const more = one("team", { add: [{ path: "team/two", content: utf8("2") }] });
  const second = await publisher.publish(more, publisher.signing("targets"));
  assert.deepEqual(pathsOf(second), ["2.team.json", "3.snapshot.json", "timestamp.json"]);
  const third = await publisher.publish(one("targets", { delegations: [] }));
  assert.ok(third.commit.replaced.includes("2.team.json"));
  assert.equal(await publisher.read("team/file"), undefined);
  assert.equal(publisher.repository.listedVersion("team"), 2);
  await assert.rejects(publisher.publish(more), refused("tuf/role-name"));
  await publisher.publish(one("targets", { delegations }));
  assert.equal(publisher.repository.listedVersion("team"), 3);
  assert.equal(await publisher.read("team/file"), undefined);
});

test("a role with other keys than before is signed anew by them, whoever changed them", async () => {
  const [before, after] = [newKey(), newKey()];
  const delegate = (holder: typeof before) =>
    one("targets", { delegations: [{ name: "team", ...roleOf([holder], 1), paths: ["team/*"] }] });
  const publisher = await Publisher.create();
  publisher.holders.set("team", [before]);
  await publisher.publish(delegate(before));
  await publisher.publish(one("team", { add: [{ path: "team/x", content: utf8("x") }] }));
  await assert.rejects(publisher.publish(delegate(after), publisher.signing("team")), refused("tuf/threshold"));
  publisher.holders.set("team", [after]);
  const files = pathsOf(await publisher.publish(delegate(after)));
  assert.deepEqual(files, ["3.team.json", "3.targets.json", "4.snapshot.json", "timestamp.json"]);
  assert.equal(await publisher.read("team/x"), "x");
});

test("a role that two delegate to is signed so that both vouch for it", async () => {
  const [a, b, shared] = [newKey(), newKey(), newKey()];
  const publisher = await Publisher.create();
  publisher.holders.set("mid", [a]).set("deep", [shared, b]);
  await publisher.publish({
    targets: new Map<string, object>([
      [
        "targets",
        {
          delegations: [
            { name: "mid", ...roleOf([a], 1), paths: ["x/*"] },
            { name: "deep", ...roleOf([shared], 1), paths: ["y/*"] },
          ],
        },
      ],
      ["mid", { delegations: [{ name: "deep", ...roleOf([b], 1), paths: ["x/*"] }] }],
      ["deep", { add: ["x/1", "y/1"].map((path) => ({ path, content: utf8(path) })) }],
    ]),
  });
  assert.equal(await publisher.read("x/1"), "x/1");
  assert.equal(await publisher.read("y/1"), "y/1");
  const lone = { signers: new Map([...publisher.signing().signers!, ["deep", [b.signer]]]) };
  await assert.rejects(publisher.publish(one("deep", {}), lone), refused("tuf/threshold"));
});

test("a role that was signed elsewhere is taken as it is, and refused with too few signatures or an old version", async () => {
  const team = newKey();
  const delegations = [{ name: "team", ...roleOf([team], 1), paths: ["team/*"] }];
  const publisher = await Publisher.create();
  publisher.holders.set("team", [team]);
  await publisher.publish(one("targets", { delegations }));
  publisher.holders.delete("team");
  const { nextTargets } = await import("./index.ts");
  const change = { add: [{ path: "team/x", content: utf8("x") }] };
  const signed = await nextTargets(publisher.repository, "team", change, publisher.now + dayMs);
  const bytes = await signMetadata(signed, [team.signer]);
  await publisher.store.writeTarget(`team/${digestHex("sha256", utf8("x"))}.x`, utf8("x"));
  await publisher.publish({ signed: new Map([["team", bytes]]) });
  assert.equal(await publisher.read("team/x"), "x");
  await assert.rejects(publisher.publish({ signed: new Map([["team", bytes]]) }), refused("tuf/version-mismatch"));
  const other = await signMetadata({ ...signed, version: 3 }, [newKey().signer]);
  await assert.rejects(publisher.publish({ signed: new Map([["team", other]]) }), refused("tuf/threshold"));
});

test("a target that no delegation covers, or that another role hides, is not published", async () => {
  const team = newKey();
  const delegations = [{ name: "team", ...roleOf([team], 1), paths: ["team/*"] }];
  for (const path of ["elsewhere", "team/hidden"]) {
    const publisher = new Publisher();
    publisher.root = await publisher.signRoot();
    publisher.holders.set("team", [team]);
    const targets = new Map([
      ["targets", { delegations, add: [{ path: "team/hidden", content: utf8("top") }] }],
      ["team", { add: [{ path, content: utf8("theirs") }] }],
    ]);
    await assert.rejects(publisher.first({ targets }), refused("tuf/target-unreachable"));
  }
});

test("nothing is published that would not be signed enough, has expired, or climbs out of its folder", async () => {
  const publisher = new Publisher();
  publisher.root = await publisher.signRoot();
  await assert.rejects(publisher.first({}, {}), refused("tuf/threshold"));
  const wrong = { signers: new Map([...publisher.signing().signers!, ["targets", [newKey().signer]]]) };
  await assert.rejects(publisher.first({}, wrong), refused("tuf/signer-unknown"));
  const climbing = one("targets", { add: [{ path: "../x", content: utf8("x") }] });
  await assert.rejects(publisher.first(climbing), refused("tuf/target-path"));
  const lone = await signMetadata(
    createRoot({ version: 1, expiresMs: publisher.now + dayMs, roles: publisher.roles() }),
    [publisher.rootHolders[0]!.signer],
  );
  await assert.rejects(publisher.first({}, publisher.signing(), lone), refused("tuf/threshold"));
  publisher.now += 400 * dayMs;
  await assert.rejects(publisher.first(), refused("tuf/expired"));
  const spent = { ...settings, roles: new Map([...settings.roles, ["snapshot", { expiryMs: -1, signingMs: -2 }]]) };
  publisher.now -= 400 * dayMs;
  await assert.rejects(publisher.first({ settings: spent }), refused("tuf/expired"));
});

test("a threshold of 0, or of more than there are distinct keys, is not made", () => {
  const publisher = new Publisher();
  const { key } = newKey();
  const alias = { ...key, keyid: "alias" };
  for (const role of [
    { keys: [key], threshold: 0 },
    { keys: [key, alias], threshold: 2 },
    { keys: [], threshold: 1 },
  ]) {
    const content = { version: 1, expiresMs: publisher.now, roles: { ...publisher.roles(), timestamp: role } };
    assert.throws(() => createRoot(content), refused("tuf/threshold"));
  }
});

test("a role name that could be anything but a file name is not delegated to", async () => {
  const publisher = await Publisher.create();
  const { key } = newKey();
  for (const name of ["../x", "a/b", "root", "", ".x", "a b"]) {
    const delegations = [{ name, keys: [key], threshold: 1, paths: ["*"] }];
    await assert.rejects(publisher.publish(one("targets", { delegations })), refused("tuf/role-name"), name);
  }
});

test("fields that we do not know survive an edit", async () => {
  const publisher = await Publisher.create();
  const { tree } = publisher.repository.head.targets;
  const bytes = await signMetadata(
    { ...tree, version: 2, "x-field": { kept: true } },
    publisher.holders.get("targets")!.map((each) => each.signer),
  );
  await publisher.publish({ signed: new Map([["targets", bytes]]) });
  await publisher.publish(one("targets", { add: [hello] }));
  assert.deepEqual({ ...(publisher.repository.head.targets.tree["x-field"] as object) }, { kept: true });
});

test("a repository is read back from its store as it was published", async () => {
  const publisher = await Publisher.create(one("targets", { add: [hello] }));
  await publisher.publish(one("targets", {}));
  const again = await openRepository(publisher.store);
  assert.equal(again.revision, 2);
  for (const role of ["root", "timestamp", "snapshot", "targets"] as const) {
    assert.deepEqual(again.head[role].bytes, publisher.repository.head[role].bytes);
  }
  assert.deepEqual(again.settings, settings);
  await assert.rejects(openRepository(createMemoryRepositoryStore()), refused("tuf/metadata-missing"));
});

test("a store whose files were changed is not published upon", async () => {
  const publisher = await Publisher.create(one("targets", { add: [hello] }));
  for (const path of ["1.root.json", "1.targets.json", "1.snapshot.json", "timestamp.json"]) {
    const lying = {
      ...publisher.store,
      read: async (asked: string) => {
        const bytes = (await publisher.store.read(asked))?.slice();
        if (asked === path) bytes![bytes!.length - 30]! ^= 1;
        return bytes;
      },
    };
    await assert.rejects(openRepository(lying), (error) => isProblem(error), path);
  }
});

test("two publishers at once: the second is told, and nothing of the first is lost", async () => {
  const publisher = await Publisher.create();
  const before = publisher.repository;
  await publisher.publish(one("targets", { add: [hello] }));
  const late = await publish(
    before,
    one("targets", { add: [{ path: "late", content: utf8("late") }] }),
    publisher.signing(),
    publisher.now,
  );
  const commit = commitPublication(publisher.store, late, { operation: "test" });
  await assert.rejects(commit, refused("tuf/conflict"));
  assert.equal(await publisher.read("dir/hello.txt"), "hello");
  assert.equal(await publisher.read("late"), undefined);
});

test("settings are a record that is committed with what they are for", async () => {
  const publisher = await Publisher.create();
  const changed = { ...settings, retentionMs: hourMs };
  await publisher.publish({ settings: changed });
  assert.deepEqual((await openRepository(publisher.store)).settings, changed);
});

test("what a signature of an identity carries beside sig stands in the file", async () => {
  const team = newKey();
  const key: Key = { keyid: "who", keytype: "sigstore-oidc", scheme: "Fulcio", value: undefined };
  const identity: MetadataSigner = {
    keyObject: key,
    sign: async () => ({ sig: "", extra: { bundle: { of: "who" } } }),
  };
  const bytes = await signMetadata({ x: 1 }, [identity, team.signer]);
  const file = JSON.parse(Buffer.from(bytes).toString()) as { signatures: unknown[] };
  assert.deepEqual(file.signatures[0], { bundle: { of: "who" }, keyid: "who", sig: "" });
  assert.equal(file.signatures.length, 2);
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

test("an initial repository is not made twice in one store", async () => {
  const publisher = await Publisher.create();
  const again = initialRepository(publisher.store, { roots: [publisher.root] }, publisher.signing(), publisher.now);
  await assert.rejects(again, refused("tuf/repository-exists"));
});
