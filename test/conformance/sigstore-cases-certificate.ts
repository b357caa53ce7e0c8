// Cases that must be refused for their timestamps or the certificate.

import { minuteMs, utf8 } from "../../src/core/index.ts";
import {
  basicConstraints,
  type Certificate,
  createCertificate,
  createTimestampRequest,
  createTimestampResponse,
  digest,
  encodePem,
  extendedKeyUsage,
  type ExtensionTemplate,
  keyUsage,
  type LocalSigner,
  oids,
  parseCertificate,
  parseSctList,
  parseTimestampRequest,
  rawTextExtension,
  sctListExtension,
  subjectKeyIdentifier,
} from "../../src/crypto/index.ts";
import { type Bundle } from "../../src/sigstore/index.ts";
import { newCertificate, newSerialNumber, newSigner, startMs } from "../sigstore-instance.ts";
import { rootWithStamps, stampedTwice, stranger } from "./sigstore-cases-pass.ts";
import {
  type Case,
  identity,
  type LeafWish,
  message,
  messageWith,
  oddLeaf,
  rootWithoutCt,
  rootWithV1,
  signatureOf,
  v1Message,
  withMaterial,
  withText,
  world,
} from "./sigstore-workshop.ts";

async function timestamps(): Promise<readonly Case[]> {
  const signature = signatureOf(message);
  const [stamp] = message.verificationMaterial.timestamps;
  world.now = startMs + 11 * minuteMs;
  const late = await world.timestamp(signature);
  world.now = startMs;
  const forger = newSigner("ecdsa-p256");
  const usages = [keyUsage("digitalSignature"), extendedKeyUsage([oids.timeStamping])];
  const forged = await newCertificate("timestamps", forger, usages);
  const injected = await stampedBy(signature, forger, [forged, ...world.timestampChain, world.timestampChain.at(-1)!]);
  const [own, other] = rootWithStamps.timestampAuthorities;
  const ended = { startMs: startMs - minuteMs, endMs: startMs - 1 };
  return [
    {
      name: "timestamp-missing_fail",
      property: "without a verified time a certificate proves nothing",
      bundle: withMaterial(message, { timestamps: [] }),
      problem: "sigstore/time-missing",
    },
    {
      name: "timestamp-twice-is-one-authority_fail",
      property: "two timestamps of one authority are no two authorities",
      bundle: withMaterial(message, { timestamps: [stamp!, await world.timestamp(signature)] }),
      arguments: { ...identity, thresholds: { timestamps: 2 } },
      problem: "sigstore/timestamp-threshold",
    },
    {
      name: "timestamp-same-twice_fail",
      property: "one timestamp that stands twice counts once",
      bundle: withMaterial(message, { timestamps: [stamp!, stamp!] }),
      arguments: { ...identity, thresholds: { timestamps: 2 } },
      problem: "sigstore/timestamp-threshold",
    },
    {
      name: "timestamp-of-an-unknown-authority_fail",
      property: "a timestamp of an unknown authority is no time",
      bundle: withMaterial(message, { timestamps: [await stranger.timestamp(signature)] }),
      problem: "sigstore/time-missing",
    },
    {
      name: "timestamp-of-another-signature_fail",
      property: "a timestamp over another signature is refused",
      bundle: withMaterial(message, { timestamps: [await world.timestamp(utf8("other"))] }),
      problem: "sigstore/timestamp-invalid",
    },
    {
      name: "timestamp-injected-certificates_fail",
      property: "whoever else's certificates a token brings, its signer's counts",
      advisories: ["GHSA-xm5m-wgh2-rrg3", "CVE-2026-39984"],
      bundle: withMaterial(message, { timestamps: [injected] }),
      problem: "sigstore/time-missing",
    },
    {
      name: "timestamp-in-another-authoritys-window_fail",
      property: "a token may use the window of the authority alone that signed it",
      advisories: ["TOB-SIGSTORE-11"],
      bundle: stampedTwice,
      root: { ...rootWithStamps, timestampAuthorities: [{ ...own!, validFor: ended }, other!] },
      problem: "sigstore/timestamp-invalid",
    },
    {
      name: "certificate-valid-at-one-time-only_fail",
      property: "the certificate must be valid at every verified time, not at the earliest",
      advisories: ["TOB-SIGSTORE-4"],
      bundle: withMaterial(message, { timestamps: [stamp!, late] }),
      problem: "sigstore/certificate-untrusted",
    },
    {
      name: "timestamps-33_fail",
      property: "more than 32 timestamps are refused before one is read",
      advisories: ["GHSA-cq38-jh5f-37mq", "CVE-2024-45395"],
      bundle: withText(message, (it) =>
        it.replace('"rfc3161Timestamps":[', `"rfc3161Timestamps":[${"{},".repeat(32)}`),
      ),
      problem: "sigstore/bundle-invalid",
    },
  ];
}

