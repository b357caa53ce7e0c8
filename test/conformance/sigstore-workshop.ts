// What the cases of test/conformance/sigstore are made with: an instance in memory, and bundles of it, each part of
// which a case may change.

import { equalBytes, Fields, minuteMs, utf8 } from "../../src/core/index.ts";
import {
  authorityKeyIdentifier,
  type Certificate,
  createCertificate,
  digest,
  extendedKeyUsage,
  type ExtensionTemplate,
  keyIdentifier,
  keyUsage,
  type LocalSigner,
  oids,
  parseCertificate,
  signEnvelope as signDsse,
  type Signer,
  subjectAlternativeName,
  type SubjectAltName,
  utf8Extension,
} from "../../src/crypto/index.ts";
import {
  type Bundle,
  encodeBundle,
  encodeTrustedRoot,
  hashedRekordRequestJson,
  signEnvelope,
  signMessage,
  type SignOptions,
  statementPayloadType,
  type TransparencyLogEntry,
  type TrustedRoot,
} from "../../src/sigstore/index.ts";
import { parseLogEntry } from "../../src/sigstore/parse-bundle.ts";
import { newRekorV1Log } from "./sigstore-old-log.ts";
import { newInstance, newSerialNumber, newSigner, startMs, statementOf } from "../sigstore-instance.ts";
import type { CaseArguments, CaseDescription } from "./sigstore-case.ts";

export const artifact = utf8("the artifact of every case\n");
export const world = await newInstance();
export const v3 = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const rekorV1 = await newRekorV1Log("rekor.example.org", () => world.now);
export const rootWithV1: TrustedRoot = { ...world.root, logs: [...world.root.logs, rekorV1.instance] };

export const identity = {
  issuer: "https://ci.example.org",
  identity: "https://ci.example.org/widget/build.yaml@refs/heads/main",
} as const;

/** One case: its files and what is asked. */
export interface Case extends Omit<CaseDescription, "arguments"> {
  readonly name: string;
  readonly bundle: Bundle | Uint8Array;
  readonly root?: TrustedRoot | Uint8Array;
  readonly arguments?: CaseArguments;
  /** Further files of the folder. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** The files of a case. */
export function filesOf(each: Case): ReadonlyMap<string, Uint8Array> {
  const { property, advisories, problem, by } = each;
  const description = { property, advisories, arguments: each.arguments ?? identity, problem, by };
  return new Map([
    ["case.json", utf8(`${JSON.stringify(description, null, 2)}\n`)],
    ["bundle.sigstore.json", isBytes(each.bundle) ? each.bundle : encodeBundle(each.bundle)],
    ...(each.root === undefined ? [] : [["trusted_root.json", rootBytes(each.root)] as const]),
    ...Object.entries(each.files ?? {}),
  ]);
}

export function rootBytes(root: TrustedRoot | Uint8Array): Uint8Array {
  return isBytes(root) ? root : encodeTrustedRoot(root);
}

function isBytes(value: object): value is Uint8Array {
  return value instanceof Uint8Array;
}

export function keyless(signer: LocalSigner = newSigner("ecdsa-p256"), change: Partial<SignOptions> = {}): SignOptions {
  const { services, trust } = world;
  return { signer, material: { kind: "certificate", chain: world.chain }, services, trust, ...change };
}

export const message: Bundle = await signMessage(artifact, keyless());
export const attestation: Bundle = await signEnvelope(statementPayloadType, statementOf(artifact), keyless());
/** Another artifact's, by the same signer. */
export const otherMessage: Bundle = await signMessage(utf8("another artifact\n"), keyless());

export function withMaterial(bundle: Bundle, change: Partial<Bundle["verificationMaterial"]>): Bundle {
  return { ...bundle, verificationMaterial: { ...bundle.verificationMaterial, ...change } };
}

export function withEntry(bundle: Bundle, change: (entry: TransparencyLogEntry) => TransparencyLogEntry): Bundle {
  return withMaterial(bundle, { logEntries: bundle.verificationMaterial.logEntries.map(change) });
}

export function signatureOf({ content }: Bundle): Uint8Array {
  return content.kind === "message" ? content.signature : content.envelope.signatures[0]!.sig;
}

export function withoutProof(entry: TransparencyLogEntry): TransparencyLogEntry {
  const { inclusionProof, ...rest } = entry;
  if (inclusionProof === undefined) throw new Error("there is a proof");
  return rest;
}

export function flip(bytes: Uint8Array, at = bytes.length - 1): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
}

