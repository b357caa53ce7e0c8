// The log as a client meets it: each entry's signature is checked, the entry is durable and proven before the answer.
// Beside it the same batches without the signature check, and the disk alone.

import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "../src/core/index.ts";
import { createSigner, digest, generateKey, randomBytes } from "../src/crypto/index.ts";
import { openFileLogStore } from "../src/io/log-store.ts";
import { hashedRekordRequestJson, parseLogRequest, verifyLogRequest } from "../src/sigstore/index.ts";
import { openLog, signCheckpoint } from "../src/tlog/index.ts";
import { quantile, type Subject } from "./measure.ts";

const entries = 4000;
const inFlight = 256;

function requests(): Uint8Array[] {
  const signer = createSigner(generateKey("ecdsa-p256"));
  return Array.from({ length: entries }, () => {
    const message = randomBytes(64);
    const body = hashedRekordRequestJson({
      algorithm: "sha256",
      digest: digest("sha256", message),
      signature: signer.sign(message) as Uint8Array,
      verifier: { kind: "publicKey", der: signer.publicKey.spki },
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
    });
    return utf8(JSON.stringify(body));
  });
}

async function appendAll(name: string, leaves: (index: number) => Uint8Array): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sealwright-bench-"));
  const store = await openFileLogStore(folder);
  const signer = createSigner(generateKey("ed25519"));
  const origin = "log.bench";
  const log = await openLog({
    store,
    origin,
    signCheckpoint: async (size, root) =>
      utf8(await signCheckpoint({ origin, size, root, extensions: [] }, [{ name: origin, signer }])),
  });
  const each: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < entries) {
      const index = next++;
      const atMs = performance.now();
      await log.append({ leaf: leaves(index) });
      each.push(performance.now() - atMs);
    }
  };
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(startCpu);
  await log.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  console.log(
    `  ${name.padEnd(52)} ${(entries / seconds).toFixed(0).padStart(7)}/s  p50 ${quantile(each, 0.5).toFixed(1)} ms  p99 ${quantile(each, 0.99).toFixed(1)} ms  CPU ${((cpu.user + cpu.system) / 1e6).toFixed(1)} s`,
  );
}

/** One small write and fsync at a time: what the disk itself takes. */
async function bareSyncs(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sealwright-bench-"));
  const file = await open(join(folder, "file"), "w");
  const each: number[] = [];
  for (let index = 0; index < 100; index++) {
    const atMs = performance.now();
    await file.write(randomBytes(8192));
    await file.sync();
    each.push(performance.now() - atMs);
  }
  await file.close();
  rmSync(folder, { recursive: true, force: true });
  console.log(
    `  ${"8 KiB write and fsync, alone".padEnd(52)} p50 ${quantile(each, 0.5).toFixed(1)} ms  p99 ${quantile(each, 0.99).toFixed(1)} ms`,
  );
}

export const subject: Subject = {
  name: "log",
  async run() {
    console.log(`\nlog: ${entries} entries, ${inFlight} in flight, file store`);
    const bodies = requests();
    await bareSyncs();
    await appendAll("append, durable and proven", (index) => bodies[index]!);
    await appendAll(
      "append with parse and P-256 signature check",
      (index) => verifyLogRequest(parseLogRequest(bodies[index]!)).canonicalizedBody,
    );
  },
};
