// What a file may look like: names that mean something to a programming language, names beyond the basic plane, fields
// that nobody knows, repositories without consistent snapshots.

import { utf8 } from "../../../src/core/index.ts";
import { type Case, CaseWorld } from "./case-world.ts";

const content = utf8("content\n");
const refused = "tuf/metadata-invalid";

async function targetsNamed(about: string, paths: readonly string[]): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  for (const path of paths) world.addTarget("targets", path, content);
  await world.publishAll();
  world.step({ outcome: "ok", find: Object.fromEntries(paths.map((path) => [path, "ok"])) });
  return world;
}

async function rolesNamed(about: string, names: readonly string[]): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  for (const name of names) {
    world.delegate("targets", name, { paths: [`${names.indexOf(name)}-*`] });
    world.addTarget(name, `${names.indexOf(name)}-file`, content);
  }
  await world.publishAll(...names);
  const find = Object.fromEntries(names.map((_, index) => [`${index}-file`, "ok"]));
  world.step({ outcome: "ok", find });
  // From the store: with nothing but the timestamp and roots to be had.
  for (const path of world.files.keys()) if (/^\d+\.(?!root)/.test(path)) world.files.delete(path);
  world.step({ outcome: "ok", find });
  return world;
}

async function dated(about: string, expires: string): Promise<CaseWorld> {
  const world = await CaseWorld.open(about);
  world.tree("timestamp").expires = expires;
  await world.publish("timestamp");
  world.step({ outcome: refused });
  return world;
}

