import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "../../test/tuf-world.ts";
import { equalBytes, isProblem, type Json } from "../core/index.ts";
import type { VerifyIdentity } from "./identity.ts";

const issuer = "https://issuer.example";

/** A world whose targets role is signed by identities: the bundle of a signature is the name of who made it. */
async function signedBy(
  keys: Readonly<Record<string, string>>,
  signers: readonly string[],
  threshold: number,
): Promise<World> {
  const world = await World.create();
  const root = world.tree("root");
  for (const [keyid, identity] of Object.entries(keys)) {
    root.keys[keyid] = { keytype: "sigstore-oidc", scheme: "Fulcio", keyval: { issuer, identity } };
  }
  root.roles["targets"] = { keyids: Object.keys(keys), threshold };
  world.signers.set("targets", []);
  world.keys.set("targets", []);
  await world.publish("root", "targets", "snapshot", "timestamp");
  world.replace("targets", (file) => {
    file.signatures = signers.map((keyid) => ({ keyid, sig: "", bundle: { by: keys[keyid] ?? keyid } }) as never);
  });
  return world;
}

const verifyIdentity: VerifyIdentity = (key, message, bundle: Json) =>
  key.issuer === issuer && message.length > 0 && (bundle as { by?: string }).by === key.identity;

const refused = (error: unknown): boolean => isProblem(error, "tuf/threshold") || assert.fail(String(error));

test("an identity's signature counts when the verifier that was handed in says that its bundle is right", async () => {
  const world = await signedBy({ a: "ann@example.com", b: "bob@example.com" }, ["a", "b"], 2);
  await world.update({ verifyIdentity });
  world.stored.clear();
  await assert.rejects(world.update({ verifyIdentity: () => false }), refused);
});

test("without a verifier identities count for nothing", async () => {
  const world = await signedBy({ a: "ann@example.com" }, ["a"], 1);
  await assert.rejects(world.update(), refused);
});

test("one identity under two key ids counts once", async () => {
  const world = await signedBy({ a: "ann@example.com", b: "ann@example.com" }, ["a", "b"], 2);
  await assert.rejects(world.update({ verifyIdentity }), refused);
});

test("a signature without a bundle, and a key without an identity, count for nothing", async () => {
  const world = await signedBy({ a: "ann@example.com", b: "" }, ["b"], 1);
  await assert.rejects(world.update({ verifyIdentity: () => true }), refused);
  world.replace("targets", (file) => (file.signatures = [{ keyid: "a", sig: "00" }]));
  await assert.rejects(world.update({ verifyIdentity: () => true }), refused);
});

test("the verifier is given the canonical form of what is signed", async () => {
  const world = await signedBy({ a: "ann@example.com" }, ["a"], 1);
  const seen: Uint8Array[] = [];
  const client = await world.update({ verifyIdentity: (_key, message) => seen.push(message) > 0 });
  assert.ok(equalBytes(seen[0]!, client.trusted.targets.message));
});
