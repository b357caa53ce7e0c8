// What an application does after an update: look a target up and download it. TUF 1.0.34 §5.6.7 and §5.7.

import { demand, Problem, type Verified } from "../core/index.ts";
import { searchTarget, type Search } from "./search.ts";
import type { TargetFile, TrustedSet } from "./model.ts";
import { encodePath, targetFile } from "./names.ts";
import type { Session } from "./session.ts";
import { checkTargetPath, verifyFile } from "./verify.ts";

export interface TufClient {
  readonly trusted: TrustedSet;
  /**
   * What the most trusted role that speaks of the path says of it; undefined when none does.
   * Problems: `tuf/target-path`; and, for a delegated role on the way that cannot be had or does not verify, those of `update`.
   */
  findTarget(path: string): Promise<Verified<TargetFile> | undefined>;
  /**
   * The file's bytes, of the listed length and hashes.
   * Problems: `tuf/target-missing`, `tuf/length`, `tuf/hash-mismatch`, `tuf/target-path`.
   */
  download(target: TargetFile): Promise<Verified<Uint8Array>>;
}

export function createClient(session: Session, trusted: TrustedSet): TufClient {
  const search: Search = { session, trusted, verified: new Map() };
  return {
    trusted,
    findTarget: (path) => searchTarget(search, path),
    download: (target) => download(session, trusted, target),
  };
}

async function download(session: Session, trusted: TrustedSet, target: TargetFile): Promise<Verified<Uint8Array>> {
  checkTargetPath(target.path);
  const { length } = target;
  demand(length <= session.limits.targetFileBytes, "tuf/length", `${target.path} is too large to be held in memory`);
  // §6.2.1: a repository keeps a copy under each hash; not every one does, so the others are asked for in turn.
  const prefixes = trusted.root.signed.consistentSnapshot ? [...target.hashes.values()] : [undefined];
  for (const prefix of prefixes) {
    const bytes = await session.targetFetcher.fetch(encodePath(targetFile(target.path, prefix)), length);
    if (bytes !== undefined) return verifyFile(bytes, target, target.path);
  }
  throw new Problem("tuf/target-missing", `the repository does not have ${target.path}`);
}
