// Images in real registries: cosign 3.1 verifies what we sign and attest beside an image, and we verify what it does,
// with an identity and with a key, in registries with and without the referrers API. cosign takes http for registries
// on this machine. Each part runs where its peers are named, SEALWRIGHT_PEERS_COSIGN and those of registries.ts.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { createSigner, encodePublicKeyPem, generateKey } from "../../src/crypto/index.ts";
import {
  attestImage,
  copyImage,
  type ImageExpectation,
  imageTree,
  type NamedImage,
  signImage,
  verifyImage,
} from "../../src/flows/index.ts";
import { type OciImage, openImage } from "../../src/io/index.ts";
import { provenanceType } from "../../src/slsa/index.ts";
import { putImage, putIndex, signingAt } from "../images.ts";
import { type RunningInstance, startInstance, temporaryFolder } from "../instance.ts";
import { type PeerRun, runPeer } from "./peer.ts";
import { type RegistryKind, registryKinds, startRegistry } from "./registries.ts";

const cosign = process.env["SEALWRIGHT_PEERS_COSIGN"];
const key = generateKey("ecdsa-p256");
let instance: RunningInstance;
before(async () => {
  instance = await startInstance();
});
after(() => instance.close());

interface Place {
  readonly address: string;
  readonly image: OciImage;
  readonly digest: string;
  readonly home: string;
}

/** A registry with one image in it, and cosign's folder; undefined after skipping. */
async function place(t: TestContext, kind: RegistryKind, needsCosign = true): Promise<Place | undefined> {
  if (needsCosign && cosign === undefined) {
    t.skip("skipped: SEALWRIGHT_PEERS_COSIGN names no cosign");
    return undefined;
  }
  const address = await startRegistry(t, kind);
  if (address === undefined) return undefined;
  const home = await temporaryFolder(t);
  const put = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(home, name), content);
  await put("trusted_root.json", await instance.target("trusted_root.json"));
  await put("signing_config.json", await instance.target("signing_config.v0.2.json"));
  await put("token", await instance.token());
  await put("key.pub", encodePublicKeyPem(key.publicKey));
  await put("predicate.json", JSON.stringify(predicate));
  const image = await openImage(`${address}/team/app:1.0`);
  const { digest } = await putImage(image.repository, "widget", "1.0");
  return { address, image, digest, home };
}

const predicate = {
  buildDefinition: { buildType: "https://example.com/build/v1", externalParameters: {} },
  runDetails: { builder: { id: "https://example.com/builder" } },
};

async function run({ home }: Place, ...args: readonly string[]): Promise<PeerRun> {
  return runPeer(cosign!, args, home, { TUF_ROOT: join(home, "tuf") });
}

const byIdentity = () => ["--certificate-identity", instance.identity, "--certificate-oidc-issuer", instance.url];
const trusted = ["--trusted-root", "trusted_root.json"];
const services = ["--yes", "--signing-config", "signing_config.json", ...trusted];

function expecting(signer: ImageExpectation["signer"], more: Partial<ImageExpectation> = {}): ImageExpectation {
  return { trust: instance.trust, signer, ...more };
}
const ourIdentity = () => ({ identity: { issuer: instance.url, subjectAlternativeName: instance.identity } });

const attestation = { predicateType: provenanceType, predicate };

