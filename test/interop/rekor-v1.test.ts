// Logs of version 1, which the public instance still writes to: we sign and attest to one, cosign verifies that by the
// same trust root, and the other way round. The log is a stand-in, test/rekor-v1.ts: its server is not to be had here.
// With its signed promises cosign's older tags are complete, so that these are here too. Parts with cosign run where
// SEALWRIGHT_PEERS_COSIGN names it, those with images where SEALWRIGHT_PEERS_CRANE names a registry too.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { createSigningClients } from "../../src/api/index.ts";
import { utf8 } from "../../src/core/index.ts";
import {
  createSigner,
  digestHex,
  encodePrivateKeyPem,
  encodePublicKeyPem,
  generateKey,
  randomBytes,
} from "../../src/crypto/index.ts";
import {
  attestImage,
  type ImageExpectation,
  openSigning,
  type Signing,
  type SigningMaterial,
  signImage,
  verifyImage,
} from "../../src/flows/index.ts";
import { createStatement, encodeStatement } from "../../src/intoto/index.ts";
import { openImage, request } from "../../src/io/index.ts";
import {
  type Artifact,
  type Bundle,
  encodeBundle,
  parseBundle,
  parseSigningConfig,
  parseTrustedRoot,
  prepareTrust,
  verifyBundle,
} from "../../src/sigstore/index.ts";
import { provenanceType } from "../../src/slsa/index.ts";
import { putImage } from "../images.ts";
import { type RunningInstance, startInstance, temporaryFolder } from "../instance.ts";
import { type RekorV1, startRekorV1 } from "../rekor-v1.ts";
import { type PeerRun, runPeer } from "./peer.ts";
import { registryKinds, startRegistry } from "./registries.ts";

const cosign = process.env["SEALWRIGHT_PEERS_COSIGN"];
const key = generateKey("ecdsa-p256");
const artifact = utf8("an artifact");
let instance: RunningInstance;
before(async () => {
  instance = await startInstance();
});
after(() => instance.close());

interface Place {
  readonly log: RekorV1;
  readonly home: string;
  readonly signing: (material?: SigningMaterial) => Signing;
  readonly trust: ImageExpectation["trust"];
}

async function place(t: TestContext): Promise<Place> {
  const log = await startRekorV1(t, instance);
  const home = await temporaryFolder(t);
  const put = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(home, name), content);
  await put("trusted_root.json", log.trustedRoot);
  await put("signing_config.json", log.signingConfig);
  await put("token", await instance.token());
  await put("artifact", artifact);
  await put("key.pem", encodePrivateKeyPem(key));
  await put("key.pub", encodePublicKeyPem(key.publicKey));
  await put("predicate.json", JSON.stringify(predicate));
  const trust = prepareTrust(parseTrustedRoot(log.trustedRoot));
  const signing = (material: SigningMaterial = { kind: "identity", token: () => instance.token() }): Signing =>
    openSigning({
      config: parseSigningConfig(log.signingConfig),
      trust,
      material,
      clients: createSigningClients({ transport: request, wait: async () => undefined }),
      random: { bytes: randomBytes, key: generateKey },
      now: Date.now(),
    });
  return { log, home, signing, trust };
}

const predicate = {
  buildDefinition: { buildType: "https://example.com/build/v1", externalParameters: {} },
  runDetails: { builder: { id: "https://example.com/builder" } },
};
const trusted = ["--trusted-root", "trusted_root.json"];
const services = ["--yes", "--signing-config", "signing_config.json", ...trusted];
const byIdentity = () => ["--certificate-identity", instance.identity, "--certificate-oidc-issuer", instance.url];
const ourIdentity = () => ({ identity: { issuer: instance.url, subjectAlternativeName: instance.identity } });

function run({ home }: Place, ...args: readonly string[]): Promise<PeerRun> {
  return runPeer(cosign!, args, home, { TUF_ROOT: join(home, "tuf"), COSIGN_PASSWORD: "" });
}

