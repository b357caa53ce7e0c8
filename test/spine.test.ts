import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs, formatUtcSeconds, fromUtf8, isJsonObject, minuteMs, utf8 } from "../src/core/index.ts";
import { digestHex } from "../src/crypto/index.ts";
import {
  attest,
  builderId,
  buildIdentity,
  buildProvenance,
  changedArtifact,
  decisionRequestJson,
  forgedCheckpoint,
  keyNames,
  loadSigner,
  oneKeyOfThree,
  places,
  publishTargets,
  resignRepository,
  targetPaths,
  vulnerableDependency,
} from "../src/flows/index.ts";
import { generateKey, randomBytes } from "../src/crypto/index.ts";
import { encodeBundle, parseBundle, verifyBundle } from "../src/sigstore/index.ts";
import {
  createMemoryFetcher,
  createMemoryStore,
  createStoreFetcher,
  exportRepository,
  openRepository,
} from "../src/tuf/index.ts";
import { codeOf, codesOf, lockfile, openMemoryTuf, World } from "./world.ts";

const random = { bytes: randomBytes, key: generateKey };

test("an honest release is admitted, by a consumer with the root alone", async () => {
  const world = await World.open();
  const { decision, evidence } = await world.admit(await world.release(world.build()));
  assert.equal(decision.outcome, "admitted", JSON.stringify(decision.reasons));
  assert.equal(evidence.provenance.held[0]?.level, 2);
  assert.deepEqual([...(evidence.layout.held[0]?.steps.keys() ?? [])], ["source", "test", "pack"]);
});

test("a release stays admitted long after its certificates have ended", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  world.clock.advance(5 * dayMs);
  await resignRepository(world);
  assert.equal((await world.admit(release)).decision.outcome, "admitted");
});

test("an artifact with one bit changed is refused", async () => {
  const world = await World.open();
  const build = world.build();
  const admission = await world.admit(changedArtifact(await world.release(build), build.artifact.bytes));
  assert.equal(admission.decision.outcome, "refused");
  assert.ok(codesOf(admission).includes("sigstore/subject-mismatch"));
});

test("another identity of the same CA signs for nothing", async () => {
  const world = await World.open();
  const build = world.build();
  const admission = await world.admit(
    await world.release(build, await world.signing("http://127.0.0.1:8765/projects/other/x")),
  );
  assert.equal(admission.decision.outcome, "refused");
  assert.ok(codesOf(admission).includes("sigstore/identity-mismatch"));
});

test("the same identity name from another issuer signs for nothing", async () => {
  const [world, other] = [await World.open(), await World.open()];
  const admission = await world.admit(await other.release(other.build()));
  assert.equal(admission.decision.outcome, "refused");
  assert.equal(admission.evidence.signatures.held.length, 0);
});

test("an entry under a checkpoint that the log did not sign is refused", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  const forged = await forgedCheckpoint(
    release,
    "app.tgz.provenance.sigstore.json",
    world.organisation.logOrigin,
    random,
  );
  const admission = await world.admit(forged);
  assert.equal(admission.decision.outcome, "refused");
  assert.ok(codesOf(admission).includes("sigstore/log-proof-invalid"));
});

test("each task of the layout is needed", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  for (const step of ["source", "test", "pack"]) {
    const bundles = new Map([...release.bundles].filter(([name]) => name !== `${step}.link.sigstore.json`));
    const admission = await world.admit({ ...release, bundles });
    assert.equal(admission.decision.outcome, "refused", step);
    assert.ok(codesOf(admission).includes("intoto/step-missing"), step);
  }
});

test("a step that changed a source file breaks the layout", async () => {
  const world = await World.open();
  const build = world.build();
  const [source, check, pack] = build.links;
  const other = new Map([["package-lock.json", new Map([["sha256", "ab".repeat(32)]])]]);
  const links = [
    source!,
    { ...check!, products: other },
    { ...pack!, materials: other, products: new Map([...pack!.products, ...other]) },
  ];
  const admission = await world.admit(await world.release({ ...build, links }));
  assert.equal(admission.decision.outcome, "refused");
  assert.ok(codesOf(admission).includes("intoto/rule"));
});

test("provenance that names a builder nobody trusts is refused", async () => {
  const world = await World.open();
  const build = world.build();
  const release = await world.release(build);
  const statement = buildProvenance(
    build,
    `${world.organisation.url}/builders/laptop`,
    "0",
    world.organisation.project,
  );
  const bundle = encodeBundle(await attest(statement, await world.signing()));
  const admission = await world.admit({
    ...release,
    bundles: new Map([...release.bundles, ["app.tgz.provenance.sigstore.json", bundle]]),
  });
  assert.equal(admission.decision.outcome, "refused");
  assert.ok(codesOf(admission).includes("slsa/builder-untrusted"));
});

