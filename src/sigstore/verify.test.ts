import assert from "node:assert/strict";
import { test } from "node:test";
import {
  newCertificate,
  newInstance,
  newRekorLog,
  newSerialNumber,
  newSigner,
  startMs,
  statementOf,
} from "../../test/sigstore-instance.ts";
import { isProblem, minuteMs, type ProblemCode, problemChain, utf8 } from "../core/index.ts";
import {
  basicConstraints,
  createCertificate,
  createSigner,
  digest,
  extendedKeyUsage,
  generateKey,
  type KeyType,
  keyUsage,
  oids,
  parseCertificate,
  preAuthenticationEncoding,
  signEnvelope as signDsse,
  type Signer,
  subjectAlternativeName,
  utf8Extension,
} from "../crypto/index.ts";
import {
  type Bundle,
  bundleOf,
  encodeBundle,
  parseBundle,
  prepareTrust,
  signEnvelope,
  signMessage,
  type SignOptions,
  statementPayloadType,
  type TransparencyLogEntry,
  type TrustedRoot,
  verifyBundle,
  type VerifyOptions,
} from "./index.ts";

const artifact = utf8("a widget");
const world = await newInstance();
const signer = newSigner("ecdsa-p256");
const keyless: SignOptions = {
  signer,
  material: { kind: "certificate", chain: world.chain },
  services: world.services,
  trust: world.trust,
};
const expected: VerifyOptions = {
  trust: world.trust,
  artifact: { kind: "bytes", bytes: artifact },
  identity: {
    issuer: "https://ci.example.org",
    subjectAlternativeName: "https://ci.example.org/widget/build.yaml@refs/heads/main",
  },
};
const message = await signMessage(artifact, keyless);
const attestation = await signEnvelope(statementPayloadType, statementOf(artifact), keyless);

function refuses(code: ProblemCode, bundle: Bundle, options: VerifyOptions = expected): void {
  assert.throws(
    () => verifyBundle(bundle, options),
    (error) => {
      assert.ok(isProblem(error, code), `${code} was expected, not: ${problemChain(error).join("; ")}`);
      return true;
    },
  );
}

function withEntries(
  bundle: Bundle,
  change: (entries: readonly TransparencyLogEntry[]) => readonly TransparencyLogEntry[],
): Bundle {
  const material = bundle.verificationMaterial;
  return { ...bundle, verificationMaterial: { ...material, logEntries: change(material.logEntries) } };
}

function trustOf(change: Partial<TrustedRoot>): VerifyOptions["trust"] {
  return prepareTrust({ ...world.root, ...change });
}

test("a signed artifact verifies, and says who, when and where it is logged", () => {
  const verified = verifyBundle(message, expected);
  assert.equal(verified.signer.kind, "identity");
  assert.equal(verified.signer.kind === "identity" && verified.signer.identity.issuer, "https://ci.example.org");
  assert.deepEqual(
    verified.times.map(({ source, atMs }) => ({ source, atMs })),
    [{ source: "timestamp", atMs: startMs }],
  );
  assert.equal(verified.logEntries[0]?.baseUrl, "https://log.example.org");
});

test("an attestation verifies for its subject and gives its statement", () => {
  const verified = verifyBundle(attestation, { ...expected, predicateType: "https://slsa.dev/provenance/v1" });
  assert.equal(verified.content.kind === "envelope" && verified.content.statement?.subjects[0]?.name, "widget.tar");
});

test("a bundle comes out of its JSON as it went in", () => {
  for (const bundle of [message, attestation]) {
    assert.deepEqual(parseBundle(encodeBundle(bundle)), bundle);
    verifyBundle(parseBundle(encodeBundle(bundle)), expected);
  }
});

test("an artifact's digest is enough to verify with", () => {
  const known = { kind: "digest", algorithm: "sha256", digest: digest("sha256", artifact) } as const;
  for (const bundle of [message, attestation]) verifyBundle(bundle, { ...expected, artifact: known });
});

test("a digest that the signature does not cover is refused rather than passed over", () => {
  const other = { kind: "digest", algorithm: "sha512", digest: digest("sha512", artifact) } as const;
  refuses("sigstore/artifact-digest-unsuitable", message, { ...expected, artifact: other });
  refuses("sigstore/subject-mismatch", attestation, { ...expected, artifact: other });
});

