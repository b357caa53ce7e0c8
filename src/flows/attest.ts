// What is said about a build, and signing it: SLSA provenance for the artifact, an in-toto link a task. Each is signed
// with a fresh key under the build's own identity, timestamped and logged: one Sigstore bundle each.

import { equalBytes, fromBase64url, type Json, type JsonObject, parseJson, Problem } from "../core/index.ts";
import {
  createSigner,
  digest,
  encodePublicKeyPem,
  type LocalSigner,
  parseCertificatesPem,
  createTimestampRequest,
  parseTimestampResponse,
  parseTimestampToken,
  type Signer,
} from "../crypto/index.ts";
import {
  createLinkStatement,
  encodeStatement,
  linkFileName,
  type ResourceDescriptor,
  signLink,
  type Statement,
  verificationKey,
} from "../intoto/index.ts";
import {
  type Bundle,
  encodeBundle,
  signEnvelope,
  signingCertificateRequestJson,
  signMessage,
  type SignOptions,
  statementPayloadType,
  type Trust,
} from "../sigstore/index.ts";
import { createProvenance } from "../slsa/index.ts";
import type { Build } from "./build.ts";
import { buildType } from "./project-targets.ts";
import { positiveInteger } from "./serial-number.ts";
import type { Randomness } from "./world.ts";

/** The services a signer needs, as one organisation offers them. */
export interface SigningWorld {
  readonly random: Randomness;
  /** An identity token for who signs. */
  readonly token: () => Promise<string>;
  /** What the certificate authority wants signed as proof: the token's `sub`, or its `email`. */
  readonly challenge: (token: string) => string;
  readonly services: {
    signingCertificate(request: JsonObject): Promise<Json>;
    addEntry(request: JsonObject): Promise<Json>;
    timestamp(query: Uint8Array): Promise<Uint8Array>;
  };
  readonly trust: Trust;
}

const nonceBytes = 8;

function signOptions(world: SigningWorld): SignOptions {
  return {
    signer: createSigner(world.random.key("ecdsa-p256")),
    material: { kind: "certificate", chain: (signer) => certificateChain(signer, world) },
    services: {
      timestamps: [(signature) => timestampOver(signature, world)],
      logs: [(request) => world.services.addEntry(request)],
    },
    trust: world.trust,
  };
}

/** Client specification §2: a token, a proof that the key is held, a certificate. Problem `sigstore/certificate-answer`. */
async function certificateChain(signer: Signer, world: SigningWorld): Promise<readonly Uint8Array[]> {
  const token = await world.token();
  const proof = await signer.sign(new TextEncoder().encode(world.challenge(token)));
  const answer = await world.services.signingCertificate(
    signingCertificateRequestJson(token, encodePublicKeyPem(signer.publicKey), proof),
  );
  const pems = certificatesOf(answer);
  if (pems === undefined)
    throw new Problem("sigstore/certificate-answer", "the certificate authority's answer holds no chain");
  return pems.flatMap((pem) => parseCertificatesPem(pem).map(({ raw }) => raw));
}

function certificatesOf(answer: Json): readonly string[] | undefined {
  const issued = (answer as JsonObject | null)?.["signedCertificateEmbeddedSct"] as JsonObject | undefined;
  const pems = (issued?.["chain"] as JsonObject | undefined)?.["certificates"];
  return Array.isArray(pems) && pems.length > 0 && pems.every((pem) => typeof pem === "string")
    ? (pems as string[])
    : undefined;
}

async function timestampOver(signature: Uint8Array, world: SigningWorld): Promise<Uint8Array> {
  const imprint = { hashAlgorithm: "sha256", digest: digest("sha256", signature) } as const;
  const nonce = positiveInteger(world.random, nonceBytes);
  const reply = await world.services.timestamp(createTimestampRequest({ imprint, nonce, certReq: true }));
  const response = parseTimestampResponse(reply);
  if (!response.granted)
    throw new Problem("sigstore/timestamp-refused", `the timestamp authority refused: ${response.failures.join(", ")}`);
  const answered = parseTimestampToken(response.token).info.nonce;
  // RFC 3161 §2.4.2: a nonce that was asked for must come back; all else the bundle's own verification checks.
  if (answered === undefined || !equalBytes(answered, nonce)) {
    throw new Problem("sigstore/timestamp-nonce", "the timestamp is an answer to another request");
  }
  return reply;
}

/** A statement in one bundle, with a key and a certificate of its own. Problems `sigstore/*`, `api/*`, `oidc/*`. */
export async function attest(statement: Statement, world: SigningWorld): Promise<Bundle> {
  return signEnvelope(statementPayloadType, encodeStatement(statement), signOptions(world));
}

