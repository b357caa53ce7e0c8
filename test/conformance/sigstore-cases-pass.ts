// The cases that must verify: what the public suite has no case for.

import { minuteMs, utf8 } from "../../src/core/index.ts";
import {
  createSigner,
  encodePublicKeyPem,
  generateKey,
  type KeyType,
  type Scheme,
  utf8Extension,
} from "../../src/crypto/index.ts";
import {
  prepareTrust,
  signEnvelope,
  signMessage,
  statementPayloadType,
  type TrustedRoot,
} from "../../src/sigstore/index.ts";
import { cosignCheckpoint, encodeVerifierKey } from "../../src/tlog/index.ts";
import { newInstance, newRekorLog, newSigner, startMs, statementOf } from "../sigstore-instance.ts";
import {
  artifact,
  attestation,
  type Case,
  identity,
  keyless,
  message,
  messageWith,
  oddLeaf,
  rootWithoutCt,
  rootWithV1,
  v1Attestation,
  v1Message,
  v3,
  withEntry,
  withMaterial,
  withoutProof,
  world,
} from "./sigstore-workshop.ts";

const secondLog = await newRekorLog("log2.example.org", "example.org");
const foreignLog = await newRekorLog("log.example.net", "example.net");
export const rootWithLogs: TrustedRoot = {
  ...world.root,
  logs: [world.rekor.instance, secondLog.instance, foreignLog.instance],
};
const logsTrust = prepareTrust(rootWithLogs);

/** A message in two logs: of one operator, or of two. */
export const loggedTwice = (operators: 1 | 2) =>
  signMessage(
    artifact,
    keyless(newSigner("ecdsa-p256"), {
      trust: logsTrust,
      services: { ...world.services, logs: [world.rekor.add, (operators === 1 ? secondLog : foreignLog).add] },
    }),
  );

const foreign = await newInstance();
export const rootWithStamps: TrustedRoot = {
  ...world.root,
  timestampAuthorities: [
    ...world.root.timestampAuthorities,
    ...foreign.root.timestampAuthorities.map((each) => ({
      ...each,
      operator: "example.net",
      uri: "https://tsa.example.net",
    })),
  ],
};
export const stampedTwice = await signMessage(
  artifact,
  keyless(newSigner("ecdsa-p256"), {
    trust: prepareTrust(rootWithStamps),
    services: { ...world.services, timestamps: [world.timestamp, foreign.timestamp] },
  }),
);
/** An instance that this trust root does not know. */
export const stranger = foreign;

async function algorithms(): Promise<readonly Case[]> {
  const schemes: readonly (readonly [string, Scheme, KeyType])[] = [
    ["ecdsa-p384-sha384", "ecdsa-p384-sha384", "ecdsa-p384"],
    ["ecdsa-p521-sha512", "ecdsa-p521-sha512", "ecdsa-p521"],
    ["rsa-2048-pkcs1", "rsa-pkcs1-sha256", "rsa"],
    ["rsa-2048-pss", "rsa-pss-sha256", "rsa"],
    ["ed25519-ph", "ed25519-ph", "ed25519"],
  ];
  const cases: Case[] = [];
  for (const [name, scheme, type] of schemes) {
    const key = generateKey(type);
    // Possession is proven with the key's usual scheme, whatever signs the artifact.
    const material = { kind: "certificate", chain: () => world.chain(createSigner(key)) } as const;
    const options = keyless(createSigner(key, scheme), { material });
    const hash = scheme.endsWith("sha384") ? "sha384" : /sha512|ph$/.test(scheme) ? "sha512" : "sha256";
    cases.push(
      {
        name: `message-${name}`,
        property: `a message signed with ${scheme} verifies, also by the digest that was signed`,
        bundle: await signMessage(artifact, options),
        by: ["path", hash],
      },
      {
        name: `attestation-${name}`,
        property: `an envelope signed with ${scheme} verifies, whatever digest names its subject`,
        bundle: await signEnvelope(statementPayloadType, statementOf(artifact), options),
      },
    );
  }
  // Deprecated pairs of curve and hash, in use with logs of Rekor's first API.
  for (const type of ["ecdsa-p384", "ecdsa-p521"] as const) {
    const key = generateKey(type);
    const signer = createSigner(key, `${type}-sha256`);
    cases.push({
      name: `message-${type}-sha256`,
      property: `a message signed with ${type} and SHA-256 verifies`,
      bundle: await v1Message(v3, (entry) => entry, signer, createSigner(key)),
      root: rootWithV1,
    });
  }
  return cases;
}

