// `init`: an organisation from nothing. Keys, certificate chains, trust root, signing config, and a TUF repository whose
// targets are everything a security team decides. Refuses to touch a folder that has one already.

import { dayMs, Problem, utf8 } from "../core/index.ts";
import {
  type Certificate,
  createSigner,
  encodePem,
  encodePrivateKeyPem,
  type KeyType,
  keyFingerprint,
  type LocalSigner,
  type PrivateKey,
} from "../crypto/index.ts";
import { parsePolicy } from "../policy/index.ts";
import { encodeSigningConfig, encodeTrustedRoot, type SigningConfig, type TrustedRoot } from "../sigstore/index.ts";
import { noteKeyId } from "../tlog/index.ts";
import {
  commitPublication,
  createKey,
  createRoot,
  initialRepository,
  type NewTarget,
  type RepositoryStore,
  signMetadata,
} from "../tuf/index.ts";
import { createCaChain, createTsaChain } from "./certificates.ts";
import { encodeOrganisation, keyNames, type Organisation, places, type Project } from "./organisation.ts";
import {
  builderTrust,
  defaultPolicy,
  expectations,
  layoutKeys,
  layoutTemplate,
  noExceptions,
  type PipelineStep,
  signedLayout,
  targetPaths,
} from "./project-targets.ts";
import { keyReference, tufSettings } from "./publish.ts";
import type { Clock, Files, Progress, Randomness } from "./world.ts";

export interface InitWorld {
  readonly clock: Clock;
  readonly random: Randomness;
  /** The organisation's folder. */
  readonly files: Files;
  /** The store of the organisation's TUF repository, in its folder; asked for when there is one to be made. */
  readonly openTuf: () => Promise<RepositoryStore & { close(): Promise<void> }>;
  readonly progress: Progress;
}

export interface InitOptions {
  readonly name: string;
  readonly url: string;
  readonly project: Project;
  /** The pipeline's tasks in order. */
  readonly steps: readonly PipelineStep[];
  /** Policy document in place of the default one. */
  readonly policy?: Uint8Array;
  /** The default policy also admits builds whose steps were not kept apart. */
  readonly unisolated?: boolean;
}

const rootLifetimeMs = 365 * dayMs;
/** How many owners must agree to change what the organisation trusts. */
const rootThreshold = 2;
const trustedRootV01 = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

type Keys = ReadonlyMap<string, PrivateKey>;

/**
 * Problems: `organisation/exists`, `organisation/url`, `organisation/project`, `organisation/pipeline-empty`, those of a
 * given policy (`policy/*`), and what the files throw.
 */
export async function initOrganisation(options: InitOptions, world: InitWorld): Promise<Organisation> {
  const now = world.clock.now();
  const organisation = describe(options, now);
  // A policy that no consumer can read would be published for all of them.
  if (options.policy !== undefined) parsePolicy(options.policy);
  if ((await world.files.readIfThere(places.organisation, 1 << 20)) !== undefined) {
    throw new Problem("organisation/exists", "there is an organisation in this folder already", {
      hint: "name another folder with --dir",
    });
  }
  // What is in here must not be committed by the way.
  await world.files.write(".gitignore", utf8("*\n"));
  const keys = await createKeys(world);
  const { caChain, tsaChain } = await createChains(organisation, keys, world, now);
  const trustedRoot = encodeTrustedRoot(describeTrust(organisation, keys, caChain, tsaChain, now));
  const signingConfig = encodeSigningConfig(describeServices(organisation, now));
  const targets = await describeTargets(organisation, options, keys, now, trustedRoot, signingConfig);
  await createRepository(targets, keys, world, now);
  // Last, so that a folder with this file is whole.
  await world.files.write(places.organisation, encodeOrganisation(organisation), { isNew: true });
  return organisation;
}