function skipped(t: TestContext): boolean {
  if (cosign !== undefined) return false;
  t.skip("skipped: SEALWRIGHT_PEERS_COSIGN names no cosign");
  return true;
}

function statement(): Uint8Array {
  const subject = [{ name: "artifact", digest: new Map([["sha256", digestOf(artifact)]]) }];
  return encodeStatement(createStatement({ subject, predicateType: provenanceType, predicate }));
}

function digestOf(bytes: Uint8Array): string {
  return digestHex("sha256", bytes);
}

function accept(at: Place, bundle: Bundle, of: Artifact = { kind: "bytes", bytes: artifact }): void {
  verifyBundle(bundle, { trust: at.trust, artifact: of, ...ourIdentity() });
}

test("an artifact and a statement are signed into a log of version 1, and the bundles hold by its entries alone", async (t) => {
  const at = await place(t);
  const signing = at.signing();
  const bundles = [await signing.signMessage(artifact), await signing.signStatement(statement())];
  assert.deepEqual(
    bundles.map(({ verificationMaterial }) =>
      verificationMaterial.logEntries.map(({ kind, version }) => [kind, version]),
    ),
    [[["hashedrekord", "0.0.1"]], [["dsse", "0.0.1"]]],
  );
  for (const bundle of bundles) {
    accept(at, parseBundle(encodeBundle(bundle)));
    const withoutTimestamps = { ...bundle, verificationMaterial: { ...bundle.verificationMaterial, timestamps: [] } };
    accept(at, withoutTimestamps);
    assert.throws(() => accept(at, bundle, { kind: "bytes", bytes: utf8("another") }), { code: /mismatch$/ });
  }
});

test("cosign verifies what we signed into a log of version 1", async (t) => {
  if (skipped(t)) return;
  const at = await place(t);
  const signing = at.signing();
  const write = (bundle: Bundle): Promise<void> => writeFile(join(at.home, "bundle.json"), encodeBundle(bundle));
  const args = ["--bundle", "bundle.json", ...byIdentity(), ...trusted, "artifact"];
  await write(await signing.signMessage(artifact));
  const blob = await run(at, "verify-blob", ...args);
  assert.equal(blob.exitCode, 0, blob.stderr);
  await write(await signing.signStatement(statement()));
  const attested = await run(at, "verify-blob-attestation", "--type", "slsaprovenance1", ...args);
  assert.equal(attested.exitCode, 0, attested.stderr);
});

test("cosign signs into a log of version 1, and we verify it", async (t) => {
  if (skipped(t)) return;
  const at = await place(t);
  const made = ["--identity-token", "token", "--bundle", "bundle.json"];
  const blob = await run(at, "sign-blob", ...services, ...made, "artifact");
  assert.equal(blob.exitCode, 0, blob.stderr);
  accept(at, parseBundle(new Uint8Array(await readFile(join(at.home, "bundle.json")))));
  const about = ["--predicate", "predicate.json", "--type", "slsaprovenance1"];
  const attested = await run(at, "attest-blob", ...services, ...made, ...about, "artifact");
  assert.equal(attested.exitCode, 0, attested.stderr);
  accept(at, parseBundle(new Uint8Array(await readFile(join(at.home, "bundle.json")))));
  assert.equal(at.log.entries.length, 2);
});

async function imageAt(t: TestContext, tag: string) {
  const registry = await startRegistry(t, registryKinds[1]!);
  if (registry === undefined) return undefined;
  const image = await openImage(`${registry}/team/app:${tag}`);
  const { digest } = await putImage(image.repository, "widget", tag);
  return { image, digest };
}

const signers: readonly (readonly [
  string,
  SigningMaterial | undefined,
  () => string[],
  () => ImageExpectation["signer"],
])[] = [
  ["an identity", undefined, byIdentity, ourIdentity],
  ["a key", { kind: "key", signer: createSigner(key) }, () => ["--key", "key.pub"], () => ({ key: key.publicKey })],
];