test("every kind of key that bundles allow signs and verifies", async (t) => {
  for (const scheme of [
    "ecdsa-p384-sha384",
    "ecdsa-p521-sha512",
    "rsa-pkcs1-sha256",
    "rsa-pss-sha256",
    "ed25519-ph",
  ] as const) {
    await t.test(scheme, async () => {
      const key = generateKey(
        scheme.startsWith("ecdsa") ? (scheme.slice(0, 10) as KeyType) : (scheme.split("-")[0] as KeyType),
      );
      // Possession is proven with the key's usual scheme, whatever signs the artifact.
      const material = { kind: "certificate", chain: () => world.chain(createSigner(key)) } as const;
      const own = { ...keyless, signer: createSigner(key, scheme), material };
      verifyBundle(await signMessage(artifact, own), expected);
      verifyBundle(await signEnvelope(statementPayloadType, statementOf(artifact), own), expected);
    });
  }
});

test("pure Ed25519 signs no bundle, as no log takes its signature", async () => {
  const own = newSigner("ed25519");
  const signed = signMessage(artifact, { ...keyless, signer: own });
  await assert.rejects(signed, (error) => isProblem(error, "sigstore/signer-unsupported"));
});

test("an attestation of another artifact is refused", () => {
  const other = { kind: "bytes", bytes: utf8("another widget") } as const;
  refuses("sigstore/subject-mismatch", attestation, { ...expected, artifact: other });
});

test("a subject of the same digest under another algorithm's name is no match", async () => {
  const sha256 = [...digest("sha256", artifact)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "widget.tar", digest: { sha512: sha256 } }],
    predicateType: "https://example.org/p",
  };
  const bundle = await signEnvelope(statementPayloadType, utf8(JSON.stringify(statement)), keyless);
  refuses("sigstore/subject-mismatch", bundle);
});

test("an artifact that is not the signed one is refused", () => {
  refuses("sigstore/digest-mismatch", message, { ...expected, artifact: { kind: "bytes", bytes: utf8("x") } });
  const content = { kind: "message", signature: (message.content as { signature: Uint8Array }).signature } as const;
  const silent: Bundle = { ...message, content };
  refuses("sigstore/log-entry-mismatch", silent, { ...expected, artifact: { kind: "bytes", bytes: utf8("x") } });
});

test("another identity is refused, also one that differs by a character or contains the expected one", () => {
  const { issuer, subjectAlternativeName } = expected.identity as { issuer: string; subjectAlternativeName: string };
  for (const other of [
    `${subjectAlternativeName}x`,
    subjectAlternativeName.slice(0, -1),
    subjectAlternativeName.toUpperCase(),
    subjectAlternativeName.replaceAll(".", "x"),
    ".*",
  ]) {
    refuses("sigstore/identity-mismatch", message, {
      trust: world.trust,
      artifact: expected.artifact,
      identity: { issuer, subjectAlternativeName: other },
    });
  }
  refuses("sigstore/identity-expected", message, {
    trust: world.trust,
    artifact: expected.artifact,
    identity: { issuer, subjectAlternativeName: "" },
  });
});

test("another issuer is refused", () => {
  const identity = { ...(expected.identity as object), issuer: "https://accounts.example.org" } as never;
  refuses("sigstore/issuer-mismatch", message, { ...expected, identity });
});

test("an extension that the certificate states otherwise is refused", () => {
  const base = expected.identity as { issuer: string; subjectAlternativeName: string };
  const stated = new Map([["sourceRepositoryUri", "https://git.example.org/widget"]] as const);
  verifyBundle(message, { ...expected, identity: { ...base, extensions: stated } });
  const other = new Map([["sourceRepositoryUri", "https://git.example.org/other"]] as const);
  refuses("sigstore/identity-mismatch", message, { ...expected, identity: { ...base, extensions: other } });
});

test("a log entry that stands twice is refused", () => {
  refuses(
    "sigstore/log-duplicate",
    withEntries(message, ([entry]) => [entry!, entry!]),
  );
});

test("two entries of one operator count once towards a threshold of two", async () => {
  const second = await newRekorLog("log2.example.org", "example.org");
  const foreign = await newRekorLog("log.example.net", "example.net");
  const root = { ...world.root, logs: [world.rekor.instance, second.instance, foreign.instance] };
  const trust = prepareTrust(root);
  const sign = (log: typeof second): Promise<Bundle> =>
    signMessage(artifact, { ...keyless, trust, services: { ...world.services, logs: [world.rekor.add, log.add] } });
  const two = { ...expected, trust, thresholds: { logs: 2 } };
  refuses("sigstore/log-threshold", await sign(second), two);
  verifyBundle(await sign(foreign), two);
});