async function stampedBy(
  signature: Uint8Array,
  signer: LocalSigner,
  chain: readonly Certificate[],
): Promise<Uint8Array> {
  const imprint = { hashAlgorithm: "sha256", digest: digest("sha256", signature) } as const;
  const request = parseTimestampRequest(createTimestampRequest({ imprint, certReq: true }));
  return createTimestampResponse({
    request,
    signer,
    chain,
    genTimeMs: world.now,
    serialNumber: newSerialNumber(),
    includeCertificates: "chain",
  });
}

async function certificates(): Promise<readonly Case[]> {
  const signer = newSigner("ecdsa-p256");
  const odd = async (wish: LeafWish): Promise<Bundle> => messageWith(signer, (await oddLeaf(signer, wish)).raw);
  const pem = utf8(encodePem("PUBLIC KEY", signer.publicKey.spki));
  const root = rootWithoutCt;
  const rootSigner = newSigner("ecdsa-p256");
  const anchor = await newCertificate("root", rootSigner, [keyUsage("keyCertSign"), basicConstraints({ ca: true })]);
  const caSigner = newSigner("ecdsa-p256");
  const shortLived = await shortIntermediate(caSigner, anchor, rootSigner);
  const expiredChain = {
    ...root,
    certificateAuthorities: [{ ...root.certificateAuthorities[0]!, certificates: [shortLived.raw, anchor.raw] }],
  };
  const underIt = await oddLeaf(signer, { issuer: { certificate: shortLived, signer: caSigner }, validMinutes: 60 });
  return [
    {
      name: "certificate-is-a-bare-key_fail",
      property: "a certificate that cannot be read is never taken for a key",
      advisories: ["GHSA-fx35-mq7g-6g98"],
      bundle: withMaterial(message, { signer: { kind: "certificate", leaf: pem, rest: [] } }),
      problem: "sigstore/certificate-invalid",
    },
    {
      name: "certificate-is-a-spki_fail",
      property: "the DER of a bare key is no certificate",
      advisories: ["GHSA-fx35-mq7g-6g98"],
      bundle: withMaterial(message, { signer: { kind: "certificate", leaf: signer.publicKey.spki, rest: [] } }),
      problem: "sigstore/certificate-invalid",
    },
    {
      name: "certificate-critical-extension_fail",
      property: "an unknown critical extension refuses the certificate",
      bundle: await odd({ extra: [{ oid: "1.3.6.1.4.1.99999.1", critical: true, value: Uint8Array.of(5, 0) }] }),
      root,
      problem: "sigstore/certificate-untrusted",
    },
    {
      name: "certificate-two-names_fail",
      property: "a certificate of two names is nobody's",
      bundle: await odd({
        names: [
          { type: "uri", value: identity.identity },
          { type: "email", value: "who@example.org" },
        ],
      }),
      root,
      problem: "sigstore/certificate-identity",
    },
    {
      name: "certificate-two-issuers_fail",
      property: "both forms of the issuer must say the same",
      bundle: await odd({ extra: [rawTextExtension("1.3.6.1.4.1.57264.1.1", "https://accounts.example.org")] }),
      root,
      problem: "sigstore/certificate-identity",
    },
    {
      name: "certificate-without-code-signing_fail",
      property: "a certificate for something else signs nothing",
      bundle: await odd({ usages: [keyUsage("digitalSignature"), extendedKeyUsage([oids.timeStamping])] }),
      root,
      problem: "sigstore/certificate-untrusted",
    },
    {
      name: "certificate-of-an-authority_fail",
      property: "an authority's certificate signs no artifact",
      advisories: ["timestamp-authority #1416"],
      bundle: await odd({
        usages: [
          keyUsage("digitalSignature", "keyCertSign"),
          extendedKeyUsage([oids.codeSigning]),
          basicConstraints({ ca: true }),
        ],
      }),
      root,
      problem: "sigstore/certificate-untrusted",
    },
    {
      name: "certificate-of-another-authority_fail",
      property: "an authority of the same name and another key is another",
      bundle: await odd({ issuer: { certificate: stranger.ca.chain[0]!, signer: stranger.ca.signer } }),
      root,
      problem: "sigstore/certificate-untrusted",
    },
    {
      name: "intermediate-expired_fail",
      property: "the whole chain must be valid at the time, also where no log is asked for",
      advisories: ["GHSA-wfqv-66vq-46rm", "CVE-2026-24122"],
      bundle: await messageWith(signer, underIt.raw, startMs + 30 * minuteMs),
      root: { ...expiredChain, logs: [] },
      problem: "sigstore/certificate-untrusted",
    },
    {
      name: "sct-missing_fail",
      property: "a certificate that no CT log promised is refused",
      bundle: await odd({}),
      problem: "sigstore/sct-missing",
    },
    {
      name: "sct-threshold-by-operator_fail",
      property: "one CT log does not meet a threshold of two",
      advisories: ["GHSA-9vcr-p3rj-q5q6", "CVE-2026-49834"],
      bundle: message,
      arguments: { ...identity, thresholds: { scts: 2 } },
      problem: "sigstore/sct-missing",
    },
    {
      name: "sct-of-another-certificate_fail",
      property: "a promise for another certificate is refused",
      bundle: await odd({ extra: [await foreignSct()] }),
      root: world.root,
      problem: "sigstore/sct-invalid",
    },
    {
      name: "sct-outside-the-window_fail",
      property: "a CT log that was not trusted at the time that it states vouches for nothing",
      bundle: message,
      root: {
        ...world.root,
        ctLogs: world.root.ctLogs.map((each) => ({ ...each, validFor: { startMs: startMs + 1 } })),
      },
      problem: "sigstore/sct-invalid",
    },
    {
      name: "authority-outside-the-window_fail",
      property: "an authority that the trust root has closed vouches for nothing",
      bundle: message,
      root: {
        ...world.root,
        certificateAuthorities: world.root.certificateAuthorities.map((each) => ({
          ...each,
          validFor: { startMs: startMs + 1 },
        })),
      },
      problem: "sigstore/certificate-untrusted",
    },
    {
      name: "chain-in-v0.3_fail",
      property: "a v0.3 bundle carries the leaf alone",
      bundle: withText(await v1Message("application/vnd.dev.sigstore.bundle+json;version=0.2"), (it) =>
        it.replace("bundle+json;version=0.2", "bundle.v0.3+json"),
      ),
      root: rootWithV1,
      problem: "sigstore/bundle-invalid",
    },
    {
      name: "chain-with-a-foreign-root_fail",
      property: "a root that a bundle brings along is refused",
      bundle: await withRoot(anchor.raw),
      root: rootWithV1,
      problem: "sigstore/certificate-root",
    },
  ];
}

