// An organisation of its own for one test: made by `init` in a fresh folder, its services on a loopback port of this
// process, over the same files, locks and HTTP that `up` uses. Clients find it under `url` and nothing else.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Hono } from "hono";
import { createServiceClient, paths } from "../src/api/index.ts";
import { hex } from "../src/core/index.ts";
import { encodePrivateKeyPem, encodePublicKeyPem, generateKey, randomBytes } from "../src/crypto/index.ts";
import {
  buildIdentity,
  challengeOf,
  createUpkeep,
  type Files,
  initOrganisation,
  keyNames,
  loadKey,
  loadSigner,
  loadSigstoreTrust,
  openAuthority,
  type Organisation,
  places,
  type SigningWorld,
  tokenAudience,
  updateTrust,
} from "../src/flows/index.ts";
import {
  files as fileSystem,
  openFileLogStore,
  openRepositoryStore,
  openTokenIssuer,
  request,
  tokenVerifier,
} from "../src/io/index.ts";
import type { Trust } from "../src/sigstore/index.ts";
import { createApp, listen } from "../src/server/index.ts";
import { createMemoryStore, createStoreFetcher, type RepositoryStore, type TufClient } from "../src/tuf/index.ts";

const clock = { now: () => Date.now() };
const random = { bytes: randomBytes, key: generateKey };
const maxBytes = 1 << 20;
const tokenLifetimeS = 600;

export interface RunningInstance {
  /** The organisation's folder. */
  readonly folder: string;
  /** Base address of every service, and the issuer of tokens. */
  readonly url: string;
  readonly organisation: Organisation;
  /** SAN of the certificates that `token()` leads to. */
  readonly identity: string;
  readonly files: Files;
  /** The organisation's TUF repository. */
  readonly tuf: RepositoryStore;
  /** Root metadata as a consumer is handed it. */
  readonly root: Uint8Array;
  readonly rootPath: string;
  readonly trust: Trust;
  /** Signs by HTTP as the project's build. */
  readonly signing: SigningWorld;
  /** Access log: `POST /api/v2/signingCert 200`. */
  readonly requests: readonly string[];
  /** An identity token; of the project's build unless told otherwise. */
  token(claims?: Readonly<Record<string, unknown>>, subject?: string): Promise<string>;
  /** Every TUF target that `init` made. */
  readonly targetNames: readonly string[];
  /** The bytes of one of them. */
  target(path: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

function folderFiles(folder: string): Files {
  const at = (path: string): string => join(folder, path);
  return {
    read: (path, limit) => fileSystem.read(at(path), limit),
    readIfThere: (path, limit) => fileSystem.readIfThere(at(path), limit),
    write: (path, bytes, options) => fileSystem.write(at(path), bytes, options),
    remove: (path) => fileSystem.remove(at(path)),
  };
}

/** Runs until the test ends, or, for the tests of a whole file, until `close`. */
export async function startInstance(t?: TestContext): Promise<RunningInstance> {
  const folder = await mkdtemp(join(tmpdir(), "sealwright-test-"));
  const closing: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const each of closing.reverse()) await each();
  };
  t?.after(close);
  const files = folderFiles(folder);
  // The address is part of what `init` writes, so the port is held from before it on.
  let app = new Hono();
  const listening = await listen(
    new Hono().all("*", (c) => app.fetch(c.req.raw)),
    "127.0.0.1",
    0,
  );
  closing.push(() => listening.close());
  const { url } = listening;
  const organisation = await initOrganisation(
    {
      name: "example",
      url,
      project: { name: "example", sourceUri: "git+https://example.com/app", pipelinePath: ".tekton/release.yaml" },
      steps: [
        { name: "source", after: undefined },
        { name: "pack", after: "source" },
      ],
    },
    { clock, random, files, openTuf: () => openRepositoryStore(folder), progress: { step: () => undefined } },
  );
  const store = await openRepositoryStore(folder);
  closing.push(() => store.close());
  const openTuf = (now: number): Promise<TufClient> => openOwnTuf(store, files, now);
  const issuer = await openIssuer(files, url);
  const authority = await openAuthority({
    clock,
    random,
    files,
    tuf: store,
    upkeep: createUpkeep({ clock, tuf: store, openKey: async () => undefined }),
    openStore: (name) => openFileLogStore(join(folder, name)),
    verifyToken: tokenVerifier(url, issuer.keys),
    keySet: issuer.keySet,
    verifier: { id: `${url}/verifier`, version: "0.0.0", signer: await loadSigner(files, keyNames.verifier) },
    openTrust: openTuf,
    advisories: () => Promise.reject(new Error("an instance for tests has no advisories")),
  });
  // Before the port, as a request under way may still need it: none is left when a test ends.
  closing.push(() => authority.close());
  const requests: string[] = [];
  app = createApp(authority, {
    requestId: () => hex(randomBytes(8)),
    onAccess: ({ method, path, status }) => void requests.push(`${method} ${path} ${status}`),
  });
  const tuf = await openTuf(clock.now());
  const trust = await loadSigstoreTrust(tuf);
  const identity = buildIdentity(organisation);
  const token: RunningInstance["token"] = (claims = { build_signer_uri: identity }, subject = identity) =>
    issuer.issue(claims, { subject, audience: tokenAudience, now: clock.now(), lifetimeS: tokenLifetimeS });
  return {
    folder,
    url,
    organisation,
    identity,
    files,
    tuf: store,
    root: new Uint8Array(await readFile(join(folder, places.root))),
    rootPath: join(folder, places.root),
    trust,
    signing: {
      random,
      token,
      challenge: challengeOf,
      services: createServiceClient({ ca: url, log: url, tsa: url + paths.timestamp }, request),
      trust,
    },
    requests,
    token,
    targetNames: [...tuf.trusted.targets.signed.targets.keys()],
    target: async (path) => tuf.download((await tuf.findTarget(path))!),
    close,
  };
}

/** A folder that is gone when the test is over. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sealwright-test-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function openIssuer(files: Files, url: string) {
  const key = await loadKey(files, keyNames.oidc);
  return openTokenIssuer(url, encodePrivateKeyPem(key), encodePublicKeyPem(key.publicKey));
}

async function openOwnTuf(store: RepositoryStore, files: Files, now: number): Promise<TufClient> {
  return updateTrust({
    root: await files.read(places.root, maxBytes),
    fetcher: createStoreFetcher(store),
    store: createMemoryStore(),
    now,
  });
}
