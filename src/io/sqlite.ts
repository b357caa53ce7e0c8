// SQLite: the runtime's own where it is new enough, else the optional package of the same interface. Versions before
// 3.51.3 can corrupt a database in WAL mode that several processes write (sqlite.org/wal.html, the WAL-reset bug).
// docs/decisions/0010-sqlite.md tells why.

import { Problem } from "../core/index.ts";

export type SqlValue = null | number | bigint | string | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface SqlStatement {
  run(...parameters: readonly SqlValue[]): unknown;
  get(...parameters: readonly SqlValue[]): unknown;
  all(...parameters: readonly SqlValue[]): unknown[];
}

/** What both have. */
export interface SqlDatabase {
  exec(sql: string): void;
  prepare(sql: string): SqlStatement;
  close(): void;
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string) => SqlDatabase;
}

const leastVersion = [3, 51, 3] as const;
const packageName = "@photostructure/sqlite";

let loaded: Promise<SqliteModule> | undefined;

/** Opens or makes a database file. Problems `io/sqlite-missing`, `io/store-corrupt`, `io/read`, `io/write`. */
export async function openDatabase(path: string): Promise<SqlDatabase> {
  loaded ??= loadSqlite();
  const { DatabaseSync } = await loaded;
  return guarded(path, () => new DatabaseSync(path));
}

async function loadSqlite(): Promise<SqliteModule> {
  const own = runtimeSqlite();
  if (own !== undefined) return own;
  try {
    return (await import("@photostructure/sqlite")) as unknown as SqliteModule;
  } catch (cause) {
    throw new Problem(
      "io/sqlite-missing",
      `this Node.js (${process.version}) has no SQLite ${leastVersion.join(".")}`,
      {
        cause,
        hint: `npm install ${packageName}, which is built for Linux, macOS and Windows; or run a newer Node.js`,
      },
    );
  }
}

/** `node:sqlite`, when its SQLite is new enough. Its warning that it is experimental is none of our users' business. */
function runtimeSqlite(): SqliteModule | undefined {
  const getBuiltinModule = (process as { getBuiltinModule?: (name: string) => unknown }).getBuiltinModule;
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    const found = getBuiltinModule?.call(process, "node:sqlite") as SqliteModule | undefined;
    if (found === undefined) return undefined;
    const database = new found.DatabaseSync(":memory:");
    const { version } = database.prepare("SELECT sqlite_version() AS version").get() as { readonly version: string };
    database.close();
    return isEnough(version) ? found : undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Of a version such as `3.53.0`. */
export function isEnough(version: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [at, least] of leastVersion.entries()) {
    const part = parts[at] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

export const restoreHint = "restore the organisation's folder from a copy";

interface SqliteError {
  readonly errcode?: number;
  readonly message?: string;
}

// Primary result codes, sqlite.org/rescode.html.
const busy = 5;
const corrupt = 11;
const cantOpen = 14;
const full = 13;
const notADatabase = 26;

function resultCode(error: unknown): number | undefined {
  const { errcode } = (error ?? {}) as SqliteError;
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}

/** True when another process is writing. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === busy || resultCode((error as { cause?: unknown }).cause) === busy;
}

/** What SQLite throws becomes a Problem: `io/store-corrupt`, `io/disk-full`, `io/read`, `io/write`. */
export function guarded<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    const code = resultCode(cause);
    if (code === undefined) throw cause;
    if (code === corrupt || code === notADatabase) {
      throw new Problem("io/store-corrupt", `${path} is damaged, or no database`, {
        cause,
        hint: restoreHint,
      });
    }
    if (code === full) throw new Problem("io/disk-full", `there is no room left for ${path}`, { cause });
    if (code === cantOpen) throw new Problem("io/read", `cannot open ${path}`, { cause });
    throw new Problem("io/write", `${path} cannot be written`, { cause });
  }
}
