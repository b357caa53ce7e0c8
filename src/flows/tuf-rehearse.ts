// A rehearsal: the whole operation on a copy in memory, and then our own client against the copy, as a newcomer, as one
// that is up to date, and as one that was last seen before the previous root. Writes nothing.

import { isProblem, problemChain } from "../core/index.ts";
import {
  createMemoryRepositoryStore,
  createMemoryStore,
  createStoreFetcher,
  type Repository,
  type RepositoryStore,
  roleFile,
  type TrustedSet,
  type TufStore,
  update,
} from "../tuf/index.ts";
import { applyProposal } from "./tuf-apply.ts";
import { labelOf } from "./tuf-difference.ts";
import { openPublished, trustedIdentities } from "./tuf-identity.ts";
import { draft, type Operation, type TufWorld } from "./tuf-operations.ts";
import type { Proposal } from "./tuf-proposal.ts";
import { missingLines, needsOf, signHere } from "./tuf-quorum.ts";
import { beforeOf, differences } from "./tuf-request.ts";
import { rehearsalCopy, StandInKeyring } from "./tuf-stand-ins.ts";
import { viewOf } from "./tuf-view.ts";
import { readKeyNames } from "./tuf-key-names.ts";

/** What one client sees once the operation has been carried out. */
export interface ClientSight {
  readonly who: string;
  /** Undefined: it follows. */
  readonly problem: { readonly code: string; readonly message: string } | undefined;
  readonly roles: readonly { readonly role: string; readonly version: number; readonly expiresMs: number }[];
  /** Of the targets that were asked about: what a client is told of each. */
  readonly targets: readonly {
    readonly path: string;
    readonly sha256: string | undefined;
    readonly problem?: string;
  }[];
}

export interface Rehearsal {
  readonly proposal: Proposal;
  readonly differences: readonly (readonly string[])[];
  /** What would have to be signed by whom, if it were done now with what is here. */
  readonly missing: readonly string[];
  /** Names of keys that throwaway ones stood in for. */
  readonly standIns: readonly string[];
  readonly clients: readonly ClientSight[];
  /** What a client that is up to date is told of the same targets before. */
  readonly before: ClientSight;
}

const maxTargets = 200;

/** Problems as of `propose`, but for keys that are not here: others stand in for them. */
export async function rehearse(world: TufWorld, operation: Operation): Promise<Rehearsal> {
  const { store, now } = world;
  const repository = await openPublished(store);
  const given = await readKeyNames(store);
  const names = new Map([...given, ...operation.wanted.holders.map(({ keyid, name }) => [keyid, name] as const)]);
  const label = labelOf(names);
  const references = operation.wanted.holders.flatMap(({ keyid, reference }) =>
    reference === undefined ? [] : [[keyid, reference] as const],
  );
  const here = world.keyring(new Map([...repository.settings.keys, ...references]));
  const keyring = new StandInKeyring(here, world.random);
  const copy = await rehearsalCopy(store, repository, keyring);
  const before = await openPublished(copy);
  const upToDate = createMemoryStore();
  const paths = shownPaths(operation, before);
  const today = await see("today", { copy, bootstrap: before.firstRoot, store: upToDate, now, paths });
  const wanted = keyring.wanted(operation.wanted);
  const proposal = await draft(before, { ...operation, wanted }, { now, label });
  const signed = await signHere(before, proposal, keyring, { now, label });
  await applyProposal(copy, before, signed.proposal, { keyring, now });
  // What it would really be, with the real keys in it.
  const real = await draft(repository, operation, { now, label });
  return {
    proposal: real,
    differences: await differences(viewOf(repository), real.parts, label),
    missing: missingLines(
      await needsOf(repository, (await signOpen(repository, real, here, now, label)).proposal),
      label,
    ),
    standIns: keyring.absent().map(label),
    clients: await clients(copy, before, upToDate, now, paths),
    before: today,
  };
}

