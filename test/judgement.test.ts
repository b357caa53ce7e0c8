import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "../src/core/index.ts";
import { digestHex, generateKey, randomBytes } from "../src/crypto/index.ts";
import { attest, builderId, buildProvenance, initOrganisation } from "../src/flows/index.ts";
import { encodeBundle } from "../src/sigstore/index.ts";
import { codeOf, codesOf, lockfile, MemoryFiles, openMemoryTuf, World } from "./world.ts";

const random = { bytes: randomBytes, key: generateKey };

const vulnerableLock = (version: 1 | 3 = 3) =>
  JSON.stringify({
    name: "app",
    version: "1.0.0",
    lockfileVersion: version,
    packages: { "": { name: "app" }, "node_modules/event-stream": { version: "3.3.6" } },
  });

test("who hands a release on does not choose by which lockfile it is judged", async () => {
  const world = await World.open();
  const files = { "package-lock.json": vulnerableLock(), "docs/example/package-lock.json": lockfile };
  const release = await world.release(world.build("artifact", files));
  assert.ok(codesOf(await world.admit(release)).includes("policy/malicious"));
  const kept = (path: string) => new Map([...release.lockfiles].filter(([each]) => each === path));
  const chosen = await world.admit({ ...release, lockfiles: kept("docs/example/package-lock.json") });
  assert.equal(chosen.decision.outcome, "refused");
  assert.ok(codesOf(chosen).includes("release/lockfile-missing"));
  const replaced = new Map([...release.lockfiles, ["package-lock.json", utf8(lockfile)]]);
  const swapped = await world.admit({ ...release, lockfiles: replaced });
  assert.equal(swapped.decision.outcome, "refused");
  assert.ok(codesOf(swapped).includes("release/lockfile-unbound"));
});

test("a lockfile that a later task made says nothing about the source", async () => {
  const world = await World.open();
  const build = world.build();
  const [source, check, pack] = build.links;
  const made = new Map([["x/gradle.lockfile", new Map([["sha256", digestHex("sha256", utf8("empty=\n"))]])]]);
  const links = [source!, check!, { ...pack!, products: new Map([...pack!.products, ...made]) }];
  const release = await world.release({ ...build, links });
  const lockfiles = new Map([...release.lockfiles, ["x/gradle.lockfile", utf8("empty=\n")]]);
  assert.ok(codesOf(await world.admit({ ...release, lockfiles })).includes("release/lockfile-unbound"));
});

test("one lockfile that cannot be read leaves a release undecided, whatever the others say", async () => {
  const world = await World.open();
  const old = await world.admit(
    await world.release(world.build("a", { "package-lock.json": vulnerableLock(1), "gradle.lockfile": "empty=\n" })),
  );
  assert.equal(old.decision.outcome, "refused");
  const foreign = world.build("b", { "package-lock.json": lockfile, "web/yarn.lock": "# yarn lockfile v1\n" });
  const lockfiles = new Map([["package-lock.json", utf8(lockfile)]]);
  assert.equal((await world.admit({ ...(await world.release(foreign)), lockfiles })).decision.outcome, "undetermined");
});

test("a task between the first and the last brings nothing into the artifact", async () => {
  const world = await World.open();
  const build = world.build();
  const [source, check, pack] = build.links;
  const implant = new Map([["data/implant.js", new Map([["sha256", "cd".repeat(32)]])]]);
  const tested = new Map([...check!.products, ...implant]);
  const links = [
    source!,
    { ...check!, products: tested },
    { ...pack!, materials: tested, products: new Map([...pack!.products, ...implant]) },
  ];
  const admission = await world.admit(await world.release({ ...build, links }));
  assert.equal(admission.decision.outcome, "refused");
  assert.ok(codesOf(admission).includes("intoto/rule"));
});

test("a source address with a password in it is refused before it is published anywhere", async () => {
  const world = await World.open();
  const project = { ...world.organisation.project, sourceUri: "https://user:s3cret@git.example/app.git" };
  const made = initOrganisation(
    { name: "Other", url: "http://127.0.0.1:1", project, steps: [{ name: "a", after: undefined }] },
    {
      clock: world.clock,
      random,
      files: new MemoryFiles(),
      openTuf: async () => openMemoryTuf(),
      progress: { step: () => undefined },
    },
  );
  assert.equal(await codeOf(made), "organisation/source");
});

test("an unisolated build is another builder, which the default policy does not take", async () => {
  const world = await World.open();
  const build = world.build();
  const isolation = { kind: "none", network: "host", userId: "caller", rootReadOnly: false };
  const statement = buildProvenance(
    { ...build, isolation },
    builderId(world.organisation, "none"),
    "0",
    world.organisation.project,
  );
  const release = await world.release(build);
  const bundle = encodeBundle(await attest(statement, await world.signing()));
  const admission = await world.admit({
    ...release,
    bundles: new Map([...release.bundles, ["app.tgz.provenance.sigstore.json", bundle]]),
  });
  assert.equal(admission.decision.outcome, "refused");
  assert.equal(admission.evidence.provenance.held[0]?.level, 1);
});

test("the links of one run do not speak for another, though both made the same artifact", async () => {
  const world = await World.open();
  const [safe, vulnerable] = [world.build("same"), world.build("same", { "package-lock.json": vulnerableLock() })];
  const first = await world.release(safe, await world.signing(undefined, "run-1"));
  const second = await world.release(vulnerable, await world.signing(undefined, "run-2"));
  assert.equal((await world.admit(first)).decision.outcome, "admitted");
  const provenance = "app.tgz.provenance.sigstore.json";
  const mixed = new Map([...first.bundles, [provenance, second.bundles.get(provenance)!]]);
  const admission = await world.admit({ ...first, bundles: mixed });
  assert.equal(admission.decision.outcome, "refused");
  assert.ok(codesOf(admission).includes("release/other-run"));
});

test("evidence for another artifact says nothing about this one", async () => {
  const world = await World.open();
  const [one, other] = [await world.release(world.build("one")), await world.release(world.build("other"))];
  assert.equal((await world.admit({ ...one, bundles: other.bundles })).decision.outcome, "refused");
  const links = new Map(
    [...one.bundles].map(([name, bytes]) => [name, name.includes(".link.") ? other.bundles.get(name)! : bytes]),
  );
  const admission = await world.admit({ ...one, bundles: links });
  assert.equal(admission.decision.outcome, "refused");
  assert.ok(codesOf(admission).includes("release/artifact-not-a-product"));
});

test("a signature over the artifact alone admits nothing", async () => {
  const world = await World.open();
  const release = await world.release(world.build());
  const bundles = new Map([...release.bundles].filter(([name]) => name === "app.tgz.sigstore.json"));
  const admission = await world.admit({ ...release, bundles });
  assert.equal(admission.evidence.signatures.held.length, 1);
  assert.equal(admission.decision.outcome, "refused");
});
