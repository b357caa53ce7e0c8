import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  Ceremony,
  namedKey,
  type NamedKey,
  edit,
  operation,
  followed,
  holder,
  described,
  writeContent,
} from "../../test/tuf-ceremony.ts";
import { codeOf } from "../../test/world.ts";
import { dayMs } from "../core/index.ts";
import {
  createMemoryStore,
  createStoreFetcher,
  createTimestamp,
  describeFile,
  openRepository,
  signMetadata,
  update,
} from "../tuf/index.ts";
import { discardProposal, propose, readKeyNames, readProposals, recover, signProposal, type Wanted } from "./index.ts";

describe("root keys and thresholds", () => {
  test("a key is added, and clients of every age follow", async () => {
    const world = await Ceremony.open();
    const cache = createMemoryStore();
    await world.client(cache);
    const dave = namedKey("dave");
    const { state, differences } = await propose(
      world.all(),
      operation("key-add", { edits: [edit("root", { add: [dave.key] })] }, [dave]),
    );
    assert.equal(state, "applied");
    assert(differences.flat().some((line) => line.startsWith("+ root: key dave")));
    assert.equal(await followed(world, [cache]), 2);
    assert.equal((await readKeyNames(world.store)).get(dave.key.keyid), "dave");
  });

  test("replacing two of three keys needs the old threshold and the new one", async () => {
    const world = await Ceremony.open();
    const [alice, bob, carol] = world.owners;
    const [dave, erin] = [namedKey("dave"), namedKey("erin")];
    const wanted = {
      edits: [
        edit("root", { add: [dave.key, erin.key], remove: [alice.key.keyid, bob.key.keyid] }),
        edit("targets", { add: [dave.key, erin.key], remove: [alice.key.keyid, bob.key.keyid] }),
      ],
    };
    const first = await propose(world.on(alice, bob), operation("key-replace", wanted, [dave, erin]));
    assert.equal(first.state, "waiting");
    assert.equal(first.missing.length, 2, first.missing.join("\n"));
    assert.match(first.missing[0]!, /^root 2 by the keys of root 2: 2 more of carol .*dave .*erin/);
    assert.equal((await signProposal(world.on(dave), undefined)).state, "waiting");
    assert.equal((await signProposal(world.on(carol), undefined)).state, "applied");
    assert.equal(await followed(world, []), 2);
    // Those who are gone can no longer change anything.
    const outcome = await propose(world.on(alice, bob), operation("resign", { renew: ["targets"] }));
    assert.equal(outcome.state, "waiting");
    assert.equal(outcome.proposal.signatures.length, 0);
  });

  test("a threshold goes up and down; what it would no longer accept is signed anew in the same step", async () => {
    const world = await Ceremony.open();
    const up = operation("threshold", { edits: [edit("root", { threshold: 3 }), edit("targets", { threshold: 3 })] });
    assert.equal((await propose(world.all(), up)).state, "applied");
    const { head } = await openRepository(world.store);
    assert.equal(head.root.signed.roles.targets.threshold, 3);
    assert.equal(head.targets.signed.version, 2);
    const down = operation("threshold", { edits: [edit("root", { threshold: 2 })] });
    assert.equal((await propose(world.on(...world.owners.slice(0, 2)), down)).state, "waiting");
    assert.equal((await signProposal(world.on(world.owners[2]), undefined)).state, "applied");
    assert.equal(await followed(world, []), 3);
  });

  test("what would lock everyone out is refused", async () => {
    const world = await Ceremony.open();
    const [alice, bob] = world.owners;
    const refused: [Partial<Wanted>, string][] = [
      [{ edits: [edit("root", { threshold: 4 })] }, "tuf/threshold"],
      [{ edits: [edit("root", { threshold: 0 })] }, "tuf/threshold"],
      [{ edits: [edit("root", { remove: [alice.key.keyid, bob.key.keyid] })] }, "tuf/threshold"],
      [{ edits: [edit("timestamp", { remove: [world.timestamp.key.keyid] })] }, "tuf/threshold"],
      [{ edits: [edit("root", { add: [alice.key] })] }, "tuf/key-known"],
      [{ edits: [edit("root", { add: [{ ...alice.key, keyid: "alias" }] })] }, "tuf/key-known"],
      [{ edits: [edit("root", { remove: [world.timestamp.key.keyid] })] }, "tuf/key-unknown"],
      [{ edits: [edit("nobody", { threshold: 1 })] }, "tuf/role-name"],
      [{}, "tuf/nothing-wanted"],
    ];
    for (const [wanted, code] of refused) {
      assert.equal(await codeOf(propose(world.all(), operation("x", wanted))), code, JSON.stringify(wanted));
    }
    assert.equal((await readProposals(world.store)).length, 0);
  });

  test("an expired root is signed anew, and a client that slept for three years follows", async () => {
    const world = await Ceremony.open();
    const cache = createMemoryStore();
    await world.client(cache);
    world.now += 3 * 365 * dayMs;
    assert.equal(await codeOf(world.client(cache)), "tuf/expired");
    await propose(world.all(), operation("resign", { renew: ["root", "targets"] }));
    assert.equal(await followed(world, [cache]), 2);
  });
});

