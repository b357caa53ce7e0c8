// The client workflow of TUF 1.0.34 §5.1 to §5.6, from a root handed over out of band. The store is never a source
// of trust: every root is replayed from the bootstrap root and every cached file verified again, so that who can
// write the store can at most make a client forget what it has seen. A file is stored as soon as it has passed all
// checks of its own clause (§5.3.8, §5.4.5, §5.5.7, §5.6.6) and never before.

import { demand, equalBytes, isProblem, Problem, type Verified } from "../core/index.ts";
import { createClient, type TufClient } from "./client.ts";
import type { IdentityOptions } from "./identity.ts";
import { defaultLimits, type TufLimits } from "./limits.ts";
import { Mirrors } from "./mirrors.ts";
import type { Metadata, Root, Snapshot, Targets, Timestamp, TrustedSet } from "./model.ts";
import { roleFile, rootHistoryFile } from "./names.ts";
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from "./parse.ts";
import { prepareKeys } from "./post-quantum.ts";
import {
  accept,
  fetchListed,
  fetchVerified,
  loadCached,
  type Session,
  type TufFetcher,
  type TufStore,
} from "./session.ts";
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

const maxWalks = 3;

export interface UpdateOptions extends IdentityOptions {
  /** The root metadata that came with the application (§5.2). */
  readonly bootstrap: Uint8Array;
  /** Reads metadata, by paths relative to the repository; several that should serve the same, the preferred one first. */
  readonly fetcher: TufFetcher | readonly TufFetcher[];
  /** Reads target files; without it they are below `targets/` of `fetcher`. */
  readonly targetFetcher?: TufFetcher | readonly TufFetcher[];
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
  const trusted = await exclusively(session.store, async () => {
    const root = await updateRoot(session, options.bootstrap); //                   §5.2, §5.3
    return followingRoot(session, root, async (root) => {
      const cached = await loadRollbackBase(session, root); //                        §5.3.11
      const timestamp = await updateTimestamp(session, root, cached.timestamp); //    §5.4
      const snapshot = await updateSnapshot(session, { root, timestamp }, cached.snapshot); // §5.5
      const targets = await updateTargets(session, { root, snapshot }); //            §5.6
      return { root, timestamp, snapshot, targets };
    });
  });
  return createClient(session, trusted); //                                       §5.6.7, §5.7
}

function openSession({ fetcher, targetFetcher, store, now, limits, ...identity }: UpdateOptions): Session {
  demand(Number.isFinite(now), "tuf/time", "the update start time is not a number");
  const fetchers = "fetch" in fetcher ? [fetcher] : fetcher;
  const targetFetchers = targetFetcher ?? fetchers.map(belowTargets);
  return {
    mirrors: new Mirrors(fetchers),
    targetMirrors: new Mirrors("fetch" in targetFetchers ? [targetFetchers] : targetFetchers),
    store,
    now,
    limits: { ...defaultLimits, ...limits },
    identity,
    roots: [],
  };
}

function belowTargets(fetcher: TufFetcher): TufFetcher {
  const { open } = fetcher;
  return {
    fetch: (path, maxBytes) => fetcher.fetch(`targets/${path}`, maxBytes),
    ...(open === undefined ? {} : { open: (path, maxBytes) => open.call(fetcher, `targets/${path}`, maxBytes) }),
  };
}

/**
 * The rest of the workflow under a root. A repository may publish a root, and what its new keys sign, just after the
 * walk has ended: then the timestamp fails for its signatures, and the walk goes on instead of the whole update being
 * asked again by the caller. Without a newer root the failure stands.
 */
async function followingRoot<T>(
  session: Session,
  root: Verified<Metadata<Root>>,
  run: (root: Verified<Metadata<Root>>) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(root);
    } catch (problem) {
      if (!isProblem(problem, "tuf/threshold") || attempt === maxWalks) throw problem;
      const newer = await walkRoots(session, root);
      if (newer === root) throw problem;
      root = newer;
    }
  }
}

