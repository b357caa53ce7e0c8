// The client workflow of TUF 1.0.34 §5.1 to §5.6, from a root handed over out of band. The store is never a source
// of trust: every root is replayed from the bootstrap root and every cached file verified again, so that who can
// write the store can at most make a client forget what it has seen. A file is stored as soon as it has passed all
// checks of its own clause (§5.3.8, §5.4.5, §5.5.7, §5.6.6) and never before.

import { demand, equalBytes, isProblem, Problem, type Verified } from "../core/index.ts";
import { createClient, type TufClient } from "./client.ts";
import { defaultLimits, type TufLimits } from "./limits.ts";
import type { Metadata, Root, Snapshot, Targets, Timestamp, TrustedSet } from "./model.ts";
import { roleFile, rootHistoryFile } from "./names.ts";
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from "./parse.ts";
import { accept, fetchListed, fetchUpTo, loadCached, type Session, type TufFetcher, type TufStore } from "./session.ts";
import {
  listedFile,
  topLevel,
  verifyBootstrapRoot,
  verifyCached,
  verifyFile,
  verifyFinalRoot,
  verifyNextRoot,
  verifySnapshot,
  verifyTargets,
  verifyTimestamp,
} from "./verify.ts";

export interface UpdateOptions {
  /** The root metadata that came with the application (§5.2). */
  readonly bootstrap: Uint8Array;
  /** Reads metadata, by paths relative to the repository. */
  readonly fetcher: TufFetcher;
  /** Reads target files; without it they are below `targets/` of `fetcher`. */
  readonly targetFetcher?: TufFetcher;
  readonly store: TufStore;
  /** The fixed start time of §5.1, in milliseconds since 1970. */
  readonly now: number;
  readonly limits?: Partial<TufLimits>;
}

/**
 * Brings the trusted metadata up to date and returns a client to find and download targets with.
 * Problems: `tuf/threshold`, `tuf/root-version`, `tuf/rollback`, `tuf/version-mismatch`, `tuf/expired`,
 * `tuf/hash-mismatch`, `tuf/length`, `tuf/metadata-invalid`, `tuf/metadata-missing`; and those of fetcher and store.
 */
export async function update(options: UpdateOptions): Promise<TufClient> {
  const session = openSession(options); //                                        §5.1
  const root = await updateRoot(session, options.bootstrap); //                   §5.2, §5.3
  const cached = await loadRollbackBase(session, root); //                        §5.3.11
  const timestamp = await updateTimestamp(session, root, cached.timestamp); //    §5.4
  const snapshot = await updateSnapshot(session, { root, timestamp }, cached.snapshot); // §5.5
  const targets = await updateTargets(session, { root, snapshot }); //            §5.6
  return createClient(session, { root, timestamp, snapshot, targets }); //        §5.6.7, §5.7
}

function openSession({ fetcher, targetFetcher, store, now, limits }: UpdateOptions): Session {
  demand(Number.isFinite(now), "tuf/time", "the update start time is not a number");
  return {
    fetcher,
    targetFetcher: targetFetcher ?? { fetch: (path, maxBytes) => fetcher.fetch(`targets/${path}`, maxBytes) },
    store,
    now,
    limits: { ...defaultLimits, ...limits },
  };
}

/** §5.2 and §5.3: walks from the bootstrap root to the newest one, first over the roots stored before. */
async function updateRoot(session: Session, bootstrap: Uint8Array): Promise<Verified<Metadata<Root>>> {
  const { store, limits } = session;
  const first = verifyBootstrapRoot(parseRoot(bootstrap, limits.rootBytes));
  let root = await replayRoots(session, first);
  const stored = await store.load(roleFile("root"));
  if (stored === undefined || !equalBytes(stored, root.bytes)) await store.save(roleFile("root"), root.bytes);
  for (let downloaded = 0; downloaded < limits.rootRotations; downloaded++) {
    const version = root.signed.version + 1;
    const bytes = await fetchUpTo(session, roleFile("root", version), limits.rootBytes);
    if (bytes === undefined) break;
    root = verifyNextRoot(root, parseRoot(bytes, limits.rootBytes));
    await store.save(rootHistoryFile(version), bytes);
    await store.save(roleFile("root"), bytes);
  }
  return verifyFinalRoot(root, session.now);
}