/** An authority that ends before its certificates do. */
async function shortIntermediate(
  signer: LocalSigner,
  anchor: Certificate,
  anchorSigner: LocalSigner,
): Promise<Certificate> {
  const template = {
    serialNumber: newSerialNumber(),
    subject: { commonName: "intermediate" },
    notBeforeMs: startMs - minuteMs,
    notAfterMs: startMs + 20 * minuteMs,
    publicKey: signer.publicKey,
    extensions: [
      keyUsage("keyCertSign"),
      basicConstraints({ ca: true, pathLength: 0 }),
      subjectKeyIdentifier(signer.publicKey),
    ],
  };
  return parseCertificate(await createCertificate(template, { certificate: anchor, signer: anchorSigner }));
}

async function withRoot(anchor: Uint8Array): Promise<Bundle> {
  const bundle = await v1Message("application/vnd.dev.sigstore.bundle+json;version=0.2");
  const { signer } = bundle.verificationMaterial;
  if (signer.kind !== "certificate") throw new Error("it has a certificate");
  return withMaterial(bundle, { signer: { ...signer, rest: [...signer.rest, anchor] } });
}

/** The list of promises of another certificate. */
async function foreignSct(): Promise<ExtensionTemplate> {
  const [leaf] = await world.chain(newSigner("ecdsa-p256"));
  return sctListExtension(parseSctList(parseCertificate(leaf!).extensions.get(oids.sctList)!.value));
}

/** One after the other with those of the other files, as all share one clock. */
export async function certificateCases(): Promise<readonly Case[]> {
  return [...(await timestamps()), ...(await certificates())];
}
