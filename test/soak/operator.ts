// The publisher in a process of its own, to be killed at any moment: reads one operation a line, answers `done ID` when
// it is durable. New private keys are on the disk before anything names them.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { dayMs, isProblem } from "../../src/core/index.ts";
import {
  createSigner,
  encodePrivateKeyPem,
  generateKey,
  type LocalSigner,
  parsePrivateKeyPem,
} from "../../src/crypto/index.ts";
import { openRepositoryStore } from "../../src/io/repository-store.ts";
import {
  type Changes,
  commitPublication,
  createNextRoot,
  openRepository,
  publish,
  type Repository,
  type RoleKeys,
  signerKey,
  signMetadata,
  type TopLevelRole,
  topLevel,
} from "../../src/tuf/index.ts";

/** One line of standard input. */
export type Operation = { readonly id: number } & (
  | { readonly kind: "publish"; readonly path: string; readonly content: string }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "rotate"; readonly role: "snapshot" | "timestamp" | "bins" | "root" }
  | { readonly kind: "rebin"; readonly count: number }
);

const [folder = ""] = process.argv.slice(2);
const keysFolder = join(folder, "keys");
const store = await openRepositoryStore(folder);

const known = new Map<string, LocalSigner>();

/** Every key there ever was: a role is signed by those that it has now. */
function allKeys(): LocalSigner[] {
  for (const name of readdirSync(keysFolder)) {
    if (!name.endsWith(".pem") || known.has(name)) continue;
    known.set(name, createSigner(parsePrivateKeyPem(readFileSync(join(keysFolder, name), "utf8"))));
  }
  return [...known.values()];
}

function newKey(name: string): LocalSigner {
  const key = generateKey("ed25519");
  // A first try that was killed may have published its key: none takes the place of another.
  const file = `${name}-${process.pid}.pem`;
  writeFileSync(join(keysFolder, file), encodePrivateKeyPem(key), { mode: 0o600, flush: true });
  return createSigner(key);
}

async function nextRoot(repository: Repository, role: TopLevelRole, id: number): Promise<Uint8Array> {
  const { root } = repository.head;
  const { keys, role: before } = topLevel(root, role);
  const kept = before.keyids.flatMap((keyid) => keys.get(keyid) ?? []);
  // The oldest goes: of root's three keys two have to agree, before and after.
  const next: RoleKeys = {
    keys: [...kept.slice(1), signerKey(newKey(`soak-${role}-${id}`))],
    threshold: before.threshold,
  };
  const signed = createNextRoot(root, { expiresMs: Date.now() + 365 * dayMs, roles: { [role]: next } });
  const wanted = new Set([...kept, ...next.keys].map(({ keyid }) => keyid));
  const { keys: rootKeys, role: rootRole } = topLevel(root, "root");
  for (const keyid of rootRole.keyids) wanted.add(rootKeys.get(keyid)?.keyid ?? keyid);
  return signMetadata(
    signed,
    allKeys().filter((signer) => wanted.has(signerKey(signer).keyid)),
  );
}

async function changesOf(repository: Repository, operation: Operation): Promise<Changes> {
  switch (operation.kind) {
    case "publish": {
      const content = new TextEncoder().encode(operation.content);
      return { place: { add: [{ path: operation.path, content }] } };
    }
    case "remove":
      // A first try may have done it before the process was killed.
      return (await repository.find(operation.path)) === undefined ? {} : { place: { remove: [operation.path] } };
    case "rebin": {
      const keys = [signerKey(newKey(`soak-bins-${operation.id}`))];
      return { targets: new Map([["targets", { bins: { count: operation.count, keys, threshold: 1 } }]]) };
    }
    case "rotate": {
      if (operation.role !== "bins") return { roots: [await nextRoot(repository, operation.role, operation.id)] };
      const keys = [signerKey(newKey(`soak-bins-${operation.id}`))];
      const count = repository.bins.get("targets")?.count ?? 16;
      return { targets: new Map([["targets", { bins: { count, keys, threshold: 1 } }]]) };
    }
  }
}

let repository = await openRepository(store);

async function carryOut(operation: Operation): Promise<void> {
  for (;;) {
    try {
      const changes = await changesOf(repository, operation);
      if (Object.keys(changes).length === 0) return;
      const publication = await publish(repository, changes, { pool: allKeys() }, Date.now());
      repository = await commitPublication(store, publication, { operation: operation.kind, id: operation.id });
      return;
    } catch (error) {
      if (!isProblem(error, "tuf/conflict")) throw error;
      repository = await openRepository(store);
    }
  }
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const operation = JSON.parse(line) as Operation;
  await carryOut(operation);
  process.stdout.write(`done ${operation.id}\n`);
}
await store.close();
