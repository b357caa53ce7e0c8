// sigstore-python 4.5 verifies what we sign, signs and attests at our services, and takes its trust from our TUF
// repository. Runs where SEALWRIGHT_PEERS_PYTHON names a Python that has it. It takes http addresses as they are. The
// comparison of an attestation's subjects with an artifact it leaves to its caller, so that is not tested here.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { paths } from "../../src/api/index.ts";
import { fromBase64, fromUtf8, utf8 } from "../../src/core/index.ts";
import { parseBundle, verifyBundle } from "../../src/sigstore/index.ts";
import { provenanceType } from "../../src/slsa/index.ts";
import { type RunningInstance, startInstance, temporaryFolder } from "../instance.ts";
import { type PeerRun, runPeer } from "./peer.ts";
import { type BundleJson, type SignedPair, signPair, tamperedForms } from "./tampered.ts";

const python = process.env["SEALWRIGHT_PEERS_PYTHON"];
let instance: RunningInstance;
let signed: SignedPair;
before(async () => {
  if (python === undefined) return;
  instance = await startInstance();
  signed = await signPair(instance);
});
after(() => instance?.close());

/** sigstore-python's own folder with the files that every test names; undefined after skipping. */
async function pythonHome(t: TestContext): Promise<string | undefined> {
  if (python === undefined) {
    t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no Python with sigstore");
    return undefined;
  }
  const home = await temporaryFolder(t);
  const put = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(home, name), content);
  const target = async (path: string): Promise<unknown> => JSON.parse(fromUtf8(await instance.target(path)));
  await put("artifact", signed.artifact);
  await put("other", "another artifact");
  await put("message.json", JSON.stringify(signed.message));
  const trust = {
    mediaType: "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
    trustedRoot: await target("trusted_root.json"),
    signingConfig: await target("signing_config.v0.2.json"),
  };
  await put("trust.json", JSON.stringify(trust));
  return home;
}

function run(home: string, ...args: readonly string[]): Promise<PeerRun> {
  return runPeer(python!, ["-W", "ignore", "-m", "sigstore", ...args], home);
}

const byFile = ["--trust-config", "trust.json"];

function verify(home: string, trust: readonly string[], artifact: string): Promise<PeerRun> {
  const signer = ["--cert-identity", instance.identity, "--cert-oidc-issuer", instance.url];
  return run(home, ...trust, "verify", "identity", "--bundle", "message.json", ...signer, artifact);
}

function assertAccepted({ exitCode, stdout, stderr }: PeerRun): void {
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout + stderr, /OK: artifact/);
}

function assertRefused({ exitCode, stdout, stderr }: PeerRun): void {
  assert.equal(exitCode, 1, stderr);
  assert.match(stdout + stderr, /FAIL: /);
}

test("sigstore-python accepts our message signature, and not for another artifact", async (t) => {
  const home = await pythonHome(t);
  if (home === undefined) return;
  const [accepted, refused] = await Promise.all(["artifact", "other"].map((each) => verify(home, byFile, each)));
  assertAccepted(accepted!);
  assertRefused(refused!);
});

// Argument: the issuer. Prints for every case what the verifier gives, `refused`, or the class of another exception.
const verifyScript = `
import json, sys
from sigstore.errors import VerificationError
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.verify import Verifier, policy
with open("trust.json") as f:
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(f.read()).trusted_root)
with open("artifact", "rb") as f:
    artifact = f.read()
def verdict(case):
    try:
        expected = policy.Identity(identity=case["identity"], issuer=sys.argv[1])
        bundle = Bundle.from_json(json.dumps(case["bundle"]))
        if "dsseEnvelope" not in case["bundle"]:
            verifier.verify_artifact(artifact, bundle, expected)
            return "accepted"
        kind, payload = verifier.verify_dsse(bundle, expected)
        return kind + " " + payload.decode()
    except VerificationError:
        return "refused"
    except Exception as problem:
        return type(problem).__name__
with open("cases.json") as f:
    print(json.dumps([verdict(case) for case in json.load(f)]))
`;

