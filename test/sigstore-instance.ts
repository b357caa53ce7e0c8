// A whole Sigstore instance in memory, made of the product's own parts: certificate authority, CT log, transparency
// log and timestamp authority over keys made here, with a clock that the test moves.

import { emptyObject, type Json, type JsonObject, minuteMs, utf8 } from "../src/core/index.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Certificate,
  createCertificate,
  createSigner,
  createTimestampRequest,
  createTimestampResponse,
  digest,
  encodePublicKeyPem,
  extendedKeyUsage,
  type ExtensionTemplate,
  generateKey,
  keyFingerprint,
  keyIdentifier,
  keyUsage,
  type LocalSigner,
  oids,
  parseCertificate,
  parseTimestampRequest,
  type PublicKey,
  randomBytes,
  type Scheme,
  type Signer,
  type KeyType,
  subjectKeyIdentifier,
} from "../src/crypto/index.ts";
import {
  addPrecertificate,
  type AuthorityInstance,
  type CertificateAuthority,
  type CertificateIdentity,
  type CtSubmission,
  encodeTrustedRoot,
  identityFromClaims,
  issueSigningCertificate,
  type LogInstance,
  parseLogRequest,
  parseSigningCertificateRequest,
  parseTrustedRoot,
  prepareTrust,
  type SigningServices,
  signingCertificateRequestJson,
  transparencyLogEntry,
  type Trust,
  type TrustedRoot,
  trustedRootMediaTypeV2,
  verifyLogRequest,
  verifyPossession,
} from "../src/sigstore/index.ts";
import {
  createRfc6962Note,
  encodeCheckpoint,
  dataTiles,
  type Log,
  type LogStore,
  noteKeyId,
  openLog,
  signNote,
} from "../src/tlog/index.ts";

export const startMs = Date.UTC(2026, 0, 2, 3, 4, 5);

export function memoryStore(): LogStore {
  const files = new Map<string, Uint8Array>();
  return {
    read: async (path) => files.get(path),
    write: async (given) => {
      for (const [path, bytes] of given) files.set(path, bytes);
    },
    publish: async (checkpoint) => {
      files.set("checkpoint", checkpoint);
    },
    readCheckpoint: async () => files.get("checkpoint"),
  };
}

export function newSigner(type: KeyType, scheme?: Scheme): LocalSigner {
  return createSigner(generateKey(type), scheme);
}

/** A certificate of an authority or of a service below one. */
export async function newCertificate(
  commonName: string,
  signer: Signer,
  extensions: readonly ExtensionTemplate[],
  issuer?: { readonly certificate: Certificate; readonly signer: Signer },
): Promise<Certificate> {
  const serialNumber = randomBytes(16);
  serialNumber[0] = 0x40;
  const identifiers = [
    subjectKeyIdentifier(signer.publicKey),
    ...(issuer === undefined ? [] : [authorityKeyIdentifier(keyIdentifier(issuer.signer.publicKey))]),
  ];
  const template = {
    serialNumber,
    subject: { organization: "example.org", commonName },
    notBeforeMs: startMs - 1000 * minuteMs,
    notAfterMs: startMs + 1000 * minuteMs,
    publicKey: signer.publicKey,
    extensions: [...extensions, ...identifiers],
  };
  return parseCertificate(await createCertificate(template, issuer ?? { signer }));
}

const signs = keyUsage("keyCertSign", "cRLSign");

async function newAuthority(type: KeyType): Promise<CertificateAuthority & { readonly signer: LocalSigner }> {
  const rootSigner = newSigner(type);
  const root = await newCertificate("root", rootSigner, [signs, basicConstraints({ ca: true })]);
  const signer = newSigner(type);
  const extensions = [signs, extendedKeyUsage([oids.codeSigning]), basicConstraints({ ca: true, pathLength: 0 })];
  const intermediate = await newCertificate("intermediate", signer, extensions, {
    certificate: root,
    signer: rootSigner,
  });
  return { chain: [intermediate, root], signer };
}

async function newTimestampAuthority(rootType: KeyType): Promise<{
  readonly chain: readonly Certificate[];
  readonly signer: LocalSigner;
}> {
  const rootSigner = newSigner(rootType);
  const root = await newCertificate("timestamp root", rootSigner, [signs, basicConstraints({ ca: true })]);
  const signer = newSigner("ecdsa-p256");
  const usages = [keyUsage("digitalSignature"), extendedKeyUsage([oids.timeStamping])];
  return {
    chain: [await newCertificate("timestamps", signer, usages, { certificate: root, signer: rootSigner }), root],
    signer,
  };
}

export interface RekorLog {
  readonly log: Log;
  readonly instance: LogInstance;
  readonly publicKey: PublicKey;
  add(request: JsonObject): Promise<Json>;
}

export async function newRekorLog(origin: string, operator: string, type: KeyType = "ed25519"): Promise<RekorLog> {
  const signer = newSigner(type);
  const log = await openLog({
    store: memoryStore(),
    origin,
    signCheckpoint: async (size, root) =>
      utf8(await signNote(encodeCheckpoint({ origin, size, root, extensions: [] }), [{ name: origin, signer }])),
  });
  const logId = noteKeyId(origin, signer.publicKey);
  const keyDetails = type === "ed25519" ? "PKIX_ED25519" : "PKIX_ECDSA_P256_SHA_256";
  return {
    log,
    publicKey: signer.publicKey,
    instance: {
      baseUrl: `https://${origin}`,
      publicKey: signer.publicKey.spki,
      keyDetails,
      validFor: { startMs: startMs - minuteMs },
      logId,
      checkpointKeyId: logId.slice(0, 4),
      operator,
    },
    async add(request) {
      const entry = verifyLogRequest(parseLogRequest(utf8(JSON.stringify(request))));
      return transparencyLogEntry(entry, await log.append({ leaf: entry.canonicalizedBody }), logId);
    },
  };
}

