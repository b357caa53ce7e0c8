// What `up` runs: an organisation's services over its folder, on a port, and the upkeep of its TUF repository.

import type { Serving } from "./cli/index.ts";
import { hex, isProblem, problemChain } from "./core/index.ts";
import { randomBytes, type Signer } from "./crypto/index.ts";
import {
  type Authority,
  type Clock,
  createUpkeep,
  type Files,
  keyNames,
  loadOrganisation,
  loadSigner,
  openAuthority,
  type Organisation,
  places,
  type Randomness,
  type Upkeep,
  updateTrust,
} from "./flows/index.ts";
import {
  type FileRepositoryStore,
  loadAdvisoryFolders,
  openFileLogStore,
  openRepositoryStore,
  openSigner,
  type openTokenIssuer,
  tokenVerifier,
} from "./io/index.ts";
import { createApp, listen } from "./server/index.ts";
import { createMemoryStore, createStoreFetcher, type Key, type TufClient } from "./tuf/index.ts";

const maxSmallBytes = 1024 * 1024;
/** How often the clock is looked at; signing is seldom due. */
const lookEveryMs = 60_000;

export interface ServeWorld {
  readonly version: string;
  readonly clock: Clock;
  readonly shippedAdvisories: string;
  random(): Promise<Randomness>;
  files(folder: string): Promise<Files>;
  issuer(files: Files, organisation: Organisation): ReturnType<typeof openTokenIssuer>;
}

/** A TUF client over the organisation's own repository. */
export async function ownTrust(dir: string, world: ServeWorld): Promise<TufClient> {
  const store = await openRepositoryStore(dir);
  const client = await trustOver(store, dir, world);
  // What a client looks up later, it reads then: the store stays open as long as this process.
  return client;
}

async function trustOver(store: FileRepositoryStore, dir: string, world: ServeWorld): Promise<TufClient> {
  const root = await (await world.files(dir)).read(places.root, maxSmallBytes);
  const fetcher = createStoreFetcher(store);
  return updateTrust({ root, fetcher, store: createMemoryStore(), now: world.clock.now() });
}

/** Without a prompt: there is nobody to ask. */
async function openOnlineKey(dir: string, reference: string, { scheme }: Key): Promise<Signer | undefined> {
  try {
    const keyWorld = { environment: process.env, folder: dir };
    return await openSigner(
      reference,
      keyWorld,
      scheme.startsWith("rsassa-pss") ? { scheme: () => "rsa-pss-sha256" } : {},
    );
  } catch (error) {
    if (isProblem(error)) return undefined;
    throw error;
  }
}

async function openServices(
  dir: string,
  tuf: FileRepositoryStore,
  upkeep: Upkeep,
  world: ServeWorld,
): Promise<Authority> {
  const files = await world.files(dir);
  const organisation = await loadOrganisation(files);
  const issuer = await world.issuer(files, organisation);
  return openAuthority({
    clock: world.clock,
    random: await world.random(),
    files,
    tuf,
    upkeep,
    openStore: (folder) => openFileLogStore(`${dir}/${folder}`),
    verifyToken: tokenVerifier(organisation.url, issuer.keys),
    keySet: issuer.keySet,
    verifier: {
      id: `${organisation.url}/verifier`,
      version: world.version,
      signer: await loadSigner(files, keyNames.verifier),
    },
    openTrust: () => trustOver(tuf, dir, world),
    advisories: () => loadAdvisoryFolders([world.shippedAdvisories]),
  });
}

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly log: (record: object) => void;
}

/** Serves until `close`; what is due in the TUF repository is signed before the first request, and looked at every minute. */
export async function serveOrganisation(
  dir: string,
  { host, port, log }: ServeOptions,
  world: ServeWorld,
): Promise<Serving> {
  // Before a database is made where there is no organisation.
  await loadOrganisation(await world.files(dir));
  const tuf = await openRepositoryStore(dir);
  const told = (error: unknown) => problemChain(error).join(": ");
  try {
    const openKey = (reference: string, key: Key) => openOnlineKey(dir, reference, key);
    const upkeep = createUpkeep({ clock: world.clock, tuf, openKey });
    const authority = await openServices(dir, tuf, upkeep, world);
    try {
      for (const record of await upkeep.look()) log(record);
      const app = createApp(authority, {
        requestId: () => hex(randomBytes(8)),
        onAccess: ({ error, ...record }) => log({ ...record, ...(error === undefined ? {} : { error: told(error) }) }),
      });
      const listening = await listen(app, host, port);
      const stop = repeat(upkeep, log, told);
      const close = async (): Promise<void> => {
        await stop();
        await listening.close();
        await authority.close();
        await tuf.close();
      };
      return { url: listening.url, close };
    } catch (error) {
      await authority.close();
      throw error;
    }
  } catch (error) {
    await tuf.close();
    throw error;
  }
}

/** Looks every minute, one look at a time; the function that it gives ends it. */
function repeat(upkeep: Upkeep, log: (record: object) => void, told: (error: unknown) => string): () => Promise<void> {
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    try {
      for (const record of await upkeep.look()) log(record);
    } catch (error) {
      log({ level: "error", message: "the TUF repository cannot be looked after", error: told(error) });
    }
    looking = undefined;
  };
  const timer = setInterval(() => (looking ??= look()), lookEveryMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await looking;
  };
}