describe("targets and delegations", () => {
  test("a role is delegated to an offline key, published into, given another key, and revoked", async () => {
    const world = await Ceremony.open();
    const [dave, erin] = [namedKey("dave"), namedKey("erin")];
    const delegate = [
      { from: "targets", name: "apps", paths: ["apps/*"], keys: [dave.key], threshold: 1, terminating: false },
    ];
    const first = await propose(world.all(), operation("delegate", { delegate }, [dave]));
    assert.equal(first.state, "waiting");
    assert.match(first.missing.join(), /^apps 1: 1 more of dave/);
    assert.equal((await signProposal(world.on(dave), undefined)).state, "applied");
    const add = [described("apps/a.txt", "a")];
    await writeContent(world, "apps/a.txt", "a");
    await propose(world.on(dave), operation("publish", { targets: [{ role: "apps", add, remove: [] }] }));
    const client = await world.client();
    assert(await client.findTarget("apps/a.txt"));
    const other = edit("apps", { add: [erin.key], remove: [dave.key.keyid] });
    await propose(world.all(), operation("key-replace", { edits: [other] }, [erin]));
    assert.equal((await signProposal(world.on(erin), undefined)).state, "applied");
    assert(await (await world.client()).findTarget("apps/a.txt"));
    await propose(world.all(), operation("revoke", { revoke: [{ from: "targets", name: "apps" }] }));
    assert.equal(await (await world.client()).findTarget("apps/a.txt"), undefined);
    // Delegated to again it goes on from the version that snapshot still lists.
    await propose(world.on(dave, ...world.owners), operation("delegate", { delegate }, [dave]));
    const repository = await openRepository(world.store);
    assert.equal((await repository.role("apps"))?.signed.version, 4);
  });

  test("a target is unpublished, and what is not there cannot be", async () => {
    const world = await Ceremony.open();
    const remove = ["first.txt"];
    await propose(world.all(), operation("unpublish", { targets: [{ role: undefined, add: [], remove }] }));
    assert.equal(await (await world.client()).findTarget("first.txt"), undefined);
    const again = propose(world.all(), operation("unpublish", { targets: [{ role: undefined, add: [], remove }] }));
    assert.equal(await codeOf(again), "tuf/target-not-found");
  });

  test("targets move into bins of an online key, and back; what consumers decide by stays with the owners", async () => {
    const world = await Ceremony.open();
    const bin = namedKey("bin");
    world.later.push(bin);
    await writeContent(world, "policy.json", "{}");
    const policy = described("policy.json", "{}");
    await propose(world.all(), operation("publish", { targets: [{ role: undefined, add: [policy], remove: [] }] }));
    const bins = (count: number) => [{ role: "targets", count, keys: [bin.key], threshold: 1 }];
    assert.equal((await propose(world.all(), operation("rebin", { bins: bins(16) }, [bin]))).state, "applied");
    const repository = await openRepository(world.store);
    assert.deepEqual([...repository.head.targets.signed.targets.keys()], ["policy.json"]);
    assert(await (await world.client()).findTarget("first.txt"));
    // No owner has to sign what goes into a bin.
    await writeContent(world, "second.txt", "second");
    const second = described("second.txt", "second");
    const placed = await propose(
      world.on(),
      operation("publish", { targets: [{ role: undefined, add: [second], remove: [] }] }),
    );
    assert.equal(placed.state, "applied");
    const other = namedKey("other-bin");
    world.later.push(other);
    const rotate = edit("bins", { add: [other.key], remove: [bin.key.keyid] });
    assert.equal((await propose(world.all(), operation("key-rotate", { edits: [rotate] }, [other]))).state, "applied");
    assert(await (await world.client()).findTarget("second.txt"));
    assert.equal((await propose(world.all(), operation("rebin", { bins: bins(64) }, [bin]))).state, "applied");
    assert.equal((await propose(world.all(), operation("rebin", { bins: bins(1) }))).state, "applied");
    const flat = await world.client();
    assert(flat.trusted.targets.signed.targets.has("second.txt"));
  });
});

