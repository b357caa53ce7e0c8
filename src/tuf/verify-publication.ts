// The last check before a publication leaves: our own client, with what it knew of the repository before, follows it
// from memory, verifies every role that is reached by delegation, finds every target that was added and downloads
// those whose content is at hand.

import { demand, equalBytes } from "../core/index.ts";
import type { TufClient } from "./client.ts";
import { describeTarget, type NewTarget } from "./create.ts";
import { createMemoryFetcher, createMemoryStore } from "./memory.ts";
import type { Metadata, Targets } from "./model.ts";
import { roleFile } from "./names.ts";
import {
  readRoot,
  readSnapshotVersion,
  readTargets,
  versionedFile,
  type RepositoryFile,
  type RepositoryState,
} from "./state.ts";
import { update } from "./update.ts";
import { delegated, listedFile, verifyFile, verifyTargets } from "./verify.ts";

export interface Check {
  /** Undefined for a new repository. */
  readonly before: RepositoryState | undefined;
  readonly after: RepositoryState;
  readonly files: readonly RepositoryFile[];
  readonly added: readonly NewTarget[];
  readonly now: number;
}

/** Problems: those of `update`, `findTarget` and `download`; `tuf/target-unreachable`; `tuf/version-mismatch`. */
export async function verifyPublication({ before, after, files, added, now }: Check): Promise<void> {
  const client = await update({
    bootstrap: (before ?? after).root,
    fetcher: createMemoryFetcher(new Map([...stateFiles(after), ...files])),
    store: createMemoryStore(knownBefore(before)),
    now,
  });
  for (const role of ["root", "timestamp"] as const) {
    const current = equalBytes(client.trusted[role].bytes, after[role]);
    demand(current, "tuf/version-mismatch", `a client that knows the repository would not follow to the new ${role}`);
  }
  verifyDelegated(client, after, now);
  for (const each of added) await checkAdded(client, each);
}

function stateFiles({ root, timestamp, snapshot, targets }: RepositoryState): RepositoryFile[] {
  const model = readRoot(root);
  return [
    [roleFile("timestamp"), timestamp],
    [versionedFile(model, "snapshot", readSnapshotVersion(snapshot)), snapshot],
    ...[...targets].map(([role, bytes]): RepositoryFile => {
      return [versionedFile(model, role, readTargets(bytes).signed.version), bytes];
    }),
  ];
}

function knownBefore(before: RepositoryState | undefined): Map<string, Uint8Array> {
  if (before === undefined) return new Map();
  return new Map([
    [roleFile("timestamp"), before.timestamp],
    [roleFile("snapshot"), before.snapshot],
  ]);
}

function verifyDelegated({ trusted }: TufClient, { targets }: RepositoryState, now: number): void {
  const pending: Metadata<Targets>[] = [trusted.targets];
  const seen = new Set<string>();
  for (let from = pending.pop(); from !== undefined; from = pending.pop()) {
    for (const role of from.signed.delegations?.roles ?? []) {
      const listed = listedFile(trusted.snapshot, role.name);
      const bytes = verifyFile(targets.get(role.name) ?? new Uint8Array(), listed, role.name);
      const authority = delegated(from.signed.delegations!, role, role.name);
      const verified = verifyTargets(readTargets(bytes), { authority, listed, now });
      if (!seen.has(role.name)) pending.push(verified);
      seen.add(role.name);
    }
  }
}

async function checkAdded(client: TufClient, target: NewTarget): Promise<void> {
  const { path, length, hashes } = describeTarget(target);
  const found = await client.findTarget(path);
  const same =
    found !== undefined &&
    found.length === length &&
    [...hashes].every(([name, hash]) => found.hashes.get(name) === hash);
  demand(same, "tuf/target-unreachable", `${path} would not be found: no delegation covers it, or another role has it`);
  if (target.content !== undefined) await client.download(found);
}
