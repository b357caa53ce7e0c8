// Keys between programs: cosign's encrypted key files in both directions; securesystemslib's ML-DSA signatures (TAP 21)
// and its view of our identities' signatures (TAP 18). Runs where SEALWRIGHT_PEERS_COSIGN and SEALWRIGHT_PEERS_PYTHON
// name the programs.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fromUtf8, isJsonObject, utf8, type JsonObject, olpcCanonicalJson } from "../../src/core/index.ts";
import {
  encodePrivateKeyPem,
  encodePublicKeyPem,
  encryptPrivateKeyPem,
  generateKey,
  openPrivateKeyPem,
  randomBytes,
  verifySignature,
} from "../../src/crypto/index.ts";
import { identitySigner, type SigningWorld } from "../../src/flows/index.ts";
import { openSigner } from "../../src/io/index.ts";
import {
  encodeTrustedRoot,
  identityFromClaims,
  issueSigningCertificate,
  parseSigningCertificateRequest,
  signingCertificateJson,
  trustedRootMediaType,
  verifyPossession,
} from "../../src/sigstore/index.ts";
import { encodeKey, type Key, parseTargets, prepareKeys, validSigners } from "../../src/tuf/index.ts";
import { type Instance, newInstance, newSerialNumber } from "../sigstore-instance.ts";
import { temporaryFolder } from "../instance.ts";
import { type PeerRun, runPeer } from "./peer.ts";

const cosign = process.env["SEALWRIGHT_PEERS_COSIGN"];
const python = process.env["SEALWRIGHT_PEERS_PYTHON"];
const password = "sesame ☂";

test("a key that cosign made opens and signs here", async (t) => {
  if (cosign === undefined) return t.skip("skipped: SEALWRIGHT_PEERS_COSIGN names no cosign");
  const folder = await temporaryFolder(t);
  const made = await runPeer(cosign, ["generate-key-pair"], folder, { COSIGN_PASSWORD: password });
  assert.equal(made.exitCode, 0, made.stderr);
  const signer = await openSigner("cosign.key", { environment: { COSIGN_PASSWORD: password }, folder });
  assert.equal(encodePublicKeyPem(signer.publicKey), await readFile(join(folder, "cosign.pub"), "utf8"));
  const message = utf8("message");
  assert.ok(verifySignature(signer.publicKey, signer.scheme, message, await signer.sign(message)));
});

test("cosign opens the keys that we encrypt, of each kind", async (t) => {
  if (cosign === undefined) return t.skip("skipped: SEALWRIGHT_PEERS_COSIGN names no cosign");
  const folder = await temporaryFolder(t);
  for (const type of ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa"] as const) {
    const key = generateKey(type);
    await writeFile(join(folder, "ours.key"), await encryptPrivateKeyPem(key, password, "sigstore"), { mode: 0o600 });
    const run = (secret: string): Promise<PeerRun> =>
      runPeer(cosign, ["public-key", "--key", "ours.key"], folder, { COSIGN_PASSWORD: secret });
    const { exitCode, stdout, stderr } = await run(password);
    assert.equal(exitCode, 0, stderr);
    assert.equal(stdout.trim(), encodePublicKeyPem(key.publicKey).trim());
    assert.notEqual((await run("wrong")).exitCode, 0);
  }
});

test("a key that cosign has imported is the key that it was", async (t) => {
  if (cosign === undefined) return t.skip("skipped: SEALWRIGHT_PEERS_COSIGN names no cosign");
  const folder = await temporaryFolder(t);
  const key = generateKey("ecdsa-p384");
  await writeFile(join(folder, "plain.pem"), encodePrivateKeyPem(key), { mode: 0o600 });
  const { exitCode, stderr } = await runPeer(cosign, ["import-key-pair", "--key", "plain.pem"], folder, {
    COSIGN_PASSWORD: password,
  });
  assert.equal(exitCode, 0, stderr);
  const opened = await openPrivateKeyPem(await readFile(join(folder, "import-cosign.key"), "utf8"), () => password);
  assert.equal(encodePrivateKeyPem(opened), encodePrivateKeyPem(key));
});

const mlDsaScript = `
import json, sys
from securesystemslib.signer import CryptoSigner
out = []
message = open("message", "rb").read()
for scheme in ("ml-dsa-44/1", "ml-dsa-65/1", "ml-dsa-87/1"):
    signer = CryptoSigner.generate_mldsa(scheme=scheme)
    out.append({"keyid": signer.public_key.keyid, "key": signer.public_key.to_dict(), "sig": signer.sign(message).signature})
print(json.dumps(out))
`;

