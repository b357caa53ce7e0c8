// A TUF repository in an organisation's folder: metadata, records and events in `tuf.sqlite`, target files beside it in
// `tuf-targets/`. Several processes may have it open. A commit is one transaction in which the revision is compared, so
// that it is whole and durable or has not been; a power cut or kill -9 at any point leaves one of the two.

import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type JsonObject, Problem } from "../core/index.ts";
import type { RepositoryCommit, RepositoryEvent, RepositoryStore } from "../tuf/index.ts";
import { guarded, isBusy, openDatabase, restoreHint, type SqlDatabase, type SqlStatement } from "./sqlite.ts";
import { openTargetFile, readTargetFile, targetPlace, writeTargetFile } from "./target-files.ts";

export const databaseFile = "tuf.sqlite";
export const targetsFolder = "tuf-targets";

const schemaVersion = 1;
// "SWTF", so that file(1) and we know one from another's database.
const applicationId = 0x53575446;
/** Of 4 KiB: what is looked through at every start takes some 50 ms at most. */
const maxCheckedPages = 8192;
const busyForMs = 30_000;
const retryMs = 5;

const schema = `
  CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES (1, 0);
  CREATE TABLE files (path TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
  CREATE TABLE replaced (path TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX replaced_at ON replaced (at);
  CREATE TABLE records (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
  CREATE TABLE events (revision INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL) STRICT;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

export interface FileRepositoryStore extends RepositoryStore {
  close(): Promise<void>;
}

/**
 * Opens the repository of an organisation's folder, or makes an empty one. Problems `io/sqlite-missing`,
 * `io/store-corrupt`, `io/store-version`, `io/disk-full`, `io/write`.
 */
export async function openRepositoryStore(folder: string): Promise<FileRepositoryStore> {
  const path = join(folder, databaseFile);
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new Problem("io/write", `cannot make the folder ${folder}`, { cause });
  }
  const database = await openDatabase(path);
  try {
    await patiently(() => guarded(path, () => prepareDatabase(database, path)));
    return new SqliteStore(database, path, join(folder, targetsFolder));
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepareDatabase(database: SqlDatabase, path: string): void {
  database.exec("PRAGMA busy_timeout = 200");
  const [id, version] = [pragma(database, "application_id"), pragma(database, "user_version")];
  const isNew = id === 0 && version === 0;
  if (!isNew && id !== applicationId) throw new Problem("io/store-corrupt", `${path} is not a repository's database`);
  if (!isNew && version !== schemaVersion) {
    throw new Problem("io/store-version", `${path} has format ${version}, and this program knows ${schemaVersion}`);
  }
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("PRAGMA journal_size_limit = 67108864");
  if (isNew) {
    transaction(database, () => {
      // Another process may have come first.
      if (pragma(database, "user_version") === 0) database.exec(schema);
    });
  } else if (Number(pragma(database, "page_count")) <= maxCheckedPages) {
    // SQLite finds a damaged page only when it comes upon it, and may say that a file is not there.
    const sound = pragma(database, "quick_check") === "ok";
    if (!sound) throw new Problem("io/store-corrupt", `${path} is damaged`, { hint: restoreHint });
  }
}

function pragma(database: SqlDatabase, name: string): unknown {
  return (database.prepare(`PRAGMA ${name}`).get() as Record<string, unknown>)[name];
}

function transaction(database: SqlDatabase, step: () => void): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    step();
    database.exec("COMMIT");
  } catch (error) {
    try {
      database.exec("ROLLBACK");
    } catch {
      // SQLite has rolled back already, as it does when the disk is full.
    }
    throw error;
  }
}

/** Waits for another process that is writing, without holding up this one. */
async function patiently<T>(step: () => T): Promise<T> {
  for (let waitedMs = 0, pauseMs = retryMs; ; waitedMs += pauseMs, pauseMs = Math.min(2 * pauseMs, 200)) {
    try {
      return step();
    } catch (error) {
      if (!isBusy(error) || waitedMs > busyForMs) throw error;
    }
    await sleep(pauseMs);
  }
}

const queries = {
  revision: "SELECT revision FROM state",
  read: "SELECT content FROM files WHERE path = ?",
  readRecord: "SELECT content FROM records WHERE name = ?",
  listRecords: "SELECT name FROM records WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name",
  events: "SELECT revision, at, event FROM events WHERE revision >= ? ORDER BY revision LIMIT ?",
  writeFile: "INSERT INTO files VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET content = excluded.content",
  removeFile: "DELETE FROM files WHERE path = ?",
  replace: "INSERT INTO replaced VALUES (?, ?) ON CONFLICT DO NOTHING",
  anyReplaced: "SELECT 1 FROM replaced LIMIT 1",
  isReplaced: "SELECT 1 FROM replaced WHERE path = ?",
  unreplace: "DELETE FROM replaced WHERE path = ?",
  purgeable: "SELECT path FROM replaced WHERE at <= ? LIMIT ?",
  writeRecord: "INSERT INTO records VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content",
  removeRecord: "DELETE FROM records WHERE name = ?",
  addEvent: "INSERT INTO events VALUES (?, ?, ?)",
  setRevision: "UPDATE state SET revision = ?",
} as const;

