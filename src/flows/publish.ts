// The organisation's TUF repository: new versions of its targets, and of what its online keys sign.

import { dayMs, hourMs, isProblem } from "../core/index.ts";
import type { LocalSigner, Signer } from "../crypto/index.ts";
import {
  defaultSettings,
  type Key,
  type NewTarget,
  publish,
  type Repository,
  type RepositorySettings,
  type RepositoryStore,
  resign,
  transact,
} from "../tuf/index.ts";
import { places, loadSigner, loadSignerAt } from "./organisation.ts";
import { trustedIdentities } from "./tuf-identity.ts";
import type { Clock, Files } from "./world.ts";

/** What a new organisation begins with: when what is signed ends, and when it is signed anew. */
export const tufSettings: RepositorySettings = {
  ...defaultSettings,
  roles: new Map([
    ...defaultSettings.roles,
    ["snapshot", { expiryMs: 14 * dayMs, signingMs: 13 * dayMs }],
    ["timestamp", { expiryMs: 7 * dayMs, signingMs: 6 * dayMs }],
  ]),
  retentionMs: 48 * hourMs,
};

export interface PublisherWorld {
  readonly files: Files;
  readonly clock: Clock;
  readonly tuf: RepositoryStore;
}

/** The reference of a private key in the organisation's own folder. */
export function keyReference(name: string): string {
  return `file:${places.keys}/${name}.pem`;
}

/**
 * The keys whose use asks nobody: those of snapshot, timestamp, delegated roles and bins. A key that root or targets
 * have as well is its owner's to use.
 */
export function onlineKeys({ head, delegated, bins }: Repository): Key[] {
  const { roles, keys } = head.root.signed;
  const authorities = [
    { keys, role: roles.snapshot },
    { keys, role: roles.timestamp },
    ...[...delegated.values()].flatMap((each) => each.authorities),
    ...[...bins.values()].map((each) => each.authority),
  ];
  const owned = new Set([...roles.root.keyids, ...roles.targets.keyids]);
  const online = new Map<string, Key>();
  for (const authority of authorities) {
    for (const keyid of authority.role.keyids) {
      const key = authority.keys.get(keyid);
      if (key !== undefined && !owned.has(keyid)) online.set(keyid, key);
    }
  }
  return [...online.values()];
}

/** Those of the online keys that are files of the organisation's folder and are there. */
async function onlineSigners(repository: Repository, files: Files): Promise<Signer[]> {
  const signers: Signer[] = [];
  for (const { keyid } of onlineKeys(repository)) {
    const reference = repository.settings.keys.get(keyid);
    if (reference?.startsWith("file:") !== true) continue;
    try {
      signers.push(await loadSignerAt(files, reference.slice("file:".length)));
    } catch (error) {
      if (!isProblem(error, "io/not-found")) throw error;
    }
  }
  return signers;
}

/** Adds or replaces targets. `owners` are the names of the owners' keys that sign: as many as the threshold. */
export async function publishTargets(
  targets: readonly NewTarget[],
  owners: readonly string[],
  { files, clock, tuf }: PublisherWorld,
): Promise<void> {
  const signers: LocalSigner[] = await Promise.all(owners.map((name) => loadSigner(files, name)));
  const event = { operation: "publish", targets: targets.map(({ path }) => path), signers: [...owners] };
  const make = async (repository: Repository) => {
    const pool = [...signers, ...(await onlineSigners(repository, files))];
    return publish(repository, { place: { add: targets } }, { pool }, clock.now());
  };
  await transact(tuf, event, make, undefined, { delegatedIdentities: trustedIdentities });
}

/** New snapshot and timestamp with the online keys alone. */
export async function resignRepository({ files, clock, tuf }: PublisherWorld): Promise<void> {
  const make = async (repository: Repository) =>
    resign(repository, { pool: await onlineSigners(repository, files) }, clock.now());
  await transact(tuf, { operation: "resign" }, make, undefined, { delegatedIdentities: trustedIdentities });
}
