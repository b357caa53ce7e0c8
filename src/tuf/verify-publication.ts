// The last check before a publication leaves: a client that knows the repository as it was follows it, by the checks of
// `verify.ts` and in their order, over the bytes that will be stored. When root changes, whole updates are made as
// well: from the first root, and from the last one with what its client had stored. What was not signed anew may have
// expired: it is no worse than before.

import {
  canonicalJson,
  demand,
  equalBytes,
  fromUtf8,
  isProblem,
  markVerified,
  utf8,
  type JsonObject,
  type Verified,
} from "../core/index.ts";
import { BinText } from "./bin-text.ts";
import { createSnapshot } from "./create.ts";
import { nextRole } from "./edit.ts";
import type { VerifyIdentity } from "./identity.ts";
import { defaultLimits } from "./limits.ts";
import { createMemoryStore } from "./memory.ts";
import type { MetaFile, Metadata, Root, Snapshot, Targets, Timestamp, TrustedSet } from "./model.ts";
import { roleFile } from "./names.ts";
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from "./parse.ts";
import { prepareKeys } from "./post-quantum.ts";
import type { SnapshotIndex } from "./snapshot-index.ts";
import { update, type UpdateOptions } from "./update.ts";
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

const everMs = Number.NEGATIVE_INFINITY;

/** A file whose bytes have been verified before, under the same delegation: see `RoleCache`. */
export function markSeen<T>(metadata: Metadata<T>): Verified<Metadata<T>> {
  return markVerified(metadata);
}

export interface NewSnapshot {
  readonly bytes: Uint8Array;
  readonly message: Uint8Array;
  readonly index: SnapshotIndex;
  /** The entries that are not as they were. */
  readonly changed: ReadonlyMap<string, MetaFile>;
}

export interface NewFiles {
  readonly timestamp: Uint8Array | undefined;
  readonly snapshot: NewSnapshot | undefined;
  readonly targets: Uint8Array | undefined;
}

/** New roots, oldest first, each signed as its predecessor and it ask. Problems `tuf/threshold`, `tuf/root-version`. */
export async function followRoots(
  before: Verified<Metadata<Root>> | undefined,
  roots: readonly Uint8Array[],
  verifyIdentity: VerifyIdentity | undefined,
): Promise<Verified<Metadata<Root>>> {
  let root = before;
  for (const bytes of roots) {
    const next = parseRoot(bytes, defaultLimits.rootBytes);
    await prepareKeys(next.signed.keys, verifyIdentity);
    if (root === undefined) demand(next.signed.version === 1, "tuf/root-version", "the first root has version 1");
    root = root === undefined ? verifyBootstrapRoot(next) : verifyNextRoot(root, next);
  }
  demand(root !== undefined, "tuf/metadata-missing", "a new repository needs its root");
  return root;
}

/** What the client trusts afterwards. Problems: those of `update`; `tuf/version-mismatch` when it would not follow. */
export function followHead(
  before: TrustedSet | undefined,
  root: Verified<Metadata<Root>>,
  files: NewFiles,
  { now, expiredRoot }: { readonly now: number; readonly expiredRoot: boolean },
): TrustedSet {
  if (!expiredRoot) verifyFinalRoot(root, now);
  const base = rollbackBase(before, root);
  const timestamp = followTimestamp(before, base, root, files.timestamp, now);
  verifyFile(files.snapshot?.bytes ?? before!.snapshot.bytes, timestamp.signed.snapshot, "snapshot");
  const snapshot =
    files.snapshot === undefined
      ? verifySnapshot(before!.snapshot, { root, timestamp, trusted: undefined, now: everMs })
      : followSnapshot(files.snapshot, { root, timestamp, trusted: base.snapshot, now }, root === before?.root);
  const authority = topLevel(root, "targets");
  const targetsListed = listedFile(snapshot, "targets");
  const targetsBytes = files.targets ?? before!.targets.bytes;
  verifyFile(targetsBytes, targetsListed, "targets");
  const targets =
    files.targets === undefined
      ? verifyTargets(before!.targets, { authority, listed: targetsListed, now: everMs })
      : verifyTargets(parseTargets(targetsBytes, defaultLimits.targetsBytes), {
          authority,
          listed: targetsListed,
          now,
        });
  return { root, timestamp, snapshot, targets };
}

/** How many entries are read anew whatever has changed. */
const wholeEntries = 512;

/**
 * A large snapshot under the same root is read in part: what is not as it was. The rest is text of which every
 * character was read and verified when it was new, or when the repository was opened. The signature is over all of it.
 */
function followSnapshot(
  { bytes, message, index, changed }: NewSnapshot,
  options: Parameters<typeof verifySnapshot>[1],
  sameRoot: boolean,
): Verified<Metadata<Snapshot>> {
  const { trusted } = options;
  const stands = equalBytes(bytes.subarray(-1 - message.length, -1), message);
  if (!sameRoot || trusted === undefined || !stands || index.size <= wholeEntries) {
    return verifySnapshot(parseSnapshot(bytes, defaultLimits.snapshotBytes), options);
  }
  demand(bytes.length <= defaultLimits.snapshotBytes, "tuf/metadata-invalid", "snapshot is larger than clients read");
  const part = parseSnapshot(partOf(bytes, message, changed), defaultLimits.snapshotBytes);
  const known = new Map([...changed.keys()].flatMap((file) => entryOf(trusted.signed.meta, file)));
  const trustedPart = markVerified({ ...part, signed: { ...trusted.signed, meta: known } });
  verifySnapshot({ ...part, message, bytes }, { ...options, trusted: trustedPart });
  return markVerified({
    signed: { ...part.signed, meta: index },
    signatures: part.signatures,
    message,
    bytes,
    get tree() {
      return parseSnapshot(bytes, defaultLimits.snapshotBytes).tree;
    },
  });
}

