// From a publication to what clients see; and the next version of a role for who signs it elsewhere.

import { isProblem, type JsonObject } from "../core/index.ts";
import { nextRole } from "./edit.ts";
import { planPublication } from "./plan.ts";
import type { Publication, Repository, TargetChanges } from "./repository-model.ts";
import type { RepositoryStore } from "./repository-store.ts";
import { openRepository, OpenRepository, type RepositoryOptions } from "./repository.ts";

const maxAttempts = 20;

/**
 * Stores the contents of new targets, then everything else at once: durable and visible when it resolves. `records`
 * change in the same commit. Problem `tuf/conflict`: somebody has committed since; nothing has changed.
 */
export async function commitPublication(
  store: RepositoryStore,
  publication: Publication,
  event: JsonObject,
  records: ReadonlyMap<string, Uint8Array | undefined> = new Map(),
): Promise<Repository> {
  for (const [path, content] of publication.targets) await store.writeTarget(path, content);
  const { commit, repository } = publication;
  await store.commit({ ...commit, records: new Map([...(commit.records ?? []), ...records]), event });
  if (repository instanceof OpenRepository) repository.parts.unstored.clear();
  return repository;
}

/**
 * Makes a publication and commits it, again from what is there by then as long as others commit in between. `known` is
 * what to begin with. An empty publication is not committed. Problems of `make`; `tuf/conflict` after many attempts.
 */
export async function transact(
  store: RepositoryStore,
  event: JsonObject,
  make: (repository: Repository) => Promise<Publication>,
  known?: Repository,
  options: RepositoryOptions = {},
): Promise<Repository> {
  for (let attempt = 1; ; attempt++) {
    const repository = attempt === 1 && known !== undefined ? known : await openRepository(store, options);
    const publication = await make(repository);
    if (publication.commit.files.length === 0) return repository;
    try {
      return await commitPublication(store, publication, event);
    } catch (error) {
      if (attempt === maxAttempts || !isProblem(error, "tuf/conflict")) throw error;
    }
  }
}

/** The next version of a role as it would be signed, for proposals that are signed elsewhere. Problems as of `publish`. */
export async function nextTargets(
  repository: Repository,
  role: string,
  change: TargetChanges,
  expiresMs: number,
): Promise<JsonObject> {
  const { root } = repository.head;
  const before = repository as OpenRepository;
  const changes = { targets: new Map([[role, change]]) };
  const { roles } = await planPublication({
    before,
    root,
    changes,
    renewed: new Set(),
    identities: before.parts.identities,
  });
  const plan = roles.get(role)!;
  const version = (repository.listedVersion(role) ?? 0) + 1;
  return nextRole(plan.before, { version, expiresMs, ...plan.edited });
}