/** A bare signature over bytes in one bundle. */
export async function signBlob(bytes: Uint8Array, world: SigningWorld): Promise<Bundle> {
  return signMessage(bytes, signOptions(world));
}

/** SLSA provenance v1 of a build. `builder` is the builder's id. */
export function buildProvenance(
  build: Build,
  builder: string,
  version: string,
  project: { readonly sourceUri: string; readonly pipelinePath: string },
): Statement {
  const { artifact, run, toolchain, isolation, commit } = build;
  const { sourceUri, pipelinePath } = project;
  const gitUri = sourceUri.startsWith("git+") ? sourceUri : `git+${sourceUri}`;
  const source: ResourceDescriptor = {
    uri: commit.ref === undefined ? gitUri : `${gitUri}@${commit.ref}`,
    digest: new Map([["gitCommit", commit.revision]]),
  };
  const image: ResourceDescriptor = {
    uri: toolchain.uri,
    digest: new Map([["sha256", toolchain.sha256]]),
    annotations: { standsFor: run.stepImages, ...toolchain.description },
  };
  return createProvenance([{ name: artifact.name, digest: new Map([["sha256", artifact.sha256]]) }], {
    buildDefinition: {
      buildType,
      externalParameters: {
        pipeline: pipelinePath,
        source: { uri: sourceUri, ...(commit.ref === undefined ? {} : { ref: commit.ref }) },
        params: run.externalParameters["params"] ?? {},
      },
      internalParameters: {
        // As observed, never as configured.
        isolation: isolation.kind,
        network: isolation.network,
        userId: isolation.userId,
        rootReadOnly: isolation.rootReadOnly,
        hermetic: isolation.network === "none",
        pipelineSha256: build.pipelineSha256,
      },
      resolvedDependencies: [source, image, ...build.inputs.map(({ name, uri, digest }) => ({ name, uri, digest }))],
    },
    runDetails: {
      builder: { id: builder, version: new Map([["sealwright", version]]), builderDependencies: [] },
      metadata: { invocationId: run.invocationId, startedOnMs: run.startMs, finishedOnMs: run.completionMs },
      byproducts: [],
    },
  });
}

/** Name of the bundle that signs the artifact itself, where existing clients look for it. */
export function signatureFile(artifact: string): string {
  return `${artifact}.sigstore.json`;
}

/** Name of the bundle with the artifact's SLSA provenance. */
export function provenanceFile(artifact: string): string {
  return `${artifact}.provenance.sigstore.json`;
}

/** One file of a release. */
export type ReleaseFile = readonly [name: string, bytes: Uint8Array];

/** A build's signature and attestations as files: bundles, and the classic links under the builder's key. */
export async function attestBuild(
  build: Build,
  builder: { readonly id: string; readonly version: string; readonly signer: LocalSigner },
  project: { readonly sourceUri: string; readonly pipelinePath: string },
  world: SigningWorld,
): Promise<{ readonly bundles: readonly ReleaseFile[]; readonly links: readonly ReleaseFile[] }> {
  const provenance = buildProvenance(build, builder.id, builder.version, project);
  const statements: (readonly [string, Statement])[] = [
    [provenanceFile(build.artifact.name), provenance],
    ...build.links.map((link) => [`${link.name}.link.sigstore.json`, createLinkStatement(link)] as const),
  ];
  const attested = await Promise.all(
    statements.map(async ([name, statement]): Promise<ReleaseFile> => [
      name,
      encodeBundle(await attest(statement, world)),
    ]),
  );
  const signature = encodeBundle(await signBlob(build.artifact.bytes, world));
  const bundles: ReleaseFile[] = [[signatureFile(build.artifact.name), signature], ...attested];
  const { keyid } = verificationKey(builder.signer.publicKey);
  const links = await Promise.all(
    build.links.map(async (link): Promise<ReleaseFile> => [
      linkFileName(link.name, keyid),
      await signLink(link, [{ signer: builder.signer }]),
    ]),
  );
  return { bundles, links };
}

/** The `sub` or, for tokens of people, the `email` of a token, unverified: what its own holder proves possession with. */
export function challengeOf(token: string): string {
  const [, body = ""] = token.split(".");
  const claims = parseJson(fromBase64url(body), { maxBytes: 16 * 1024 }) as JsonObject;
  const value = claims["email"] ?? claims["sub"];
  if (typeof value !== "string") throw new Problem("oidc/token-invalid", "the token has neither sub nor email");
  return value;
}