/** The file with the changed entries alone in it: its signatures, version and expiry are the file's own. */
function partOf(bytes: Uint8Array, message: Uint8Array, changed: ReadonlyMap<string, MetaFile>): Uint8Array {
  const text = fromUtf8(message);
  const [head, tail] = [text.indexOf('"meta":{') + '"meta":'.length, text.lastIndexOf(',"spec_version"')];
  const meta = fromUtf8(canonicalJson(createSnapshot(1, 0, changed)["meta"]!));
  const signatures = fromUtf8(bytes.subarray(0, bytes.length - 1 - message.length));
  return utf8(`${signatures}${text.slice(0, head)}${meta}${text.slice(tail)}}`);
}

function entryOf(meta: ReadonlyMap<string, MetaFile>, file: string): [string, MetaFile][] {
  const entry = meta.get(file);
  return entry === undefined ? [] : [[file, entry]];
}

function followTimestamp(
  before: TrustedSet | undefined,
  base: RollbackBase,
  root: Verified<Metadata<Root>>,
  bytes: Uint8Array | undefined,
  now: number,
): Verified<Metadata<Timestamp>> {
  if (bytes === undefined) return verifyCached(before!.timestamp, topLevel(root, "timestamp"));
  const next = parseTimestamp(bytes, defaultLimits.timestampBytes);
  const timestamp = verifyTimestamp(next, { root, trusted: base.timestamp, now });
  const followed = equalBytes(timestamp.bytes, bytes);
  demand(followed, "tuf/version-mismatch", "a client that knows the repository would not follow to the new timestamp");
  return timestamp;
}

interface RollbackBase {
  readonly timestamp: Verified<Metadata<Timestamp>> | undefined;
  readonly snapshot: Verified<Metadata<Snapshot>> | undefined;
}

/** §5.3.11, as `update` reads it: what the current root no longer vouches for is forgotten, both files together. */
function rollbackBase(before: TrustedSet | undefined, root: Verified<Metadata<Root>>): RollbackBase {
  const none = { timestamp: undefined, snapshot: undefined };
  if (before === undefined) return none;
  // Verified when it was read, by this very root.
  if (before.root === root) return before;
  try {
    return {
      timestamp: verifyCached(before.timestamp, topLevel(root, "timestamp")),
      snapshot: verifyCached(before.snapshot, topLevel(root, "snapshot")),
    };
  } catch (problem) {
    if (isProblem(problem, "tuf/threshold")) return none;
    throw problem;
  }
}

/** Whole updates by a fresh client and by one that knows the repository as it was, over the files as they will be. */
export async function updateClients(
  before: TrustedSet | undefined,
  after: TrustedSet,
  firstRoot: Uint8Array,
  options: Pick<UpdateOptions, "fetcher" | "now" | "verifyIdentity">,
): Promise<void> {
  const known = new Map<string, Uint8Array>();
  if (before !== undefined) {
    known.set(roleFile("timestamp"), before.timestamp.bytes).set(roleFile("snapshot"), before.snapshot.bytes);
  }
  const clients = [
    { bootstrap: firstRoot, store: createMemoryStore() },
    ...(before === undefined ? [] : [{ bootstrap: before.root.bytes, store: createMemoryStore(known) }]),
  ];
  for (const { bootstrap, store } of clients) {
    const { trusted } = await update({ ...options, bootstrap, store });
    for (const role of ["root", "timestamp", "snapshot", "targets"] as const) {
      const same = equalBytes(trusted[role].bytes, after[role].bytes);
      demand(same, "tuf/version-mismatch", `a client would not follow to the new ${role}`);
    }
  }
}

/** A delegated role that was signed anew, under one of its delegations. Problems of `update`. */
export function followRole(
  bytes: Uint8Array,
  name: string,
  snapshot: Verified<Metadata<Snapshot>>,
  authority: Parameters<typeof verifyTargets>[1]["authority"],
  now: number,
): Verified<Metadata<Targets>> {
  const listed = listedFile(snapshot, name);
  verifyFile(bytes, listed, name);
  return verifyTargets(parseTargets(bytes, defaultLimits.targetsBytes), { authority, listed, now });
}

/**
 * A bin that was edited as text, when there are many: its signatures, version and expiry over all of it, and what has
 * changed in it. The rest is text as it was in a file that had been verified. What is returned has the changed targets.
 */
export function followBin(
  bytes: Uint8Array,
  edited: { readonly message: Uint8Array; readonly changed: JsonObject },
  name: string,
  snapshot: Verified<Metadata<Snapshot>>,
  authority: Parameters<typeof verifyTargets>[1]["authority"],
  now: number,
): Verified<Metadata<Targets>> {
  const listed = listedFile(snapshot, name);
  verifyFile(bytes, listed, name);
  const metadata = BinText.read(bytes)?.metadata;
  const stands = metadata !== undefined && equalBytes(metadata.message, edited.message);
  demand(stands, "tuf/metadata-invalid", `${name} does not hold what was signed`);
  demand(bytes.length <= defaultLimits.targetsBytes, "tuf/metadata-invalid", `${name} is larger than clients read`);
  const { version, expiresMs } = verifyTargets(metadata, { authority, listed, now }).signed;
  const signed = nextRole(undefined, { version, expiresMs, targets: edited.changed });
  return markVerified(parseTargets(canonicalJson({ signatures: [], signed }), defaultLimits.targetsBytes));
}
