// The organisation's TUF repository: what is stored, in which order, and new versions of its targets.

import { dayMs } from "../core/index.ts";
import type { Signer } from "../crypto/index.ts";
import {
  type NewTarget,
  type Publication,
  publish,
  readRepository,
  type RepositoryState,
  resign,
  type TargetChanges,
} from "../tuf/index.ts";
import { keyNames, loadSigner, places } from "./organisation.ts";
import type { Clock, Files } from "./world.ts";

/** From signing to expiry. The server signs snapshot and timestamp anew long before. */
export const tufLifetimesMs = { targets: 180 * dayMs, snapshot: 14 * dayMs, timestamp: 7 * dayMs } as const;
const maxFileBytes = 64 * 1024 * 1024;

/** Stores a publication file after file, in the order it gives, so that a reader meanwhile sees the old or the new. */
export async function publishRepository(publication: Publication, files: Files): Promise<void> {
  for (const [path, bytes] of publication.files) await files.write(`${places.tuf}/${path}`, bytes);
}

/** The newest file of every role. Problem `tuf/metadata-missing`. */
export async function loadRepository(files: Files): Promise<RepositoryState> {
  return readRepository((path) => files.readIfThere(`${places.tuf}/${path}`, maxFileBytes));
}

async function onlineSigners(files: Files): Promise<(readonly [string, readonly Signer[]])[]> {
  return [
    ["snapshot", [await loadSigner(files, keyNames.snapshot)]],
    ["timestamp", [await loadSigner(files, keyNames.timestamp)]],
  ];
}

/** Adds or replaces targets. `owners` are the names of the owners' keys that sign: as many as the threshold. */
export async function publishTargets(
  targets: readonly NewTarget[],
  owners: readonly string[],
  world: { readonly files: Files; readonly clock: Clock },
): Promise<void> {
  const signers = await Promise.all(owners.map((name) => loadSigner(world.files, name)));
  const changes: TargetChanges = { add: targets };
  const publication = await publish(
    await loadRepository(world.files),
    { targets: new Map([["targets", changes]]) },
    {
      signers: new Map<string, readonly Signer[]>([["targets", signers], ...(await onlineSigners(world.files))]),
      lifetimesMs: tufLifetimesMs,
    },
    world.clock.now(),
  );
  await publishRepository(publication, world.files);
}

/** New snapshot and timestamp with the online keys alone. */
export async function resignRepository(world: { readonly files: Files; readonly clock: Clock }): Promise<void> {
  const signing = { signers: new Map(await onlineSigners(world.files)), lifetimesMs: tufLifetimesMs };
  await publishRepository(await resign(await loadRepository(world.files), signing, world.clock.now()), world.files);
}
