// Real registries on loopback ports, each for one test: what a client has to cope with in the field.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../program.ts";
import { temporaryFolder } from "../instance.ts";

export interface RegistryKind {
  readonly name: string;
  /** Names the program. */
  readonly variable: string;
  /** Arguments and files, by port and folder. */
  prepare(port: number, folder: string): Promise<readonly string[]>;
}

export const registryKinds: readonly RegistryKind[] = [
  {
    name: "distribution (tag fallback)",
    variable: "SEALWRIGHT_PEERS_REGISTRY",
    prepare: async (port, folder) => {
      const config = join(folder, "config.yml");
      const lines = [
        "version: 0.1",
        "log: { level: error, accesslog: { disabled: true } }",
        `storage: { filesystem: { rootdirectory: ${join(folder, "storage")} } }`,
        `http: { addr: "127.0.0.1:${port}" }`,
      ];
      await writeFile(config, `${lines.join("\n")}\n`);
      return ["serve", config];
    },
  },
  {
    name: "crane's registry (tag fallback)",
    variable: "SEALWRIGHT_PEERS_CRANE",
    prepare: async (port) => ["registry", "serve", "--address", `127.0.0.1:${port}`],
  },
  {
    name: "go-containerregistry's registry (referrers API)",
    variable: "SEALWRIGHT_PEERS_REGISTRY_REFERRERS",
    prepare: async (port) => [`127.0.0.1:${port}`],
  },
];

const tries = 100;

/** `127.0.0.1:PORT` of a registry that is gone when the test ends; undefined after skipping. */
export async function startRegistry(t: TestContext, kind: RegistryKind): Promise<string | undefined> {
  const program = process.env[kind.variable];
  if (program === undefined) {
    t.skip(`skipped: ${kind.variable} names no registry`);
    return undefined;
  }
  const [port, folder] = [await freePort(), await temporaryFolder(t)];
  const args = await kind.prepare(port, folder);
  const child = execFile(resolve(program), args, { cwd: folder, env: { HOME: folder, PATH: process.env["PATH"] } });
  t.after(() => void child.kill("SIGKILL"));
  const address = `127.0.0.1:${port}`;
  for (let left = tries; left > 0; left--) {
    const isUp = await fetch(`http://${address}/v2/`).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (isUp) return address;
    await sleep(50);
  }
  throw new Error(`${kind.name} did not start`);
}