/** The bundle's text with one change, which must change something. */
export function withText(bundle: Bundle, change: (text: string) => string): Uint8Array {
  const before = encodeBundle(bundle);
  const after = utf8(change(new TextDecoder().decode(before)));
  if (equalBytes(before, after)) throw new Error("nothing was changed");
  return after;
}

export interface LeafWish {
  readonly issuerName?: string;
  readonly names?: readonly SubjectAltName[];
  readonly extra?: readonly ExtensionTemplate[];
  readonly usages?: readonly ExtensionTemplate[];
  readonly validMinutes?: number;
  readonly issuer?: { readonly certificate: Certificate; readonly signer: Signer };
}

/** A certificate with other contents than the authority would issue; no CT log promised it. */
export async function oddLeaf(signer: Signer, wish: LeafWish = {}): Promise<Certificate> {
  const issuer = wish.issuer ?? { certificate: world.ca.chain[0]!, signer: world.ca.signer };
  const template = {
    serialNumber: newSerialNumber(),
    subject: {},
    notBeforeMs: startMs,
    notAfterMs: startMs + (wish.validMinutes ?? 10) * minuteMs,
    publicKey: signer.publicKey,
    extensions: [
      ...(wish.usages ?? [keyUsage("digitalSignature"), extendedKeyUsage([oids.codeSigning])]),
      authorityKeyIdentifier(keyIdentifier(issuer.signer.publicKey)),
      subjectAlternativeName(wish.names ?? [{ type: "uri", value: identity.identity }], { critical: true }),
      utf8Extension("1.3.6.1.4.1.57264.1.8", wish.issuerName ?? identity.issuer),
      ...(wish.extra ?? []),
    ],
  };
  return parseCertificate(await createCertificate(template, issuer));
}

/** Without CT logs, so that only what the case is about can be wrong with the certificate. */
export const rootWithoutCt: TrustedRoot = { ...world.root, ctLogs: [] };

/** A message bundle with any certificate, made without our verifier's say. */
export async function messageWith(signer: LocalSigner, leaf: Uint8Array, at = world.now): Promise<Bundle> {
  const signature = signer.sign(artifact);
  const entry = await rekorEntry(signature, leaf);
  const before = world.now;
  world.now = at;
  const timestamps = [await world.timestamp(signature)];
  world.now = before;
  return {
    ...message,
    verificationMaterial: { signer: { kind: "certificate", leaf, rest: [] }, logEntries: [entry], timestamps },
    content: { kind: "message", signature },
  };
}

async function rekorEntry(signature: Uint8Array, leaf: Uint8Array): Promise<TransparencyLogEntry> {
  const request = hashedRekordRequestJson({
    algorithm: "sha256",
    digest: digest("sha256", artifact),
    signature,
    verifier: { kind: "certificate", der: leaf },
    keyDetails: "PKIX_ECDSA_P256_SHA_256",
  });
  return parseLogEntry(Fields.of(await world.rekor.add(request), "entry", "test/entry"));
}

/** A bundle with an entry of Rekor's first API, of the given form. */
export async function v1Message(
  mediaType: string,
  change: (entry: TransparencyLogEntry) => TransparencyLogEntry = (entry) => entry,
  signer: LocalSigner = newSigner("ecdsa-p256"),
  certified: LocalSigner = signer,
): Promise<Bundle> {
  const chain = await world.chain(certified);
  const leaf = chain[0]!;
  const signature = signer.sign(artifact);
  const entry = await rekorV1.addMessage(signature, { kind: "certificate", der: leaf }, artifact);
  const version = mediaType.includes("v0.3") ? "0.3" : mediaType.endsWith("0.1") ? "0.1" : "0.2";
  return {
    mediaType,
    version,
    verificationMaterial: {
      signer: { kind: "certificate", leaf, rest: version === "0.3" ? [] : chain.slice(1, -1) },
      logEntries: [change(entry)],
      timestamps: [],
    },
    content: { kind: "message", signature },
  };
}

export async function v1Attestation(): Promise<Bundle> {
  const signer = newSigner("ecdsa-p256");
  const [leaf] = await world.chain(signer);
  const envelope = await signDsse(statementPayloadType, statementOf(artifact), [{ signer }]);
  const entry = await rekorV1.addEnvelope(envelope, { kind: "certificate", der: leaf! });
  return {
    ...attestation,
    verificationMaterial: {
      signer: { kind: "certificate", leaf: leaf!, rest: [] },
      logEntries: [entry],
      timestamps: [],
    },
    content: { kind: "dsse", envelope },
  };
}
