import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Ceremony, described, edit, namedKey, operation, writeContent } from "../../test/tuf-ceremony.ts";
import { codeOf } from "../../test/world.ts";
import { dayMs } from "../core/index.ts";
import { openRepository } from "../tuf/index.ts";
import { propose } from "./index.ts";

describe("what is so already", () => {
  test("a threshold, a target and a delegation that are as they are wanted are nothing to be signed", async () => {
    const world = await Ceremony.open();
    const team = namedKey("team");
    const delegate = {
      from: "targets",
      name: "team",
      paths: ["team/*"],
      keys: [team.key],
      threshold: 1,
      terminating: false,
    };
    const delegation = operation("delegate", { delegate: [delegate] }, [team]);
    await writeContent(world, "a.txt", "a");
    const target = operation("publish", {
      targets: [{ role: undefined, add: [described("a.txt", "a")], remove: [] }],
    });
    const all = world.on(...world.owners, team);
    for (const each of [delegation, target]) assert.equal((await propose(all, each)).state, "applied");
    const before = await world.store.revision();
    const threshold = operation("threshold", { edits: [edit("root", { threshold: 2 })] });
    for (const again of [delegation, target, threshold]) {
      assert.equal(await codeOf(propose(all, again)), "tuf/nothing-wanted");
    }
    assert.equal(await world.store.revision(), before);
    const other = operation("publish", { targets: [{ role: undefined, add: [described("a.txt", "b")], remove: [] }] });
    await writeContent(world, "a.txt", "b");
    assert.equal((await propose(all, other)).state, "applied");
  });

  test("taking away bins that there are not is refused and leaves delegations by name alone", async () => {
    const world = await Ceremony.open();
    const team = namedKey("team");
    const delegate = { from: "targets", name: "team", paths: ["team/*"], keys: [team.key] };
    const all = world.on(...world.owners, team);
    await propose(
      all,
      operation("delegate", { delegate: [{ ...delegate, threshold: 1, terminating: false }] }, [team]),
    );
    const bins = [{ role: "targets", count: 1, keys: [], threshold: undefined }];
    assert.equal(await codeOf(propose(all, operation("rebin", { bins }))), "tuf/bins-missing");
    assert((await openRepository(world.store)).delegated.has("team"));
  });
});

describe("signing anew", () => {
  test("what has expired is signed anew role by role, and what is left is told", async () => {
    const world = await Ceremony.open();
    world.now += 400 * dayMs;
    const root = await propose(world.all(), operation("resign", { renew: ["root"] }));
    assert.equal(root.state, "applied");
    assert.match(root.proposal.notes.join(), /targets has expired.*tuf resign/);
    assert.equal(await codeOf(world.client()), "tuf/expired");
    const targets = await propose(world.all(), operation("resign", { renew: ["targets"] }));
    assert.deepEqual(targets.proposal.notes, []);
    await world.client();

    const other = await Ceremony.open();
    other.now += 400 * dayMs;
    const first = await propose(other.all(), operation("resign", { renew: ["targets"] }));
    assert.match(first.proposal.notes.join(), /root has expired.*tuf resign/);
    await propose(other.all(), operation("resign", { renew: ["root"] }));
    await other.client();
  });

  test("bins are signed anew with the keys at hand", async () => {
    const world = await Ceremony.open();
    const key = namedKey("bins");
    const bins = [{ role: "targets", count: 4, keys: [key.key], threshold: undefined }];
    world.later.push(key);
    await propose(world.all(), operation("rebin", { bins }, [key]));
    const before = (await openRepository(world.store)).bins.get("targets")!.expiresMs!;
    world.now += 10 * dayMs;
    await world.resign();
    assert.equal((await propose(world.on(), operation("resign", { renew: ["bins"] }))).state, "applied");
    const after = await openRepository(world.store);
    assert.equal(after.bins.get("targets")!.expiresMs, before + 10 * dayMs);
    assert.equal((await after.role("bins2-3"))!.signed.version, 2);
    assert((await (await world.client()).findTarget("first.txt")) !== undefined);
  });
});
