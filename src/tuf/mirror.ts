// Mirrors: a copy of a repository, or of the part of it that some targets need, that any client can be pointed at. A
// copy is made by following the repository as a client does, so that nothing is copied that does not verify, and its
// files come in the order of §6: whoever reads while they become visible sees the old state whole, or the new one.

import { demand, isProblem, type Verified } from "../core/index.ts";
import { searchOf, type TargetSink, targetPaths, type TufClient } from "./client.ts";
import { matchesPattern } from "./glob.ts";
import type { TufLimits } from "./limits.ts";
import { createMemoryStore } from "./memory.ts";
import type { Metadata, TargetFile, Targets } from "./model.ts";
import { roleFile } from "./names.ts";
import { searchTarget, type VisitedRole, walkRoles } from "./search.ts";
import type { TufFetcher } from "./session.ts";
import { update } from "./update.ts";
import type { IdentityOptions } from "./identity.ts";

/** Where a mirror goes. Paths are relative URL references, as a fetcher takes them. */
export interface MirrorSink {
  write(path: string, bytes: Uint8Array): Promise<void>;
  target(path: string): TargetSink;
  /** Makes everything visible in the order in which it came. Before, nobody sees any of it. */
  publish(): Promise<void>;
  /** Forgets what was not published. */
  discard(): Promise<void>;
}

export interface ExportOptions {
  /** Paths or patterns of targets, with which only the roles come that their look-up needs; all, when left out. */
  readonly targets?: readonly string[];
  /** Copies of parts: what the source does not have is left out, and not a failure. */
  readonly skipMissing?: boolean;
}

export interface ExportSummary {
  readonly roots: number;
  readonly roles: number;
  readonly targets: number;
  readonly targetBytes: number;
}

/**
 * Copies what a client trusts. The mirror serves every client whose bootstrap root is the client's own or a later one.
 * Problems: those of `update`, `findTarget` and `download`; `tuf/target-missing` for a path that nobody lists.
 */
export async function exportMirror(
  client: TufClient,
  sink: MirrorSink,
  options: ExportOptions = {},
): Promise<ExportSummary> {
  const copy = new MirrorCopy(client, sink, options);
  try {
    await copy.roots();
    if (options.targets === undefined) await copy.everything();
    else await copy.wanted(options.targets);
    await copy.topLevel();
    await sink.publish();
  } catch (error) {
    await sink.discard();
    throw error;
  }
  return copy.summary;
}

export interface ImportOptions extends IdentityOptions {
  readonly bootstrap: Uint8Array;
  /** The mirror to take over, whole or partial. */
  readonly source: TufFetcher;
  /** The mirror as it is now: the measure of a rollback. */
  readonly current: TufFetcher;
  readonly sink: MirrorSink;
  readonly now: number;
  readonly limits?: Partial<TufLimits>;
}

/** Takes over a mirror that came by other ways than the network, when all that is in it verifies. Problems as of `exportMirror`. */
export async function importMirror(options: ImportOptions): Promise<ExportSummary> {
  const { bootstrap, source, current, sink, now, limits, ...identity } = options;
  const common = {
    bootstrap,
    store: createMemoryStore(),
    ...(limits === undefined ? {} : { limits }),
    ...identity,
  };
  try {
    // What is there may have expired, and is the measure all the same.
    await update({ ...common, fetcher: current, now: 0 });
  } catch (problem) {
    // Nothing is there yet, or nothing that counts.
    if (!isProblem(problem)) throw problem;
  }
  return exportMirror(await update({ ...common, fetcher: source, now }), sink, { skipMissing: true });
}

class MirrorCopy {
  readonly summary = { roots: 0, roles: 0, targets: 0, targetBytes: 0 };
  private readonly search;
  private readonly written = new Set<string>();

  constructor(
    private readonly client: TufClient,
    private readonly sink: MirrorSink,
    private readonly options: ExportOptions,
  ) {
    this.search = searchOf(client);
  }

  async roots(): Promise<void> {
    for (const root of this.search.session.roots) {
      this.summary.roots++;
      await this.sink.write(roleFile("root", root.signed.version), root.bytes);
    }
  }

  async everything(): Promise<void> {
    const skipMissing = this.options.skipMissing === true;
    for await (const role of walkRoles(this.search, { skipMissing })) {
      for (const target of role.metadata.signed.targets.values()) await this.target(target);
      await this.role(role);
    }
  }

  async wanted(targets: readonly string[]): Promise<void> {
    demand(targets.length > 0, "tuf/no-target", "no target is asked for");
    const patterns = targets.filter((each) => /[*?[]/.test(each));
    const named = new Set(targets.filter((each) => !patterns.includes(each)));
    const paths = new Set([...named, ...(patterns.length > 0 ? await this.matching(patterns) : [])]);
    const roles = new Map<Verified<Metadata<Targets>>, VisitedRole>();
    for (const path of paths) {
      const target = await searchTarget(this.search, path, (role) => roles.set(role.metadata, role));
      // A role can list what its delegation does not cover: nobody can look it up.
      demand(target !== undefined || !named.has(path), "tuf/target-missing", `no role lists ${path}`);
      if (target !== undefined) await this.target(target);
    }
    for (const role of roles.values()) await this.role(role);
  }

  /** Snapshot and timestamp last: with the timestamp the copy becomes what clients follow. */
  async topLevel(): Promise<void> {
    const { trusted } = this.client;
    await this.metadata("targets", trusted.targets);
    await this.metadata("snapshot", trusted.snapshot);
    await this.sink.write(roleFile("timestamp"), trusted.timestamp.bytes);
  }

  private async matching(patterns: readonly string[]): Promise<Set<string>> {
    const paths = new Set<string>();
    for await (const { metadata } of walkRoles(this.search)) {
      for (const path of metadata.signed.targets.keys()) {
        if (patterns.some((pattern) => matchesPattern(path, pattern))) paths.add(path);
      }
    }
    demand(paths.size > 0, "tuf/target-missing", `no role lists anything like ${patterns.join(", ")}`);
    return paths;
  }

  private async role({ name, metadata }: VisitedRole): Promise<void> {
    if (name === "targets") return;
    await this.metadata(name, metadata);
  }

  private async metadata<T extends { readonly version: number }>(name: string, file: Metadata<T>): Promise<void> {
    const isVersioned = this.client.trusted.root.signed.consistentSnapshot;
    const path = roleFile(name, isVersioned ? file.signed.version : undefined);
    if (this.written.has(path)) return;
    this.written.add(path);
    this.summary.roles++;
    await this.sink.write(path, file.bytes);
  }

  /** Under every hash that is listed: clients differ in which they ask for. */
  private async target(target: TargetFile): Promise<void> {
    for (const path of targetPaths(this.client.trusted, target)) {
      if (this.written.has(path)) return;
      this.written.add(path);
      try {
        await this.client.downloadTo(target, this.sink.target(`targets/${path}`));
      } catch (problem) {
        if (this.options.skipMissing === true && isProblem(problem, "tuf/target-missing")) return;
        throw problem;
      }
    }
    this.summary.targets++;
    this.summary.targetBytes += target.length;
  }
}
