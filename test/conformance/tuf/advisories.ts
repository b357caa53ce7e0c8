// A case for every published advisory that a client can be tried with, named by its id. What each was is in its folder's
// case.json; ids of the same fault share a case.

import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { utf8 } from "../../../src/core/index.ts";
import { encodePublicKeyPem } from "../../../src/crypto/index.ts";
import { encodeKey, type Key } from "../../../src/tuf/index.ts";
import type { Tree } from "../../tuf-world.ts";
import { type Case, CaseWorld, fixedKey } from "./case-world.ts";
import { rsa1024Pem } from "./rsa-1024.ts";

const content = utf8("content\n");
const refused = "tuf/metadata-invalid";

/** A repository with one delegated role and a target in it. */
async function withTeam(about: string, edit: (tree: Tree) => void = () => undefined): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  world.delegate("targets", "team", { paths: ["*"] });
  world.addTarget("team", "file", content);
  edit(world.tree("targets"));
  await world.publishAll("team");
  return world;
}

/** One public key as two keys of a role that wants two. */
function doubled(world: CaseWorld, role: string): void {
  const made = fixedKey("doubled");
  const other: Key = { ...made.key, keyid: "another id" };
  world.setKeys(role, [made, { signer: made.signer, key: other }], 2);
}

/** The role's newest file, with text in it replaced. */
function rewrite(world: CaseWorld, role: string, from: string | RegExp, to: string): void {
  const path = world.path(role);
  const before = Buffer.from(world.files.get(path)!).toString();
  const after = before.replace(from, to);
  if (after === before) throw new Error(`nothing to replace in ${role}`);
  world.files.set(path, new Uint8Array(Buffer.from(after)));
}

async function badText(about: string, role: string, from: string | RegExp, to: string): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  rewrite(world, role, from, to);
  world.step({ outcome: refused, stored: { [`${role}.json`]: null } });
  return world;
}

/** A delegation that is signed, and that nobody should have signed. */
async function badDelegation(about: string, edit: (tree: Tree) => void): Promise<CaseWorld> {
  const world = await withTeam(about, edit);
  world.step({ outcome: refused });
  return world;
}

/** A key object that does not mean what its signer signs with. */
async function confusedKey(about: string, keyObject: object): Promise<CaseWorld> {
  const world = await CaseWorld.open(about, (each) => {
    each.tree("root").keys[each.keys.get("timestamp")![0]!.keyid] = keyObject as never;
  });
  world.step({ outcome: "tuf/threshold", stored: { "timestamp.json": null } });
  return world;
}

