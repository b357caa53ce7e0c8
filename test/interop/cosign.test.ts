// cosign 3.1 verifies what we sign, signs at our services, and takes its trust from our TUF repository. Runs where
// SEALWRIGHT_PEERS_COSIGN names its program. It takes http addresses as they are. Tokens are handed to it as files: the
// command line takes those signed with RS256, and ours are signed with ES256. Like our own verifier it makes the body of
// a log entry anew from the bundle; the body that the bundle brings it does not rest on, so that changing it is no attack.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { paths } from "../../src/api/index.ts";
import { utf8 } from "../../src/core/index.ts";
import { type Artifact, parseBundle, statementPayloadType, verifyBundle } from "../../src/sigstore/index.ts";
import { provenanceType } from "../../src/slsa/index.ts";
import { type RunningInstance, startInstance, temporaryFolder } from "../instance.ts";
import { type PeerRun, runPeer } from "./peer.ts";
import { bodyChanged, type BundleJson, type SignedPair, signPair, tamperedForms } from "./tampered.ts";

const cosign = process.env["SEALWRIGHT_PEERS_COSIGN"];
let instance: RunningInstance;
let signed: SignedPair;
before(async () => {
  if (cosign === undefined) return;
  instance = await startInstance();
  signed = await signPair(instance);
});
after(() => instance?.close());

/** cosign's own folder with the files that every test names; undefined after skipping. */
async function cosignHome(t: TestContext): Promise<string | undefined> {
  if (cosign === undefined) {
    t.skip("skipped: SEALWRIGHT_PEERS_COSIGN names no cosign");
    return undefined;
  }
  const home = await temporaryFolder(t);
  const put = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(home, name), content);
  await put("artifact", signed.artifact);
  await put("other", "another artifact");
  await put("trusted_root.json", await instance.target("trusted_root.json"));
  await put("signing_config.json", await instance.target("signing_config.v0.2.json"));
  await put("token", await instance.token());
  return home;
}

function run(home: string, ...args: readonly string[]): Promise<PeerRun> {
  return runPeer(cosign!, args, home, { TUF_ROOT: join(home, "tuf") });
}

interface Expectation {
  readonly artifact?: string;
  readonly identity?: string;
  readonly issuer?: string;
  readonly type?: string;
  /** The trust root that TUF brought, in place of the one given as a file. */
  readonly byTuf?: boolean;
}

async function verify(home: string, bundle: BundleJson, expected: Expectation = {}): Promise<PeerRun> {
  await writeFile(join(home, "bundle.json"), JSON.stringify(bundle));
  const {
    artifact = "artifact",
    identity = instance.identity,
    issuer = instance.url,
    type = provenanceType,
  } = expected;
  const verb = bundle.dsseEnvelope === undefined ? ["verify-blob"] : ["verify-blob-attestation", "--type", type];
  const trust = expected.byTuf === true ? [] : ["--trusted-root", "trusted_root.json"];
  const signer = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer];
  return run(home, ...verb, "--bundle", "bundle.json", "--use-signed-timestamps", ...trust, ...signer, artifact);
}

function assertAccepted({ exitCode, stderr }: PeerRun): void {
  assert.equal(exitCode, 0, stderr);
  assert.match(stderr, /Verified OK/);
}

function assertRefused({ exitCode, stderr }: PeerRun, what: string): void {
  assert.notEqual(exitCode, 0, what);
  // What it could not read at all would be refused in other words.
  assert.match(stderr, /verify|verification|match|expected|invalid|identity|subject/i, `${what}: ${stderr}`);
  assert.doesNotMatch(stderr, /unknown flag|no such file|unmarshal/, what);
}