export interface Instance {
  /** Milliseconds; move it. */
  now: number;
  readonly ca: CertificateAuthority & { readonly signer: LocalSigner };
  readonly ctLogs: readonly CtSubmission[];
  readonly rekor: RekorLog;
  readonly root: TrustedRoot;
  readonly trust: Trust;
  readonly services: SigningServices;
  /** What an identity provider would say of the signer. */
  readonly claims: JsonObject;
  readonly identity: CertificateIdentity;
  chain(signer: Signer): Promise<readonly Uint8Array[]>;
  timestamp(signature: Uint8Array): Promise<Uint8Array>;
  /** The timestamp authority's own certificate, to its anchor. */
  readonly timestampChain: readonly Certificate[];
  /** What the timestamp authority answers to a request of RFC 3161. */
  answerTimestamp(query: Uint8Array): Promise<Uint8Array>;
}

export async function newInstance(
  options: {
    readonly caKey?: KeyType;
    readonly tsaRootKey?: KeyType;
    readonly logKey?: KeyType;
    readonly mediaType?: string;
  } = {},
): Promise<Instance> {
  const ca = await newAuthority(options.caKey ?? "ecdsa-p256");
  const tsa = await newTimestampAuthority(options.tsaRootKey ?? "ecdsa-p384");
  const ctSigner = newSigner("ecdsa-p256");
  const ct = await openLog({
    store: memoryStore(),
    origin: "ct.example.org",
    entries: dataTiles,
    signCheckpoint: async (size, root) =>
      utf8(await createRfc6962Note({ origin: "ct.example.org", size, root }, ctSigner, startMs)),
  });
  const rekor = await newRekorLog("log.example.org", "example.org", options.logKey);
  const authority = (chain: readonly Certificate[], uri: string): AuthorityInstance => ({
    subject: { organization: "example.org", commonName: "root" },
    uri,
    certificates: chain.map(({ raw }) => raw),
    validFor: { startMs: startMs - minuteMs },
    operator: "example.org",
  });
  const root: TrustedRoot = {
    mediaType: options.mediaType ?? trustedRootMediaTypeV2,
    logs: [rekor.instance],
    certificateAuthorities: [authority(ca.chain, "https://ca.example.org")],
    ctLogs: [
      {
        baseUrl: "https://ct.example.org",
        publicKey: ctSigner.publicKey.spki,
        keyDetails: "PKIX_ECDSA_P256_SHA_256",
        validFor: { startMs: startMs - minuteMs },
        logId: keyFingerprint(ctSigner.publicKey),
        operator: "example.org",
      },
    ],
    timestampAuthorities: [authority(tsa.chain, "https://tsa.example.org/api/v1/timestamp")],
  };
  const claims: JsonObject = Object.assign(emptyObject<Json>(), {
    iss: "https://ci.example.org",
    sub: "project/widget",
    build_signer_uri: "https://ci.example.org/widget/build.yaml@refs/heads/main",
    source_repository_uri: "https://git.example.org/widget",
  });
  const identity = identityFromClaims(claims, { kind: "build" });
  const instance: Instance = {
    now: startMs,
    ca,
    rekor,
    root,
    timestampChain: tsa.chain,
    trust: prepareTrust(parseTrustedRoot(encodeTrustedRoot(root))),
    ctLogs: [
      { submit: (submission) => addPrecertificate(ct, ctSigner, submission, instance.now), logKey: ctSigner.publicKey },
    ],
    claims,
    identity,
    services: { timestamps: [(signature) => instance.timestamp(signature)], logs: [(request) => rekor.add(request)] },
    async chain(signer) {
      const proof = await signer.sign(utf8(identity.challenge));
      const json = signingCertificateRequestJson("token", encodePublicKeyPem(signer.publicKey), proof);
      const request = parseSigningCertificateRequest(utf8(JSON.stringify(json)));
      const publicKey = verifyPossession(request, identity.challenge);
      return issueSigningCertificate({
        identity,
        publicKey,
        ca,
        ctLogs: instance.ctLogs,
        nowMs: instance.now,
        serialNumber: newSerialNumber(),
      });
    },
    timestamp: (signature) =>
      instance.answerTimestamp(
        createTimestampRequest({
          imprint: { hashAlgorithm: "sha256", digest: digest("sha256", signature) },
          certReq: true,
        }),
      ),
    answerTimestamp: (query) =>
      createTimestampResponse({
        request: parseTimestampRequest(query),
        signer: tsa.signer,
        chain: tsa.chain,
        genTimeMs: instance.now,
        serialNumber: newSerialNumber(),
      }),
  };
  return instance;
}

export function newSerialNumber(): Uint8Array {
  const serial = randomBytes(20);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return serial;
}

/** A statement about one artifact, as UTF-8 JSON. */
export function statementOf(artifact: Uint8Array, predicateType = "https://slsa.dev/provenance/v1"): Uint8Array {
  const sha256 = [...digest("sha256", artifact)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return utf8(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "widget.tar", digest: { sha256 } }],
      predicateType,
      predicate: {},
    }),
  );
}
