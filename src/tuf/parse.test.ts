import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { World, newKey, type Tree } from "../../test/tuf-world.ts";
import { equalBytes, isProblem, utf8 } from "../core/index.ts";
import { encodeKey } from "./key.ts";
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from "./parse.ts";
import { topLevel, verifyCached } from "./verify.ts";

const parsers = { root: parseRoot, snapshot: parseSnapshot, targets: parseTargets, timestamp: parseTimestamp };
type Name = keyof typeof parsers;
const names = Object.keys(parsers) as Name[];
const maxBytes = 1_000_000;

async function example(): Promise<World> {
  const world = await World.create();
  world.listHashes = true;
  world.delegate("targets", "team", { paths: ["team/*"] });
  world.delegate("targets", "bin", { path_hash_prefixes: ["0a"], terminating: true });
  world.addTarget("targets", "file", utf8("content"));
  world.tree("targets").targets["file"]!.custom = { note: "é\u{1F600}\n" };
  await world.publish("team", "bin", "targets", "snapshot", "timestamp");
  return world;
}

function text(world: World, role: Name): string {
  return Buffer.from(world.files.get(world.path(role))!).toString();
}

const invalid = (error: unknown): boolean => isProblem(error, "tuf/metadata-invalid") || assert.fail(String(error));

const wrongValues = [null, true, 0, -1, 1.5, "1", "", [], {}, [null], 2 ** 53, "__proto__"];

/** Every field of a tree, as a way to put another value in its place. */
function* fields(tree: unknown): Generator<{ path: string; owner: Record<string, unknown>; name: string }> {
  if (typeof tree !== "object" || tree === null) return;
  for (const [name, value] of Object.entries(tree)) {
    yield { path: name, owner: tree as Record<string, unknown>, name };
    for (const below of fields(value)) yield { ...below, path: `${name}.${below.path}` };
  }
}

for (const role of names) {
  test(`any field of ${role} may have any type without anything but a Problem being thrown`, async () => {
    const file = JSON.parse(text(await example(), role));
    for (const { owner, name } of fields(file)) {
      const before = owner[name];
      for (const wrong of [...wrongValues, undefined]) {
        owner[name] = wrong;
        try {
          parsers[role](utf8(JSON.stringify(file)), maxBytes);
        } catch (error) {
          assert.ok(isProblem(error, "tuf/metadata-invalid"), String(error));
        }
      }
      owner[name] = before;
    }
  });

  test(`the fields that the specification demands of ${role} are demanded`, async () => {
    const content = { root: ["keys", "roles"], snapshot: ["meta"], targets: ["targets"], timestamp: ["meta"] }[role];
    for (const name of ["_type", "spec_version", "version", "expires", ...content]) {
      const file = JSON.parse(text(await example(), role));
      delete file.signed[name];
      assert.throws(() => parsers[role](utf8(JSON.stringify(file)), maxBytes), invalid, name);
    }
  });

  test(`changing any one byte of ${role} is refused or changes nothing that is signed`, async () => {
    const world = await example();
    const bytes = world.files.get(world.path(role))!;
    const authority = topLevel(parseRoot(world.bootstrap, maxBytes), role);
    const signed = parsers[role](bytes, maxBytes).message;
    const verify = (mutant: Uint8Array): void => {
      const metadata = parsers[role](mutant, maxBytes);
      verifyCached<unknown>(metadata, authority);
      assert.ok(equalBytes(metadata.message, signed), "something else was signed");
    };
    verify(bytes);
    const mutation = fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255), kind: fc.nat(2) });
    fc.assert(
      fc.property(mutation, ({ at, to, kind }) => {
        const rest = bytes.subarray(at + (kind === 1 ? 0 : 1));
        const mutant = new Uint8Array([...bytes.subarray(0, at), ...(kind === 2 ? [] : [to]), ...rest]);
        try {
          verify(mutant);
        } catch (error) {
          assert.ok(isProblem(error), String(error));
        }
      }),
      { numRuns: 1500 },
    );
  });

  test(`any bytes in the place of ${role} are refused with a Problem`, () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (bytes) => {
        assert.throws(() => parsers[role](bytes, maxBytes), invalid);
      }),
    );
  });
}

