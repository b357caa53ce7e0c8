import assert from "node:assert/strict";
import { test } from "node:test";
import { newInstance, newSerialNumber, newSigner, startMs } from "../../test/sigstore-instance.ts";
import { base64, isProblem, type JsonObject, minuteMs, type ProblemCode, utf8 } from "../core/index.ts";
import {
  createCertificationRequest,
  encodePem,
  encodePublicKeyPem,
  oids,
  parseCertificate,
  parseLeafIndex,
  parseSctList,
} from "../crypto/index.ts";
import {
  identityFromClaims,
  identityOf,
  type IssuerKind,
  issueSigningCertificate,
  parseSigningCertificateRequest,
  signingCertificateRequestJson,
  verifyPossession,
} from "./index.ts";

const world = await newInstance();
const signer = newSigner("ecdsa-p256");
const pem = encodePublicKeyPem(signer.publicKey);
const bytes = (json: JsonObject): Uint8Array => utf8(JSON.stringify(json));

function refuses(code: ProblemCode, run: () => unknown): void {
  assert.throws(run, (error) => isProblem(error, code));
}

test("a request's key counts once its holder signed the challenge", async (t) => {
  for (const type of ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa"] as const) {
    await t.test(type, () => {
      const own = newSigner(type);
      const json = signingCertificateRequestJson(
        "t",
        encodePublicKeyPem(own.publicKey),
        own.sign(utf8("me@example.org")),
      );
      const request = parseSigningCertificateRequest(bytes(json));
      assert.equal(request.identityToken, "t");
      assert.deepEqual(verifyPossession(request, "me@example.org").spki, own.publicKey.spki);
      refuses("sigstore/possession-unproven", () => verifyPossession(request, "you@example.org"));
      refuses("sigstore/possession-unproven", () => verifyPossession(request, ""));
    });
  }
});

test("a certification request proves its key by its own signature", async () => {
  const der = await createCertificationRequest({ commonName: "anybody" }, signer);
  const text = utf8(encodePem("CERTIFICATE REQUEST", der));
  for (const request of [der, text]) {
    const parsed = parseSigningCertificateRequest(bytes({ certificateSigningRequest: base64(request) }));
    assert.deepEqual(verifyPossession(parsed, "sub").spki, signer.publicKey.spki);
  }
  const broken = der.slice();
  broken[broken.length - 1]! ^= 1;
  refuses("sigstore/certificate-request-invalid", () =>
    parseSigningCertificateRequest(bytes({ certificateSigningRequest: base64(broken) })),
  );
});

test("a request with no key, two keys or a key without proof is refused", () => {
  const code = "sigstore/certificate-request-invalid";
  const key = { publicKey: { content: pem }, proofOfPossession: base64(Uint8Array.of(1)) };
  for (const json of [
    {},
    { publicKeyRequest: key, public_key_request: key },
    { publicKeyRequest: { publicKey: { content: pem } } },
    { publicKeyRequest: { ...key, publicKey: { content: "-----BEGIN CERTIFICATE-----" } } },
  ]) {
    refuses(code, () => parseSigningCertificateRequest(bytes(json)));
  }
});

test("an issued certificate has the profile of the specification and an embedded timestamp with its leaf index", async () => {
  const [der, ...chain] = await world.chain(signer);
  const leaf = parseCertificate(der!);
  assert.deepEqual(
    chain,
    world.ca.chain.map(({ raw }) => raw),
  );
  assert.equal(leaf.notAfterMs - leaf.notBeforeMs, 10 * minuteMs);
  assert.deepEqual([...leaf.keyUsage!], ["digitalSignature"]);
  assert.deepEqual(leaf.extendedKeyUsage, [oids.codeSigning]);
  assert.equal(leaf.subject.length, 2, "the subject is empty");
  assert.equal(leaf.extensions.get(oids.subjectAltName)?.critical, true);
  assert.equal(leaf.extensions.has(oids.precertPoison), false);
  const [sct] = parseSctList(leaf.extensions.get(oids.sctList)!.value);
  assert.equal(typeof parseLeafIndex(sct!.extensions), "number");
  const identity = identityOf(leaf);
  assert.deepEqual(Object.fromEntries(identity.extensions), {
    legacyIssuer: "https://ci.example.org",
    issuer: "https://ci.example.org",
    tokenSubject: "project/widget",
    buildSignerUri: "https://ci.example.org/widget/build.yaml@refs/heads/main",
    sourceRepositoryUri: "https://git.example.org/widget",
  });
});

test("an authority whose certificate is another key's, or ends too soon, issues nothing", async () => {
  const publicKey = verifyPossession(
    parseSigningCertificateRequest(bytes(signingCertificateRequestJson("t", pem, signer.sign(utf8("s"))))),
    "s",
  );
  const request = {
    identity: world.identity,
    publicKey,
    ca: world.ca,
    ctLogs: world.ctLogs,
    nowMs: startMs,
    serialNumber: newSerialNumber(),
  };
  const cases = [
    ["sigstore/authority-unusable", { ...request, ca: { ...world.ca, signer } }],
    ["sigstore/authority-unusable", { ...request, nowMs: world.ca.chain[0]!.notAfterMs }],
    ["sigstore/serial-number", { ...request, serialNumber: Uint8Array.of(1) }],
    ["sigstore/sct-invalid", { ...request, ctLogs: [{ ...world.ctLogs[0]!, logKey: signer.publicKey }] }],
  ] as const;
  for (const [code, given] of cases) {
    await assert.rejects(issueSigningCertificate(given), (error) => isProblem(error, code));
  }
});

