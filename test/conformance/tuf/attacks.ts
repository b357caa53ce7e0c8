// The attacks that the specification names (TUF 1.0.34 §1.5.2), and what goes with them.

import { dayMs, formatUtcSeconds, type JsonObject, utf8 } from "../../../src/core/index.ts";
import { type Case, CaseWorld } from "./case-world.ts";

const content = utf8("content\n");

async function worldWithTarget(about: string): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  world.addTarget("targets", "file", content);
  await world.publishAll();
  return world;
}

async function rollback(about: string, role: "timestamp" | "snapshot" | "targets"): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  const before = new Map(world.files);
  await world.publish("targets", "snapshot", "timestamp");
  world.step({ outcome: "ok" });
  if (role === "timestamp") world.files.set("timestamp.json", before.get("timestamp.json")!);
  else if (role === "snapshot") {
    world.tree("timestamp").meta["snapshot.json"] = { version: 1 };
    await world.publish("timestamp");
  } else {
    world.tree("snapshot").meta["targets.json"] = { version: 1 };
    await world.publish("snapshot", "timestamp");
  }
  // A client that is started anew: the second step has nothing but the store.
  const stored = { "timestamp.json": role === "targets" ? 3 : 2, "snapshot.json": 2, "targets.json": 2 };
  world.step({ outcome: "tuf/rollback", stored });
  return world;
}

/** A thief runs a role's version forward; its keys are replaced; clients go on. */
async function fastForward(
  about: string,
  role: "timestamp" | "snapshot" | "targets",
  rotated: string,
  isInterrupted = false,
): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  world.step({ outcome: "ok" });
  const stolen = Number.MAX_SAFE_INTEGER - 1;
  const honest = { targets: 2, snapshot: 2, timestamp: 2 };
  world.tree(role).version = stolen - 1;
  if (role === "targets") await world.publish("targets", "snapshot", "timestamp");
  else if (role === "snapshot") await world.publish("snapshot", "timestamp");
  else await world.publish("timestamp");
  world.step({ outcome: "ok" });
  for (const [name, version] of Object.entries(honest)) world.tree(name).version = version;
  world.rotate(rotated);
  if (role !== rotated) world.rotate(role);
  await world.publish("root", "targets", "snapshot", "timestamp");
  if (isInterrupted) {
    // Stopped between the new root and the rest, the client recovers all the same.
    const timestamp = world.files.get("timestamp.json")!;
    world.files.delete("timestamp.json");
    world.step({ outcome: "tuf/metadata-missing", stored: { "root.json": 2 } });
    world.files.set("timestamp.json", timestamp);
  }
  world.step({ outcome: "ok", stored: { "timestamp.json": 3, "snapshot.json": 3, "targets.json": 3 } });
  return world;
}

async function tooLarge(about: string, limits: Record<string, number>): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  // Larger than the bootstrap root, which the limit must let pass.
  world.tree("root")["x-padding"] = "x".repeat(2000);
  await world.publish("root", "targets", "snapshot", "timestamp");
  world.step({ outcome: "tuf/length", limits });
  return world;
}

async function expired(about: string, role: string): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  world.expire(role);
  const above = { root: ["root"], targets: ["targets", "snapshot", "timestamp"], snapshot: ["snapshot", "timestamp"] };
  await world.publish(...((above as Record<string, string[]>)[role] ?? ["timestamp"]));
  world.step({ outcome: "tuf/expired" });
  return world;
}

