// PyPI's own library, pypi-attestations 0.0.30: it reads the attestation objects that we make of bundles, and we read
// those that it makes of our bundles. It knows no timestamps yet, so the log is one that gives times: the stand-in for
// Rekor v1. Runs where SEALWRIGHT_PEERS_PYTHON names a Python that has it.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fromUtf8, utf8 } from "../../src/core/index.ts";
import { createSigningClients } from "../../src/api/index.ts";
import { digestHex, generateKey, randomBytes } from "../../src/crypto/index.ts";
import { openSigning } from "../../src/flows/index.ts";
import { createStatement, encodeStatement } from "../../src/intoto/index.ts";
import { request } from "../../src/io/index.ts";
import {
  bundleJson,
  bundleOfAttestation,
  encodeAttestation,
  encodeBundle,
  parseSigningConfig,
  parseTrustedRoot,
  prepareTrust,
  publishPredicateType,
} from "../../src/sigstore/index.ts";
import { startInstance, temporaryFolder } from "../instance.ts";
import { startRekorV1 } from "../rekor-v1.ts";
import { runPeer } from "./peer.ts";

const python = process.env["SEALWRIGHT_PEERS_PYTHON"];

const script = `
import json, sys
from pypi_attestations import Attestation
from sigstore.models import Bundle
with open("attestation.json") as f:
    read = Attestation.model_validate_json(f.read())
with open("bundle.json") as f:
    made = Attestation.from_bundle(Bundle.from_json(f.read()))
print(json.dumps({
    "statement": read.statement,
    "bundle": json.loads(read.to_bundle().to_json()),
    "made": json.loads(made.model_dump_json()),
}))
`;

test("PyPI's library reads our attestation objects as we mean them, and we read its", async (t) => {
  const has = python !== undefined && (await runPeer(python, ["-c", "import pypi_attestations"], ".")).exitCode === 0;
  if (!has) return t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no Python with pypi-attestations");
  const instance = await startInstance(t);
  const home = await temporaryFolder(t);
  const name = "widget-1.0.tar.gz";
  const statement = createStatement({
    subject: [{ name, digest: new Map([["sha256", digestHex("sha256", utf8("widget"))]]) }],
    predicateType: publishPredicateType,
    predicate: {},
  });
  const log = await startRekorV1(t, instance);
  const signing = openSigning({
    config: parseSigningConfig(log.signingConfig),
    trust: prepareTrust(parseTrustedRoot(log.trustedRoot)),
    material: { kind: "identity", token: () => instance.token() },
    clients: createSigningClients({ transport: request, wait: async () => undefined }),
    random: { bytes: randomBytes, key: generateKey },
    now: Date.now(),
  });
  const bundle = await signing.signStatement(encodeStatement(statement));
  await writeFile(join(home, "attestation.json"), encodeAttestation(bundle));
  await writeFile(join(home, "bundle.json"), encodeBundle(bundle));
  const { exitCode, stdout, stderr } = await runPeer(python, ["-W", "ignore", "-c", script], home);
  assert.equal(exitCode, 0, stderr);
  const theirs = JSON.parse(stdout) as {
    statement: { subject: readonly { name: string }[] };
    bundle: ReturnType<typeof bundleJson>;
    made: object;
  };
  assert.equal(theirs.statement.subject[0]!.name, name);
  const own = bundleJson(bundle) as { dsseEnvelope: unknown; verificationMaterial: { certificate: unknown } };
  const read = theirs.bundle as unknown as typeof own;
  assert.deepEqual(read.dsseEnvelope, JSON.parse(JSON.stringify(own.dsseEnvelope)));
  assert.deepEqual(
    read.verificationMaterial.certificate,
    JSON.parse(JSON.stringify(own.verificationMaterial.certificate)),
  );
  const again = bundleOfAttestation(utf8(JSON.stringify(theirs.made)));
  const { verificationMaterial } = bundle;
  const withoutTimestamps = { ...bundle, verificationMaterial: { ...verificationMaterial, timestamps: [] } };
  assert.deepEqual(JSON.parse(fromUtf8(encodeBundle(again))), JSON.parse(fromUtf8(encodeBundle(withoutTimestamps))));
});
