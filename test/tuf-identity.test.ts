// Roles that identities sign (TAP 18), end to end over an organisation in memory: its own services sign, its own trust
// root verifies.

import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs, hex, isProblem, utf8 } from "../src/core/index.ts";
import {
  identitySigner,
  identityVerifier,
  keyNames,
  loadSigner,
  nothingWanted,
  openPublished,
  type Operation,
  propose,
  rehearse,
  repositoryStatus,
  targetPaths,
  type TufWorld,
  updateTrust,
} from "../src/flows/index.ts";
import {
  commitPublication,
  createMemoryRepositoryStore,
  createMemoryStore,
  createRoot,
  createStoreFetcher,
  describeTarget,
  initialRepository,
  type Key,
  type MetadataSigner,
  openRepository,
  publish,
  type RoleSigner,
  signerKeyObject,
  signMetadata,
  update,
} from "../src/tuf/index.ts";
import { random } from "./tuf-ceremony.ts";
import { codeOf, World } from "./world.ts";

const path = "apps/tool.txt";
const content = utf8("tool");

async function identityOf(world: World, name: string): Promise<MetadataSigner> {
  const identity = `${world.organisation.url}/users/${name}`;
  return identitySigner(await world.signing(identity), world.organisation.url, identity);
}

async function ownersOf(world: World): Promise<RoleSigner[]> {
  const names = [...keyNames.root.slice(0, 2), keyNames.snapshot, keyNames.timestamp];
  return Promise.all(names.map((name) => loadSigner(world.files, name)));
}

/** A machine with these private keys and tokens. */
function machine(world: World, ...signers: readonly RoleSigner[]): TufWorld {
  const byId = new Map(signers.map((each) => [signerKeyObject(each).keyid, each]));
  const open = (each: RoleSigner): MetadataSigner =>
    "keyObject" in each
      ? each
      : { keyObject: signerKeyObject(each), sign: async (message) => ({ sig: hex(await each.sign(message)) }) };
  const keyring = {
    signer: async ({ keyid }: Key) => {
      const found = byId.get(keyid);
      return found && open(found);
    },
    where: () => undefined,
    opens: (keyid: string) => byId.has(keyid) && !("keyObject" in byId.get(keyid)!),
  };
  return { store: world.tuf, now: world.clock.now(), random, keyring: () => keyring };
}

function delegation({ keyObject }: MetadataSigner): Operation {
  const each = {
    from: "targets",
    name: "apps",
    paths: ["apps/*"],
    keys: [keyObject],
    threshold: 1,
    terminating: false,
  };
  return { name: "delegate", wanted: { ...nothingWanted, delegate: [each] } };
}

const publishing: Operation = {
  name: "publish",
  wanted: { ...nothingWanted, targets: [{ role: "apps", add: [{ path, content }], remove: [] }] },
};

async function publishedBy(signer: MetadataSigner, world: World): Promise<void> {
  const here = machine(world, ...(await ownersOf(world)), signer);
  assert.equal((await propose(here, delegation(signer))).state, "applied");
  const { hashes, length } = describeTarget({ path, content });
  await world.tuf.writeTarget(`apps/${[...hashes.values()][0]}.tool.txt`, content);
  const add = [{ path, hashes, length }];
  const wanted = { ...nothingWanted, targets: [{ role: "apps", add, remove: [] }] };
  assert.equal((await propose(here, { ...publishing, wanted })).state, "applied");
}

test("a role is delegated to an identity, which publishes, and a consumer finds the target", async () => {
  const world = await World.open();
  await publishedBy(await identityOf(world, "ann"), world);
  const client = await world.update(createMemoryStore());
  const found = await client.findTarget(path);
  assert.deepEqual(await client.download(found!), content);
  // The publisher's side goes on from there, and tells what there is.
  const status = await repositoryStatus(machine(world));
  assert.equal(status.roles.find(({ role }) => role === "apps")?.version, 2);
  const { clients } = await rehearse(machine(world, ...(await ownersOf(world))), {
    ...publishing,
    wanted: { ...nothingWanted, renew: ["targets"] },
  });
  assert.deepEqual(
    clients.map(({ problem }) => problem),
    clients.map(() => undefined),
  );
});