test("a lockfile that no verified step had says nothing", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  const admission = await world.admit({
    ...release,
    lockfiles: new Map([["package-lock.json", utf8('{"lockfileVersion":3,"packages":{}}')]]),
  });
  assert.notEqual(admission.decision.outcome, "admitted");
  assert.ok(codesOf(admission).includes("release/lockfile-unbound"));
});

test("a release without any lockfile is not taken for one without dependencies", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  assert.notEqual((await world.admit({ ...release, lockfiles: new Map() })).decision.outcome, "admitted");
});

test("each of log4shell's three ranges is refused as known to be exploited, and the version after is not", async () => {
  const world = await World.open();
  const build = world.build();
  const release = await world.release(build);
  const admit = async (version: string) =>
    world.admit(
      await vulnerableDependency(
        release,
        build,
        `org.apache.logging.log4j:log4j-core:${version}`,
        await world.signing(),
      ),
    );
  for (const version of ["2.0-beta9", "2.3", "2.4", "2.12.1", "2.13.0", "2.14.1"]) {
    const admission = await admit(version);
    assert.equal(admission.decision.outcome, "refused", version);
    assert.ok(codesOf(admission).includes("policy/known-exploited"), version);
  }
  assert.equal((await admit("2.17.1")).decision.outcome, "admitted");
});

test("an exception admits until the moment it ends", async () => {
  const world = await World.open();
  const build = world.build();
  const release = await vulnerableDependency(
    await world.release(build),
    build,
    "org.apache.logging.log4j:log4j-core:2.14.1",
    await world.signing(),
  );
  const now = world.clock.now();
  const exceptions = ["not-exploited", "not-vulnerable"].map((rule) => ({
    id: rule,
    rule,
    package: "pkg:maven/org.apache.logging.log4j/log4j-core",
    reason: "until the upgrade is tested",
    approvedBy: "security@example.com",
    created: formatUtcSeconds(now),
    expires: formatUtcSeconds(now + dayMs),
  }));
  const content = utf8(JSON.stringify({ _type: "https://sealwright.dev/exceptions/v1", exceptions }));
  await publishTargets([{ path: targetPaths.exceptions, content }], keyNames.root.slice(0, 2), world);
  assert.equal((await world.admit(release)).decision.outcome, "admitted");
  world.clock.advance(dayMs);
  const after = await world.admit(release);
  assert.equal(after.decision.outcome, "refused");
  assert.ok(codesOf(after).includes("policy/exception-expired"));
});

test("one owner cannot publish what needs two", async () => {
  const world = await World.open();
  const publish = publishTargets([{ path: targetPaths.policy, content: utf8("{}") }], ["root-3"], world);
  assert.equal(await codeOf(publish), "tuf/threshold");
});

test("a client that has seen newer metadata refuses the old", async () => {
  const world = await World.open();
  const first = new Map<string, Uint8Array>();
  await exportRepository(world.tuf, async (path, bytes) => void first.set(path, bytes), 1 << 20);
  const store = createMemoryStore();
  await resignRepository(world);
  await world.update(store);
  const old = createMemoryFetcher(first);
  assert.equal(await codeOf(world.update(store, world.clock.now(), old)), "tuf/rollback");
});

test("online keys and one owner's key together cannot change what is trusted", async () => {
  const world = await World.open();
  const signers = {
    owner: await loadSigner(world.files, "root-1"),
    snapshot: await loadSigner(world.files, keyNames.snapshot),
    timestamp: await loadSigner(world.files, keyNames.timestamp),
  };
  const target = { path: targetPaths.policy, content: utf8("{}") };
  const repository = await openRepository(world.tuf);
  const changed = await oneKeyOfThree(repository, target, signers, world.clock.now() + dayMs);
  const honest = createStoreFetcher(world.tuf);
  const fetch = async (path: string, maxBytes: number) => changed.get(path) ?? honest.fetch(path, maxBytes);
  assert.equal(await codeOf(world.update(createMemoryStore(), world.clock.now(), { fetch })), "tuf/threshold");
});