export const advisoryCases: Readonly<Record<string, Case>> = {
  "CVE-2015-9258-key-of-another-type_fail": () => {
    // The key that signs, in PEM: the fourth that a world makes.
    const pem = encodePublicKeyPem(fixedKey("timestamp 3").signer.publicKey);
    return confusedKey("an Ed25519 key in PEM filed as an RSA key verifies nothing", {
      keytype: "rsa",
      scheme: "rsassa-pss-sha256",
      keyval: { public: pem },
    });
  },
  "short-rsa-key_fail": async () => {
    const handle = createPrivateKey(rsa1024Pem);
    const value = createPublicKey(handle).export({ type: "spki", format: "pem" }) as string;
    const key: Key = { keyid: "short", keytype: "rsa", scheme: "rsa-pkcs1v15-sha256", value };
    const world = await CaseWorld.open(
      "an RSA key of 1024 bits verifies nothing, though its signature is right",
      (each) => {
        each.tree("root").keys["short"] = encodeKey(key);
        each.tree("root").roles["timestamp"] = { keyids: ["short"], threshold: 1 };
      },
    );
    const { signed } = JSON.parse(Buffer.from(world.files.get("timestamp.json")!).toString()) as { signed: Tree };
    // The world writes canonical files with sorted names and no escapes: their text is what is signed.
    const message = Buffer.from(JSON.stringify(sorted(signed)));
    const sig = sign("sha256", message, handle).toString("hex");
    world.replace("timestamp", (file) => (file.signatures = [{ keyid: "short", sig }]));
    world.step({ outcome: "tuf/threshold" });
    return world;
  },
  "CVE-2015-9259-root-expired_fail": async () => {
    const world = await CaseWorld.open("a root that has expired is refused, and stays known");
    world.expire("root");
    await world.publish("root");
    world.step({ outcome: "tuf/expired", stored: { "root.json": 2 } });
    return world;
  },
  "NCC-2015-3-version-beyond-2-53_fail": () =>
    badText("a version that no double holds is refused", "timestamp", /"version":1/, '"version":9007199254740993'),
  "NCC-2015-3-version-of-64-bits_fail": () =>
    badText("a version of 64 bits is refused", "timestamp", /"version":1/, '"version":9223372036854775807'),
  "CVE-2020-6173-many-signatures_fail": async () => {
    const world = await CaseWorld.open("more signatures than any role has keys are refused before one is checked");
    world.replace("snapshot", (file) => {
      const [{ sig }] = file.signatures as unknown as [{ sig: string }];
      file.signatures = Array.from({ length: 300 }, (_, i) => ({ keyid: `k${i}`, sig }));
    });
    world.step({ outcome: refused });
    return world;
  },
  "CVE-2020-6174-one-keyid-signs-twice_fail": async () => {
    const world = await CaseWorld.open("two signatures of one key id are refused", (each) =>
      each.rotate("timestamp", 2),
    );
    world.replace("timestamp", (file) => (file.signatures = [file.signatures[0]!, file.signatures[0]!]));
    world.step({ outcome: refused });
    return world;
  },
  "CVE-2026-6966-one-keyid-signs-twice-delegated_fail": async () => {
    const world = await withTeam("two signatures of one key id are refused in a delegated role too", (tree) => {
      tree.delegations!.roles![0]!.keyids.push("another");
      tree.delegations!.roles![0]!.threshold = 2;
    });
    world.replace("team", (file) => (file.signatures = [file.signatures[0]!, file.signatures[0]!]));
    world.step({ outcome: "ok", find: { file: refused } });
    return world;
  },
  "CVE-2020-15163-signed-by-the-old-keys-alone_fail": async () => {
    const world = await CaseWorld.open(
      "a root that its own keys have not signed is refused, and not found in the store later",
    );
    const { signers, keys } = world;
    const [signer, key] = [signers.get("root")!, keys.get("root")!];
    world.rotate("root");
    signers.set("root", signer);
    keys.set("root", key);
    await world.publish("root");
    for (let i = 0; i < 2; i++) world.step({ outcome: "tuf/threshold", stored: { "root.json": 1 } });
    return world;
  },
  "root-signed-by-the-new-keys-alone_fail": async () => {
    const world = await CaseWorld.open("a root that the keys before it have not signed is refused");
    world.rotate("root");
    await world.publish("root");
    world.step({ outcome: "tuf/threshold", stored: { "root.json": 1 } });
    return world;
  },
  "CVE-2021-41131-role-name-that-climbs": async () => {
    const world = await CaseWorld.open("a role whose name climbs is a file of the store as any other");
    world.delegate("targets", "../../team", { paths: ["*"] });
    world.addTarget("../../team", "file", content);
    await world.publishAll("../../team");
    world.step({ outcome: "ok", find: { file: "ok" }, stored: { "..%2F..%2Fteam.json": 1 } });
    return world;
  },
  "CVE-2021-41149-target-names-that-climb_fail": async () => {
    const world = await CaseWorld.open("a target path that could leave its folder is refused when it is looked up");
    const paths = ["../up", "a/../../up", "/etc/passwd", "C:x", "a\\b", "a\u0000b", "a//b", "."];
    world.addTarget("targets", "file", content);
    const { targets } = world.tree("targets");
    for (const path of paths) targets[path] = targets["file"]!;
    await world.publishAll();
    world.step({ outcome: "ok", find: Object.fromEntries(paths.map((path) => [path, "tuf/target-path"])) });
    return world;
  },
  "GHSA-77hh-43cm-v8j6-bins-that-are-none": async () => {
    const world = await bins("files named like bins, of another width or of no number, are never looked into", 4);
    for (const name of ["bin-zz", "bin-00", "bin-10", "bin-"]) {
      world.signers.set(name, world.signers.get("bin")!);
      world.keys.set(name, world.keys.get("bin")!);
      world.newTree(name, { targets: {} });
      world.addTarget(name, "elsewhere", content);
      await world.publish(name);
    }
    await world.publishAll();
    world.step({ outcome: "ok", find: { file: "ok", elsewhere: "none" }, stored: { "bin-zz.json": null } });
    return world;
  },
  "TUF-CR-22-02-number-without-end_fail": () =>
    badText(
      "a number of thousands of digits is refused in no time",
      "snapshot",
      /"version":1/,
      `"version":${"9".repeat(20_000)}`,
    ),
  "TUF-CR-22-03-name-twice_fail": () =>
    badText("a name that stands twice in an object is refused", "timestamp", /"version":1/, '"version":1,"version":1'),
  "GHSA-qp9x-wp8f-qgjj-case-of-patterns": async () => {
    const world = await CaseWorld.open("the case of letters counts in patterns, on every system");
    world.delegate("targets", "team", { paths: ["team/*"] });
    world.addTarget("team", "Team/file", content);
    world.addTarget("team", "team/file", content);
    await world.publishAll("team");
    world.step({ outcome: "ok", find: { "team/file": "ok", "Team/file": "none" } });
    return world;
  },
  "CVE-2022-29173-nothing-is-kept-of-a-rollback_fail": async () => {
    const world = await CaseWorld.open("a file that goes back is refused before it is stored");
    const before = world.files.get("timestamp.json")!;
    await world.publish("timestamp");
    world.step({ outcome: "ok" });
    world.files.set("timestamp.json", before);
    world.step({ outcome: "tuf/rollback", stored: { "timestamp.json": 2 } });
    world.step({ outcome: "tuf/rollback", stored: { "timestamp.json": 2 } });
    return world;
  },
  "GO-2022-1004-one-key-under-two-ids_fail": async () => {
    const world = await CaseWorld.open("one public key under two ids counts once", (each) =>
      doubled(each, "timestamp"),
    );
    world.step({ outcome: "tuf/threshold" });
    return world;
  },
  "one-key-under-two-ids-delegated_fail": async () => {
    const world = await withTeam("one public key under two ids counts once in a delegated role too", (tree) => {
      const [role] = tree.delegations!.roles!;
      tree.delegations!.keys["another id"] = tree.delegations!.keys[role!.keyids[0]!]!;
      role!.keyids.push("another id");
      role!.threshold = 2;
    });
    world.replace("team", (file) => file.signatures.push({ ...file.signatures[0]!, keyid: "another id" }));
    world.step({ outcome: "ok", find: { file: "tuf/threshold" } });
    return world;
  },
  "CVE-2026-23991-nonsense-in-the-place-of-an-object_fail": () =>
    badText(
      "metadata of another shape is refused with no more than a Problem",
      "timestamp",
      /"meta":\{.*?\}\}/,
      '"meta":null',
    ),
  "CVE-2026-23992-threshold-0_fail": () => badDelegation("a threshold of 0 is refused", (tree) => threshold(tree, 0)),
  "CVE-2026-23992-threshold-below-0_fail": () =>
    badDelegation("a negative threshold is refused", (tree) => threshold(tree, -1)),
  "CVE-2026-23992-threshold-as-text_fail": () =>
    badDelegation("a threshold that is a text is refused", (tree) => threshold(tree, "1")),
  "go-tuf-721-no-hashes_fail": async () => {
    const world = await CaseWorld.open("a target without a hash is refused: its content would be unchecked");
    world.tree("targets").targets["file"] = { length: 8, hashes: {} };
    await world.publishAll();
    world.step({ outcome: refused });
    return world;
  },
  "go-tuf-749-key-of-another-length_fail": () =>
    confusedKey("an Ed25519 key that is too short verifies nothing, and breaks nothing", {
      keytype: "ed25519",
      scheme: "ed25519",
      keyval: { public: "00ff" },
    }),
  "CVE-2025-2885-root-version-skipped_fail": async () => {
    const world = await CaseWorld.open("version 3 in the place of version 2 of the root is refused");
    world.tree("root").version = 2;
    await world.publish("root");
    world.files.set("2.root.json", world.files.get("3.root.json")!);
    world.step({ outcome: "tuf/root-version", stored: { "root.json": 1 } });
    return world;
  },
  "CVE-2025-2887-delegated-rollback_fail": async () => {
    const world = await withTeam("a snapshot that lists an older delegated role is refused");
    await world.publish("team", "snapshot", "timestamp");
    world.step({ outcome: "ok", find: { file: "ok" } });
    world.tree("snapshot").meta["team.json"] = { version: 1 };
    await world.publish("snapshot", "timestamp");
    world.step({ outcome: "tuf/rollback" });
    return world;
  },
  "CVE-2025-2888-no-timestamp-of-a-failed-check_fail": async () => {
    const world = await CaseWorld.open(
      "a timestamp that lists an older snapshot is not stored, so that the next one is taken",
    );
    await world.publish("snapshot", "timestamp");
    world.step({ outcome: "ok" });
    world.tree("timestamp").meta["snapshot.json"] = { version: 1 };
    await world.publish("timestamp");
    world.step({ outcome: "tuf/rollback", stored: { "timestamp.json": 2 } });
    world.tree("timestamp").meta["snapshot.json"] = { version: 2 };
    await world.serve("timestamp");
    world.step({ outcome: "ok", stored: { "timestamp.json": 3 } });
    return world;
  },
  "CVE-2026-6967-delegated-expiry_fail": async () => {
    const world = await withTeam("a delegated role that has expired is refused");
    world.expire("team");
    await world.publishAll("team");
    world.step({ outcome: "ok", find: { file: "tuf/expired" } });
    return world;
  },
  "CVE-2026-6967-delegated-length-and-hash_fail": async () => {
    const world = await withTeam("a delegated role of another length, or another hash, than listed is refused");
    const { length } = world.files.get("1.team.json")!;
    const hashes = { sha256: createHash("sha256").update(world.files.get("1.team.json")!).digest("hex") };
    world.tree("snapshot").meta["team.json"] = { version: 1, length: length + 1 };
    await world.publish("snapshot", "timestamp");
    world.step({ outcome: "ok", find: { file: "tuf/length" } });
    world.tree("snapshot").meta["team.json"] = { version: 1, length, hashes: { sha256: "0".repeat(64) } };
    await world.publish("snapshot", "timestamp");
    world.step({ outcome: "ok", find: { file: "tuf/hash-mismatch" } });
    world.tree("snapshot").meta["team.json"] = { version: 1, length, hashes };
    await world.publish("snapshot", "timestamp");
    world.step({ outcome: "ok", find: { file: "ok" } });
    return world;
  },
  "TOB-SIGSTORE-10-bytes-of-the-store": async () => {
    const world = await CaseWorld.open(
      "bytes that somebody put into the store are verified as those from the network are",
    );
    world.addTarget("targets", "file", content);
    await world.publishAll();
    world.step({ outcome: "ok" });
    const forged = Buffer.from(world.files.get(world.path("targets"))!).toString();
    world.step({
      outcome: "ok",
      put: { "targets.json": forged.replace(/"length":8/, '"length":9') },
      find: { file: "ok" },
    });
    return world;
  },
  "tuf-js-dates-of-other-forms_fail": () =>
    badText(
      "a date that is not of the one form is refused, and does not stay good for ever",
      "timestamp",
      /"expires":"[^"]*"/,
      '"expires":"soon"',
    ),
};

function threshold(tree: Tree, value: unknown): void {
  tree.delegations!.roles![0]!.threshold = value as number;
}

/** Succinct bins, with one target at the path `file`. */
async function bins(about: string, bitLength: number): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  await world.addBins(bitLength, "file", content);
  return world;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]));
}