export const formatCases: Readonly<Record<string, Case>> = {
  "roles-with-names-like-integers": async () => {
    const world = await CaseWorld.open(
      "roles named 20, 3 and 10 are asked in order of appearance, and their files are whole",
    );
    for (const name of ["20", "3", "10"]) world.delegate("targets", name, { paths: ["*"] });
    world.addTarget("3", "file", utf8("later\n"));
    world.files.delete([...world.files.keys()].find((path) => path.startsWith("targets/"))!);
    world.addTarget("20", "file", content);
    await world.publishAll("20", "3", "10");
    world.step({ outcome: "ok", find: { file: "ok" }, stored: { "3.json": null } });
    return world;
  },
  "targets-with-names-like-integers": () =>
    targetsNamed("targets named like integers are signed in code point order, not in that of numbers", [
      "20",
      "3",
      "10",
      "03",
      "4294967296",
    ]),
  "roles-with-names-like-prototypes": () =>
    rolesNamed("roles named like members of every object are roles", [
      "constructor",
      "__proto__",
      "toString",
      "hasOwnProperty",
    ]),
  "targets-with-names-like-prototypes": () =>
    targetsNamed("targets named like members of every object are targets", [
      "__proto__",
      "constructor",
      "a/__proto__",
      "valueOf",
    ]),
  "no-target-named-like-a-prototype": async () => {
    const world = await CaseWorld.open("what every object has is no target, no role and no key");
    world.step({ outcome: "ok", find: { constructor: "none", __proto__x: "none", toString: "none" } });
    return world;
  },
  "names-beyond-the-basic-plane": () =>
    targetsNamed("names beyond U+FFFF are signed in code point order", [
      "\u{1F600}",
      "\uFF5E",
      "\uE000",
      "a\u{10FFFF}",
      "a\uFFFD",
    ]),
  "roles-with-names-beyond-the-basic-plane": () =>
    rolesNamed("roles may have any text as a name", ["\u{1F600}", "\uFF5E", "é", "e\u0301", "a b?#%"]),
  "normal-forms-are-not-the-same": async () => {
    const world = await CaseWorld.open("a path in another normal form, in another case or encoded is another path");
    for (const path of ["caf\u00e9", "a/b"]) world.addTarget("targets", path, content);
    await world.publishAll();
    world.step({
      outcome: "ok",
      find: { "caf\u00e9": "ok", "cafe\u0301": "none", "Caf\u00e9": "none", "a%2Fb": "none", "a/b": "ok" },
    });
    return world;
  },
  "fields-that-nobody-knows": async () => {
    const world = await CaseWorld.open("unknown fields are part of what is signed, and otherwise ignored", (each) => {
      for (const role of ["root", "targets", "snapshot", "timestamp"])
        each.tree(role)["x-unknown"] = { list: [1, null, true, 'text\n"\\'], "9": 1, "10": {} };
    });
    world.step({ outcome: "ok" });
    return world;
  },
  "field-that-was-added-after-signing_fail": async () => {
    const world = await CaseWorld.open("a field that was added after signing breaks the signature");
    world.replace("timestamp", ({ signed }) => (signed["x-unknown"] = 1));
    world.step({ outcome: "tuf/threshold" });
    return world;
  },
  "opaque-keyids": async () => {
    const world = await CaseWorld.open("key ids are opaque: any text that is listed once");
    world.setKeys(
      "timestamp",
      world.keys.get("timestamp")!.map((key, index) => ({
        key: { ...key, keyid: `the key of 2030 \u{1F511} ${index}` },
        signer: world.signers.get("timestamp")![index]!,
      })),
      1,
    );
    await world.publish("root", "timestamp");
    world.step({ outcome: "ok", stored: { "timestamp.json": 2 } });
    return world;
  },
  "key-of-an-unknown-type": async () => {
    const world = await CaseWorld.open("a key of a type that nobody knows is kept and counts for nothing");
    world.tree("root").keys["odd"] = { keytype: "odd", scheme: "odd/1", keyval: { secret: 1 } } as never;
    world.tree("root").roles["timestamp"]!.keyids.push("odd");
    await world.publish("root", "timestamp");
    world.step({ outcome: "ok" });
    return world;
  },
  "inconsistent-snapshots": async () => {
    const world = await CaseWorld.open(
      "without consistent snapshots files have neither version nor hash in their names",
      (each) => {
        each.tree("root").consistent_snapshot = false;
      },
    );
    world.addTarget("targets", "a/file", content);
    world.files.set("targets/a/file", content);
    await world.publishAll();
    world.step({ outcome: "ok", find: { "a/file": "ok" } });
    return world;
  },
  "second-hash-is-asked-for": async () => {
    const world = await CaseWorld.open("a target that is there under one of its hashes alone is found");
    world.addTarget("targets", "file", content);
    const [[name, hash]] = Object.entries(world.tree("targets").targets["file"]!.hashes) as [[string, string]];
    world.tree("targets").targets["file"]!.hashes = { blake3: "0".repeat(64), [name]: hash };
    await world.publishAll();
    world.step({ outcome: "ok", find: { file: "ok" } });
    return world;
  },
  "no-hash-that-is-known_fail": async () => {
    const world = await CaseWorld.open("a target with hashes of unknown kinds alone is refused");
    world.addTarget("targets", "file", content);
    world.tree("targets").targets["file"]!.hashes = { blake3: "0".repeat(64) };
    world.files.set(`targets/${"0".repeat(64)}.file`, content);
    await world.publishAll();
    world.step({ outcome: "ok", find: { file: "tuf/hash-mismatch" } });
    return world;
  },
  "date-with-an-offset_fail": () => dated("a date with an offset is refused", "2036-01-01T00:00:00+00:00"),
  "date-with-a-fraction_fail": () => dated("a date with a fraction of a second is refused", "2036-01-01T00:00:00.000Z"),
  "date-of-a-day-that-is-none_fail": () => dated("the 31st of February is refused", "2036-02-31T00:00:00Z"),
  "date-of-a-year_fail": () => dated("a year alone is refused", "2036"),
  "specification-of-another-major_fail": async () => {
    const world = await CaseWorld.open("metadata of another major version of the specification is refused");
    world.tree("timestamp").spec_version = "2.0.0";
    await world.publish("timestamp");
    world.step({ outcome: refused });
    return world;
  },
  "specification-1-0": async () => {
    const world = await CaseWorld.open("a version of the specification may have two parts");
    world.tree("timestamp").spec_version = "1.0";
    await world.publish("timestamp");
    world.step({ outcome: "ok" });
    return world;
  },
  "metadata-of-another-role_fail": async () => {
    const world = await CaseWorld.open("a file says of which type it is, and is refused in the place of another");
    world.files.set("timestamp.json", world.files.get("1.snapshot.json")!);
    world.step({ outcome: refused });
    return world;
  },
  "number-with-a-fraction_fail": async () => {
    const world = await CaseWorld.open("1.0 is no version");
    const text = Buffer.from(world.files.get("timestamp.json")!).toString().replace('"version":1', '"version":1.0');
    world.files.set("timestamp.json", utf8(text));
    world.step({ outcome: refused });
    return world;
  },
};