test("metadata that nobody signed anew runs out, and is refused", async () => {
  const world = await World.open();
  world.clock.advance(8 * dayMs);
  assert.equal(await codeOf(world.update(createMemoryStore())), "tuf/expired");
  await resignRepository(world);
  assert.equal(await codeOf(world.update(createMemoryStore())), "none");
});

test("a layout that has run out admits nothing", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  world.clock.advance(91 * dayMs);
  await resignRepository(world);
  assert.equal(await codeOf(world.admit(release)), "intoto/layout-expired");
});

test("a token that has ended gets no certificate", async () => {
  const world = await World.open();
  const signing = await world.signing();
  const token = await signing.token();
  world.clock.advance(11 * minuteMs);
  const late = attest(
    buildProvenance(world.build(), builderId(world.organisation, "isolated"), "0", world.organisation.project),
    {
      ...signing,
      token: async () => token,
    },
  );
  assert.equal(await codeOf(late), "oidc/token-expired");
});

test("a token of another organisation gets no certificate", async () => {
  const [world, other] = [await World.open(), await World.open()];
  const stolen = await (await other.signing()).token();
  const statement = buildProvenance(
    world.build(),
    builderId(world.organisation, "isolated"),
    "0",
    world.organisation.project,
  );
  assert.equal(
    await codeOf(attest(statement, { ...(await world.signing()), token: async () => stolen })),
    "oidc/token-invalid",
  );
});

test("a key that is not proven to be held gets no certificate", async () => {
  const world = await World.open();
  const signing = await world.signing();
  const statement = buildProvenance(
    world.build(),
    builderId(world.organisation, "isolated"),
    "0",
    world.organisation.project,
  );
  assert.equal(
    await codeOf(attest(statement, { ...signing, challenge: () => "somebody else" })),
    "sigstore/possession-unproven",
  );
});

/** The request by which an honest attestation was logged. */
async function loggedRequest(world: World): Promise<string> {
  const signing = await world.signing();
  let seen = "";
  const addEntry: typeof signing.services.addEntry = (request) => {
    seen = JSON.stringify(request);
    return signing.services.addEntry(request);
  };
  const statement = buildProvenance(
    world.build(),
    builderId(world.organisation, "isolated"),
    "0",
    world.organisation.project,
  );
  await attest(statement, { ...signing, services: { ...signing.services, addEntry } });
  return seen;
}

test("the log takes no entry whose signature is not its signer's", async () => {
  const world = await World.open();
  const text = await loggedRequest(world);
  const digest = /"digest":"([^"]+)"/.exec(text)?.[1] ?? "";
  const forged = text.replace(digest, `${digest.startsWith("A") ? "B" : "A"}${digest.slice(1)}`);
  assert.equal(await codeOf(world.authority.addEntry(utf8(forged))), "sigstore/entry-signature");
});

test("the same entry twice is one entry, also after a restart", async () => {
  const world = await World.open();
  const body = utf8(await loggedRequest(world));
  assert.equal((await world.authority.addEntry(body)).duplicateOf, 0);
  await world.restart();
  const again = await world.authority.addEntry(body);
  assert.equal(again.duplicateOf, 0);
});

test("every certificate's promise is in the certificate log", async () => {
  const world = await World.open();
  await world.release(world.build());
  const health = world.authority.health();
  assert.ok(isJsonObject(health["ct"]) && isJsonObject(health["log"]));
  assert.equal(health["ct"]["size"], 5);
  assert.equal(health["log"]["size"], 5);
});

test("a timestamp's refusal is an answer with its reason, never an error", async () => {
  const world = await World.open();
  const reply = await world.authority.timestamp(Uint8Array.of(0x30, 0x00));
  assert.equal(reply[0], 0x30);
  assert.ok(reply.length < 100);
});

test("static paths stay inside their folder, and keys are served to nobody", async () => {
  const world = await World.open();
  for (const path of [
    "../keys/ca.pem",
    "..%2fkeys%2fca.pem",
    "/keys/ca.pem",
    "tile/../../keys/ca.pem",
    "",
    ".",
    "keys/ca.pem",
    "a//b",
  ]) {
    for (const area of ["log", "ct"] as const)
      assert.equal(await world.authority.readStatic(area, path), undefined, path);
    assert.equal(await world.authority.readTuf(path), undefined, path);
  }
  assert.ok((await world.authority.readTuf("timestamp.json")) !== undefined);
});

test("every private key is written as private, and no other file holds one", async () => {
  const world = await World.open();
  for (const [path, bytes] of world.files.contents) {
    assert.equal(fromUtf8Lossy(bytes).includes("PRIVATE KEY"), world.files.privates.has(path), path);
  }
  assert.equal(world.files.privates.size, Object.values(keyNames).flat().length);
});

