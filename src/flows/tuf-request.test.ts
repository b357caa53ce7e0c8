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
import { createRoot, openRepository, signMetadata } from "../tuf/index.ts";
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
  shortDigest,
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
    stolen.key = { keyid: "x", keytype: "ed25519", scheme: "ed25519", keyval: { public: namedKey("m").key.value } };
    const forged = receiveAcceptance(world.store, parseAcceptance(utf8(JSON.stringify(stolen))), world.now);
    assert.equal(await codeOf(forged), "tuf/acceptance-invalid");
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
