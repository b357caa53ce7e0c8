// Publishing as an organisation does it: verified by our own client and durable in SQLite before it is done, into a
// repository of a million targets in 16,384 bins. Beside it what a signature takes alone.

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dayMs, utf8 } from "../src/core/index.ts";
import { createSigner, digestHex, generateKey } from "../src/crypto/index.ts";
import { databaseFile, openRepositoryStore } from "../src/io/repository-store.ts";
import {
  commitPublication,
  createRoot,
  initialRepository,
  type NewTarget,
  openRepository,
  publish,
  signerKey,
  signMetadata,
} from "../src/tuf/index.ts";
import { quantile, type Subject } from "./measure.ts";

const targetCount = Number(process.env["SEALWRIGHT_BENCH_TARGETS"] ?? 1_000_000);
const binCount = 16_384;
const singles = 40;
const batch = 10_000;

function describe(at: number): NewTarget {
  const path = `packages/${(at % 997).toString(36)}/name-${at}-1.0.${at % 50}.tgz`;
  return { path, length: 1000 + at, hashes: new Map([["sha256", digestHex("sha256", utf8(path))]]) };
}

async function timed<T>(name: string, run: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  const result = await run();
  const ms = performance.now() - startMs;
  const { user, system } = process.cpuUsage(startCpu);
  const rss = (process.memoryUsage().rss / 2 ** 20).toFixed(0);
  const cpu = ((user + system) / 1000).toFixed(0);
  console.log(
    `  ${name.padEnd(52)} ${ms.toFixed(0).padStart(8)} ms  CPU ${cpu.padStart(6)} ms  RSS ${rss.padStart(5)} MiB`,
  );
  return result;
}

async function signAlone(): Promise<void> {
  const signer = createSigner(generateKey("ecdsa-p256"));
  const message = new Uint8Array(8192);
  const startMs = performance.now();
  for (let at = 0; at < 500; at++) await signer.sign(message);
  console.log(
    `  one P-256 signature over a bin's 8 KiB, alone: ${((performance.now() - startMs) / 500).toFixed(3)} ms`,
  );
}

async function run(folder: string): Promise<void> {
  const now = Date.now();
  let store = await openRepositoryStore(folder);
  const online = createSigner(generateKey("ecdsa-p256"));
  const owner = createSigner(generateKey("ed25519"));
  const role = (...signers: readonly (typeof owner)[]) => ({ keys: signers.map(signerKey), threshold: 1 });
  const roles = { root: role(owner), targets: role(owner), snapshot: role(online), timestamp: role(online) };
  const root = await signMetadata(createRoot({ version: 1, expiresMs: now + 365 * dayMs, roles }), [owner]);
  const add = Array.from({ length: targetCount }, (_, at) => describe(at));
  const pool = [owner, online];
  let repository = await timed(`build ${targetCount} targets in ${binCount} bins, committed`, async () => {
    const targets = new Map([["targets", { bins: { count: binCount, ...role(online) } }]]);
    const first = await initialRepository(store, { roots: [root], targets, place: { add } }, { pool }, now);
    return commitPublication(store, first, { operation: "init" });
  });
  add.length = 0;
  console.log(`  database ${(statSync(join(folder, databaseFile)).size / 2 ** 20).toFixed(0)} MiB`);
  await store.close();
  store = await openRepositoryStore(folder);
  repository = await timed("open", () => openRepository(store));
  const times: number[] = [];
  const startCpu = process.cpuUsage();
  let next = targetCount;
  for (let at = 0; at < singles; at++) {
    const startMs = performance.now();
    const publication = await publish(repository, { place: { add: [describe(next++)] } }, { pool: [online] }, now);
    repository = await commitPublication(store, publication, { operation: "publish" });
    times.push(performance.now() - startMs);
  }
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  const { user, system } = process.cpuUsage(startCpu);
  const cpu = ((user + system) / 1000 / singles).toFixed(1);
  const each = `p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  CPU ${cpu} ms`;
  console.log(`  publish one target, committed (${singles} times)            ${each}`);
  for (const count of [100, batch, batch]) {
    repository = await timed(`publish ${count} targets at once, committed`, async () => {
      const more = Array.from({ length: count }, () => describe(next++));
      const publication = await publish(repository, { place: { add: more } }, { pool: [online] }, now);
      return commitPublication(store, publication, { operation: "publish" });
    });
  }
  const other = createSigner(generateKey("ecdsa-p256"));
  repository = await timed("another key for all bins, committed", async () => {
    const targets = new Map([["targets", { bins: { count: binCount, ...role(other) } }]]);
    const publication = await publish(repository, { targets }, { pool: [owner, online, other] }, now);
    return commitPublication(store, publication, { operation: "rotate" });
  });
  await store.close();
}

export const subject: Subject = {
  name: "tuf-publish",
  async run() {
    console.log(`\ntuf-publish: ${targetCount} targets in ${binCount} bins, P-256, SQLite`);
    await signAlone();
    const folder = mkdtempSync(join(tmpdir(), "sealwright-bench-"));
    try {
      await run(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