for (const [name, material, flags, signer] of signers) {
  test(`cosign and we verify the older tags that we wrote with ${name}`, async (t) => {
    const at = await place(t);
    const placed = await imageAt(t, "1.0");
    if (placed === undefined) return;
    const { image, digest } = placed;
    const signing = at.signing(material);
    const annotations = new Map([["team", "blue"]]);
    await signImage(image, { signing, now: Date.now(), legacy: true, annotations });
    await attestImage(image, { predicateType: provenanceType, predicate }, { signing, now: Date.now(), legacy: true });
    const expected = { trust: at.trust, signer: signer() };
    const { held } = await verifyImage(image.repository, "1.0", { ...expected, annotations });
    assert.deepEqual(
      held.map(({ form }) => form),
      ["legacy signature"],
    );
    const stated = await verifyImage(image.repository, "1.0", { ...expected, predicateType: provenanceType });
    assert.deepEqual(
      stated.held.map(({ form }) => form),
      ["legacy attestation"],
    );
    if (skipped(t)) return;
    const reference = `${image.name}@${digest}`;
    const common = [...flags(), ...trusted, "--new-bundle-format=false"];
    const verified = await run(at, "verify", ...common, "-a", "team=blue", reference);
    assert.equal(verified.exitCode, 0, verified.stderr);
    const attested = await run(at, "verify-attestation", ...common, "--type", "slsaprovenance1", reference);
    assert.equal(attested.exitCode, 0, attested.stderr);
  });

  test(`we verify the older tags that cosign wrote with ${name}, and not under another image`, async (t) => {
    if (skipped(t)) return;
    const at = await place(t);
    const placed = await imageAt(t, "1.0");
    if (placed === undefined) return;
    const { image, digest } = placed;
    const imported = await run(at, "import-key-pair", "--key", "key.pem", "-y");
    assert.equal(imported.exitCode, 0, imported.stderr);
    const who = material === undefined ? ["--identity-token", "token"] : ["--key", "import-cosign.key"];
    const legacy = ["--new-bundle-format=false", "--use-signing-config=false", "--rekor-url", at.log.url];
    const where = ["--fulcio-url", instance.url, "--timestamp-server-url", `${instance.url}/api/v1/timestamp`];
    const reference = `${image.name}@${digest}`;
    const signed = await run(at, "sign", "--yes", ...who, ...legacy, ...where, ...trusted, reference);
    assert.equal(signed.exitCode, 0, signed.stderr);
    const about = ["--predicate", "predicate.json", "--type", "slsaprovenance1"];
    const attested = await run(at, "attest", "--yes", ...who, ...legacy, ...where, ...trusted, ...about, reference);
    assert.equal(attested.exitCode, 0, attested.stderr);
    const expected = { trust: at.trust, signer: signer() };
    const { held } = await verifyImage(image.repository, "1.0", expected);
    assert.deepEqual(
      held.map(({ form }) => form),
      ["legacy signature"],
    );
    const stated = await verifyImage(image.repository, "1.0", { ...expected, predicateType: provenanceType });
    assert.deepEqual(
      stated.held.map(({ form }) => form),
      ["legacy attestation"],
    );
    const another = await putImage(image.repository, "gadget", "2.0");
    for (const suffix of ["sig", "att"] as const) {
      const moved = await image.repository.manifest(`${digest.replace(":", "-")}.${suffix}`);
      await image.repository.putManifestBytes(moved!, { tag: `${another.digest.replace(":", "-")}.${suffix}` });
    }
    await assert.rejects(verifyImage(image.repository, "2.0", expected), /image\/subject-mismatch/);
    const type = { ...expected, predicateType: provenanceType };
    await assert.rejects(verifyImage(image.repository, "2.0", type), /sigstore\/subject-mismatch/);
  });
}