function fromUtf8Lossy(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

test("a decision is recorded under the artifact's digest, and a digest nobody asked about has none", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  const request = utf8(JSON.stringify(decisionRequestJson(release)));
  const answer = await world.authority.decide(await world.decisionToken(), async () => request);
  assert.ok(isJsonObject(answer["decision"]) && answer["decision"]["outcome"] === "admitted");
  const recorded = await world.authority.decision(`sha256:${release.sha256}`);
  assert.equal(JSON.stringify(recorded), JSON.stringify(answer));
  assert.equal(await world.authority.decision(`sha256:${"0".repeat(64)}`), undefined);
  assert.equal(await codeOf(world.authority.decision("sha256:../../keys/ca")), "decision/digest-invalid");
});

test("the verification summary is signed with the verifier's key and names what it rests on", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  const { summary, decision } = await world.admit(release);
  const client = await world.update(createMemoryStore());
  const { loadSigstoreTrust } = await import("../src/flows/index.ts");
  const verified = verifyBundle(parseBundle(summary), {
    trust: await loadSigstoreTrust(client),
    artifact: { kind: "digest", algorithm: "sha256", digest: Buffer.from(release.sha256, "hex") },
    key: (await world.verifier()).signer.publicKey,
    thresholds: { logs: 0, timestamps: 0 },
  });
  assert.ok(verified.content.kind === "envelope");
  const predicate = JSON.parse(fromUtf8(verified.content.payload)).predicate;
  assert.equal(predicate.verificationResult, "PASSED");
  assert.deepEqual(predicate.verifiedLevels, ["SLSA_BUILD_LEVEL_2"]);
  assert.equal(`sha256:${predicate.policy.digest.sha256}`, decision.policy.digest);
  const cited = predicate.inputAttestations.map((each: { digest: { sha256: string } }) => each.digest.sha256).sort();
  assert.deepEqual(cited, [...release.bundles.values()].map((bytes) => digestHex("sha256", bytes)).sort());
});

test("a refused release's summary says FAILED", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  const { summary } = await world.admit({ ...release, sha256: "0".repeat(64) });
  const payload = Buffer.from(JSON.parse(fromUtf8(summary)).dsseEnvelope.payload, "base64").toString();
  assert.equal(JSON.parse(payload).predicate.verificationResult, "FAILED");
});

test("an organisation is made once: a second init in its folder changes nothing", async () => {
  const world = await World.open();
  const before = new Map(world.files.contents);
  const { initOrganisation } = await import("../src/flows/index.ts");
  const again = initOrganisation(
    {
      name: "Other",
      url: "http://127.0.0.1:1",
      project: world.organisation.project,
      steps: [{ name: "a", after: undefined }],
    },
    {
      clock: world.clock,
      random,
      files: world.files,
      openTuf: async () => openMemoryTuf(),
      progress: { step: () => undefined },
    },
  );
  assert.equal(await codeOf(again), "organisation/exists");
  assert.deepEqual([...world.files.contents.keys()].sort(), [...before.keys()].sort());
});

test("the identity of builds is the pipeline at the organisation's address", async () => {
  const world = await World.open();
  assert.equal(buildIdentity(world.organisation), "http://127.0.0.1:8765/projects/app/.tekton/release.yaml");
});

test("who has no token for it, or one for the CA, has no decision recorded", async () => {
  const world = await World.open();
  const body = utf8(JSON.stringify(decisionRequestJson(await world.release(world.build()))));
  assert.equal(await codeOf(world.authority.decide(undefined, async () => body)), "oidc/token-invalid");
  assert.equal(
    await codeOf(world.authority.decide(await (await world.signing()).token(), async () => body)),
    "oidc/token-invalid",
  );
  assert.deepEqual(world.files.names(places.decisions), []);
});

test("a source of two thousand files is attested and admitted like a small one", async () => {
  const world = await World.open();
  const files = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`src/file-${index}.txt`, `${index}`]));
  const build = world.build("artifact", { "package-lock.json": lockfile, ...files });
  const release = await world.release({ ...build, lockfiles: new Map([["package-lock.json", utf8(lockfile)]]) });
  const body = utf8(JSON.stringify(decisionRequestJson(release)));
  const answer = await world.authority.decide(await world.decisionToken(), async () => body);
  assert.ok(isJsonObject(answer["decision"]) && answer["decision"]["outcome"] === "admitted");
});
