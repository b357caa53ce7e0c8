// Publishing and unpublishing targets. What consumers of this program decide by is read by their parser first; contents
// are stored before anything names them, so that a crash leaves nothing but a file that nobody asks for.

import { concat, demand, hex, type JsonObject, Problem } from "../core/index.ts";
import { createHasher } from "../crypto/index.ts";
import {
  coveringDelegations,
  encodePath,
  isTargetPath,
  type Key,
  type NewTarget,
  type Repository,
  type RepositoryStore,
  type TargetFile,
  targetFile,
} from "../tuf/index.ts";
import { checkContent, contextPaths, isTrustTarget } from "./tuf-content.ts";
import type { Operation } from "./tuf-operations.ts";
import { delegatedRoles, viewOf } from "./tuf-view.ts";
import { nothingWanted, type WantedTargets } from "./tuf-wanted.ts";
import { targetPaths } from "./project-targets.ts";

/** A file to be published; it is read twice, once for its hash. */
export interface PublishFile {
  readonly path: string;
  open(): AsyncIterable<Uint8Array>;
}

export interface PublishRequest {
  readonly repository: Repository;
  readonly store: RepositoryStore;
  readonly files: readonly PublishFile[];
  readonly role: string | undefined;
  readonly custom: JsonObject | undefined;
  readonly now: number;
  /** False for a rehearsal: nothing is stored. */
  readonly write: boolean;
}

const maxTrustBytes = 64 * 1024 * 1024;

/** Problems `tuf/target-path`, `tuf/content-unreadable`, `tuf/role-name`, `tuf/target-unreachable`. */
export async function publishOperation(request: PublishRequest): Promise<Operation> {
  const { repository, store, files, custom, write } = request;
  demand(files.length > 0, "tuf/nothing-wanted", "no file was given to publish");
  const targets: NewTarget[] = [];
  const trusted = new Map<string, Uint8Array>();
  if (request.role !== undefined) await demandListing(repository, request.role, files);
  for (const file of files) {
    const { path } = file;
    demand(isTargetPath(path), "tuf/target-path", `${JSON.stringify(path.slice(0, 200))} is no path for a target`);
    const { length, sha256 } = await measure(file);
    if (isTrustTarget(path)) trusted.set(path, await readWhole(file));
    targets.push({ path, length, hashes: new Map([["sha256", sha256]]), ...(custom === undefined ? {} : { custom }) });
  }
  await checkTrusted(request, trusted);
  if (write) {
    for (const [at, { path, hashes }] of targets.entries()) {
      await store.writeTarget(encodePath(targetFile(path, hashes!.get("sha256"))), files[at]!.open());
    }
  }
  const grouped = new Map<string | undefined, NewTarget[]>();
  for (const target of targets) {
    const role = request.role ?? (await usualRole(repository, target.path));
    grouped.set(role, [...(grouped.get(role) ?? []), target]);
  }
  const wanted = [...grouped].map(([role, add]): WantedTargets => ({ role, add, remove: [] }));
  return { name: "publish", wanted: { ...nothingWanted, targets: wanted } };
}

/** Problems `tuf/role-name`: it lists no targets; `tuf/target-unreachable`: it is asked for others only. */
async function demandListing(repository: Repository, role: string, files: readonly PublishFile[]): Promise<void> {
  if (role === "targets") return;
  const delegated = await delegatedRoles(viewOf(repository));
  const found = delegated.get(role);
  if (found === undefined || found.bins) {
    const names = ["targets", ...[...delegated].filter(([, by]) => !by.bins).map(([name]) => name)];
    throw new Problem("tuf/role-name", `${role} is no role that targets are published into`, {
      hint: `--role is one of ${names.join(", ")}${repository.bins.has("targets") ? "; into the bins without --role" : ""}`,
    });
  }
  const each = [found, ...found.also].flatMap(({ delegations }) =>
    delegations.roles.filter(({ name }) => name === role),
  );
  const keys = new Map<string, Key>();
  for (const { path } of files) {
    if (each.some((by) => coveringDelegations({ keys, roles: [by], succinct: undefined }, path).length > 0)) continue;
    const patterns = each.flatMap(({ paths, pathHashPrefixes }) => paths ?? pathHashPrefixes ?? []);
    throw new Problem(
      "tuf/target-unreachable",
      `${role} may not list ${path}: its patterns are ${patterns.join(", ")}`,
      {
        hint: "give another path with --path, or have the patterns changed: sealwright tuf delegate",
      },
    );
  }
}