async function refusedRoot(edit: (tree: Tree) => void): Promise<void> {
  const world = await example();
  const file = JSON.parse(text(world, "root"));
  edit(file.signed);
  assert.throws(() => parseRoot(utf8(JSON.stringify(file)), maxBytes), invalid);
}

test("a threshold below 1, or that is no integer, is refused", async () => {
  for (const threshold of [0, -1, 1.5, "1", null, true]) {
    await refusedRoot((tree) => (tree.roles["targets"]!.threshold = threshold as number));
  }
});

test("a root without one of the four roles is refused", async () => {
  for (const role of names) await refusedRoot((tree) => delete tree.roles[role]);
});

test("a version that is 0, negative or too large to be counted is refused", async () => {
  for (const version of [0, -1]) await refusedRoot((tree) => (tree.version = version));
  const world = await example();
  for (const version of ["9007199254740992", "9223372036854775807", "1e3", "1.0", "-0", "01", "9".repeat(400_000)]) {
    const file = text(world, "root").replace(/"version":\d+/, `"version":${version}`);
    assert.throws(() => parseRoot(utf8(file), maxBytes), invalid, version.slice(0, 30));
  }
});

test("a name that stands twice in an object is refused", async () => {
  const file = text(await example(), "root").replace('"version":1', '"version":1,"version":1');
  assert.throws(() => parseRoot(utf8(file), maxBytes), invalid);
});

async function refusedTargets(edit: (tree: Tree) => void): Promise<void> {
  const file = JSON.parse(text(await example(), "targets"));
  edit(file.signed);
  assert.throws(() => parseTargets(utf8(JSON.stringify(file)), maxBytes), invalid);
}

test("hashes that are empty, or that are no digests, are refused", async () => {
  for (const hashes of [{}, { sha256: "" }, { sha256: "../../x" }, { sha256: "zz".repeat(32) }]) {
    await refusedTargets((tree) => (tree.targets["file"]!.hashes = hashes as Record<string, string>));
  }
});

test("a negative length is refused", async () => {
  await refusedTargets((tree) => (tree.targets["file"]!.length = -1));
});

test("a delegation with both paths and hash prefixes, or prefixes that are none, is refused", async () => {
  await refusedTargets((tree) => (tree.delegations!.roles![0]!.path_hash_prefixes = ["00"]));
  for (const prefix of ["", "0g", "0A", "0".repeat(65)]) {
    await refusedTargets((tree) => (tree.delegations!.roles![1]!.path_hash_prefixes = [prefix]));
  }
});

test("two delegations of one name, and a delegation that takes a top-level name, are refused", async () => {
  for (const name of [
    "team",
    "root",
    "targets",
    "snapshot",
    "timestamp",
    "",
    "x".repeat(201),
    "\u{1F600}".repeat(50),
  ]) {
    await refusedTargets((tree) => (tree.delegations!.roles![1]!.name = name));
  }
});

test("delegations with both roles and succinct roles, or with neither, are refused", async () => {
  const succinct = { keyids: [], threshold: 1, bit_length: 4, name_prefix: "b" };
  await refusedTargets((tree) => (tree.delegations!.succinct_roles = succinct));
  await refusedTargets((tree) => delete tree.delegations!.roles);
  for (const bits of [0, 33, -1, 1.5]) {
    await refusedTargets((tree) => {
      delete tree.delegations!.roles;
      tree.delegations!.succinct_roles = { ...succinct, bit_length: bits };
    });
  }
});

test("ten thousand signatures are refused before one is checked", async () => {
  const file = JSON.parse(text(await example(), "root"));
  const { sig } = file.signatures[0];
  file.signatures = Array.from({ length: 10_000 }, (_, i) => ({ keyid: String(i), sig }));
  assert.throws(() => parseRoot(utf8(JSON.stringify(file)), 5_000_000), invalid);
});

test("a file of unsigned keys at the limit of a root is refused in less than a second", async () => {
  const file = JSON.parse(text(await example(), "root"));
  const key = encodeKey(newKey().key);
  for (let i = 0; i < 4000; i++) file.signed.keys[`k${i}`] = key;
  const bytes = utf8(JSON.stringify(file));
  const before = performance.now();
  const root = parseRoot(bytes, 2_000_000);
  assert.throws(() => verifyCached(root, topLevel(root, "root")), /0 of 1/);
  assert.ok(performance.now() - before < 1000);
});