async function witnessed(): Promise<readonly Case[]> {
  const keys = ["one", "two", "three"].map((name) => ({
    name: `witness.example/${name}`,
    key: generateKey("ed25519"),
  }));
  const lines = keys.map(({ name, key }, index) => `witness W${index} ${encodeVerifierKey(name, key.publicKey, 4)}`);
  const logKey = `log ${encodeVerifierKey("log.example.org", world.rekor.publicKey, 1)}`;
  const otherLog = `log ${encodeVerifierKey("other.example.org", generateKey("ed25519").publicKey, 1)}`;
  const policy = (...more: readonly string[]): Uint8Array => utf8(`${[...lines, ...more].join("\n")}\n`);
  const cosigned = async (...who: readonly number[]) => {
    const [entry] = message.verificationMaterial.logEntries;
    let note = entry!.inclusionProof!.checkpoint!;
    for (const index of who) {
      const { name, key } = keys[index]!;
      note = await cosignCheckpoint(note, { name, signer: createSigner(key) }, startMs / 1000);
    }
    return withEntry(message, (each) => ({ ...each, inclusionProof: { ...each.inclusionProof!, checkpoint: note } }));
  };
  const asked = { ...identity, nowMs: startMs + minuteMs };
  const two = policy("group G 2 W0 W1 W2", "quorum G");
  const file = (text: Uint8Array) => ({ "witness-policy.txt": text });
  return [
    {
      name: "witness-quorum",
      property: "two of three witnesses make the quorum that the policy asks for",
      bundle: await cosigned(0, 2),
      arguments: asked,
      files: file(two),
    },
    {
      name: "witness-quorum-of-the-policys-log",
      property: "a policy that names the log, by the same name and key, is met",
      bundle: await cosigned(1),
      arguments: asked,
      files: file(policy(logKey, "quorum W1")),
    },
    {
      name: "witness-quorum-short_fail",
      property: "one of three witnesses is no quorum of two",
      bundle: await cosigned(0),
      arguments: asked,
      files: file(two),
      problem: "sigstore/witness-quorum",
    },
    {
      name: "witness-quorum-none-cosigned_fail",
      property: "a checkpoint that nobody cosigned meets no quorum",
      bundle: message,
      arguments: asked,
      files: file(two),
      problem: "sigstore/witness-quorum",
    },
    {
      name: "witness-policy-of-another-log_fail",
      property: "a policy that names another log alone is not met by this one's entry",
      bundle: await cosigned(0, 1, 2),
      arguments: asked,
      files: file(policy(otherLog, "quorum W0")),
      problem: "sigstore/witness-quorum",
    },
    {
      name: "witness-from-the-future_fail",
      property: "a cosignature from after now is refused",
      bundle: await cosigned(0, 1),
      arguments: { ...asked, nowMs: startMs - 10 * minuteMs },
      files: file(two),
      problem: "sigstore/witness-quorum",
    },
    {
      name: "witness-policy-without-log-threshold_fail",
      property: "a policy means nothing where no log entry is asked for",
      bundle: await cosigned(0, 1),
      arguments: { ...asked, thresholds: { logs: 0 } },
      files: file(two),
      problem: "sigstore/threshold-invalid",
    },
  ];
}

async function managedKeys(): Promise<readonly Case[]> {
  const signer = newSigner("ecdsa-p256");
  const bundle = await signMessage(artifact, keyless(signer, { material: { kind: "publicKey", hint: "release" } }));
  const files = { "key.pub": utf8(encodePublicKeyPem(signer.publicKey)) };
  const other = { "key.pub": utf8(encodePublicKeyPem(newSigner("ecdsa-p256").publicKey)) };
  return [
    {
      name: "managed-key-in-its-window",
      property: "a kept key's bundle verifies at a time at which the key was valid",
      bundle,
      files,
      arguments: { keyValidFor: { startMs: startMs - minuteMs, endMs: startMs }, keyHint: "release" },
    },
    {
      name: "managed-key-expired_fail",
      property: "a kept key that had expired when it signed is refused",
      advisories: ["GHSA-wqqc-jjcq-vfxm", "CVE-2026-54787"],
      bundle,
      files,
      arguments: { keyValidFor: { startMs: startMs - minuteMs, endMs: startMs - 1 } },
      problem: "sigstore/key-expired",
    },
    {
      name: "managed-key-hint_fail",
      property: "a bundle that names another key than the one expected is refused",
      bundle,
      files,
      arguments: { keyHint: "other" },
      problem: "sigstore/signer-mismatch",
    },
    {
      name: "managed-key-other-key_fail",
      property: "another key of the same kind is refused",
      bundle,
      files: other,
      arguments: {},
      problem: "sigstore/log-entry-mismatch",
    },
    {
      name: "managed-key-for-identity_fail",
      property: "a bundle of a bare key is never taken where an identity is expected",
      advisories: ["GHSA-fx35-mq7g-6g98"],
      bundle,
      problem: "sigstore/signer-mismatch",
    },
    {
      name: "certificate-for-key_fail",
      property: "a bundle of a certificate is never taken where a key is expected",
      bundle: message,
      files,
      arguments: {},
      problem: "sigstore/signer-mismatch",
    },
  ];
}