for (const kind of registryKinds) {
  test(`cosign verifies the image that we signed as an identity, in ${kind.name}`, async (t) => {
    const at = await place(t, kind);
    if (at === undefined) return;
    const annotations = new Map([["environment", "production"]]);
    await signImage(at.image, { signing: await signingAt(instance), now: Date.now(), annotations });
    const reference = `${at.image.name}:1.0`;
    const done = await run(at, "verify", ...byIdentity(), ...trusted, "--use-signed-timestamps", reference);
    assert.equal(done.exitCode, 0, done.stderr);
    const stated = ["-a", "environment=production"];
    const by = await run(at, "verify", ...byIdentity(), ...trusted, "--use-signed-timestamps", ...stated, reference);
    assert.equal(by.exitCode, 0, by.stderr);
    const stranger = ["--certificate-identity", "https://example.com/other", "--certificate-oidc-issuer", instance.url];
    const refused = await run(at, "verify", ...stranger, ...trusted, "--use-signed-timestamps", reference);
    assert.notEqual(refused.exitCode, 0);
  });

  test(`cosign verifies the image that we signed with a key, in ${kind.name}`, async (t) => {
    const at = await place(t, kind);
    if (at === undefined) return;
    const signing = await signingAt(instance, { kind: "key", signer: createSigner(key) });
    await signImage(at.image, { signing, now: Date.now() });
    const reference = `${at.image.name}@${at.digest}`;
    const done = await run(at, "verify", "--key", "key.pub", ...trusted, "--use-signed-timestamps", reference);
    assert.equal(done.exitCode, 0, done.stderr);
  });

  test(`cosign verifies the attestation that we made of an image, in ${kind.name}`, async (t) => {
    const at = await place(t, kind);
    if (at === undefined) return;
    await attestImage(at.image, attestation, { signing: await signingAt(instance), now: Date.now() });
    const reference = `${at.image.name}:1.0`;
    const verify = ["verify-attestation", ...byIdentity(), ...trusted, "--use-signed-timestamps"];
    const done = await run(at, ...verify, "--type", "slsaprovenance1", reference);
    assert.equal(done.exitCode, 0, done.stderr);
    assert.notEqual((await run(at, ...verify, "--type", "spdx", reference)).exitCode, 0);
  });

  test(`we verify the image and the attestation that cosign signed, and for no other signer, in ${kind.name}`, async (t) => {
    const at = await place(t, kind);
    if (at === undefined) return;
    const reference = `${at.image.name}@${at.digest}`;
    const { repository } = at.image;
    await assert.rejects(verifyImage(repository, "1.0", expecting(ourIdentity())), { code: "image/no-signature" });
    const signed = await run(at, "sign", ...services, "--identity-token", "token", "-a", "team=blue", reference);
    assert.equal(signed.exitCode, 0, signed.stderr);
    const stated = { annotations: new Map([["team", "blue"]]) };
    const { held, digest } = await verifyImage(repository, "1.0", expecting(ourIdentity(), stated));
    assert.equal(digest, at.digest);
    assert.deepEqual(
      held.map(({ form }) => form),
      ["bundle"],
    );
    const other = { annotations: new Map([["team", "red"]]) };
    await assert.rejects(verifyImage(repository, "1.0", expecting(ourIdentity(), other)), { code: "image/unverified" });
    const stranger = { identity: { issuer: instance.url, subjectAlternativeName: "https://example.com/other" } };
    await assert.rejects(verifyImage(repository, "1.0", expecting(stranger)), /identity-mismatch/);
    const type = { predicateType: provenanceType };
    await assert.rejects(verifyImage(repository, "1.0", expecting(ourIdentity(), type)), {
      code: "image/no-signature",
    });
    const args = ["--predicate", "predicate.json", "--type", "slsaprovenance1"];
    const attested = await run(at, "attest", ...services, "--identity-token", "token", ...args, reference);
    assert.equal(attested.exitCode, 0, attested.stderr);
    assert.equal((await verifyImage(repository, "1.0", expecting(ourIdentity(), type))).held.length, 1);
    const another = await putImage(repository, "gadget");
    await assert.rejects(verifyImage(repository, another.digest, expecting(ourIdentity())), {
      code: "image/no-signature",
    });
  });

  test(`an image for two platforms is signed, listed and copied with all beside it, in ${kind.name}`, async (t) => {
    const at = await place(t, kind, false);
    if (at === undefined) return;
    const { repository, name } = at.image;
    const [index, ...parts] = await putIndex(repository, "multi", "2.0");
    const image: NamedImage = { repository, name, reference: "2.0" };
    const signing = await signingAt(instance);
    const signed = await signImage(image, { signing, now: Date.now(), recursive: true });
    assert.deepEqual(signed.map(({ digest }) => digest).sort(), [index!, ...parts].map(({ digest }) => digest).sort());
    await attestImage(image, attestation, { signing, now: Date.now() });
    const tree = await imageTree(repository, "2.0");
    assert.deepEqual(
      tree.children
        .filter(({ by }) => by === "referrer")
        .map(({ what }) => what)
        .sort(),
      ["https://sigstore.dev/cosign/sign/v1", provenanceType].sort(),
    );
    assert.equal(tree.children.filter(({ by, children }) => by === "index" && children.length === 1).length, 2);
    const layout = await openImage(`oci:${at.home}/layout`, { create: true });
    await copyImage({ repository, reference: "2.0" }, layout.repository, "2.0");
    const again = await openImage(`${at.address}/elsewhere/app`);
    const copied = await copyImage({ repository: layout.repository, reference: "2.0" }, again.repository, "3.0");
    assert.equal(copied.digest, index!.digest);
    for (const { digest } of [index!, ...parts]) {
      assert.equal((await verifyImage(layout.repository, digest, expecting(ourIdentity()))).held.length, 1);
      assert.equal((await verifyImage(again.repository, digest, expecting(ourIdentity()))).held.length, 1);
    }
    const type = { predicateType: provenanceType };
    assert.equal((await verifyImage(again.repository, "3.0", expecting(ourIdentity(), type))).held.length, 1);
  });
}
