// What is said about a build, and signing it: SLSA provenance for the artifact, an in-toto link a task. Each is signed
// with a fresh key under the build's own identity, timestamped and logged: one Sigstore bundle each.

import type { Json, JsonObject } from "../core/index.ts";
import { createSigner, type LocalSigner } from "../crypto/index.ts";
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
  signMessage,
  type SignOptions,
  statementPayloadType,
  type Trust,
} from "../sigstore/index.ts";
import { createProvenance } from "../slsa/index.ts";
import type { Build } from "./build.ts";
import { buildType } from "./project-targets.ts";
import { certificateChain, timestampOver } from "./signing-services.ts";
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

function signOptions(world: SigningWorld): SignOptions {
  const { services } = world;
  return {
    signer: createSigner(world.random.key("ecdsa-p256")),
    material: {
      kind: "certificate",
      chain: async (signer) => {
        const token = await world.token();
        return certificateChain(signer, token, world.challenge(token), (request) =>
          services.signingCertificate(request),
        );
      },
    },
    services: {
      timestamps: [(signature) => timestampOver(signature, world.random, (query) => services.timestamp(query))],
      logs: [(request) => services.addEntry(request)],
    },
    trust: world.trust,
  };
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
