// Who may say what of a target: order, scope, termination, bins, prefixes, and roles reached by more than one way.

import { createHash } from "node:crypto";
import { utf8 } from "../../../src/core/index.ts";
import { encodeKey } from "../../../src/tuf/index.ts";
import { type Case, CaseWorld, fixedKey } from "./case-world.ts";

const first = utf8("first\n");
const second = utf8("second\n");
const refused = "tuf/metadata-invalid";

/** Two roles that both list `file`; only the content of `wins` is served, so that a download tells which was believed. */
async function twoRoles(
  about: string,
  names: readonly [string, string],
  wins: string,
  scopes: readonly [object, object] = [{ paths: ["*"] }, { paths: ["*"] }],
): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  for (const [index, name] of names.entries()) {
    world.delegate("targets", name, scopes[index]!);
    world.addTarget(name, "file", index === 0 ? first : second);
  }
  const kept = wins === names[0] ? first : second;
  for (const [path, bytes] of world.files) if (path.startsWith("targets/") && bytes !== kept) world.files.delete(path);
  await world.publishAll(...names);
  world.step({ outcome: "ok", find: { file: "ok" } });
  return world;
}

async function badBins(about: string, bitLength: unknown): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  const { key } = fixedKey("bins");
  const succinct = { keyids: [key.keyid], threshold: 1, bit_length: bitLength, name_prefix: "bin" };
  world.tree("targets").delegations = { keys: { [key.keyid]: encodeKey(key) }, succinct_roles: succinct };
  await world.publishAll();
  world.step({ outcome: refused });
  return world;
}

/** A role under which another is delegated: `targets` to `a` and `b`, both to `c`. */
async function diamond(about: string): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  world.delegate("targets", "a", { paths: ["a-*"] });
  world.delegate("targets", "b", { paths: ["b-*"] });
  world.delegate("a", "c", { paths: ["*"] });
  world.delegate("b", "c", { paths: ["*"] });
  for (const path of ["a-file", "b-file"]) world.addTarget("c", path, first);
  return world;
}