export const attackCases: Readonly<Record<string, Case>> = {
  "arbitrary-installation-unsigned-timestamp_fail": async () => {
    const world = await CaseWorld.open("metadata without a signature is worth nothing");
    world.replace("timestamp", (file) => (file.signatures = []));
    world.step({ outcome: "tuf/threshold", stored: { "timestamp.json": null } });
    return world;
  },
  "arbitrary-installation-substituted-target_fail": async () => {
    const world = await worldWithTarget("a target file with other bytes of the same length is refused");
    for (const path of world.files.keys()) if (path.startsWith("targets/")) world.files.set(path, utf8("CONTENT\n"));
    world.step({ outcome: "ok", find: { file: "tuf/hash-mismatch" } });
    return world;
  },
  "arbitrary-installation-longer-target_fail": async () => {
    const world = await worldWithTarget("a target file with more bytes than are listed is refused");
    for (const path of world.files.keys()) if (path.startsWith("targets/")) world.files.set(path, utf8("content\n\n"));
    world.step({ outcome: "ok", find: { file: "tuf/length" } });
    return world;
  },
  "arbitrary-installation-signature-with-a-tail_fail": async () => {
    const world = await CaseWorld.open("a signature with anything but hexadecimal digits in it is none");
    world.replace("timestamp", (file) => (file.signatures[0]!.sig += "zz"));
    world.step({ outcome: "tuf/threshold" });
    return world;
  },
  "endless-data-root_fail": () => tooLarge("a root over the limit is not read", { rootBytes: 2000 }),
  "endless-data-timestamp_fail": () => tooLarge("a timestamp over the limit is not read", { timestampBytes: 200 }),
  "endless-data-snapshot_fail": () => tooLarge("a snapshot over the limit is not read", { snapshotBytes: 200 }),
  "endless-data-targets_fail": () => tooLarge("a targets file over the limit is not read", { targetsBytes: 200 }),
  "endless-data-target-file_fail": async () => {
    const world = await worldWithTarget("a target file over the limit is not read");
    world.step({ outcome: "ok", limits: { targetFileBytes: 7 }, find: { file: "tuf/length" } });
    return world;
  },
  "endless-roots": async () => {
    const world = await CaseWorld.open("no more roots are walked in one update than the limit, and the next goes on");
    for (let i = 0; i < 5; i++) await world.publish("root");
    world.step({ outcome: "ok", limits: { rootRotations: 3 }, stored: { "root.json": 4 } });
    world.step({ outcome: "ok", limits: { rootRotations: 3 }, stored: { "root.json": 6 } });
    return world;
  },
  "fast-forward-timestamp": () =>
    fastForward("a timestamp run forward is recovered from by new timestamp keys", "timestamp", "timestamp"),
  "fast-forward-snapshot": () =>
    fastForward("a snapshot run forward is recovered from by new snapshot and timestamp keys", "snapshot", "timestamp"),
  "fast-forward-targets": () =>
    fastForward("targets run forward are recovered from by new targets and snapshot keys", "targets", "snapshot"),
  "fast-forward-interrupted_fail": () =>
    fastForward("a recovery that stops after the new root goes on the next time", "snapshot", "timestamp", true),
  "fast-forward-delegated": async () => {
    const world = await CaseWorld.open("a delegated role run forward is recovered from by a new snapshot key");
    world.delegate("targets", "team", { paths: ["*"] });
    world.addTarget("team", "file", content);
    world.tree("team").version = Number.MAX_SAFE_INTEGER - 1;
    await world.serve("team");
    await world.publishAll();
    world.step({ outcome: "ok", find: { file: "ok" } });
    world.tree("team").version = 2;
    world.rotate("snapshot");
    await world.serve("team");
    await world.publish("root", "targets", "snapshot", "timestamp");
    world.step({ outcome: "ok", find: { file: "ok" }, stored: { "team.json": 2 } });
    return world;
  },
  "freeze-expired-timestamp_fail": async () => {
    const world = await CaseWorld.open("a repository that only repeats itself is noticed when its timestamp expires");
    world.step({ outcome: "ok" });
    world.now += 31 * dayMs;
    world.step({ outcome: "tuf/expired" });
    return world;
  },
  "freeze-clock-set-back_fail": async () => {
    const world = await CaseWorld.open("a clock that is set back brings no older state back in");
    const before = new Map(world.files);
    await world.publish("targets", "snapshot", "timestamp");
    world.step({ outcome: "ok" });
    world.now -= 10 * dayMs;
    for (const [path, bytes] of before) world.files.set(path, bytes);
    world.step({ outcome: "tuf/rollback" });
    return world;
  },
  "expired-root_fail": () => expired("the last root of the walk must be in date", "root"),
  "expired-timestamp_fail": () => expired("a timestamp must be in date", "timestamp"),
  "expired-snapshot_fail": () => expired("a snapshot must be in date", "snapshot"),
  "expired-targets_fail": () => expired("targets must be in date", "targets"),
  "expired-root-between": async () => {
    const world = await CaseWorld.open("a root that leads on to another may have expired");
    world.expire("root");
    await world.publish("root");
    world.tree("root").expires = world.tree("targets").expires;
    await world.publish("root");
    world.step({ outcome: "ok", stored: { "root.json": 3 } });
    return world;
  },
  "expiry-to-the-second_fail": async () => {
    const world = await CaseWorld.open("metadata has expired in the very second that it names");
    const end = Date.parse(world.tree("timestamp").expires);
    world.step({ outcome: "ok", time: new Date(end - 1).toISOString() });
    world.step({ outcome: "tuf/expired", time: new Date(end).toISOString() });
    return world;
  },
  "slept-for-three-years": async () => {
    const world = await CaseWorld.open("a client that slept for years walks over all roots of that time");
    for (let year = 0; year < 3; year++) {
      world.now += 365 * dayMs;
      for (const role of ["timestamp", "snapshot", "targets"]) world.rotate(role);
      for (const tree of world.trees.values()) tree.expires = formatUtcSeconds(world.now + 30 * dayMs);
      await world.publish("root");
    }
    await world.publish("targets", "snapshot", "timestamp");
    world.step({ outcome: "ok", stored: { "root.json": 4, "timestamp.json": 2 } });
    return world;
  },
  "mix-and-match-snapshot_fail": async () => {
    const world = await CaseWorld.open("the snapshot of another state than the timestamp's is refused");
    const older = world.files.get("1.snapshot.json")!;
    await world.publish("snapshot", "timestamp");
    world.files.set("2.snapshot.json", older);
    world.step({ outcome: "tuf/version-mismatch" });
    return world;
  },
  "mix-and-match-targets_fail": async () => {
    const world = await CaseWorld.open("targets of another state than the snapshot's are refused");
    const older = world.files.get("1.targets.json")!;
    await world.publish("targets", "snapshot", "timestamp");
    world.files.set("2.targets.json", older);
    world.step({ outcome: "tuf/version-mismatch" });
    return world;
  },
  "mix-and-match-by-hash_fail": async () => {
    const world = await CaseWorld.open("targets of the listed version with another hash are refused", (each) => {
      each.listHashes = true;
    });
    const other = { ...world.tree("targets"), spec_version: "1.0.33" };
    world.files.set("1.targets.json", await world.sign("targets", other as unknown as JsonObject));
    world.step({ outcome: "tuf/hash-mismatch" });
    return world;
  },
  "mix-and-match-interleaved": async () => {
    const world = await CaseWorld.open("while two states are served at once, each client sees one of them whole");
    world.addTarget("targets", "file", content);
    await world.publish("targets", "snapshot");
    world.step({ outcome: "ok", find: { file: "none" } });
    await world.publish("timestamp");
    world.step({ outcome: "ok", find: { file: "ok" } });
    return world;
  },
  "rollback-timestamp_fail": () => rollback("an older timestamp is refused after a restart", "timestamp"),
  "rollback-snapshot_fail": () => rollback("a timestamp that lists an older snapshot is refused", "snapshot"),
  "rollback-targets_fail": () => rollback("a snapshot that lists older targets is refused", "targets"),
  "rollback-role-removed_fail": async () => {
    const world = await CaseWorld.open("a snapshot that no longer lists a role is refused");
    world.delegate("targets", "team", { paths: ["*"] });
    await world.publish("team", "targets", "snapshot", "timestamp");
    world.step({ outcome: "ok" });
    delete world.tree("snapshot").meta["team.json"];
    await world.publish("snapshot", "timestamp");
    world.step({ outcome: "tuf/rollback" });
    return world;
  },
  "rollback-after-the-store-is-lost_fail": async () => {
    const world = await CaseWorld.open(
      "who has forgotten all is held by the expiry alone: an old state that has expired",
    );
    const before = new Map(world.files);
    world.now += 31 * dayMs;
    for (const [path, bytes] of before) world.files.set(path, bytes);
    world.step({ outcome: "tuf/expired" });
    return world;
  },
  "same-version-other-content": async () => {
    const world = await CaseWorld.open("a timestamp of the version that is known is dropped, whatever else it says");
    world.step({ outcome: "ok" });
    world.tree("timestamp").meta["snapshot.json"] = { version: 9 };
    await world.serve("timestamp");
    world.step({ outcome: "ok", stored: { "snapshot.json": 1 } });
    return world;
  },
  "key-compromise-timestamp-alone_fail": async () => {
    const world = await CaseWorld.open("who has the timestamp key alone cannot make a snapshot");
    world.signers.set("snapshot", world.signers.get("timestamp")!);
    world.keys.set("snapshot", world.keys.get("timestamp")!);
    await world.publish("snapshot", "timestamp");
    world.step({ outcome: "tuf/threshold", stored: { "snapshot.json": null } });
    return world;
  },
  "key-compromise-below-the-threshold_fail": async () => {
    const world = await CaseWorld.open("two of three root keys cannot make a root", (each) => each.rotate("root", 3));
    world.signers.set("root", world.signers.get("root")!.slice(0, 2));
    world.keys.set("root", world.keys.get("root")!.slice(0, 2));
    await world.publish("root");
    world.step({ outcome: "tuf/threshold", stored: { "root.json": 1 } });
    return world;
  },
  "cache-poisoned-root": async () => {
    const world = await CaseWorld.open(
      "a root that somebody put into the store is replaced by the walk from the bootstrap",
    );
    const other = await CaseWorld.open("", (each) => each.rotate("root"));
    world.step({
      outcome: "ok",
      put: { "root.json": Buffer.from(other.bootstrap).toString() },
      stored: { "root.json": 1 },
    });
    return world;
  },
  "crash-in-mid-write": async () => {
    const world = await CaseWorld.open("files of the store that were cut short are fetched again");
    world.delegate("targets", "team", { paths: ["*"] });
    world.addTarget("team", "file", content);
    await world.publishAll("team");
    await world.publish("root", "team", "targets", "snapshot", "timestamp");
    world.step({ outcome: "ok", find: { file: "ok" } });
    const versions = { root: 2, timestamp: 3, snapshot: 3, targets: 3, team: 2, "root_history/2.root": 2 };
    for (const [name, version] of Object.entries(versions)) {
      const file = `${name}.json`;
      world.step({ outcome: "ok", cut: [file], find: { file: "ok" }, stored: { [file]: version } });
    }
    world.step({
      outcome: "ok",
      put: { "timestamp.json": "", "snapshot.json": "", "targets.json": "\u0000" },
      find: { file: "ok" },
    });
    return world;
  },
};