const githubClaims: JsonObject = {
  iss: "https://token.actions.githubusercontent.com",
  sub: "repo:octo/widget:ref:refs/heads/main",
  job_workflow_ref: "octo/widget/.github/workflows/release.yaml@refs/heads/main",
  job_workflow_sha: "aa",
  workflow_ref: "octo/widget/.github/workflows/release.yaml@refs/heads/main",
  workflow_sha: "aa",
  repository: "octo/widget",
  repository_id: 632596897,
  repository_owner: "octo",
  repository_owner_id: "131804563",
  repository_visibility: "public",
  runner_environment: "github-hosted",
  event_name: "push",
  ref: "refs/heads/main",
  sha: "bb",
  run_id: "21049029288",
  run_attempt: "1",
};

test("the claims of a GitHub workflow give the facts under their names", () => {
  const identity = identityFromClaims(githubClaims, { kind: "github-workflow" });
  const { extensions } = identity;
  const workflow = "https://github.com/octo/widget/.github/workflows/release.yaml@refs/heads/main";
  assert.deepEqual(identity.subjectAlternativeName, { type: "uri", value: workflow });
  assert.equal(identity.challenge, "repo:octo/widget:ref:refs/heads/main");
  assert.equal(
    extensions.get("runInvocationUri"),
    "https://github.com/octo/widget/actions/runs/21049029288/attempts/1",
  );
  assert.equal(extensions.get("sourceRepositoryIdentifier"), "632596897");
  assert.equal(extensions.get("githubWorkflowSha"), "bb");
  assert.equal(extensions.has("deploymentEnvironment"), false);
});

test("each kind of issuer names what its tokens are about, and refuses what is not theirs", async (t) => {
  const cases: readonly (readonly [IssuerKind, JsonObject, string | undefined])[] = [
    [{ kind: "email" }, { email: "me@example.org", email_verified: true }, "me@example.org"],
    [{ kind: "email" }, { email: "me@example.org", email_verified: "true" }, "me@example.org"],
    [{ kind: "email" }, { email: "me@example.org", email_verified: false }, undefined],
    [{ kind: "email" }, { email: "me@example.org" }, undefined],
    [{ kind: "email", skipEmailVerification: true }, { email: "me@example.org" }, "me@example.org"],
    [{ kind: "email" }, { email: "not an address", email_verified: true }, undefined],
    [{ kind: "uri", subjectDomain: "https://a.org" }, { sub: "https://a.org/x" }, "https://a.org/x"],
    [{ kind: "uri", subjectDomain: "https://a.org" }, { sub: "https://a.org.evil.net/x" }, undefined],
    [{ kind: "uri", subjectDomain: "https://a.org" }, { sub: "https://a.org@evil.net/x" }, undefined],
    [{ kind: "uri", subjectDomain: "https://a.org" }, { sub: "http://a.org/x" }, undefined],
    [{ kind: "spiffe", trustDomain: "a.org" }, { sub: "spiffe://a.org/w" }, "spiffe://a.org/w"],
    [{ kind: "spiffe", trustDomain: "a.org" }, { sub: "spiffe://b.org/w" }, undefined],
    [{ kind: "username", subjectDomain: "a.org" }, { sub: "me" }, "me!a.org"],
    [{ kind: "username", subjectDomain: "a.org" }, { sub: "me!b.org" }, undefined],
    [
      { kind: "kubernetes" },
      { "kubernetes.io": { namespace: "ci", serviceaccount: { name: "builder" } } },
      "https://kubernetes.io/namespaces/ci/serviceaccounts/builder",
    ],
    [{ kind: "kubernetes" }, { "kubernetes.io": { namespace: "ci/../x", serviceaccount: { name: "b" } } }, undefined],
    [
      { kind: "gitlab-pipeline" },
      { ci_config_ref_uri: "gitlab.com/a//x.yml@main" },
      "https://gitlab.com/a//x.yml@main",
    ],
    [{ kind: "build" }, { build_signer_uri: "no uri" }, undefined],
    [{ kind: "build" }, { build_signer_uri: "https://a.org/\u0000" }, undefined],
  ];
  for (const [kind, claims, name] of cases) {
    await t.test(`${kind.kind} ${JSON.stringify(claims)}`, () => {
      const all = { iss: "https://idp.example.org", sub: "sub", ...claims };
      if (name === undefined) refuses("sigstore/claims-invalid", () => identityFromClaims(all, kind));
      else assert.equal(identityFromClaims(all, kind).subjectAlternativeName.value, name);
    });
  }
});

test("an e-mail token is challenged with its address, every other with its subject", () => {
  const claims = { iss: "i", sub: "s", email: "me@example.org", email_verified: true };
  assert.equal(identityFromClaims(claims, { kind: "email" }).challenge, "me@example.org");
  assert.equal(identityFromClaims(claims, { kind: "username", subjectDomain: "a.org" }).challenge, "s");
});
