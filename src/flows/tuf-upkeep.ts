// What a server does for its TUF repository by itself: signs anew what its signing window has come for, says what it
// cannot sign and somebody must, and tells how long everything lasts, in Prometheus' text format (version 0.0.4).

import { dayMs, formatUtcSeconds, hourMs, isProblem, type JsonObject } from "../core/index.ts";
import {
  type Key,
  type Repository,
  type RepositoryStore,
  resign,
  type RoleSigner,
  type RoleState,
  roleStates,
  transact,
} from "../tuf/index.ts";
import { onlineKeys } from "./publish.ts";
import { openPublished, trustedIdentities } from "./tuf-identity.ts";
import type { Clock } from "./world.ts";

export interface UpkeepWorld {
  readonly clock: Clock;
  readonly tuf: RepositoryStore;
  /** Opens a private key without asking anybody; undefined when it is not here, or asks. */
  readonly openKey: (reference: string, key: Key) => Promise<RoleSigner | undefined>;
}

export interface Upkeep {
  /** What a look at the clock led to, as records for the log: nothing, most of the time. */
  look(): Promise<readonly JsonObject[]>;
  /** Prometheus' text format. */
  metrics(): Promise<string>;
}

export function createUpkeep(world: UpkeepWorld): Upkeep {
  return new Keeper(world);
}

class Keeper implements Upkeep {
  private repository: Repository | undefined;
  private readonly signers = new Map<string, RoleSigner | undefined>();
  private failed: { readonly error: string; readonly atMs: number } | undefined;
  private readonly warnedAtMs = new Map<string, number>();

  constructor(private readonly world: UpkeepWorld) {}

  async look(): Promise<readonly JsonObject[]> {
    const { clock, tuf } = this.world;
    const now = clock.now();
    const records: JsonObject[] = [];
    const before = await this.current();
    const isDue = roleStates(before).some(({ signingFromMs }) => signingFromMs === undefined || signingFromMs <= now);
    if (isDue) {
      const make = async (repository: Repository) =>
        resign(repository, { pool: await this.pool(repository) }, now, { onlyDue: true });
      try {
        this.repository = await transact(tuf, { operation: "resign", by: "up" }, make, before, {
          delegatedIdentities: trustedIdentities,
        });
      } catch (error) {
        if (!isProblem(error)) throw error;
        records.push(...this.failure(error.code, error.message, now));
      }
      if (this.repository !== undefined && this.repository !== before) {
        records.push({ level: "info", message: "TUF metadata signed anew", revision: this.repository.revision });
      }
    }
    return [...records, ...this.warnings(await this.current(), now)];
  }

  async metrics(): Promise<string> {
    const repository = await this.current();
    const now = this.world.clock.now();
    const states = roleStates(repository);
    const lines = (name: string, help: string, value: (state: RoleState) => number | undefined): string[] => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} gauge`,
      ...states.flatMap((state) => {
        const number = value(state);
        return number === undefined ? [] : [`${name}{role="${state.role.replaceAll(/[\\"\n]/g, "_")}"} ${number}`];
      }),
    ];
    return [
      ...lines("sealwright_tuf_expiry_seconds", "Seconds until the role's metadata expires.", ({ expiresMs }) =>
        expiresMs === undefined ? undefined : Math.floor((expiresMs - now) / 1000),
      ),
      ...lines("sealwright_tuf_version", "Version of the role's metadata.", ({ version }) => version),
      "# HELP sealwright_tuf_revision Commits of the TUF repository.",
      "# TYPE sealwright_tuf_revision counter",
      `sealwright_tuf_revision ${repository.revision}`,
      "",
    ].join("\n");
  }

  /** Read again only when somebody has committed. */
  private async current(): Promise<Repository> {
    if (this.repository?.revision !== (await this.world.tuf.revision())) {
      this.repository = await openPublished(this.world.tuf);
    }
    return this.repository!;
  }

  private async pool(repository: Repository): Promise<RoleSigner[]> {
    const pool: RoleSigner[] = [];
    for (const key of onlineKeys(repository)) {
      const reference = repository.settings.keys.get(key.keyid);
      if (reference === undefined) continue;
      const known = `${key.keyid} ${reference}`;
      // A key that was not there may have come: only what was opened is kept.
      const signer = this.signers.get(known) ?? (await this.world.openKey(reference, key));
      this.signers.set(known, signer);
      if (signer !== undefined) pool.push(signer);
    }
    return pool;
  }

  /** Said again after an hour, or when it is another. */
  private failure(code: string, error: string, now: number): JsonObject[] {
    const { failed } = this;
    if (failed?.error === error && now - failed.atMs < hourMs) return [];
    this.failed = { error, atMs: now };
    return [{ level: "error", message: "signing TUF metadata anew failed", code, error }];
  }

  /** Once a day for each role whose window has come and that is still not signed anew. */
  private warnings(repository: Repository, now: number): JsonObject[] {
    return roleStates(repository).flatMap(({ role, expiresMs, signingFromMs }): JsonObject[] => {
      if (expiresMs === undefined || signingFromMs === undefined || signingFromMs > now) {
        this.warnedAtMs.delete(role);
        return [];
      }
      const last = this.warnedAtMs.get(role);
      if (last !== undefined && now - last < dayMs) return [];
      this.warnedAtMs.set(role, now);
      const hasExpired = expiresMs <= now;
      return [
        {
          level: hasExpired ? "error" : "warning",
          message: hasExpired ? "TUF metadata has expired" : "TUF metadata is to be signed anew by its owners",
          role,
          expires: formatUtcSeconds(expiresMs),
        },
      ];
    });
  }
}