interface Case {
  readonly name: string;
  readonly bundle: BundleJson;
  readonly identity: string;
}

/** The peer's verdict by a case's name. */
async function verdicts(home: string, cases: readonly Case[]): Promise<ReadonlyMap<string, string>> {
  await writeFile(join(home, "cases.json"), JSON.stringify(cases));
  const done = await runPeer(python!, ["-W", "ignore", "-c", verifyScript, instance.url], home);
  assert.equal(done.exitCode, 0, done.stderr);
  const given = JSON.parse(done.stdout) as readonly string[];
  return new Map(cases.map(({ name }, index) => [name, given[index]!]));
}

test("sigstore-python gives our attestation's payload, and refuses it and our message signature once tampered with", async (t) => {
  const home = await pythonHome(t);
  if (home === undefined) return;
  const { message, attestation } = signed;
  const { identity } = instance;
  const tampered = [
    ...tamperedForms(message, attestation).map(([name, bundle]) => ({ name: `message: ${name}`, bundle, identity })),
    ...tamperedForms(attestation, message).map(([name, bundle]) => ({
      name: `attestation: ${name}`,
      bundle,
      identity,
    })),
    { name: "attestation: another identity expected", bundle: attestation, identity: `${identity}x` },
  ];
  const given = await verdicts(home, [
    { name: "message", bundle: message, identity },
    { name: "attestation", bundle: attestation, identity },
    ...tampered,
  ]);
  const payload = fromUtf8(fromBase64(attestation.dsseEnvelope!.payload));
  assert.deepEqual(
    given,
    new Map([
      ["message", "accepted"],
      ["attestation", `application/vnd.in-toto+json ${payload}`],
      ...tampered.map(({ name }) => [name, "refused"] as const),
    ]),
  );
});

function accept(bundle: Uint8Array, bytes: Uint8Array, predicateType?: string): void {
  verifyBundle(parseBundle(bundle), {
    trust: instance.trust,
    artifact: { kind: "bytes", bytes },
    identity: { issuer: instance.url, subjectAlternativeName: instance.identity },
    ...(predicateType === undefined ? {} : { predicateType }),
  });
}

async function sign(home: string, trust: readonly string[], verb: string, ...args: string[]): Promise<Uint8Array> {
  const file = `${verb}.json`;
  const token = await instance.token();
  const done = await run(home, ...trust, verb, ...args, "--identity-token", token, "--bundle", file, "artifact");
  assert.equal(done.exitCode, 0, done.stderr);
  return new Uint8Array(await readFile(join(home, file)));
}

test("sigstore-python signs and attests at our services, and we accept both bundles for the artifact alone", async (t) => {
  const home = await pythonHome(t);
  if (home === undefined) return;
  const predicate = {
    buildDefinition: { buildType: "https://example.com/build/v1", externalParameters: {} },
    runDetails: { builder: { id: "https://example.com/builder" } },
  };
  await writeFile(join(home, "predicate.json"), JSON.stringify(predicate));
  const [message, attestation] = await Promise.all([
    sign(home, byFile, "sign"),
    sign(home, byFile, "attest", "--predicate", "predicate.json", "--predicate-type", provenanceType),
  ]);
  accept(message, signed.artifact);
  accept(attestation, signed.artifact, provenanceType);
  const another = utf8("another artifact");
  assert.throws(() => accept(message, another), { code: "sigstore/digest-mismatch" });
  assert.throws(() => accept(attestation, another), { code: "sigstore/subject-mismatch" });
});

test("sigstore-python takes trust root and signing config from our TUF repository over HTTP", async (t) => {
  const home = await pythonHome(t);
  if (home === undefined) return;
  const byTuf = ["--instance", `${instance.url}${paths.tuf}`];
  const trusted = await run(home, ...byTuf, "trust-instance", instance.rootPath);
  assert.equal(trusted.exitCode, 0, trusted.stderr);
  const [verified, bundle] = await Promise.all([verify(home, byTuf, "artifact"), sign(home, byTuf, "sign")]);
  assertAccepted(verified);
  accept(bundle, signed.artifact);
});