describe("a compromise", () => {
  const replacing = (world: Ceremony, made: NamedKey[]) => async (keyid: string) => {
    const next = namedKey(`next-${keyid.slice(0, 4)}`);
    made.push(next);
    world.later.push(next);
    return { key: next.key, holder: holder(next) };
  };
  const request = async (world: Ceremony, roles: readonly string[], keys: readonly string[] = [], lost = false) => ({
    repository: await openRepository(world.store),
    roles,
    keys,
    lost,
    replacement: replacing(world, []),
    label: (keyid: string) => keyid.slice(0, 8),
  });

  test("of the timestamp: a client that was shown version 2^40 follows, and the old key signs nothing any more", async () => {
    const world = await Ceremony.open();
    const cache = createMemoryStore();
    await world.client(cache);
    const { head } = await openRepository(world.store);
    // The attacker shows this client a timestamp far in the future.
    const evil = await signMetadata(
      createTimestamp(2 ** 40, world.now + 3650 * dayMs, describeFile(1, head.snapshot.bytes)),
      [world.timestamp.signer],
    );
    await cache.save("timestamp.json", evil);
    assert.equal(await codeOf(world.client(cache)), "tuf/rollback");
    const book = await recover(await request(world, ["timestamp"]));
    assert.equal((await propose(world.all(), book.operation)).state, "applied");
    assert.equal((await world.client(cache)).trusted.root.signed.version, 2);
    assert.equal(await attack(world, { "timestamp.json": evil }), "tuf/threshold");
    assert(
      book.exposure.some((line) => line.includes("held at an old state")),
      book.exposure.join("\n"),
    );
  });

  test("of snapshot: both online keys go, and neither old key is believed", async () => {
    const world = await Ceremony.open();
    const book = await recover(await request(world, ["snapshot"]));
    assert.deepEqual(book.operation.wanted.edits.map(({ role }) => role).toSorted(), ["snapshot", "timestamp"]);
    assert.equal((await propose(world.all(), book.operation)).state, "applied");
    const { head } = await openRepository(world.store);
    const forged = await signMetadata({ ...head.timestamp.tree, version: 99 }, [world.timestamp.signer]);
    assert.equal(await attack(world, { "timestamp.json": forged }), "tuf/threshold");
  });

  test("of one root key: it goes from every role, and with what is left of it nothing is signed", async () => {
    const world = await Ceremony.open();
    const [alice, bob] = world.owners;
    const book = await recover(await request(world, ["root"], [alice.key.keyid]));
    assert.deepEqual(book.operation.wanted.edits.map(({ role }) => role).toSorted(), ["root", "targets"]);
    assert(book.exposure.some((line) => line.includes("below every threshold")));
    assert.equal((await propose(world.all(), book.operation)).state, "applied");
    const { head } = await openRepository(world.store);
    const forged = await signMetadata(
      { ...head.root.tree, version: 3 },
      [alice.signer, bob.signer],
      [alice.key, bob.key],
    );
    assert.equal(await attack(world, { "3.root.json": forged }), "tuf/threshold");
  });

  test("of the targets' keys: what they sign afterwards is not believed", async () => {
    const world = await Ceremony.open();
    const [dave, erin] = [namedKey("dave"), namedKey("erin")];
    // Targets get keys of their own first.
    const own = edit("targets", {
      add: [dave.key, erin.key],
      remove: world.owners.map((each) => each.key.keyid),
    });
    await propose(world.on(...world.owners, dave, erin), operation("key-replace", { edits: [own] }, [dave, erin]));
    const book = await recover(await request(world, ["targets"]));
    assert.equal((await propose(world.all(), book.operation)).state, "applied");
    const { head } = await openRepository(world.store);
    assert.equal(head.targets.signed.version, 3);
    const forged = await signMetadata({ ...head.targets.tree, version: 4 }, [dave.signer, erin.signer]);
    const snapshotTree = { ...head.snapshot.tree, meta: { "targets.json": { version: 4 } }, version: 99 };
    const snapshot = await signMetadata(snapshotTree, [world.snapshot.signer]);
    const timestampTree = { ...head.timestamp.tree, meta: { "snapshot.json": { version: 99 } }, version: 99 };
    const timestamp = await signMetadata(timestampTree, [world.timestamp.signer]);
    // Even with both online keys, which were not changed.
    const files = { "4.targets.json": forged, "99.snapshot.json": snapshot, "timestamp.json": timestamp };
    assert.equal(await attack(world, files), "tuf/threshold");
  });

  test("of a delegated role and of bins: both have other keys afterwards, and their content is still found", async () => {
    const world = await Ceremony.open();
    const [dave, bin] = [namedKey("dave"), namedKey("bin")];
    world.later.push(dave, bin);
    const delegate = [
      { from: "targets", name: "apps", paths: ["apps/*"], keys: [dave.key], threshold: 1, terminating: false },
    ];
    await propose(world.all(), operation("delegate", { delegate }, [dave]));
    await writeContent(world, "apps/a", "a");
    const add = [described("apps/a", "a")];
    await propose(world.all(), operation("publish", { targets: [{ role: "apps", add, remove: [] }] }));
    const apps = await recover(await request(world, ["apps"]));
    assert.equal((await propose(world.all(), apps.operation)).state, "applied");
    const repository = await openRepository(world.store);
    assert(!repository.head.targets.signed.delegations!.roles[0]!.keyids.includes(dave.key.keyid));
    assert(await (await world.client()).findTarget("apps/a"));
    await propose(world.all(), operation("revoke", { revoke: [{ from: "targets", name: "apps" }] }));
    const bins = [{ role: "targets", count: 4, keys: [bin.key], threshold: 1 }];
    await propose(world.all(), operation("rebin", { bins }, [bin]));
    const book = await recover(await request(world, ["bins"]));
    assert.equal((await propose(world.all(), book.operation)).state, "applied");
    assert(!(await openRepository(world.store)).bins.get("targets")!.authority.role.keyids.includes(bin.key.keyid));
    assert(await (await world.client()).findTarget("first.txt"));
  });

  test("of as many root keys as the threshold: it says that the root must be handed out anew", async () => {
    const world = await Ceremony.open();
    const [alice, bob] = world.owners;
    const ids = [alice.key.keyid, bob.key.keyid];
    assert.equal(await codeOf(recover(await request(world, ["root"], ids))), "tuf/root-lost");
    assert.equal(await codeOf(recover(await request(world, ["root"], ids, true))), "tuf/root-lost");
  });

  test("a lost key is taken away, and the others sign", async () => {
    const world = await Ceremony.open();
    const [alice, bob, carol] = world.owners;
    const book = await recover(await request(world, ["root"], [alice.key.keyid], true));
    assert.equal((await propose(world.on(bob, carol), book.operation)).state, "applied");
    assert.equal(await followed(world, []), 2);
  });

  /** What a client that has followed makes of files that an attacker puts over the repository's. */
  async function attack(world: Ceremony, files: Readonly<Record<string, Uint8Array>>): Promise<string> {
    const cache = createMemoryStore();
    await world.client(cache);
    const honest = createStoreFetcher(world.store);
    const fetcher = { fetch: async (path: string, max: number) => files[path] ?? honest.fetch(path, max) };
    const bootstrap = (await world.store.read("1.root.json"))!;
    return codeOf(update({ bootstrap, fetcher, store: cache, now: world.now }));
  }
});