test("a bundle without a log entry is refused", () => {
  refuses(
    "sigstore/log-threshold",
    withEntries(message, () => []),
  );
});

test("a log entry of another bundle is refused", async () => {
  const other = await signMessage(artifact, keyless);
  refuses(
    "sigstore/log-entry-mismatch",
    withEntries(message, () => other.verificationMaterial.logEntries),
  );
});

test("a proof whose checkpoint, index, size, root or hashes were changed is refused", () => {
  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte));
  const changes: ((entry: TransparencyLogEntry) => TransparencyLogEntry)[] = [
    (entry) => ({
      ...entry,
      inclusionProof: { ...entry.inclusionProof!, treeSize: entry.inclusionProof!.treeSize + 1 },
    }),
    (entry) => ({
      ...entry,
      inclusionProof: { ...entry.inclusionProof!, rootHash: flip(entry.inclusionProof!.rootHash) },
    }),
    (entry) => ({ ...entry, inclusionProof: { ...entry.inclusionProof!, hashes: [new Uint8Array(32)] } }),
    (entry) => ({ ...entry, inclusionProof: { ...entry.inclusionProof!, logIndex: entry.logIndex + 1 } }),
    (entry) => ({ ...entry, logIndex: entry.logIndex + 1 }),
    (entry) => ({
      ...entry,
      inclusionProof: { ...entry.inclusionProof!, checkpoint: entry.inclusionProof!.checkpoint!.replace("\n", "x\n") },
    }),
    ({ inclusionProof, ...entry }) => (inclusionProof === undefined ? assert.fail("there is a proof") : entry),
  ];
  for (const change of changes) {
    const bundle = withEntries(message, ([entry]) => [change(entry!)]);
    assert.throws(
      () => verifyBundle(bundle, expected),
      (error) => isProblem(error, "sigstore/log-proof-invalid") || isProblem(error, "sigstore/log-proof-missing"),
    );
  }
});

test("an integrated time without the log's signature is no time", () => {
  const bare = withEntries(message, ([entry]) => [{ ...entry!, integratedTime: startMs / 1000 }]);
  const material = { ...bare.verificationMaterial, timestamps: [] };
  refuses("sigstore/time-missing", { ...bare, verificationMaterial: material });
});

test("a bundle that says when it was signed in no verifiable way is refused", () => {
  const material = { ...message.verificationMaterial, timestamps: [] };
  refuses("sigstore/time-missing", { ...message, verificationMaterial: material });
});

test("a timestamp over another signature is refused", async () => {
  const material = { ...message.verificationMaterial, timestamps: [await world.timestamp(utf8("other"))] };
  refuses("sigstore/timestamp-invalid", { ...message, verificationMaterial: material });
});

test("the certificate must be valid at every verified time, not at one of them", async () => {
  const { signature } = message.content as { signature: Uint8Array };
  world.now = startMs + 11 * minuteMs;
  const late = await world.timestamp(signature);
  world.now = startMs;
  const timestamps = [...message.verificationMaterial.timestamps, late];
  refuses("sigstore/certificate-untrusted", {
    ...message,
    verificationMaterial: { ...message.verificationMaterial, timestamps },
  });
});

test("an authority, a log or a CT log outside its window in the trust root vouches for nothing", () => {
  const closed = { startMs: startMs - 2 * minuteMs, endMs: startMs - minuteMs };
  const expire = <T extends { readonly validFor: object }>(list: readonly T[]): readonly T[] =>
    list.map((each) => ({ ...each, validFor: closed }));
  const { certificateAuthorities, logs, ctLogs, timestampAuthorities } = world.root;
  const under = (change: Partial<TrustedRoot>): VerifyOptions => ({ ...expected, trust: trustOf(change) });
  refuses("sigstore/certificate-untrusted", message, under({ certificateAuthorities: expire(certificateAuthorities) }));
  refuses("sigstore/log-expired", message, under({ logs: expire(logs) }));
  refuses("sigstore/sct-invalid", message, under({ ctLogs: expire(ctLogs) }));
  refuses("sigstore/timestamp-invalid", message, under({ timestampAuthorities: expire(timestampAuthorities) }));
});

test("the ends of a window belong to it", () => {
  const exact = { startMs, endMs: startMs };
  const at = <T extends { readonly validFor: object }>(list: readonly T[]): readonly T[] =>
    list.map((each) => ({ ...each, validFor: exact }));
  const { certificateAuthorities, logs, ctLogs, timestampAuthorities } = world.root;
  const change = {
    certificateAuthorities: at(certificateAuthorities),
    logs: at(logs),
    ctLogs: at(ctLogs),
    timestampAuthorities: at(timestampAuthorities),
  };
  verifyBundle(message, { ...expected, trust: trustOf(change) });
});