export const delegationCases: Readonly<Record<string, Case>> = {
  "CVE-2024-47534-order-of-delegations": () =>
    twoRoles("the first delegation in order of appearance decides", ["zebra", "aardvark"], "zebra"),
  "CVE-2024-47534-pre-order-depth-first": async () => {
    const world = await CaseWorld.open("what a role delegates comes before the delegations after it");
    world.delegate("targets", "a", { paths: ["*"] });
    world.delegate("targets", "b", { paths: ["*"] });
    world.delegate("a", "c", { paths: ["*"] });
    world.addTarget("b", "file", second);
    world.files.clear();
    world.addTarget("c", "file", first);
    world.files.set("1.root.json", world.bootstrap);
    await world.publishAll("a", "b", "c");
    world.step({ outcome: "ok", find: { file: "ok" }, stored: { "b.json": null } });
    return world;
  },
  "CVE-2025-2886-terminating": async () => {
    const world = await CaseWorld.open("after a terminating delegation none is asked, though it has nothing");
    world.delegate("targets", "empty", { paths: ["fil?"], terminating: true });
    world.delegate("targets", "other", { paths: ["*"] });
    for (const path of ["file", "another"]) world.addTarget("other", path, first);
    await world.publishAll("empty", "other");
    world.step({ outcome: "ok", find: { file: "none", another: "ok" } });
    return world;
  },
  "terminating-where-it-does-not-cover": () =>
    twoRoles("a terminating delegation of other paths ends nothing", ["elsewhere", "other"], "other", [
      { paths: ["x"], terminating: true },
      { paths: ["*"] },
    ]),
  "sigstore-rust-174-star-and-slash": async () => {
    const world = await CaseWorld.open("a star, a question mark and a set do not match a slash");
    world.delegate("targets", "team", { paths: ["*", "a?b", "a[/]b"] });
    for (const path of ["a/b", "ab", "a.b"]) world.addTarget("team", path, first);
    await world.publishAll("team");
    world.step({ outcome: "ok", find: { "a/b": "none", ab: "ok", "a.b": "ok" } });
    return world;
  },
  "scope-of-every-role-on-the-way": async () => {
    const world = await CaseWorld.open("a target is in the scope of every role on the way to it, or not found");
    world.delegate("targets", "a", { paths: ["a/*"] });
    world.delegate("a", "b", { paths: ["*/*"] });
    for (const path of ["a/file", "x/file"]) world.addTarget("b", path, first);
    await world.publishAll("a", "b");
    world.step({ outcome: "ok", find: { "a/file": "ok", "x/file": "none" } });
    return world;
  },
  "cycle-of-delegations": async () => {
    const world = await CaseWorld.open("roles that delegate to each other are each visited once");
    world.delegate("targets", "a", { paths: ["*"] });
    world.delegate("a", "b", { paths: ["*"] });
    world.delegate("b", "a", { paths: ["*"] });
    await world.publishAll("a", "b");
    world.step({ outcome: "ok", find: { file: "none" } });
    return world;
  },
  "more-roles-than-the-limit": async () => {
    const world = await CaseWorld.open("a search visits no more roles than the limit allows");
    for (let i = 0; i < 6; i++) world.delegate("targets", `role-${i}`, { paths: ["*"] });
    world.addTarget("role-4", "near", first);
    world.addTarget("role-5", "far", first);
    await world.publishAll(...Array.from({ length: 6 }, (_, i) => `role-${i}`));
    world.step({ outcome: "ok", limits: { delegations: 5 }, find: { near: "ok", far: "none" } });
    return world;
  },
  "python-tuf-2978-diamond_fail": async () => {
    const world = await diamond("a role that is good by one delegation is verified again by another");
    const [forA] = [world.signers.get("c")![0]!];
    const keys = world.keys.get("c")!;
    world.signers.set("c", [forA]);
    world.keys.set("c", [keys[0]!]);
    await world.publishAll("a", "b", "c");
    world.step({ outcome: "ok", find: { "a-file": "ok", "b-file": "tuf/threshold" } });
    return world;
  },
  "diamond-signed-for-both": async () => {
    const world = await diamond("a role that both of its delegators' keys have signed is found by either way");
    await world.publishAll("a", "b", "c");
    world.step({ outcome: "ok", find: { "a-file": "ok", "b-file": "ok" } });
    return world;
  },
  "role-of-a-top-level-name_fail": async () => {
    const world = await CaseWorld.open("a delegated role cannot take the name of a top-level role");
    world.delegate("targets", "timestamp-2", { paths: ["*"] }).version = 1;
    world.tree("targets").delegations!.roles![0]!.name = "timestamp";
    await world.publishAll();
    world.step({ outcome: refused });
    return world;
  },
  "tuf-js-role-delegated-twice_fail": async () => {
    const world = await CaseWorld.open("two delegations of one name in one role are refused");
    world.delegate("targets", "team", { paths: ["a"] });
    world.delegate("targets", "team", { paths: ["b"] });
    await world.publishAll("team");
    world.step({ outcome: refused });
    return world;
  },
  "role-that-the-snapshot-does-not-list_fail": async () => {
    const world = await CaseWorld.open("a role that the snapshot does not list is not trusted, though it is there");
    world.delegate("targets", "team", { paths: ["*"] });
    world.addTarget("team", "file", first);
    await world.publish("team");
    delete world.tree("snapshot").meta["team.json"];
    await world.publishAll();
    world.step({ outcome: "ok", find: { file: "tuf/metadata-missing" }, stored: { "team.json": null } });
    return world;
  },
  "path-hash-prefixes": async () => {
    const world = await CaseWorld.open("prefixes are compared with the SHA-256 of the path, in hexadecimal");
    const digest = createHash("sha256").update("a/file").digest("hex");
    world.delegate("targets", "other", { path_hash_prefixes: [digest.slice(1, 4), "f".repeat(64)] });
    world.delegate("targets", "right", { path_hash_prefixes: [digest.slice(0, 3)], terminating: true });
    for (const path of ["a/file", "b/file"]) world.addTarget("right", path, first);
    await world.publishAll("other", "right");
    world.step({ outcome: "ok", find: { "a/file": "ok", "b/file": "none" }, stored: { "other.json": null } });
    return world;
  },
  "path-hash-prefixes-in-capitals_fail": async () => {
    const world = await CaseWorld.open("a prefix in capital letters is refused, since it would cover nothing");
    world.delegate("targets", "team", { path_hash_prefixes: ["AB"] });
    await world.publishAll("team");
    world.step({ outcome: refused });
    return world;
  },
  "paths-and-prefixes-at-once_fail": async () => {
    const world = await CaseWorld.open("a delegation has paths or prefixes, and not both");
    world.delegate("targets", "team", { paths: ["*"], path_hash_prefixes: ["00"] });
    await world.publishAll("team");
    world.step({ outcome: refused });
    return world;
  },
  "succinct-bins": async () => {
    const world = await CaseWorld.open("a target is in the bin that the first bits of its path's hash name");
    await world.addBins(5, "a/file", first);
    world.step({ outcome: "ok", find: { "a/file": "ok", "b/file": "none" } });
    return world;
  },
  "succinct-bin-of-another-key_fail": async () => {
    const world = await CaseWorld.open("a bin is signed by the keys of the bins");
    await world.addBins(1, "file", first);
    const { signer, key } = fixedKey("another");
    for (const bin of ["bin-0", "bin-1"]) {
      world.signers.set(bin, [signer]);
      world.keys.set(bin, [key]);
    }
    await world.publishAll("bin-0", "bin-1");
    world.step({ outcome: "ok", find: { file: "tuf/threshold" } });
    return world;
  },
  "succinct-bins-without-the-bin_fail": async () => {
    const world = await CaseWorld.open("a bin that is missing is a failure, and not an empty one");
    await world.addBins(1, "file", first);
    for (const path of world.files.keys()) if (path.includes(".bin-")) world.files.delete(path);
    world.step({ outcome: "ok", find: { file: "tuf/metadata-missing" } });
    return world;
  },
  "succinct-bins-0-bits_fail": () => badBins("bins of no bits are refused", 0),
  "succinct-bins-33-bits_fail": () => badBins("bins of more bits than 32 are refused", 33),
  "succinct-bins-bits-as-text_fail": () => badBins("a number of bits that is a text is refused", "4"),
  "succinct-bins-beside-roles_fail": async () => {
    const world = await CaseWorld.open("bins and roles in one file are refused");
    world.delegate("targets", "team", { paths: ["*"] });
    const { key } = fixedKey("bins");
    world.tree("targets").delegations!.succinct_roles = {
      keyids: [key.keyid],
      threshold: 1,
      bit_length: 1,
      name_prefix: "bin",
    };
    await world.publishAll("team");
    world.step({ outcome: refused });
    return world;
  },
};