async function forms(): Promise<readonly Case[]> {
  const leaf = newSigner("ecdsa-p256");
  const odd = await oddLeaf(leaf, { extra: [utf8Extension("1.3.6.1.4.1.99999.1", "something else")] });
  const v1 = "application/vnd.dev.sigstore.bundle+json;version=0.1";
  const v2 = "application/vnd.dev.sigstore.bundle+json;version=0.2";
  return [
    {
      name: "message",
      property: "a signed artifact verifies; its SCT carries an extension",
      bundle: message,
    },
    { name: "attestation", property: "an attestation verifies for its subject", bundle: attestation },
    {
      name: "timestamps-without-any-log",
      property: "an instance without a log, as a forge's own for private builds, verifies by its timestamps",
      root: { ...world.root, logs: [], ctLogs: [] },
      bundle: withMaterial(message, { logEntries: [] }),
    },
    {
      name: "two-operators-of-logs",
      property: "two operators' logs meet a threshold of two",
      bundle: await loggedTwice(2),
      root: rootWithLogs,
      arguments: { ...identity, thresholds: { logs: 2 } },
    },
    {
      name: "two-operators-of-timestamps",
      property: "two operators' timestamps meet a threshold of two",
      bundle: stampedTwice,
      root: rootWithStamps,
      arguments: { ...identity, thresholds: { timestamps: 2, times: 2 } },
    },
    {
      name: "unknown-extension-not-critical",
      property: "an unknown extension that is not critical is passed over",
      bundle: await messageWith(leaf, odd.raw),
      root: rootWithoutCt,
    },
    {
      name: "identity-pattern",
      property: "a pattern that was asked for stands for the whole identity",
      bundle: message,
      arguments: { issuer: identity.issuer, identityPattern: "https://ci.example.org/*/build.yaml@refs/heads/*" },
    },
    {
      name: "issuer-pattern",
      property: "a pattern for the issuer, its host written out",
      bundle: await otherTenant(),
      root: rootWithoutCt,
      arguments: { identity: identity.identity, issuerPattern: "https://ci.example.org/**" },
    },
    {
      name: "rekor-v1-bundle-v0.1",
      property: "an entry of Rekor v1 in a v0.1 bundle",
      bundle: await v1Message(v1),
      root: rootWithV1,
    },
    {
      name: "rekor-v1-bundle-v0.1-promise-alone",
      property: "a v0.1 bundle may rest on the signed entry timestamp",
      bundle: await v1Message(v1, withoutProof),
      root: rootWithV1,
    },
    {
      name: "rekor-v1-bundle-v0.2",
      property: "an entry of Rekor v1 in a v0.2 bundle",
      bundle: await v1Message(v2),
      root: rootWithV1,
    },
    {
      name: "rekor-v1-bundle-v0.3",
      property: "an entry of Rekor v1 in a v0.3 bundle",
      bundle: await v1Message(v3),
      root: rootWithV1,
    },
    {
      name: "rekor-v1-envelope",
      property: "a dsse entry of Rekor v1",
      bundle: await v1Attestation(),
      root: rootWithV1,
    },
    {
      name: "payload-type-beyond-ascii",
      property: "the lengths in the pre-authentication encoding count bytes of UTF-8",
      bundle: await signEnvelope("application/vnd.exämple+json", utf8("{}"), keyless()),
      arguments: { ...identity, payloadType: "application/vnd.exämple+json" },
      by: ["path"],
    },
    {
      name: "extension-stated",
      property: "an extension that is expected and stated",
      bundle: message,
      arguments: { ...identity, extensions: { sourceRepositoryUri: "https://git.example.org/widget" } },
    },
  ];
}

async function otherTenant() {
  const signer = newSigner("ecdsa-p256");
  const leaf = await oddLeaf(signer, { issuerName: `${identity.issuer}/tenants/7` });
  return messageWith(signer, leaf.raw);
}

export const passing: readonly Case[] = [
  ...(await forms()),
  ...(await algorithms()),
  ...(await managedKeys()),
  ...(await witnessed()),
];