function describe({ name, url, project, steps }: InitOptions, now: number): Organisation {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.origin !== url) {
    throw new Problem(
      "organisation/url",
      `${url} is not an address such as http://127.0.0.1:8765, without path or slash`,
    );
  }
  // It is part of a URI and of the names of TUF targets.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(project.name)) {
    throw new Problem(
      "organisation/project",
      `${JSON.stringify(project.name.slice(0, 100))} is no name for a project: letters, digits, ".", "_" and "-"`,
      { hint: "give another with --project" },
    );
  }
  if (name.trim() === "") throw new Problem("organisation/name", "an organisation has a name");
  // Published in certificates, provenance and policy.
  const source = URL.canParse(project.sourceUri) ? new URL(project.sourceUri) : undefined;
  if (
    source !== undefined &&
    (source.password !== "" || (source.username !== "" && /^(git\+)?https?:$/.test(source.protocol)))
  ) {
    throw new Problem(
      "organisation/source",
      "the source's address holds a user name or password, which would be published",
      {
        hint: "give the address without it with --source",
      },
    );
  }
  if (steps.length === 0) throw new Problem("organisation/pipeline-empty", "the pipeline has no task");
  const label =
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, "-")
      .replaceAll(/^-+|-+$/g, "") || "organisation";
  return {
    name,
    url,
    logOrigin: `log.${label}.sealwright`,
    ctOrigin: `ct.${label}.sealwright`,
    project,
    createdMs: now,
  };
}

async function createKeys(world: InitWorld): Promise<Keys> {
  const names = Object.values(keyNames).flat();
  // Ed25519 for the log: the only kind that witnesses cosign (C2SP tlog-cosignature). P-256 is what every client knows.
  const typeOf = (name: string): KeyType => (name === keyNames.log ? "ed25519" : "ecdsa-p256");
  const keys = new Map(names.map((name) => [name, world.random.key(typeOf(name))]));
  for (const [name, key] of keys) {
    await world.files.write(`${places.keys}/${name}.pem`, utf8(encodePrivateKeyPem(key)), {
      private: true,
      isNew: true,
    });
  }
  world.progress.step("keys", `${keys.size} private keys, mode 0600`);
  return keys;
}

function keyOf(keys: Keys, name: string): PrivateKey {
  const key = keys.get(name);
  if (key === undefined) throw new Error(`no key ${name}`);
  return key;
}

async function createChains(organisation: Organisation, keys: Keys, world: InitWorld, now: number) {
  const { name } = organisation;
  const caChain = await createCaChain(world.random, now, name, {
    root: keyOf(keys, keyNames.caRoot),
    ca: keyOf(keys, keyNames.ca),
  });
  const tsaChain = await createTsaChain(world.random, now, name, {
    root: keyOf(keys, keyNames.tsaRoot),
    tsa: keyOf(keys, keyNames.tsa),
  });
  const pem = (chain: readonly Certificate[]): Uint8Array =>
    utf8(chain.map(({ raw }) => encodePem("CERTIFICATE", raw)).join(""));
  await world.files.write(places.caChain, pem(caChain));
  await world.files.write(places.tsaChain, pem(tsaChain));
  world.progress.step("authorities", "CA and timestamp authority, each under a root of its own");
  return { caChain, tsaChain };
}

/** The trust root that clients verify by. `baseUrl` of a log is its identity, whatever address it is written to. */
function describeTrust(
  organisation: Organisation,
  keys: Keys,
  caChain: readonly Certificate[],
  tsaChain: readonly Certificate[],
  now: number,
): TrustedRoot {
  const validFor = { startMs: now - (now % 1000) };
  const operator = organisation.name;
  const log = keyOf(keys, keyNames.log).publicKey;
  const ct = keyOf(keys, keyNames.ct).publicKey;
  const logId = noteKeyId(organisation.logOrigin, log);
  const authority = (chain: readonly Certificate[], uri: string) => ({
    subject: { organization: organisation.name, commonName: organisation.name },
    uri,
    certificates: chain.map(({ raw }) => raw),
    validFor,
    operator,
  });
  return {
    mediaType: trustedRootV01,
    logs: [
      {
        baseUrl: `https://${organisation.logOrigin}`,
        publicKey: log.spki,
        keyDetails: "PKIX_ED25519",
        validFor,
        logId,
        checkpointKeyId: logId,
        operator,
      },
    ],
    certificateAuthorities: [authority(caChain, organisation.url)],
    ctLogs: [
      {
        baseUrl: `https://${organisation.ctOrigin}`,
        publicKey: ct.spki,
        keyDetails: "PKIX_ECDSA_P256_SHA_256",
        validFor,
        logId: keyFingerprint(ct),
        operator,
      },
    ],
    timestampAuthorities: [authority(tsaChain, `${organisation.url}/api/v1/timestamp`)],
  };
}