/** Where it is listed already; what consumers decide by in the role that the owners sign. */
async function usualRole(repository: Repository, path: string): Promise<string | undefined> {
  if (isTrustTarget(path)) return "targets";
  return (await listingRoles(repository, path)).find((role) => role !== undefined);
}

/** The roles that list a path; undefined stands for a bin of `targets`. */
async function listingRoles(repository: Repository, path: string): Promise<(string | undefined)[]> {
  const roles = ["targets", ...repository.delegated.keys()];
  const listing: (string | undefined)[] = [];
  for (const role of roles) if ((await repository.role(role))?.signed.targets.has(path) === true) listing.push(role);
  if (listing.length === 0 && repository.bins.has("targets") && (await repository.find(path)) !== undefined) {
    listing.push(undefined);
  }
  return listing;
}

async function measure(file: PublishFile): Promise<{ length: number; sha256: string }> {
  const hasher = createHasher("sha256");
  let length = 0;
  for await (const chunk of file.open()) {
    hasher.update(chunk);
    length += chunk.length;
  }
  return { length, sha256: hex(hasher.digest()) };
}

async function readWhole(file: PublishFile): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of file.open()) {
    length += chunk.length;
    demand(length <= maxTrustBytes, "tuf/content-unreadable", `${file.path} is too large for what it is`);
    chunks.push(chunk);
  }
  return concat(...chunks);
}

async function checkTrusted(
  { repository, store, now }: PublishRequest,
  trusted: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const content = new Map(trusted);
  const load = async (path: string): Promise<void> => {
    if (content.has(path)) return;
    const found = await repository.find(path);
    const bytes = found && (await readTarget(store, found));
    if (bytes !== undefined) content.set(path, bytes);
  };
  const checked = new Set(trusted.keys());
  for (const path of trusted.keys()) {
    for (const other of contextPaths(path)) await load(other);
    // New keys of a layout have to be those that the layout is signed with.
    const project = /^projects\/([^/]+)\/layout-keys\.json$/.exec(path)?.[1];
    if (project === undefined) continue;
    await load(targetPaths.layout(project));
    if (content.has(targetPaths.layout(project))) checked.add(targetPaths.layout(project));
  }
  for (const path of checked) checkContent(path, content.get(path)!, { now, other: (other) => content.get(other) });
}

async function readTarget(
  store: RepositoryStore,
  { path, hashes, length }: TargetFile,
): Promise<Uint8Array | undefined> {
  return store.readTarget(encodePath(targetFile(path, [...hashes.values()][0])), length);
}

/** Takes paths out of whatever roles list them. Problem `tuf/target-not-found`. */
export async function unpublishOperation(repository: Repository, paths: readonly string[]): Promise<Operation> {
  demand(paths.length > 0, "tuf/nothing-wanted", "no path was given to unpublish");
  const grouped = new Map<string | undefined, string[]>();
  for (const path of new Set(paths)) {
    const roles = await listingRoles(repository, path);
    if (roles.length === 0) {
      throw new Problem("tuf/target-not-found", `no role lists ${path}`, {
        hint: `sealwright tuf status --targets lists what there is`,
      });
    }
    for (const role of roles) grouped.set(role, [...(grouped.get(role) ?? []), path]);
  }
  const targets = [...grouped].map(([role, remove]): WantedTargets => ({ role, add: [], remove }));
  const decisive = paths.filter(isTrustTarget);
  const notes = decisive.map((path) => `${path}: consumers decide by it and will fail without it`);
  return { name: "unpublish", wanted: { ...nothingWanted, targets }, notes };
}
