import assert from "node:assert/strict";
import { test } from "node:test";
import { World, newKey } from "../../test/tuf-world.ts";
import { hex, isProblem, type ProblemCode } from "../core/index.ts";
import { encodeKey } from "./key.ts";
import { parseTimestamp } from "./parse.ts";

function refused(code: ProblemCode, message?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isProblem(error, code), `${String(error)} is not ${code}`);
    if (message !== undefined) assert.match((error as Error).message, message);
    return true;
  };
}

const everything = ["targets", "snapshot", "timestamp"] as const;

test("one public key under two key ids counts once towards a threshold", async () => {
  const world = await World.create();
  const { signer, key } = newKey();
  const alias = { ...key, keyid: "another name of the same key" };
  world.setKeys(
    "snapshot",
    [
      { signer, key },
      { signer, key: alias },
    ],
    2,
  );
  await world.publish("root", ...everything);
  await assert.rejects(world.update(), refused("tuf/threshold", /snapshot has 1 of 2 needed signatures/));
});

test("one public key in two encodings counts once towards a threshold", async () => {
  const world = await World.create();
  const { signer, key } = newKey("ecdsa-p256");
  const point = Buffer.from(signer.publicKey.spki.slice(-65)).toString("hex");
  const historic = { keyid: "historic", keytype: "ecdsa-sha2-nistp256", scheme: "ecdsa-sha2-nistp256", value: point };
  world.setKeys(
    "snapshot",
    [
      { signer, key },
      { signer, key: historic },
    ],
    2,
  );
  await world.publish("root", ...everything);
  await assert.rejects(world.update(), refused("tuf/threshold", /1 of 2/));
  world.setKeys("snapshot", [{ signer, key: historic }], 1);
  await world.publish("root", ...everything);
  await world.update();
});

test("two signatures of one key id are refused", async () => {
  const world = await World.create();
  world.replace("snapshot", (file) => file.signatures.push(file.signatures[0]!));
  await assert.rejects(world.update(), refused("tuf/metadata-invalid", /one keyid/));
});

test("a role that names one key id twice is refused", async () => {
  const world = await World.create();
  const role = world.tree("root").roles["snapshot"]!;
  role.keyids.push(role.keyids[0]!);
  role.threshold = 2;
  await world.publish("root");
  await assert.rejects(world.update(), refused("tuf/metadata-invalid", /keyid twice/));
});

test("signatures by keys that the role does not name count for nothing", async () => {
  const world = await World.create();
  const stranger = newKey();
  world.signers.set("timestamp", [stranger.signer]);
  world.keys.set("timestamp", [stranger.key]);
  world.tree("root").keys[stranger.key.keyid] = encodeKey(stranger.key);
  await world.publish("root", "timestamp");
  await assert.rejects(world.update(), refused("tuf/threshold"));
});

test("a valid signature is not spoilt by an empty, a broken and an unknown one beside it", async () => {
  const world = await World.create();
  const others = [newKey(), newKey()];
  const { signers, keys } = world;
  const own = { signer: signers.get("timestamp")![0]!, key: keys.get("timestamp")![0]! };
  world.setKeys("timestamp", [own, ...others], 1);
  await world.publish("root", "timestamp");
  world.replace("timestamp", (file) => {
    file.signatures[1]!.sig = "";
    file.signatures[2]!.sig = file.signatures[0]!.sig;
    file.signatures.push({ keyid: "nobody", sig: "00" });
  });
  await world.update();
});

test("a signature with anything but hexadecimal digits in it is no signature", async () => {
  const world = await World.create();
  world.replace("timestamp", (file) => (file.signatures[0]!.sig += "zz"));
  await assert.rejects(world.update(), refused("tuf/threshold"));
});

test("an RSA key in PEM filed under keytype ed25519 verifies nothing", async () => {
  const world = await World.create();
  const { signer, key } = newKey("rsa");
  world.setKeys("timestamp", [{ signer, key }], 1);
  world.tree("root").keys[key.keyid] = { keytype: "ed25519", scheme: "ed25519", keyval: { public: key.value! } };
  world.signers.set("timestamp", []);
  await world.publish("root", "timestamp");
  const { message } = parseTimestamp(world.files.get("timestamp.json")!, 16_384);
  const sig = hex(await signer.sign(message));
  world.replace("timestamp", (file) => file.signatures.push({ keyid: key.keyid, sig }));
  await assert.rejects(world.update(), refused("tuf/threshold"));
});

test("a key whose scheme belongs to another curve or type verifies nothing", async () => {
  for (const scheme of ["ecdsa-sha2-nistp384", "ed25519", "rsassa-pss-sha256", "none", "constructor"]) {
    const world = await World.create();
    const { signer, key } = newKey("ecdsa-p256");
    world.setKeys("timestamp", [{ signer, key }], 1);
    world.tree("root").keys[key.keyid] = { ...encodeKey(key), scheme };
    await world.publish("root", "timestamp");
    await assert.rejects(world.update(), refused("tuf/threshold"));
  }
});

test("a key whose keytype belongs to another scheme verifies nothing", async () => {
  for (const [type, keytype] of [
    ["ed25519", "ecdsa"],
    ["ecdsa-p256", "ecdsa-sha2-nistp384"],
    ["ecdsa-p384", "rsa"],
  ] as const) {
    const world = await World.create();
    const { signer, key } = newKey(type);
    world.setKeys("timestamp", [{ signer, key }], 1);
    world.tree("root").keys[key.keyid] = { ...encodeKey(key), keytype };
    await world.publish("root", "timestamp");
    await assert.rejects(world.update(), refused("tuf/threshold"));
  }
});

for (const type of ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"] as const) {
  test(`metadata signed with ${type} is accepted`, async () => {
    const world = await World.create();
    for (const role of everything) world.rotate(role, 1, type);
    await world.publish("root", ...everything);
    await world.update();
  });
}