function describeServices({ url, name }: Organisation, now: number): SigningConfig {
  const service = (address: string, majorApiVersion: number) => ({
    url: address,
    majorApiVersion,
    validFor: { startMs: now - (now % 1000) },
    operator: name,
  });
  return {
    mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    // Version 1 is what clients know the CA's interface by, though its path says v2.
    certificateAuthorities: [service(url, 1)],
    oidcProviders: [service(url, 1)],
    logs: [service(url, 2)],
    logConfig: { selector: "ANY" },
    timestampAuthorities: [service(`${url}/api/v1/timestamp`, 1)],
    timestampConfig: { selector: "ANY" },
  };
}

async function describeTargets(
  organisation: Organisation,
  options: InitOptions,
  keys: Keys,
  now: number,
  trustedRoot: Uint8Array,
  signingConfig: Uint8Array,
): Promise<NewTarget[]> {
  const owners = ownerSigners(keys);
  const template = layoutTemplate(organisation, options.steps, keyOf(keys, keyNames.builder).publicKey, now);
  const project = organisation.project.name;
  return [
    { path: targetPaths.trustedRoot, content: trustedRoot },
    { path: targetPaths.signingConfig, content: signingConfig },
    { path: targetPaths.policy, content: options.policy ?? defaultPolicy(organisation, options.steps, options) },
    { path: targetPaths.exceptions, content: noExceptions() },
    { path: targetPaths.builders, content: builderTrust(organisation) },
    { path: targetPaths.expectations(project), content: expectations(organisation) },
    { path: targetPaths.layout(project), content: await signedLayout(template, owners) },
    { path: targetPaths.layoutKeys(project), content: layoutKeys(owners.map(({ publicKey }) => publicKey)) },
  ];
}

/** As many owners as must agree. */
function ownerSigners(keys: Keys): LocalSigner[] {
  return keyNames.root.slice(0, rootThreshold).map((name) => createSigner(keyOf(keys, name)));
}

async function createRepository(
  targets: readonly NewTarget[],
  keys: Keys,
  world: InitWorld,
  now: number,
): Promise<void> {
  const tufKey = (name: string) => createKey(keyOf(keys, name).publicKey);
  const owners = { keys: keyNames.root.map(tufKey), threshold: rootThreshold };
  const online = [keyNames.snapshot, keyNames.timestamp];
  const references = [...keyNames.root, ...online].map((name) => [tufKey(name).keyid, keyReference(name)] as const);
  const root = await signMetadata(
    createRoot({
      version: 1,
      expiresMs: now + rootLifetimeMs,
      roles: {
        root: owners,
        targets: owners,
        snapshot: { keys: [tufKey(keyNames.snapshot)], threshold: 1 },
        timestamp: { keys: [tufKey(keyNames.timestamp)], threshold: 1 },
      },
    }),
    ownerSigners(keys),
  );
  const settings = { ...tufSettings, keys: new Map(references) };
  const signers = [...ownerSigners(keys), ...online.map((name) => createSigner(keyOf(keys, name)))];
  const store = await world.openTuf();
  try {
    const changes = { roots: [root], settings, targets: new Map([["targets", { add: targets }]]) };
    const publication = await initialRepository(store, changes, { pool: signers }, now);
    await commitPublication(store, publication, { operation: "init" });
  } finally {
    await store.close();
  }
  await world.files.write(places.root, root);
  world.progress.step(
    "TUF",
    `root with ${keyNames.root.length} keys, ${rootThreshold} needed; ${targets.length} targets`,
  );
}
