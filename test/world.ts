// The whole system in memory, with a clock you move: an organisation, its services, its TUF repository, a builder that
// makes releases, and consumers who have the root alone. Every part is the real one but disk, network and sandbox.

import { parseJson, utf8 } from "../src/core/index.ts";
import { digestHex, encodePrivateKeyPem, encodePublicKeyPem, generateKey, randomBytes } from "../src/crypto/index.ts";
import { createAdvisoryIndex, parseAdvisory, parseExploitedCatalog } from "../src/advisories/index.ts";
import {
  type Admission,
  type AdvisorySource,
  admitRelease,
  attestBuild,
  type Authority,
  type Build,
  builderId,
  buildIdentity,
  challengeOf,
  createUpkeep,
  decisionAudience,
  type Files,
  initOrganisation,
  keyNames,
  loadConsumerTrust,
  loadKey,
  loadOrganisation,
  loadSigner,
  loadSigstoreTrust,
  onlyProject,
  openAuthority,
  type Organisation,
  places,
  runUri,
  type Release,
  type SigningWorld,
  tokenAudience,
  updateTrust,
} from "../src/flows/index.ts";
import { createLink } from "../src/intoto/index.ts";
import { openTokenIssuer, tokenVerifier } from "../src/io/oidc.ts";
import { createMemoryLogStore, type MemoryLogStore } from "../src/tlog/index.ts";
import {
  createMemoryRepositoryStore,
  createMemoryStore,
  createStoreFetcher,
  type RepositoryStore,
  type TufFetcher,
  type TufStore,
} from "../src/tuf/index.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isProblem, Problem } from "../src/core/index.ts";

const shipped = join(import.meta.dirname, "..", "data", "advisories");
const tokenLifetimeS = 600;

/** Files in a map, with modes that can be asked for. */
export class MemoryFiles implements Files {
  readonly contents = new Map<string, Uint8Array>();
  readonly privates = new Set<string>();

  async readIfThere(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const bytes = this.contents.get(path);
    if (bytes !== undefined && bytes.length > maxBytes) throw new Problem("io/too-large", `${path} is too large`);
    return bytes?.slice();
  }

  async read(path: string, maxBytes: number): Promise<Uint8Array> {
    const bytes = await this.readIfThere(path, maxBytes);
    if (bytes === undefined) throw new Problem("io/not-found", `there is no file ${path}`);
    return bytes;
  }

  async write(path: string, bytes: Uint8Array, options: { private?: boolean; isNew?: boolean } = {}): Promise<void> {
    if (options.isNew === true && this.contents.has(path)) throw new Problem("io/exists", `${path} is there already`);
    if (options.private === true) this.privates.add(path);
    this.contents.set(path, bytes.slice());
  }

  async remove(path: string): Promise<void> {
    this.contents.delete(path);
  }

  /** Names in a folder, for tests to look at. */
  names(path: string): readonly string[] {
    const names = [...this.contents.keys()].filter((each) => each.startsWith(`${path}/`));
    return [...new Set(names.map((each) => each.slice(path.length + 1).split("/")[0] as string))].sort();
  }
}

export class MovableClock {
  constructor(private nowMs: number) {}

  now(): number {
    return this.nowMs;
  }

  advance(ms: number): void {
    this.nowMs += ms;
  }
}

const random = { bytes: randomBytes, key: generateKey };

export class World {
  readonly clock = new MovableClock(Date.UTC(2026, 10, 23, 12));
  readonly files = new MemoryFiles();
  readonly tuf = createMemoryRepositoryStore();
  readonly steps: string[] = [];
  private readonly stores = new Map<string, MemoryLogStore>();
  authority!: Authority;
  organisation!: Organisation;

  /** A world with an organisation whose services are open. */
  static async open(): Promise<World> {
    const world = new World();
    await initOrganisation(
      {
        name: "Example",
        url: "http://127.0.0.1:8765",
        project: { name: "app", sourceUri: "git+https://example.com/app", pipelinePath: ".tekton/release.yaml" },
        steps: [
          { name: "source", after: undefined },
          { name: "test", after: "source" },
          { name: "pack", after: "test" },
        ],
      },
      {
        clock: world.clock,
        random,
        files: world.files,
        openTuf: async () => openMemoryTuf(world.tuf),
        progress: { step: (name) => void world.steps.push(name) },
      },
    );
    world.organisation = await loadOrganisation(world.files);
    await world.restart();
    return world;
  }

  /** Opens the services anew over the same stores, as after a crash. */
  async restart(): Promise<void> {
    const { organisation, files, clock } = this;
    const issuer = await this.issuer();
    this.authority = await openAuthority({
      clock,
      random,
      files,
      tuf: this.tuf,
      upkeep: createUpkeep({ clock, tuf: this.tuf, openKey: async () => undefined }),
      openStore: async (folder) => Object.assign(this.store(folder), { close: async () => undefined }),
      verifyToken: tokenVerifier(organisation.url, issuer.keys),
      keySet: issuer.keySet,
      verifier: await this.verifier(),
      openTrust: (now) => this.update(createMemoryStore(), now),
      advisories: async () => shippedAdvisories(),
    });
  }

  private store(folder: string): MemoryLogStore {
    const known = this.stores.get(folder) ?? createMemoryLogStore();
    this.stores.set(folder, known);
    return known;
  }

  private async issuer() {
    const key = await loadKey(this.files, keyNames.oidc);
    return openTokenIssuer(this.organisation.url, encodePrivateKeyPem(key), encodePublicKeyPem(key.publicKey));
  }

  async verifier() {
    return {
      id: `${this.organisation.url}/verifier`,
      version: "0",
      signer: await loadSigner(this.files, keyNames.verifier),
    };
  }