/** A repository that is about to be made, made in memory alone. Problems as of `propose`. */
export async function rehearseBootstrap(world: TufWorld, operation: Operation): Promise<Rehearsal> {
  const { now } = world;
  const { holders } = operation.wanted;
  const label = labelOf(new Map(holders.map(({ keyid, name }) => [keyid, name])));
  const references = holders.flatMap(({ keyid, reference }) => (reference === undefined ? [] : [[keyid, reference]]));
  const here = world.keyring(new Map(references as [string, string][]));
  const keyring = new StandInKeyring(here, world.random);
  const copy = createMemoryRepositoryStore();
  const wanted = keyring.wanted(operation.wanted);
  const proposal = await draft(undefined, { ...operation, wanted }, { now, label });
  const signed = await signHere(undefined, proposal, keyring, { now, label });
  await applyProposal(copy, undefined, signed.proposal, { keyring, now });
  const real = await draft(undefined, operation, { now, label });
  const bootstrap = (await copy.read(roleFile("root", 1)))!;
  const signedOpen = await signOpen(undefined, real, here, now, label);
  return {
    proposal: real,
    differences: await differences(beforeOf(undefined), real.parts, label),
    missing: missingLines(await needsOf(undefined, signedOpen.proposal), label),
    standIns: keyring.absent().map(label),
    clients: [await see("a fresh client", { copy, bootstrap, store: createMemoryStore(), now, paths: [] })],
    before: { who: "today", problem: undefined, roles: [], targets: [] },
  };
}

/** With the keys that open without asking anybody. */
async function signOpen(
  repository: Repository | undefined,
  proposal: Proposal,
  here: ReturnType<TufWorld["keyring"]>,
  now: number,
  label: (keyid: string) => string,
) {
  const open = {
    ...here,
    signer: async (key: Parameters<typeof here.signer>[0]) => (here.opens(key.keyid) ? here.signer(key) : undefined),
    where: (keyid: string) => here.where(keyid),
    opens: (keyid: string) => here.opens(keyid),
  };
  return signHere(repository, proposal, open, { now, label });
}

function shownPaths({ wanted }: Operation, before: Repository): readonly string[] {
  const touched = wanted.targets.flatMap(({ add, remove }) => [...add.map((each) => each.path), ...remove]);
  const others = [...before.head.targets.signed.targets.keys()];
  return [...new Set([...touched, ...others])].slice(0, maxTargets);
}

async function clients(
  copy: RepositoryStore,
  before: Repository,
  upToDate: TufStore,
  now: number,
  paths: readonly string[],
): Promise<readonly ClientSight[]> {
  const bootstrap = before.firstRoot;
  const { version } = before.head.root.signed;
  const sights = [
    await see("a fresh client", { copy, bootstrap, store: createMemoryStore(), now, paths }),
    await see("a client that is up to date", { copy, bootstrap, store: upToDate, now, paths }),
  ];
  const older = await copy.read(roleFile("root", Math.max(1, version - 1)));
  const who =
    version === 1 ? "a client with the first root and nothing else" : `a client last seen at root ${version - 1}`;
  sights.push(await see(who, { copy, bootstrap: older!, store: createMemoryStore(), now, paths }));
  return sights;
}

interface Sight {
  readonly copy: RepositoryStore;
  readonly bootstrap: Uint8Array;
  readonly store: TufStore;
  readonly now: number;
  readonly paths: readonly string[];
}

async function see(who: string, { copy, bootstrap, store, now, paths }: Sight): Promise<ClientSight> {
  try {
    const client = await update({
      bootstrap,
      fetcher: createStoreFetcher(copy),
      store,
      now,
      delegatedIdentities: trustedIdentities,
    });
    const targets: ClientSight["targets"][number][] = [];
    for (const path of paths) {
      const found = await client.findTarget(path).catch((error: unknown) => problemOf(error).message);
      if (typeof found === "string") targets.push({ path, sha256: undefined, problem: found });
      else targets.push({ path, sha256: found?.hashes.get("sha256") });
    }
    return { who, problem: undefined, roles: rolesOf(client.trusted), targets };
  } catch (error) {
    return { who, problem: problemOf(error), roles: [], targets: [] };
  }
}

function rolesOf(trusted: TrustedSet): ClientSight["roles"] {
  return (["root", "timestamp", "snapshot", "targets"] as const).map((role) => {
    const { version, expiresMs } = trusted[role].signed;
    return { role, version, expiresMs };
  });
}

function problemOf(error: unknown): { code: string; message: string } {
  if (!isProblem(error)) throw error;
  return { code: error.code, message: problemChain(error).join(": ") };
}
