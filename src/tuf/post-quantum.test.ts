import assert from "node:assert/strict";
import { test } from "node:test";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { concat, hex, isProblem, olpcCanonicalJson, utf8 } from "../core/index.ts";
import { der, digest, digestHex, encodePem, oids, type Signer } from "../crypto/index.ts";
import { World } from "../../test/tuf-world.ts";
import {
  createMemoryFetcher,
  createMemoryStore,
  encodeKey,
  type Key,
  type MetadataSigner,
  update,
  type UpdateOptions,
} from "./index.ts";

const sets = {
  "ml-dsa-44": { implementation: ml_dsa44, oid: oids.mlDsa44 },
  "ml-dsa-65": { implementation: ml_dsa65, oid: oids.mlDsa65 },
  "ml-dsa-87": { implementation: ml_dsa87, oid: oids.mlDsa87 },
} as const;

interface Made {
  readonly signer: Signer;
  readonly key: Key;
}

/** A key of TAP 21; `wrap` is what is signed of the canonical JSON. */
function newKey(type: keyof typeof sets, seed: number, changes: Partial<Key> = {}, wrap = tap21): Made {
  const { implementation, oid } = sets[type];
  const { publicKey, secretKey } = implementation.keygen(new Uint8Array(32).fill(seed));
  const spki = der.sequence(der.sequence(der.oid(oid)), der.bitString(publicKey));
  const plain: Key = { keyid: "", keytype: "ml-dsa", scheme: `${type}/1`, value: encodePem("PUBLIC KEY", spki) };
  const named = { ...plain, keyid: digestHex("sha256", olpcCanonicalJson(encodeKey(plain))) };
  const key = { ...named, ...changes };
  const signer: MetadataSigner = {
    keyObject: key,
    sign: async (message) => ({ sig: hex(implementation.sign(wrap(message), secretKey)) }),
  };
  // The world signs with whatever `signMetadata` takes.
  return { signer: signer as unknown as Signer, key };
}

function tap21(message: Uint8Array): Uint8Array {
  return concat(utf8("tuf"), Uint8Array.of(1), digest("sha512", message));
}

function options(world: World): UpdateOptions {
  return {
    bootstrap: world.bootstrap,
    fetcher: createMemoryFetcher(world.files),
    store: createMemoryStore(),
    now: world.now,
  };
}

/** A repository whose root and targets go over to these keys in version 2. */
async function rotatedTo(made: readonly Made[], threshold: number): Promise<World> {
  const world = await World.create();
  const before = { signers: world.signers.get("root")!, keys: world.keys.get("root")! };
  world.setKeys("root", made, threshold);
  world.setKeys("targets", made, threshold);
  world.signers.set("root", [...before.signers, ...made.map(({ signer }) => signer)]);
  world.keys.set("root", [...before.keys, ...made.map(({ key }) => key)]);
  await world.publish("root", "targets", "snapshot", "timestamp");
  return world;
}

for (const type of Object.keys(sets) as (keyof typeof sets)[]) {
  test(`a client goes from a classical root to one with ${type} keys, and again from its store`, async () => {
    const world = await rotatedTo([newKey(type, 1), newKey(type, 2)], 2);
    const given = options(world);
    assert.equal((await update(given)).trusted.root.signed.version, 2);
    const offline = {
      ...given,
      fetcher: createMemoryFetcher(new Map([...world.files].filter(([name]) => name !== "2.root.json"))),
    };
    assert.equal((await update(offline)).trusted.root.signed.version, 2);
  });
}

async function refused(made: readonly Made[], threshold = 1): Promise<void> {
  const world = await rotatedTo(made, threshold);
  await assert.rejects(update(options(world)), (error) => isProblem(error, "tuf/threshold"));
}

test("a signature over the canonical JSON itself, of another version or of another domain counts for nothing", async () => {
  const wraps = [
    (message: Uint8Array) => message,
    (message: Uint8Array) => concat(utf8("tuf"), Uint8Array.of(2), digest("sha512", message)),
    (message: Uint8Array) => concat(utf8("tuf"), Uint8Array.of(1), digest("sha256", message)),
    (message: Uint8Array) => concat(utf8("in-toto"), Uint8Array.of(1), digest("sha512", message)),
  ];
  for (const wrap of wraps) await refused([newKey("ml-dsa-65", 1, {}, wrap)]);
});

test("a key whose scheme, keytype or encoding is not its own counts for nothing", async () => {
  await refused([newKey("ml-dsa-65", 1, { scheme: "ml-dsa-44/1" })]);
  await refused([newKey("ml-dsa-65", 1, { scheme: "ml-dsa-65/2" })]);
  await refused([newKey("ml-dsa-65", 1, { scheme: "ed25519" })]);
  await refused([newKey("ml-dsa-65", 1, { keytype: "ecdsa" })]);
  await refused([newKey("ml-dsa-65", 1, { value: "00" })]);
});

test("one ML-DSA key under two key ids counts once", async () => {
  const one = newKey("ml-dsa-44", 1);
  await refused([one, newKey("ml-dsa-44", 1, { keyid: "another" })], 2);
});