  /** What a mirror serves. */
  get fetcher(): TufFetcher {
    return createStoreFetcher(this.tuf);
  }

  async update(store: TufStore, now = this.clock.now(), fetcher = this.fetcher) {
    return updateTrust({ root: await this.files.read(places.root, 1 << 20), fetcher, store, now });
  }

  /** Signing services without a network between, for whom `identity` names. */
  async signing(identity = buildIdentity(this.organisation), runId = "run-1"): Promise<SigningWorld> {
    const issuer = await this.issuer();
    const { authority } = this;
    const json = (value: object) => utf8(JSON.stringify(value));
    return {
      random,
      token: () =>
        issuer.issue(
          { build_signer_uri: identity, run_invocation_uri: runUri(this.organisation, runId) },
          { subject: identity, audience: tokenAudience, now: this.clock.now(), lifetimeS: tokenLifetimeS },
        ),
      challenge: challengeOf,
      services: {
        signingCertificate: (request) => authority.signingCertificate(json(request), undefined),
        // As a client has it: through the text.
        addEntry: async (request) =>
          parseJson(json((await authority.addEntry(json(request))).entry), { maxBytes: 1 << 20 }),
        timestamp: (query) => authority.timestamp(query),
      },
      trust: await loadSigstoreTrust(await this.update(createMemoryStore())),
    };
  }

  /** A token that may have a decision recorded. */
  async decisionToken(): Promise<string> {
    const options = {
      subject: "release",
      audience: decisionAudience,
      now: this.clock.now(),
      lifetimeS: tokenLifetimeS,
    };
    return (await this.issuer()).issue({}, options);
  }

  /** A build as the control plane would have recorded it, of an artifact with this content. */
  build(content = "artifact", files: Readonly<Record<string, string>> = { "package-lock.json": lockfile }): Build {
    const now = this.clock.now();
    const digests = (text: string) => new Map([["sha256", digestHex("sha256", utf8(text))]]);
    const source = new Map(Object.entries(files).map(([path, text]) => [path, digests(text)]));
    const bytes = utf8(content);
    const packed = new Map([...source, ["app.tgz", digests(content)]]);
    return {
      artifact: { name: "app.tgz", sha256: digestHex("sha256", bytes), bytes },
      links: [
        createLink({ name: "source", products: source }),
        createLink({ name: "test", materials: source, products: source }),
        createLink({ name: "pack", materials: source, products: packed }),
      ],
      lockfiles: new Map(Object.entries(files).map(([path, text]) => [path, utf8(text)])),
      run: {
        externalParameters: { params: {} },
        stepImages: ["docker.io/library/node:20"],
        taskResults: [],
        invocationId: "run-1",
        startMs: now,
        completionMs: now,
      },
      pipelineSha256: "00".repeat(32),
      isolation: { kind: "bubblewrap", network: "none", userId: "unprivileged", rootReadOnly: true },
      toolchain: { uri: "sealwright:host-toolchain", sha256: "11".repeat(32), description: {} },
      inputs: [],
      commit: { revision: "2".repeat(40), ref: "refs/heads/main" },
    };
  }

  async release(build: Build, signing?: SigningWorld): Promise<Release> {
    const signer = await loadSigner(this.files, keyNames.builder);
    const builder = { id: builderId(this.organisation, "isolated"), version: "0", signer };
    const { bundles } = await attestBuild(build, builder, this.organisation.project, signing ?? (await this.signing()));
    return {
      name: build.artifact.name,
      sha256: build.artifact.sha256,
      bundles: new Map(bundles),
      lockfiles: build.lockfiles,
    };
  }

  /** A consumer with the root alone and, unless given, no memory. */
  async admit(release: Release, store: TufStore = createMemoryStore()): Promise<Admission> {
    const now = this.clock.now();
    const client = await this.update(store, now);
    const consumer = await loadConsumerTrust(client, onlyProject(client), now);
    return admitRelease(release, consumer, shippedAdvisories(), await this.verifier(), now);
  }
}

/** As `init` asks for it. */
export function openMemoryTuf(store = createMemoryRepositoryStore()): RepositoryStore & { close(): Promise<void> } {
  return { ...store, close: async () => undefined };
}

/** One harmless npm package. */
export const lockfile = JSON.stringify({
  name: "app",
  version: "1.0.0",
  lockfileVersion: 3,
  packages: { "": { name: "app", version: "1.0.0" }, "node_modules/left": { version: "1.0.0" } },
});

let loaded: AdvisorySource | undefined;

export function shippedAdvisories(): AdvisorySource {
  if (loaded !== undefined) return loaded;
  const read = (name: string) => new Uint8Array(readFileSync(join(shipped, name)));
  const exploited = parseExploitedCatalog(read("kev.json"));
  const records = ["log4shell.json", "log4j-45046.json", "event-stream.json", "ua-parser-js.json"].map((name) =>
    parseAdvisory(read(name)),
  );
  const index = createAdvisoryIndex(records, { exploited });
  loaded = { index, asOfMs: Date.UTC(2026, 10, 23), exploitedAsOfMs: exploited.releasedMs };
  return loaded;
}

/** Codes of everything that speaks against admission. */
export function codesOf({ decision, evidence }: Admission): string[] {
  const refused = [evidence.signatures, evidence.provenance, evidence.layout, evidence.dependencies].flatMap(
    (each) => each.refused,
  );
  return [
    ...decision.reasons.filter(({ outcome }) => outcome !== "pass").map(({ code }) => code),
    ...refused.map(({ code }) => code),
  ];
}

/** The code of the Problem that a promise ends with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    if (isProblem(error)) return error.code;
    throw error;
  }
}
