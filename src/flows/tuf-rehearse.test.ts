import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Ceremony, namedKey, edit, operation } from "../../test/tuf-ceremony.ts";
import { codeOf } from "../../test/world.ts";
import { dayMs } from "../core/index.ts";
import { propose, rehearse, repositoryStatus } from "./index.ts";

describe("rehearsal and status", () => {
  test("a rehearsal with no owner's key at hand shows what clients will see, and writes nothing", async () => {
    const world = await Ceremony.open();
    const dave = namedKey("dave");
    const revision = await world.store.revision();
    const wanted = operation(
      "key-add",
      { edits: [edit("root", { add: [dave.key] }), edit("targets", { add: [dave.key], threshold: 3 })] },
      [dave],
    );
    const rehearsal = await rehearse(world.on(), wanted);
    assert.deepEqual(
      rehearsal.clients.map(({ problem }) => problem),
      [undefined, undefined, undefined],
    );
    assert.deepEqual(
      rehearsal.clients[1]!.roles.map(({ version }) => version),
      [2, 2, 2, 2],
    );
    assert.deepEqual(
      rehearsal.clients[0]!.targets.map(({ path }) => path),
      ["first.txt"],
    );
    assert(rehearsal.standIns.length >= 3);
    assert(rehearsal.missing.length >= 2);
    assert.equal(await world.store.revision(), revision);
    assert.equal(
      await codeOf(rehearse(world.on(), operation("x", { edits: [edit("root", { threshold: 9 })] }))),
      "tuf/threshold",
    );
  });

  test("status says who has to do something, and when", async () => {
    const world = await Ceremony.open();
    const fine = await repositoryStatus(world.on());
    assert(fine.healthy);
    assert.deepEqual(
      fine.roles.map(({ role, automatic }) => [role, automatic]),
      [
        ["root", false],
        ["targets", false],
        ["snapshot", true],
        ["timestamp", true],
      ],
    );
    world.now += 170 * dayMs;
    await world.resign();
    const due = await repositoryStatus(world.on());
    assert(!due.healthy);
    assert.equal(due.roles.find(({ role }) => role === "targets")!.health, "due");
    assert.match(due.forecast[0]!.who, /2 of alice, bob, carol/);
    await propose(world.on(world.owners[0]), operation("resign", { renew: ["targets"] }));
    const waiting = await repositoryStatus(world.on());
    assert.match(waiting.proposals[0]!.missing[0]!, /^targets 2: 1 more of bob .*, carol/);
  });
});
