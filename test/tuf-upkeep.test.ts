// What `up` does for its TUF repository by itself, over an organisation in memory whose clock is moved.

import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs, hourMs, type JsonObject } from "../src/core/index.ts";
import { createSigner } from "../src/crypto/index.ts";
import { createUpkeep, keyReference, keyNames, loadKey, publishTargets, type Upkeep } from "../src/flows/index.ts";
import { openRepository } from "../src/tuf/index.ts";
import { World } from "./world.ts";

function upkeepOf(world: World, lost: readonly string[] = []): { upkeep: Upkeep; opened: string[] } {
  const opened: string[] = [];
  const upkeep = createUpkeep({
    clock: world.clock,
    tuf: world.tuf,
    openKey: async (reference) => {
      opened.push(reference);
      const name = /^file:keys\/(.*)\.pem$/.exec(reference)![1]!;
      return lost.includes(name) ? undefined : createSigner(await loadKey(world.files, name));
    },
  });
  return { upkeep, opened };
}

const messages = (records: readonly JsonObject[]) => records.map(({ message, role }) => [message, role]);
const versions = async (world: World) => {
  const { head } = await openRepository(world.tuf);
  return [head.timestamp.signed.version, head.snapshot.signed.version, head.targets.signed.version];
};

test("nothing is signed before its window, snapshot and timestamp in theirs, targets by nobody but the owners", async () => {
  const world = await World.open();
  const { upkeep, opened } = upkeepOf(world);
  assert.deepEqual(await upkeep.look(), []);
  assert.equal(await world.tuf.revision(), 1);
  world.clock.advance(25 * hourMs);
  assert.deepEqual(messages(await upkeep.look()), [["TUF metadata signed anew", undefined]]);
  assert.deepEqual(await versions(world), [2, 2, 1]);
  assert.deepEqual(await upkeep.look(), []);
  assert.deepEqual(opened, [keyNames.snapshot, keyNames.timestamp].map(keyReference));
  for (let day = 0; day < 170; day++) {
    world.clock.advance(dayMs);
    await upkeep.look();
  }
  assert.equal((await versions(world))[2], 1);
});

test("what somebody else publishes meanwhile is built upon", async () => {
  const world = await World.open();
  const { upkeep } = upkeepOf(world);
  await upkeep.look();
  world.clock.advance(25 * hourMs);
  await publishTargets([], keyNames.root.slice(0, 2), world);
  world.clock.advance(25 * hourMs);
  await upkeep.look();
  assert.equal(await world.tuf.revision(), 3);
});

test("of what it cannot sign it warns once a day from the window on, and says when it has expired", async () => {
  const world = await World.open();
  const { upkeep } = upkeepOf(world);
  world.clock.advance(149 * dayMs);
  await upkeep.look();
  world.clock.advance(2 * dayMs);
  const warned = (await upkeep.look()).filter(({ level }) => level === "warning");
  assert.deepEqual(messages(warned), [["TUF metadata is to be signed anew by its owners", "targets"]]);
  world.clock.advance(hourMs);
  assert.deepEqual(await upkeep.look(), []);
  world.clock.advance(dayMs);
  assert.equal((await upkeep.look()).filter(({ level }) => level === "warning").length, 1);
  world.clock.advance(30 * dayMs);
  const expired = (await upkeep.look()).filter(({ level }) => level === "error");
  assert.deepEqual(messages(expired), [["TUF metadata has expired", "targets"]]);
});

test("without the online keys it says that signing failed and goes on looking", async () => {
  const world = await World.open();
  const { upkeep } = upkeepOf(world, [keyNames.timestamp]);
  world.clock.advance(25 * hourMs);
  const [failed] = await upkeep.look();
  assert.deepEqual([failed?.["level"], failed?.["code"]], ["error", "tuf/threshold"]);
  assert.deepEqual(await upkeep.look(), []);
  world.clock.advance(2 * hourMs);
  assert.equal((await upkeep.look())[0]?.["code"], "tuf/threshold");
  assert.equal(await world.tuf.revision(), 1);
});