/** Two processes that share a store take turns, so that neither puts back what the other has brought further. */
function exclusively<T>(store: TufStore, run: () => Promise<T>): Promise<T> {
  return store.exclusive === undefined ? run() : store.exclusive(run);
}

/** Parsed, with what its keys need to be verified with at hand. */
async function readRoot({ limits, identity }: Session, bytes: Uint8Array): Promise<Metadata<Root>> {
  const root = parseRoot(bytes, limits.rootBytes);
  await prepareKeys(root.signed.keys, identity.verifyIdentity);
  return root;
}

/** §5.2 and §5.3: walks from the bootstrap root to the newest one, first over the roots stored before. */
async function updateRoot(session: Session, bootstrap: Uint8Array): Promise<Verified<Metadata<Root>>> {
  const { store } = session;
  const first = verifyBootstrapRoot(await readRoot(session, bootstrap));
  session.roots.push(first);
  const replayed = await replayRoots(session, first);
  const stored = await store.load(roleFile("root"));
  if (stored === undefined || !equalBytes(stored, replayed.bytes)) await store.save(roleFile("root"), replayed.bytes);
  return walkRoots(session, replayed);
}

/** §5.3.3 to §5.3.10. */
async function walkRoots(session: Session, from: Verified<Metadata<Root>>): Promise<Verified<Metadata<Root>>> {
  const { store, limits } = session;
  let root = from;
  for (let downloaded = 0; downloaded < limits.rootRotations; downloaded++) {
    const trusted = root;
    const version = trusted.signed.version + 1;
    const verify = async (bytes: Uint8Array): Promise<Verified<Metadata<Root>>> =>
      verifyNextRoot(trusted, await readRoot(session, bytes));
    // Not there only when a mirror says so and no other has one that passes: a mirror that is behind ends no walk.
    const next = await fetchVerified(session, roleFile("root", version), limits.rootBytes, verify, {
      isOptional: true,
    });
    if (next === undefined) break;
    root = next;
    session.roots.push(root);
    await store.save(rootHistoryFile(version), root.bytes);
    await store.save(roleFile("root"), root.bytes);
  }
  return verifyFinalRoot(root, session.now);
}

/** The part of the walk that was made before, without the network. A stored root that does not verify ends it. */
async function replayRoots(session: Session, bootstrap: Verified<Metadata<Root>>): Promise<Verified<Metadata<Root>>> {
  let root = bootstrap;
  for (;;) {
    const next = await loadCached(session, rootHistoryFile(root.signed.version + 1), async (bytes) =>
      verifyNextRoot(root, await readRoot(session, bytes)),
    );
    if (next === undefined) return root;
    session.roots.push(next);
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
  const timestamp = await fetchVerified(session, name, limits.timestampBytes, (bytes) =>
    verifyTimestamp(parseTimestamp(bytes, limits.timestampBytes), { root, trusted, now }),
  );
  if (timestamp === undefined) throw new Problem("tuf/metadata-missing", `the repository has no ${name}`);
  if (timestamp !== trusted) await store.save(name, timestamp.bytes);
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
  const verify = (bytes: Uint8Array, parse: () => Metadata<Snapshot>): Verified<Metadata<Snapshot>> => {
    verifyFile(bytes, listed, "snapshot");
    return verifySnapshot(parse(), { root, timestamp, trusted, now });
  };
  const cached = trusted && (await accept(() => verify(trusted.bytes, () => trusted)));
  if (cached !== undefined) return cached;
  const snapshot = await fetchListed(
    session,
    { role: "snapshot", root, listed, maxBytes: limits.snapshotBytes },
    (bytes) => verify(bytes, () => parseSnapshot(bytes, limits.snapshotBytes)),
  );
  await session.store.save(roleFile("snapshot"), snapshot.bytes);
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
  const wanted = { role: "targets", root, listed, maxBytes: limits.targetsBytes };
  const targets = await fetchListed(session, wanted, verify);
  await session.store.save(roleFile("targets"), targets.bytes);
  return targets;
}