test("a certificate that no CT log promised is refused", async () => {
  const chain = async (asked: Signer): Promise<readonly Uint8Array[]> => [(await unlogged(asked)).raw];
  const material = { kind: "certificate", chain } as const;
  const bundle = await signMessage(artifact, { ...keyless, material, thresholds: { scts: 0 } });
  refuses("sigstore/sct-missing", bundle);
});

/** A certificate of the world's authority with other extensions than it would issue. */
async function unlogged(asked: Signer, ...extra: Parameters<typeof newCertificate>[2]) {
  const [issuer] = world.ca.chain;
  const template = {
    serialNumber: newSerialNumber(),
    subject: {},
    notBeforeMs: startMs,
    notAfterMs: startMs + 10 * minuteMs,
    publicKey: asked.publicKey,
    extensions: [
      keyUsage("digitalSignature"),
      extendedKeyUsage([oids.codeSigning]),
      subjectAlternativeName([world.identity.subjectAlternativeName], { critical: true }),
      utf8Extension("1.3.6.1.4.1.57264.1.8", "https://ci.example.org"),
      ...extra,
    ],
  };
  return parseCertificate(await createCertificate(template, { certificate: issuer!, signer: world.ca.signer }));
}

/** A bundle made with this leaf, for an instance without CT, so that only the leaf can be what is wrong. */
function signWithLeaf(leaf: Uint8Array): Promise<Bundle> {
  const material = { kind: "certificate", chain: async () => [leaf] } as const;
  return signMessage(artifact, { ...keyless, material, trust: trustOf({ ctLogs: [] }) });
}

test("an unknown critical extension is refused", async () => {
  const unknown = { oid: "1.3.6.1.4.1.57264.1.99", critical: true, value: Uint8Array.of(5, 0) };
  const leaf = await unlogged(signer, unknown);
  await assert.rejects(signWithLeaf(leaf.raw), (error) => {
    assert.ok(isProblem(error, "sigstore/certificate-untrusted"));
    assert.ok(isProblem(error.cause, "crypto/path-critical-extension"));
    return true;
  });
  await signWithLeaf((await unlogged(signer, { ...unknown, critical: false })).raw);
});

test("a certificate with two names is refused", async () => {
  const { subjectAlternativeName: name } = world.identity;
  const two = subjectAlternativeName([name, { type: "email", value: "mallory@example.net" }], { critical: true });
  const template = await unlogged(signer);
  const [issuer] = world.ca.chain;
  const der = await createCertificate(
    {
      serialNumber: newSerialNumber(),
      subject: {},
      notBeforeMs: template.notBeforeMs,
      notAfterMs: template.notAfterMs,
      publicKey: signer.publicKey,
      extensions: [
        keyUsage("digitalSignature"),
        extendedKeyUsage([oids.codeSigning]),
        two,
        utf8Extension("1.3.6.1.4.1.57264.1.8", "https://ci.example.org"),
      ],
    },
    { certificate: issuer!, signer: world.ca.signer },
  );
  await assert.rejects(signWithLeaf(der), (error) => isProblem(error, "sigstore/certificate-identity"));
});

test("a certificate field that holds a bare public key is refused, with an identity and with that very key", () => {
  const bare = { kind: "certificate", leaf: signer.publicKey.spki, rest: [] } as const;
  const bundle = { ...message, verificationMaterial: { ...message.verificationMaterial, signer: bare } };
  refuses("sigstore/certificate-invalid", bundle);
  const { trust, artifact } = expected;
  refuses("sigstore/signer-mismatch", bundle, { trust, artifact, key: signer.publicKey });
});

test("a chain that brings a root of its own is refused, the trust root's own anchor is passed over", async () => {
  const own = newSigner("ecdsa-p256");
  const foreign = await newCertificate("root", own, [keyUsage("keyCertSign"), basicConstraints({ ca: true })]);
  const old = (rest: readonly Uint8Array[]): Bundle => {
    const material = message.verificationMaterial;
    const { leaf } = material.signer as { leaf: Uint8Array };
    return { ...message, verificationMaterial: { ...material, signer: { kind: "certificate", leaf, rest } } };
  };
  refuses("sigstore/certificate-root", old([foreign.raw]));
  verifyBundle(old(world.ca.chain.map(({ raw }) => raw)), expected);
});