for (const kind of ["message", "attestation"] as const) {
  const what = kind === "message" ? "message signature" : "attestation";

  test(`cosign accepts our ${what} by our trust root`, async (t) => {
    const home = await cosignHome(t);
    if (home === undefined) return;
    assertAccepted(await verify(home, signed[kind]));
  });

  test(`cosign refuses our ${what} for another artifact, identity or issuer`, async (t) => {
    const home = await cosignHome(t);
    if (home === undefined) return;
    const bundle = signed[kind];
    assertRefused(await verify(home, bundle, { artifact: "other" }), "artifact");
    assertRefused(await verify(home, bundle, { identity: `${instance.identity}x` }), "identity");
    assertRefused(await verify(home, bundle, { issuer: "https://issuer.example.com" }), "issuer");
  });

  test(`cosign refuses our ${what} in every tampered form that reaches it`, async (t) => {
    const home = await cosignHome(t);
    if (home === undefined) return;
    const other = kind === "message" ? signed.attestation : signed.message;
    for (const [name, form] of tamperedForms(signed[kind], other)) {
      const run = await verify(home, form);
      if (name === bodyChanged) assertAccepted(run);
      else assertRefused(run, name);
    }
  });
}

test("cosign takes the predicate of our attestation for SLSA provenance v1 and for nothing else", async (t) => {
  const home = await cosignHome(t);
  if (home === undefined) return;
  assertAccepted(await verify(home, signed.attestation, { type: "slsaprovenance1" }));
  assertRefused(await verify(home, signed.attestation, { type: "spdx" }), "type");
});

async function sign(home: string, verb: string, ...args: readonly string[]): Promise<Uint8Array> {
  const services = ["--signing-config", "signing_config.json", "--trusted-root", "trusted_root.json"];
  const bundle = ["--identity-token", "token", "--bundle", "signed.json"];
  const { exitCode, stderr } = await run(home, verb, "--yes", ...services, ...bundle, ...args, "artifact");
  assert.equal(exitCode, 0, stderr);
  return new Uint8Array(await readFile(join(home, "signed.json")));
}

function accept(bundle: Uint8Array, artifact: Artifact, predicateType?: string): void {
  verifyBundle(parseBundle(bundle), {
    trust: instance.trust,
    artifact,
    identity: { issuer: instance.url, subjectAlternativeName: instance.identity },
    ...(predicateType === undefined ? {} : { predicateType }),
  });
}

test("cosign signs a blob at our services by our signing config, and we accept the bundle", async (t) => {
  const home = await cosignHome(t);
  if (home === undefined) return;
  const bundle = await sign(home, "sign-blob");
  accept(bundle, { kind: "bytes", bytes: signed.artifact });
  const another: Artifact = { kind: "bytes", bytes: utf8("another artifact") };
  assert.throws(() => accept(bundle, another), { code: "sigstore/digest-mismatch" });
});

test("cosign attests a blob at our services, and we accept the attestation for it alone", async (t) => {
  const home = await cosignHome(t);
  if (home === undefined) return;
  const definition = { buildType: "https://example.com/build/v1", externalParameters: {} };
  const predicate = { buildDefinition: definition, runDetails: { builder: { id: "https://example.com/builder" } } };
  await writeFile(join(home, "predicate.json"), JSON.stringify(predicate));
  const bundle = await sign(home, "attest-blob", "--predicate", "predicate.json", "--type", "slsaprovenance1");
  accept(bundle, { kind: "bytes", bytes: signed.artifact }, provenanceType);
  accept(bundle, { kind: "envelope", payloadType: statementPayloadType });
  const another: Artifact = { kind: "bytes", bytes: utf8("another artifact") };
  assert.throws(() => accept(bundle, another), { code: "sigstore/subject-mismatch" });
});

test("cosign takes its trust root from our TUF repository over HTTP and verifies with it", async (t) => {
  const home = await cosignHome(t);
  if (home === undefined) return;
  const mirror = `${instance.url}${paths.tuf}`;
  const { exitCode, stderr } = await run(home, "initialize", "--mirror", mirror, "--root", instance.rootPath);
  assert.equal(exitCode, 0, stderr);
  assertAccepted(await verify(home, signed.message, { byTuf: true }));
  assertRefused(await verify(home, signed.message, { byTuf: true, artifact: "other" }), "artifact");
});

test("cosign refuses our TUF repository under the root of another organisation", async (t) => {
  const home = await cosignHome(t);
  if (home === undefined) return;
  const elsewhere = await startInstance(t);
  const mirror = `${instance.url}${paths.tuf}`;
  const { exitCode, stderr } = await run(home, "initialize", "--mirror", mirror, "--root", elsewhere.rootPath);
  assert.notEqual(exitCode, 0);
  assert.match(stderr, /threshold|signature|verif/i);
});