test("another identity's signature is refused by the publisher, and by a consumer that meets it", async () => {
  const world = await World.open();
  const [ann, eve] = [await identityOf(world, "ann"), await identityOf(world, "eve")];
  const posing: MetadataSigner = { keyObject: ann.keyObject, sign: (message) => eve.sign(message) };
  const here = machine(world, ...(await ownersOf(world)), posing);
  assert.equal(await codeOf(propose(here, delegation(ann))), "tuf/signature-wrong");
  // A repository that does not look: whoever signs, its verifier says yes.
  const careless = await openRepository(world.tuf, { delegatedIdentities: async () => () => true });
  const roles = [{ name: "apps", paths: ["apps/*"], keys: [ann.keyObject], threshold: 1, terminating: false }];
  const targets = new Map([
    ["targets", { delegations: roles }],
    ["apps", { add: [{ path, content }] }],
  ]);
  const pool = [...(await ownersOf(world)), posing];
  const publication = await publish(careless, { targets }, { pool }, world.clock.now());
  await commitPublication(world.tuf, publication, { operation: "test" });
  const client = await world.update(createMemoryStore());
  assert.equal(await codeOf(client.findTarget(path)), "tuf/threshold");
  assert.equal(await codeOf(openPublished(world.tuf)), "tuf/threshold");
  // What the owners themselves sign is found all the same.
  assert.notEqual(await client.findTarget(targetPaths.policy), undefined);
});

test("the trust root is downloaded only for a delegation to an identity, and without it identities count for nothing", async () => {
  const world = await World.open();
  const asked: string[] = [];
  const fetcher = {
    fetch: async (name: string, maxBytes: number) => {
      asked.push(name);
      return world.fetcher.fetch(name, maxBytes);
    },
  };
  const isAsked = () => asked.some((name) => name.endsWith(targetPaths.trustedRoot));
  await (await world.update(createMemoryStore(), world.clock.now(), fetcher)).findTarget("nowhere");
  assert.equal(isAsked(), false);
  await publishedBy(await identityOf(world, "ann"), world);
  await (await world.update(createMemoryStore(), world.clock.now(), fetcher)).findTarget(path);
  assert.equal(isAsked(), true);
  // Taken away, it would leave a role that no client could verify.
  const wanted = { ...nothingWanted, targets: [{ role: "targets", add: [], remove: [targetPaths.trustedRoot] }] };
  const here = machine(world, ...(await ownersOf(world)));
  assert.equal(await codeOf(propose(here, { name: "unpublish", wanted })), "tuf/threshold");
});

test("an identity never counts for root or for the top-level targets", async () => {
  const world = await World.open();
  const ann = await identityOf(world, "ann");
  const { trust } = await world.signing();
  const owners = await ownersOf(world);
  const owner = { keys: [signerKeyObject(owners[0]!)], threshold: 1 };
  const identity = { keys: [ann.keyObject], threshold: 1 };
  const now = world.clock.now();
  for (const role of ["root", "targets"] as const) {
    const edits = [{ role, add: [ann.keyObject], remove: [], threshold: undefined }];
    const wanted = { ...nothingWanted, edits };
    assert.equal(await codeOf(propose(machine(world, ...owners), { name: "key-add", wanted })), "tuf/key-unsupported");
    const roles = { root: owner, targets: owner, snapshot: owner, timestamp: owner, [role]: identity };
    const signed = createRoot({ version: 1, expiresMs: now + dayMs, roles });
    const root = await signMetadata(signed, [owners[0]!, ann], [...owner.keys, ...identity.keys]);
    const store = createMemoryRepositoryStore();
    const trustedRoot = { path: targetPaths.trustedRoot, content: await trustedRootOf(world) };
    const changes = { roots: [root], targets: new Map([["targets", { add: [trustedRoot] }]]) };
    const options = { verifyIdentity: identityVerifier(trust) };
    const publication = await initialRepository(store, changes, { pool: [owners[0]!, ann] }, now, options);
    await commitPublication(store, publication, { operation: "test" });
    const fetcher = createStoreFetcher(store);
    // Nothing else is wrong with it.
    await update({ bootstrap: root, fetcher, store: createMemoryStore(), now, ...options });
    const source = { root, fetcher, store: createMemoryStore(), now };
    assert.equal(await codeOf(updateTrust(source)), "tuf/threshold");
    await assert.rejects(openPublished(store), (error) => isProblem(error, "tuf/threshold"));
  }
});

async function trustedRootOf(world: World): Promise<Uint8Array> {
  const client = await world.update(createMemoryStore());
  return client.download((await client.findTarget(targetPaths.trustedRoot))!);
}