test("an envelope with two signatures or none is refused", async () => {
  const json = JSON.parse(new TextDecoder().decode(encodeBundle(attestation)));
  const [signature] = json.dsseEnvelope.signatures;
  for (const signatures of [[signature, signature], []]) {
    const changed = structuredClone(json);
    changed.dsseEnvelope.signatures = signatures;
    assert.throws(() => bundleOf(changed), isProblem);
  }
});

test("a payload type outside ASCII signs as its UTF-8, so that no look-alike takes its place", async () => {
  // Each letter of the look-alike is U+0100 above the ASCII one: cut to bytes, the two would be the same text.
  const ascii = "text/plain";
  const lookAlike = [...ascii].map((letter) => String.fromCharCode(letter.charCodeAt(0) + 0x100)).join("");
  const real = await signEnvelope(lookAlike, artifact, keyless);
  const options = (payloadType: string): VerifyOptions => ({
    ...expected,
    artifact: { kind: "envelope", payloadType },
  });
  verifyBundle(real, options(lookAlike));
  const { envelope } = real.content as { envelope: Awaited<ReturnType<typeof signDsse>> };
  const swapped: Bundle = { ...real, content: { kind: "dsse", envelope: { ...envelope, payloadType: ascii } } };
  refuses("sigstore/log-entry-mismatch", swapped, options(ascii));
  const encoded = new TextDecoder().decode(preAuthenticationEncoding(lookAlike, artifact));
  assert.ok(encoded.startsWith(`DSSEv1 ${2 * ascii.length} ${lookAlike} `));
});

test("a payload of another type, and a predicate of another type, are refused", () => {
  refuses("sigstore/payload-type-mismatch", attestation, {
    ...expected,
    artifact: { kind: "envelope", payloadType: "application/json" },
  });
  refuses("sigstore/predicate-type-mismatch", attestation, { ...expected, predicateType: "https://example.org/p" });
  refuses("sigstore/predicate-type-mismatch", message, { ...expected, predicateType: "https://example.org/p" });
});

test("an instance without logs and CT verifies by its timestamps, a root that lists some asks for them", async () => {
  const chain = async (asked: Signer): Promise<readonly Uint8Array[]> => [(await unlogged(asked)).raw];
  const trust = trustOf({ logs: [], ctLogs: [] });
  const services = { ...world.services, logs: [] };
  const bundle = await signMessage(artifact, {
    ...keyless,
    material: { kind: "certificate", chain },
    services,
    trust,
  });
  verifyBundle(bundle, { ...expected, trust });
  refuses("sigstore/log-threshold", bundle);
  verifyBundle(bundle, { ...expected, thresholds: { logs: 0, scts: 0 } });
});

test("a key's bundle verifies with that key, in its window alone", async () => {
  const bundle = await signMessage(artifact, { ...keyless, material: { kind: "publicKey", hint: "release" } });
  const { trust, artifact: bytes } = expected;
  const options = { trust, artifact: bytes, key: signer.publicKey } as const;
  assert.equal(verifyBundle(bundle, { ...options, keyHint: "release" }).signer.kind, "key");
  verifyBundle(bundle, { ...options, keyValidFor: { startMs, endMs: startMs } });
  refuses("sigstore/key-expired", bundle, { ...options, keyValidFor: { startMs: 0, endMs: startMs - 1 } });
  refuses("sigstore/signer-mismatch", bundle, { ...options, keyHint: "other" });
  refuses("sigstore/signer-mismatch", bundle);
  const other = { ...options, key: newSigner("ecdsa-p256").publicKey };
  refuses("sigstore/log-entry-mismatch", bundle, other);
  const unstamped = { ...bundle, verificationMaterial: { ...bundle.verificationMaterial, timestamps: [] } };
  verifyBundle(unstamped, options);
  refuses("sigstore/time-missing", unstamped, { ...options, keyValidFor: { startMs: 0 } });
});

test("a threshold that is no count, and a key without any other proof, are refused", () => {
  refuses("sigstore/threshold-invalid", message, { ...expected, thresholds: { logs: -1 } });
  refuses("sigstore/threshold-invalid", message, { ...expected, thresholds: { logs: Number.NaN } });
  const { artifact: bytes } = expected;
  const options = { trust: trustOf({ logs: [] }), artifact: bytes, key: signer.publicKey } as const;
  refuses("sigstore/threshold-invalid", message, options);
});
