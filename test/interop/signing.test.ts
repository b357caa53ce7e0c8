// Blobs and their attestations signed with a kept key, and attestations of a folder's files: cosign 3.1 verifies ours,
// and we verify its. What is signed as an identity has its tests in cosign.test.ts and sigstore-python.test.ts. Runs
// where SEALWRIGHT_PEERS_COSIGN names its program.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { utf8 } from "../../src/core/index.ts";
import {
  createSigner,
  digestHex,
  encodePrivateKeyPem,
  encodePublicKeyPem,
  generateKey,
} from "../../src/crypto/index.ts";
import { folderStatement } from "../../src/flows/index.ts";
import { createStatement, encodeStatement } from "../../src/intoto/index.ts";
import { openSigner } from "../../src/io/index.ts";
import { type Bundle, encodeBundle, parseBundle, verifyBundle } from "../../src/sigstore/index.ts";
import { provenanceType } from "../../src/slsa/index.ts";
import { signingAt } from "../images.ts";
import { type RunningInstance, startInstance, temporaryFolder } from "../instance.ts";
import { type PeerRun, runPeer } from "./peer.ts";

const cosign = process.env["SEALWRIGHT_PEERS_COSIGN"];
const key = generateKey("ecdsa-p256");
const artifact = utf8("an artifact");
let instance: RunningInstance;
before(async () => {
  if (cosign !== undefined) instance = await startInstance();
});
after(() => instance?.close());

const predicate = {
  buildDefinition: { buildType: "https://example.com/build/v1", externalParameters: {} },
  runDetails: { builder: { id: "https://example.com/builder" } },
};

async function cosignHome(t: TestContext): Promise<string | undefined> {
  if (cosign === undefined) {
    t.skip("skipped: SEALWRIGHT_PEERS_COSIGN names no cosign");
    return undefined;
  }
  const home = await temporaryFolder(t);
  const put = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(home, name), content);
  await put("artifact", artifact);
  await put("other", "another artifact");
  await put("key.pem", encodePrivateKeyPem(key));
  await put("key.pub", encodePublicKeyPem(key.publicKey));
  await put("predicate.json", JSON.stringify(predicate));
  await put("trusted_root.json", await instance.target("trusted_root.json"));
  await put("signing_config.json", await instance.target("signing_config.v0.2.json"));
  return home;
}

function run(home: string, ...args: readonly string[]): Promise<PeerRun> {
  return runPeer(cosign!, args, home, { TUF_ROOT: join(home, "tuf"), COSIGN_PASSWORD: "secret" });
}

const trusted = ["--trusted-root", "trusted_root.json", "--use-signed-timestamps"];

test("cosign verifies what we signed with a key, blob and attestation, and not for another artifact", async (t) => {
  const home = await cosignHome(t);
  if (home === undefined) return;
  const signing = await signingAt(instance, { kind: "key", signer: createSigner(key) });
  const subject = [{ name: "artifact", digest: new Map([["sha256", digestHex("sha256", artifact)]]) }];
  const statement = encodeStatement(createStatement({ subject, predicateType: provenanceType, predicate }));
  const cases: readonly (readonly [Bundle, readonly string[]])[] = [
    [await signing.signMessage(artifact), ["verify-blob"]],
    [await signing.signStatement(statement), ["verify-blob-attestation", "--type", "slsaprovenance1"]],
  ];
  for (const [bundle, verb] of cases) {
    await writeFile(join(home, "bundle.json"), encodeBundle(bundle));
    const args = [...verb, "--key", "key.pub", "--bundle", "bundle.json", ...trusted];
    const done = await run(home, ...args, "artifact");
    assert.equal(done.exitCode, 0, done.stderr);
    assert.notEqual((await run(home, ...args, "other")).exitCode, 0);
  }
});

test("we verify what cosign signed with its key file, blob and attestation, and sign with that file ourselves", async (t) => {
  const home = await cosignHome(t);
  if (home === undefined) return;
  const imported = await run(home, "import-key-pair", "--key", "key.pem", "-y");
  assert.equal(imported.exitCode, 0, imported.stderr);
  const services = ["--yes", "--signing-config", "signing_config.json", "--trusted-root", "trusted_root.json"];
  const made = [...services, "--key", "import-cosign.key", "--bundle", "bundle.json"];
  const about = ["--predicate", "predicate.json", "--type", "slsaprovenance1"];
  for (const verb of [["sign-blob"], ["attest-blob", ...about]]) {
    const done = await run(home, ...verb, ...made, "artifact");
    assert.equal(done.exitCode, 0, done.stderr);
    const bundle = parseBundle(new Uint8Array(await readFile(join(home, "bundle.json"))));
    const verify = (bytes: Uint8Array) =>
      verifyBundle(bundle, { trust: instance.trust, artifact: { kind: "bytes", bytes }, key: key.publicKey });
    verify(artifact);
    assert.throws(() => verify(utf8("another")), { code: /mismatch$/ });
  }
  const world = { environment: { COSIGN_PASSWORD: "secret" }, folder: home };
  const signer = await openSigner("import-cosign.key", world);
  const bundle = await (await signingAt(instance, { kind: "key", signer })).signMessage(artifact);
  verifyBundle(bundle, { trust: instance.trust, artifact: { kind: "bytes", bytes: artifact }, key: key.publicKey });
});

test("cosign verifies each file of a folder that we signed", async (t) => {
  const home = await cosignHome(t);
  if (home === undefined) return;
  const files = new Map([
    ["artifact", digestHex("sha256", artifact)],
    ["docs/readme", digestHex("sha256", utf8("read me"))],
  ]);
  const bundle = await (await signingAt(instance)).signStatement(folderStatement(files));
  await writeFile(join(home, "bundle.json"), encodeBundle(bundle));
  const by = ["--certificate-identity", instance.identity, "--certificate-oidc-issuer", instance.url];
  const type = ["--type", "https://sealwright.dev/attestations/folder/v1"];
  const args = ["verify-blob-attestation", ...type, "--bundle", "bundle.json", ...by, ...trusted];
  const done = await run(home, ...args, "artifact");
  assert.equal(done.exitCode, 0, done.stderr);
  assert.notEqual((await run(home, ...args, "other")).exitCode, 0);
});