describe("while others work", () => {
  test("a proposal outlives resigning by the server and is carried out on what is there then", async () => {
    const world = await Ceremony.open();
    const [alice, bob] = world.owners;
    await propose(world.on(alice), operation("resign", { renew: ["root"] }));
    for (let day = 0; day < 5; day++) {
      world.now += dayMs;
      await world.resign();
    }
    const { state, proposal } = await signProposal(world.on(bob), undefined);
    assert.equal(state, "applied");
    assert.deepEqual(
      proposal.signatures.map(({ keyid }) => keyid),
      [alice.key.keyid, bob.key.keyid],
    );
  });

  test("a proposal whose root has been overtaken is planned again, and its signatures are asked for again", async () => {
    const world = await Ceremony.open();
    const [alice, bob] = world.owners;
    const [dave, erin] = [namedKey("dave"), namedKey("erin")];
    const slow = await propose(
      world.on(alice),
      operation("key-add", { edits: [edit("root", { add: [dave.key] })] }, [dave]),
    );
    await propose(world.all(), operation("key-add", { edits: [edit("root", { add: [erin.key] })] }, [erin]));
    const again = await signProposal(world.on(bob), slow.proposal.id);
    assert.equal(again.state, "waiting");
    assert.equal(again.proposal.parts[0]!.version, 3);
    assert.deepEqual(
      again.proposal.signatures.map(({ keyid }) => keyid),
      [bob.key.keyid],
    );
    assert.equal((await signProposal(world.on(alice), slow.proposal.id)).state, "applied");
    const { head } = await openRepository(world.store);
    assert.equal(head.root.signed.roles.root.keyids.length, 5);
  });

  test("a proposal that would now mean something else is refused", async () => {
    const world = await Ceremony.open();
    const [alice] = world.owners;
    const threshold = (count: number) => operation("threshold", { edits: [edit("root", { threshold: count })] });
    const slow = await propose(world.on(alice), threshold(1));
    await propose(world.all(), threshold(3));
    assert.equal(await codeOf(signProposal(world.all(), slow.proposal.id)), "tuf/proposal-stale");
    await discardProposal(world.on(), slow.proposal.id);
    assert.equal((await readProposals(world.store)).length, 0);
  });

  test("whatever fails between two steps, nothing is lost and it goes on", async () => {
    const dave = namedKey("dave");
    // The store fails at the first, second, ... commit, before or after it has been made.
    for (let failAt = 1; failAt <= 4; failAt++) {
      for (const late of [false, true]) {
        const world = await Ceremony.open();
        const [alice, bob] = world.owners;
        const wanted = operation("key-add", { edits: [edit("root", { add: [dave.key] })] }, [dave]);
        let commits = 0;
        const failing = (at: ReturnType<Ceremony["on"]>) => ({
          ...at,
          store: {
            ...at.store,
            commit: async (commit: Parameters<typeof at.store.commit>[0]) => {
              commits++;
              if (commits === failAt && !late) throw new Error("power cut");
              await at.store.commit(commit);
              if (commits === failAt && late) throw new Error("power cut");
            },
          },
        });
        const steps = [
          async () => {
            if ((await readProposals(world.store)).length === 0) await propose(failing(world.on(alice)), wanted);
          },
          async () => {
            if ((await readProposals(world.store)).length > 0) await signProposal(failing(world.on(bob)), undefined);
          },
        ];
        for (const step of steps) {
          await step().catch((error: Error) => assert.equal(error.message, "power cut"));
          await step();
        }
        const { head } = await openRepository(world.store);
        assert.equal(head.root.signed.version, 2, `${failAt} ${late}`);
        assert.equal(head.root.signed.roles.root.keyids.length, 4);
        assert.equal(await followed(world, []), 2);
      }
    }
  });

  test("two who commit at once: both are carried out", async () => {
    const world = await Ceremony.open();
    const [dave, erin] = [namedKey("dave"), namedKey("erin")];
    await Promise.all(
      [dave, erin].map((each) =>
        propose(world.all(), operation("key-add", { edits: [edit("root", { add: [each.key] })] }, [each])),
      ),
    );
    assert.equal(await followed(world, []), 3);
  });
});
