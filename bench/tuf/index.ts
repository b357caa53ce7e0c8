// A cold refresh and one download: a fresh process each time, against a server in another. CPU time is what the
// process itself counts, so that a busy machine sways it little; the median of several runs counts.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { quantile, type Subject } from "../measure.ts";
import { type Built, buildRepository, type Size } from "./repository.ts";

const here = import.meta.dirname;
const sizes: readonly (Size & { readonly name: string; readonly slow?: boolean })[] = [
  { name: "10 targets in one file", targets: 10, bins: 1 },
  { name: "10,000 targets in one file", targets: 10_000, bins: 1, slow: true },
  { name: "100,000 targets in 16 bins", targets: 100_000, bins: 16, slow: true },
  { name: "1,000,000 targets in 16,384 bins", targets: 1_000_000, bins: 16_384, slow: true },
];
const runs = 9;

interface Client {
  readonly name: string;
  readonly command: readonly string[];
  /** Takes minutes where a repository is large: run once there. */
  readonly quadratic?: boolean;
}

interface Usage {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly maxRssMib: number;
}

function runOnce(client: Client, url: string, rootFile: string, built: Built): Usage {
  const [program = "", ...args] = client.command;
  const startMs = performance.now();
  const { status, stdout, stderr } = spawnSync(program, [...args, url, rootFile, built.path], { encoding: "utf8" });
  const wallMs = performance.now() - startMs;
  if (status !== 0) throw new Error(`${client.name} failed: ${stderr}`);
  const usage = JSON.parse(stdout) as {
    userCPUTime: number;
    systemCPUTime: number;
    maxRSS: number;
    content: string;
  };
  if (usage.content !== createHash("sha256").update(built.content).digest("hex"))
    throw new Error(`${client.name} got something else`);
  return { cpuMs: (usage.userCPUTime + usage.systemCPUTime) / 1000, wallMs, maxRssMib: usage.maxRSS / 1024 };
}

async function clients(folder: string): Promise<readonly Client[]> {
  const ours = join(folder, "ours.mjs");
  await build({
    entryPoints: [join(here, "ours.ts")],
    outfile: ours,
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["@photostructure/sqlite", "@noble/post-quantum"],
    logLevel: "warning",
  });
  const python = process.env["SEALWRIGHT_PEERS_PYTHON"];
  if (python === undefined) console.log("skipped python-tuf: SEALWRIGHT_PEERS_PYTHON names no python with it");
  return [
    { name: "plain floor", command: [process.execPath, join(here, "floor.mjs")] },
    { name: "ours", command: [process.execPath, ours] },
    ...(python === undefined ? [] : [{ name: "python-tuf", command: [python, join(here, "python-tuf.py")] }]),
    { name: "tuf-js", command: [process.execPath, join(here, "tuf-js.mjs")], quadratic: true },
  ];
}

async function serve(folder: string): Promise<{ url: string; close: () => void }> {
  const server = spawn(process.execPath, [join(here, "server.mjs"), folder], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(server.stdout, "data")) as [Buffer];
  return { url: `http://127.0.0.1:${port.toString()}/`, close: () => void server.kill() };
}

function print(name: string, rows: readonly (readonly [string, readonly Usage[]])[]): void {
  console.log(`\n${name}`);
  const median = (usages: readonly Usage[], of: keyof Usage): number =>
    quantile(
      usages.map((each) => each[of]),
      0.5,
    );
  const floorMs = median(rows[0]?.[1] ?? [], "cpuMs");
  for (const [client, usages] of rows) {
    const [cpuMs, wallMs, rss] = (["cpuMs", "wallMs", "maxRssMib"] as const).map((of) => median(usages, of));
    const ratio = (cpuMs! / floorMs).toFixed(2);
    console.log(
      `  ${client.padEnd(14)} CPU ${cpuMs!.toFixed(0).padStart(7)} ms  ${ratio.padStart(7)}x  wall ${wallMs!.toFixed(0).padStart(7)} ms  RSS ${rss!.toFixed(0).padStart(4)} MiB  runs ${usages.length}`,
    );
  }
}

export const subject: Subject = {
  name: "tuf",
  async run() {
    const folder = mkdtempSync(join(tmpdir(), "sealwright-bench-tuf-"));
    try {
      const all = await clients(folder);
      for (const [number, size] of sizes.entries()) {
        const repository = join(folder, String(number));
        const built = buildRepository(repository, size);
        const rootFile = join(folder, "root.json");
        writeFileSync(rootFile, built.root);
        const { url, close } = await serve(repository);
        try {
          const rows = all.map((client) => [client, [] as Usage[]] as const);
          // By turns, so that what disturbs the machine disturbs everyone.
          for (let run = 0; run < runs; run++) {
            for (const [client, usages] of rows) {
              if (run > 0 && size.slow === true && client.quadratic === true) continue;
              usages.push(runOnce(client, url, rootFile, built));
            }
          }
          print(
            `cold refresh and one download, ${size.name}`,
            rows.map(([client, usages]) => [client.name, usages]),
          );
        } finally {
          close();
          rmSync(repository, { recursive: true, force: true });
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