/** The part of the walk that was made before, without the network. A stored root that does not verify ends it. */
async function replayRoots(session: Session, bootstrap: Verified<Metadata<Root>>): Promise<Verified<Metadata<Root>>> {
  let root = bootstrap;
  for (;;) {
    const next = await loadCached(session, rootHistoryFile(root.signed.version + 1), (bytes) =>
      verifyNextRoot(root, parseRoot(bytes, session.limits.rootBytes)),
    );
    if (next === undefined) return root;
    root = next;
  }
}

interface RollbackBase {
  readonly timestamp: Verified<Metadata<Timestamp>> | undefined;
  readonly snapshot: Verified<Metadata<Snapshot>> | undefined;
}

/**
 * §5.3.11, recovery from a fast-forward attack. The keys have been rotated when the current root no longer vouches
 * for what is stored; then neither file counts. Asking the stored files, and not the two roots, finds the same after
 * a crash at any point.
 */
async function loadRollbackBase(session: Session, root: Verified<Metadata<Root>>): Promise<RollbackBase> {
  const { limits } = session;
  let rotated = false;
  const load = async <T>(
    role: "timestamp" | "snapshot",
    parse: (bytes: Uint8Array) => Metadata<T>,
  ): Promise<Verified<Metadata<T>> | undefined> =>
    loadCached(session, roleFile(role), (bytes) => {
      const metadata = parse(bytes);
      try {
        return verifyCached(metadata, topLevel(root, role));
      } catch (problem) {
        rotated ||= isProblem(problem, "tuf/threshold");
        throw problem;
      }
    });
  const timestamp = await load("timestamp", (bytes) => parseTimestamp(bytes, limits.timestampBytes));
  const snapshot = await load("snapshot", (bytes) => parseSnapshot(bytes, limits.snapshotBytes));
  return rotated ? { timestamp: undefined, snapshot: undefined } : { timestamp, snapshot };
}

/** §5.4. */
async function updateTimestamp(
  session: Session,
  root: Verified<Metadata<Root>>,
  trusted: Verified<Metadata<Timestamp>> | undefined,
): Promise<Verified<Metadata<Timestamp>>> {
  const { limits, now, store } = session;
  const name = roleFile("timestamp");
  const bytes = await fetchUpTo(session, name, limits.timestampBytes);
  if (bytes === undefined) throw new Problem("tuf/metadata-missing", `the repository has no ${name}`);
  const timestamp = verifyTimestamp(parseTimestamp(bytes, limits.timestampBytes), { root, trusted, now });
  if (timestamp !== trusted) await store.save(name, bytes);
  return timestamp;
}

/** §5.5. The stored file is good enough when it passes every check that a downloaded one must. */
async function updateSnapshot(
  session: Session,
  { root, timestamp }: Pick<TrustedSet, "root" | "timestamp">,
  trusted: Verified<Metadata<Snapshot>> | undefined,
): Promise<Verified<Metadata<Snapshot>>> {
  const { limits, now } = session;
  const listed = timestamp.signed.snapshot;
  const verify = (metadata: Metadata<Snapshot>): Verified<Metadata<Snapshot>> =>
    verifySnapshot(metadata, { root, timestamp, trusted, now });
  const cached = trusted && accept(() => (verifyFile(trusted.bytes, listed, "snapshot"), verify(trusted)));
  if (cached !== undefined) return cached;
  const bytes = await fetchListed(session, { role: "snapshot", root, listed, maxBytes: limits.snapshotBytes });
  verifyFile(bytes, listed, "snapshot");
  const snapshot = verify(parseSnapshot(bytes, limits.snapshotBytes));
  await session.store.save(roleFile("snapshot"), bytes);
  return snapshot;
}

/** §5.6.1 to §5.6.6. */
async function updateTargets(
  session: Session,
  { root, snapshot }: Pick<TrustedSet, "root" | "snapshot">,
): Promise<Verified<Metadata<Targets>>> {
  const { limits, now } = session;
  const listed = listedFile(snapshot, "targets");
  const authority = topLevel(root, "targets");
  const verify = (bytes: Uint8Array): Verified<Metadata<Targets>> => {
    verifyFile(bytes, listed, "targets");
    return verifyTargets(parseTargets(bytes, limits.targetsBytes), { authority, listed, now });
  };
  const cached = await loadCached(session, roleFile("targets"), verify);
  if (cached !== undefined) return cached;
  const bytes = await fetchListed(session, { role: "targets", root, listed, maxBytes: limits.targetsBytes });
  const targets = verify(bytes);
  await session.store.save(roleFile("targets"), bytes);
  return targets;
}
