import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  Ceremony,
  metadataSigner,
  namedKey,
  type NamedKey,
  random,
  edit,
  operation,
  followed,
} from "../../test/tuf-ceremony.ts";
import { codeOf } from "../../test/world.ts";
import { dayMs, utf8 } from "../core/index.ts";
import { createNextRoot, createRoot, encodeDelegations, openRepository, signMetadata } from "../tuf/index.ts";
import {
  acceptInvitation,
  createInvitation,
  createRequest,
  createResponse,
  encodeInvitation,
  invitationRecord,
  type KeyHolder,
  parseAcceptance,
  parseInvitation,
  propose,
  readKeyNames,
  readProposals,
  readRequest,
  receiveAcceptance,
  receiveResponse,
  record,
  keyJson,
  rootDifference,
  shortDigest,
  signProposal,
  targetsDifference,
  unsignedRoot,
  unsignedTargets,
} from "./index.ts";

describe("signing on machines without a network", () => {
  test("three owners sign by files, in any order; the difference is computed where it is signed", async () => {
    const world = await Ceremony.open();
    const [alice, bob, carol] = world.owners;
    const dave = namedKey("dave");
    const wanted = { edits: [edit("root", { add: [dave.key], threshold: 3 })] };
    const { proposal } = await propose(world.on(), operation("key-add", wanted, [dave]));
    const file = await requestFile(world, proposal.id);
    const trusted = (await world.store.read("1.root.json"))!;
    const responses = [];
    for (const owner of [carol, alice, dave]) {
      const request = await readRequest(file, trusted);
      assert.deepEqual(
        request.differences
          .flat()
          .slice(1, 3)
          .map((line) => line.replace(/\(.*/, "")),
        ["+ root: key dave ", "~ root: threshold 2 -> 3 of 4"],
      );
      assert.equal(shortDigest(request.parts[0]!.sha256), shortDigest(proposal.parts[0]!.sha256));
      responses.push(await createResponse(request, [metadataSigner(owner)], world.now));
    }
    const states = [];
    for (const [at, response] of responses.entries()) {
      states.push((await receiveResponse(world.on(), response, `response-${at}.json`)).state);
    }
    assert.deepEqual(states, ["waiting", "waiting", "applied"]);
    assert(!(await readProposals(world.store)).length);
    assert.equal(await followed(world, []), 2);
    const { event } = (await world.store.events()).at(-1)!;
    assert.equal(event["operation"], "key-add");
    assert.equal((event["signatures"] as object[]).length, 3);
    assert.equal(await codeOf(receiveResponse(world.on(), responses[0]!, "again")), "tuf/proposal-unknown");
    assert(bob);
  });

  test("a wrong, a second and a foreign signature are refused by the name of their key", async () => {
    const world = await Ceremony.open();
    const [alice, bob] = world.owners;
    const { proposal } = await propose(world.on(alice), operation("resign", { renew: ["root"] }));
    const request = await readRequest(await requestFile(world, proposal.id));
    const edited = async (owner: NamedKey, change: (signature: Record<string, unknown>) => void) => {
      const bytes = await createResponse(request, [metadataSigner(owner)], world.now);
      const json = JSON.parse(Buffer.from(bytes).toString());
      change(json.signatures[0]);
      return utf8(JSON.stringify(json));
    };
    const receive = (bytes: Uint8Array) => receiveResponse(world.on(), bytes, "file");
    assert.equal(await codeOf(receive(await edited(alice, () => undefined))), "tuf/signature-duplicate");
    const wrong = await edited(bob, (each) => (each["sig"] = "00".repeat(64)));
    await assert.rejects(receive(wrong), { code: "tuf/signature-wrong", message: /bob/ });
    const foreign = await edited(bob, (each) => (each["keyid"] = world.timestamp.key.keyid));
    await assert.rejects(receive(foreign), { code: "tuf/signature-foreign", message: /timestamp/ });
    await assert.rejects(createResponse(request, [metadataSigner(namedKey("mallory"))], world.now), {
      code: "tuf/signer-unknown",
    });
    assert.equal((await receive(await edited(bob, () => undefined))).state, "applied");
  });

  test("a request that does not say what its documents change is refused where it would be signed", async () => {
    const world = await Ceremony.open();
    const mallory = namedKey("mallory");
    const wanted = { edits: [edit("root", { add: [mallory.key] })] };
    const { proposal } = await propose(world.on(), operation("key-add", wanted));
    const file = JSON.parse(Buffer.from(await requestFile(world, proposal.id)).toString());
    const lie = {
      ...file,
      says: [file.says[0].filter((line: string) => !line.includes("mallory") && !line.startsWith("+"))],
    };
    const read = (json: object, trusted?: Uint8Array) => readRequest(utf8(JSON.stringify(json)), trusted);
    assert.equal(await codeOf(read(lie)), "tuf/request-differs");
    const other = await Ceremony.open();
    assert.equal(await codeOf(read(file, (await other.store.read("1.root.json"))!)), "tuf/request-root");
    assert.equal(
      await codeOf(read({ ...file, parts: [{ ...file.parts[0], sha256: "00".repeat(32) }] })),
      "tuf/request-invalid",
    );
    const root = await signMetadata(
      createRoot({
        version: 1,
        expiresMs: world.now + dayMs,
        roles: Object.fromEntries(
          ["root", "targets", "snapshot", "timestamp"].map((role) => [role, { keys: [mallory.key], threshold: 1 }]),
        ) as never,
      }),
      [mallory.signer],
    );
    const swapped = { ...file, roots: [Buffer.from(root).toString("base64")] };
    assert.notEqual(await codeOf(read(swapped, (await world.store.read("1.root.json"))!)), "none");
  });

  test("a request that hides what it follows, names another repository, or writes over its lines is refused", async () => {
    const world = await Ceremony.open();
    const wanted = { targets: [{ role: "targets", add: [], remove: [] }], renew: ["targets"] };
    const { proposal } = await propose(world.on(), operation("resign", wanted));
    const file = JSON.parse(Buffer.from(await requestFile(world, proposal.id)).toString());
    const read = (change: object) => readRequest(utf8(JSON.stringify({ ...file, ...change })));
    assert.equal(await codeOf(read({})), "none");
    assert.equal(await codeOf(read({ context: [] })), "tuf/request-invalid");
    assert.equal(await codeOf(read({ repository: "de".repeat(32) })), "tuf/request-invalid");
    for (const text of ["resign\n+ all is well", "resign\u001b[8m", "resign\u202e", "resign\ue008"])
      assert.equal(await codeOf(read({ operation: text })), "tuf/request-invalid");
    assert.equal(await codeOf(read({ notes: ["a\nb"] })), "tuf/request-invalid");
  });

  test("a key that goes while its id stays, and one under an id of its choice, are shown", async () => {
    const world = await Ceremony.open();
    const { root } = (await openRepository(world.store)).head;
    const [alice] = world.owners;
    const tree = JSON.parse(JSON.stringify(root.tree)) as { version: number; keys: Record<string, unknown> };
    tree.version++;
    const { [alice.key.keyid]: gone, ...rest } = tree.keys;
    const label = (keyid: string) => keyid;
    const lost = rootDifference(root, unsignedRoot({ ...tree, keys: rest } as never), label);
    assert.ok(lost.some((line) => line.startsWith("!") && line.includes(alice.key.keyid)));
    const chosen = rootDifference(
      undefined,
      unsignedRoot({ ...tree, keys: { ...rest, chosen: gone } } as never),
      label,
    );
    assert.ok(chosen.includes("! the id of chosen is not made from its key"));
  });

  test("a delegation is never hidden behind the files beside it, and no name steers the terminal", () => {
    const mallory = namedKey("mallory");
    const many = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [`f${index}`, { length: 1, hashes: { sha256: "00".repeat(32) } }]),
    );
    const tree = {
      _type: "targets",
      spec_version: "1.0.34",
      version: 1,
      expires: "2031-01-01T00:00:00Z",
      targets: { ...many, "a\nb\u001b[8m": { length: 1, hashes: { sha256: "00".repeat(32) }, custom: { a: 1 } } },
      delegations: encodeDelegations([{ name: "mallory", keys: [mallory.key], threshold: 1, paths: ["*"] }]),
    };
    const lines = targetsDifference("targets", undefined, unsignedTargets(tree as never), (keyid) => keyid);
    assert.ok(lines.some((line) => line.startsWith("+ delegation mallory for *")));
    assert.ok(lines.length < 450);
    assert.ok(lines.every((line) => !/[\u0000-\u001f]/.test(line)));
  });

  test("a root never takes another key under an id that it has", async () => {
    const world = await Ceremony.open();
    const { root } = (await openRepository(world.store)).head;
    const [alice] = world.owners;
    const impostor = { ...namedKey("m").key, keyid: alice.key.keyid };
    const roles = { targets: { keys: [impostor], threshold: 1 } };
    assert.throws(() => createNextRoot(root, { expiresMs: world.now, roles }), { code: "tuf/key-known" });
    const both = { root: { keys: [alice.key], threshold: 1 }, targets: { keys: [impostor], threshold: 1 } };
    const all = { ...both, snapshot: both.root, timestamp: both.root };
    assert.throws(() => createRoot({ version: 1, expiresMs: world.now, roles: all }), { code: "tuf/key-known" });
  });

  test("a proposal that was planned again since it was shown is not signed", async () => {
    const world = await Ceremony.open();
    const [alice, bob] = world.owners;
    const { proposal } = await propose(world.on(), operation("resign", { renew: ["root"] }));
    const shown = proposal.parts.map(({ sha256 }) => sha256);
    const stale = signProposal(world.on(alice), proposal.id, ["00".repeat(32)]);
    assert.equal(await codeOf(stale), "tuf/proposal-changed");
    assert.equal((await signProposal(world.on(alice, bob), proposal.id, shown)).state, "applied");
  });

  test("an invitation brings a key with proof, once, and not for another repository's challenge", async () => {
    const world = await Ceremony.open();
    const invitation = createInvitation("dave", "repository", random, world.now);
    await record(
      world.on(),
      await world.store.revision(),
      new Map([[invitationRecord(invitation.id), encodeInvitation(invitation)]]),
      {
        operation: "invite",
      },
    );
    const dave = namedKey("dave");
    const file = await acceptInvitation(parseInvitation(encodeInvitation(invitation)), metadataSigner(dave), world.now);
    const accepted = await receiveAcceptance(world.store, parseAcceptance(file), world.now);
    assert.equal(accepted.accepted?.keyid, dave.key.keyid);
    const other = await acceptInvitation(
      { ...invitation, challenge: "00".repeat(32) },
      metadataSigner(dave),
      world.now,
    );
    assert.equal(
      await codeOf(receiveAcceptance(world.store, parseAcceptance(other), world.now)),
      "tuf/acceptance-invalid",
    );
    const stolen = JSON.parse(Buffer.from(file).toString());
    const mallory = namedKey("m").key;
    stolen.key = keyJson(mallory);
    const forged = receiveAcceptance(world.store, parseAcceptance(utf8(JSON.stringify(stolen))), world.now);
    assert.equal(await codeOf(forged), "tuf/acceptance-invalid");
    // Under the id of a key that is to come.
    stolen.key = { ...keyJson(mallory), keyid: dave.key.keyid };
    assert.throws(() => parseAcceptance(utf8(JSON.stringify(stolen))), { code: "tuf/acceptance-invalid" });
    const late = receiveAcceptance(world.store, parseAcceptance(file), world.now + 91 * dayMs);
    assert.equal(await codeOf(late), "tuf/invitation-expired");
  });

  async function requestFile(world: Ceremony, id: string): Promise<Uint8Array> {
    const repository = await openRepository(world.store);
    const proposal = (await readProposals(world.store)).find((each) => each.id === id)!;
    return createRequest(
      world.store,
      repository,
      proposal,
      await readKeyNames(world.store).then((names) => {
        const all = new Map(names);
        for (const { keyid, name } of (proposal.args["holders"] as never as KeyHolder[]) ?? []) all.set(keyid, name);
        return all;
      }),
    );
  }
});