// What a commit deletes at most, so that one after a re-binning does not take long; the rest goes with the next ones.
const maxPurged = 20_000;

class SqliteStore implements FileRepositoryStore {
  private isClosed = false;
  private readonly statements = new Map<keyof typeof queries, SqlStatement>();

  constructor(
    private readonly database: SqlDatabase,
    private readonly path: string,
    private readonly targets: string,
  ) {}

  async revision(): Promise<number> {
    return this.ask(() => this.currentRevision());
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.ask(() => this.content("read", path));
  }

  readTarget(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return readTargetFile(this.targets, path, maxBytes);
  }

  openTarget(path: string) {
    return openTargetFile(this.targets, path);
  }

  async writeTarget(path: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    // First, so that no other process deletes meanwhile what was to go and is wanted again.
    await this.ask(() => {
      const name = `targets/${path}`;
      if (this.query("isReplaced").get(name) === undefined) return;
      transaction(this.database, () => void this.query("unreplace").run(name));
    });
    await writeTargetFile(this.targets, path, content);
  }

  async readRecord(name: string): Promise<Uint8Array | undefined> {
    return this.ask(() => this.content("readRecord", name));
  }

  async listRecords(prefix: string): Promise<readonly string[]> {
    return this.ask(() => (this.query("listRecords").all(prefix) as { name: string }[]).map(({ name }) => name));
  }

  async events({ from = 1, limit = Number.MAX_SAFE_INTEGER } = {}): Promise<readonly RepositoryEvent[]> {
    type Row = { readonly revision: number; readonly at: number; readonly event: string };
    const rows = await this.ask(() => this.query("events").all(from, limit) as Row[]);
    return rows.map(({ revision, at, event }) => ({ revision, atMs: at, event: JSON.parse(event) as JsonObject }));
  }

  commit(commit: RepositoryCommit): Promise<void> {
    return this.ask(() => this.commitNow(commit));
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.statements.clear();
    try {
      // So that a copy of the one file is whole.
      this.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // What cannot be moved into it now is when it is opened next.
    }
    this.database.close();
  }

  private ask<T>(step: () => T): Promise<T> {
    return patiently(() => guarded(this.path, step));
  }

  private query(name: keyof typeof queries): SqlStatement {
    const known = this.statements.get(name) ?? this.database.prepare(queries[name]);
    this.statements.set(name, known);
    return known;
  }

  private content(query: "read" | "readRecord", name: string): Uint8Array | undefined {
    return (this.query(query).get(name) as { content: Uint8Array } | undefined)?.content;
  }

  private currentRevision(): number {
    return (this.query("revision").get() as { revision: number }).revision;
  }

  private commitNow(commit: RepositoryCommit): void {
    transaction(this.database, () => {
      if (this.currentRevision() !== commit.base) {
        throw new Problem("tuf/conflict", "somebody else has changed the repository meanwhile", {
          hint: "do it again: it will be done upon what is there now",
        });
      }
      const revision = commit.base + 1;
      const anyReplaced = this.query("anyReplaced").get() !== undefined;
      for (const path of commit.replaced) this.query("replace").run(path, commit.atMs);
      for (const [path, bytes] of commit.files) this.query("writeFile").run(path, bytes);
      const named = anyReplaced ? [...(commit.named ?? []), ...commit.files.map(([path]) => path)] : [];
      for (const path of named) this.query("unreplace").run(path);
      this.purge(commit.purgeReplacedUntilMs);
      for (const [name, bytes] of commit.records ?? []) {
        if (bytes === undefined) this.query("removeRecord").run(name);
        else this.query("writeRecord").run(name, bytes);
      }
      this.query("addEvent").run(revision, commit.atMs, JSON.stringify(commit.event));
      this.query("setRevision").run(revision);
    });
  }

  private purge(untilMs: number | undefined): void {
    if (untilMs === undefined) return;
    for (const { path } of this.query("purgeable").all(untilMs, maxPurged) as { path: string }[]) {
      this.query("unreplace").run(path);
      if (path.startsWith("targets/")) this.removeTarget(path.slice("targets/".length));
      // Roots are what every client walks over.
      else if (!/^\d+\.root\.json$/.test(path)) this.query("removeFile").run(path);
    }
  }

  /** Within the transaction: who wants the file again waits for it, and writes it anew. */
  private removeTarget(path: string): void {
    const place = targetPlace(this.targets, path);
    if (place !== undefined) rmSync(place, { force: true });
  }
}