test("what securesystemslib signs with ML-DSA counts here, under the key id that it computes", async (t) => {
  if (python === undefined) return t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no python with securesystemslib");
  const folder = await temporaryFolder(t);
  const signed = { _type: "targets", spec_version: "1.0.34", version: 1, expires: "2030-01-01T00:00:00Z", targets: {} };
  await writeFile(join(folder, "message"), olpcCanonicalJson(signed));
  const { exitCode, stdout, stderr } = await runPeer(python, ["-c", mlDsaScript], folder);
  assert.equal(exitCode, 0, stderr);
  const made = JSON.parse(stdout) as { keyid: string; key: JsonObject; sig: string }[];
  assert.equal(made.length, 3);
  const signatures = made.map(({ keyid, sig }) => ({ keyid, sig }));
  const metadata = parseTargets(utf8(JSON.stringify({ signed, signatures })), 1 << 20);
  const keys = new Map(
    made.map(({ keyid, key }): [string, Key] => {
      const { keytype, scheme, keyval } = key as { keytype: string; scheme: string; keyval: JsonObject };
      return [keyid, { keyid, keytype, scheme, value: String(keyval["public"]) }];
    }),
  );
  await prepareKeys(keys);
  const role = { keyids: [...keys.keys()], threshold: 3 };
  assert.deepEqual(validSigners(metadata, { keys, role, name: "targets" }), role.keyids);
});

const identityScript = `
import json, sys
import sigstore.verify
from sigstore.models import TrustedRoot
from securesystemslib.signer import Key, Signature, KEY_FOR_TYPE_AND_SCHEME
from securesystemslib.signer import SigstoreKey
KEY_FOR_TYPE_AND_SCHEME[("sigstore-oidc", "Fulcio")] = SigstoreKey
Verifier = sigstore.verify.Verifier
Verifier.production = classmethod(lambda cls, **_: cls(trusted_root=TrustedRoot.from_file("trusted_root.json")))
given = json.load(open("given.json"))
key = Key.from_dict(given["keyid"], given["key"])
signature = Signature.from_dict(given["signature"])
key.verify_signature(signature, open("message", "rb").read())
try:
    key.verify_signature(signature, b"another message")
except Exception:
    print("ok")
`;

/** What an organisation's services give to who is `name` by `issuer`. */
function signingAs(instance: Instance, issuer: string, name: string): SigningWorld {
  const identity = identityFromClaims({ iss: issuer, sub: name, build_signer_uri: name }, { kind: "build" });
  return {
    random: { bytes: randomBytes, key: generateKey },
    token: async () => "token",
    challenge: () => identity.challenge,
    trust: instance.trust,
    services: {
      async signingCertificate(json) {
        const request = parseSigningCertificateRequest(utf8(JSON.stringify(json)));
        const publicKey = verifyPossession(request, identity.challenge);
        const { ca, ctLogs, now: nowMs } = instance;
        const serialNumber = newSerialNumber();
        const chain = await issueSigningCertificate({ identity, publicKey, ca, ctLogs, nowMs, serialNumber });
        return signingCertificateJson(chain);
      },
      addEntry: (request) => instance.rekor.add(request),
      timestamp: (query) => instance.answerTimestamp(query),
    },
  };
}

test("securesystemslib takes the signature of our identities, and not for another message", async (t) => {
  if (python === undefined) return t.skip("skipped: SEALWRIGHT_PEERS_PYTHON names no python with securesystemslib");
  const folder = await temporaryFolder(t);
  const instance = await newInstance({ mediaType: trustedRootMediaType });
  const message = utf8('{"_type":"targets"}');
  const [issuer, name] = ["https://issuer.example.org", "https://example.org/alice"];
  const signer = identitySigner(signingAs(instance, issuer, name), issuer, name);
  const { sig, extra } = await signer.sign(message);
  assert.ok(isJsonObject(extra?.["bundle"]));
  const { keyid } = signer.keyObject;
  await writeFile(join(folder, "message"), message);
  await writeFile(join(folder, "trusted_root.json"), fromUtf8(encodeTrustedRoot(instance.root)));
  const given = { keyid, key: encodeKey(signer.keyObject), signature: { keyid, sig, ...extra } };
  await writeFile(join(folder, "given.json"), JSON.stringify(given));
  const { exitCode, stdout, stderr } = await runPeer(python, ["-W", "ignore", "-c", identityScript], folder);
  assert.equal(exitCode, 0, stderr);
  assert.equal(stdout.trim(), "ok");
});
