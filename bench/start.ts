// Cold start: a fresh process each time, beside bare node and a process that verifies the same bundle with
// @sigstore/verify.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signBlob, targetPaths } from "../src/flows/index.ts";
import { encodeBundle } from "../src/sigstore/index.ts";
import { createMemoryStore } from "../src/tuf/index.ts";
import { World } from "../test/world.ts";
import { printTimings, time, type Subject, type Timing } from "./measure.ts";

const root = join(import.meta.dirname, "..");
const main = join(root, "dist", "main.js");
const starts = 10;

const peer = `
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { readFileSync } from "node:fs";
const [artifact, bundle, trusted] = process.argv.slice(2).map((path) => readFileSync(path));
const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(trusted))), { tlogThreshold: 1, ctlogThreshold: 1, tsaThreshold: 1 });
verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle)), artifact));
`;

async function processes(name: string, args: readonly string[]): Promise<Timing> {
  const run = () => {
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: root });
    if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
  };
  return time(name, starts, run, 2);
}

export const subject: Subject = {
  name: "start",
  async run() {
    const folder = mkdtempSync(join(tmpdir(), "sealwright-bench-"));
    const script = join(root, "bench", ".peer-start.mjs");
    try {
      const world = await World.open();
      const artifact = new Uint8Array(100_000);
      const client = await world.update(createMemoryStore());
      const target = await client.findTarget(targetPaths.trustedRoot);
      const [file, bundle, trusted] = ["artifact", "bundle.json", "trusted_root.json"].map((name) =>
        join(folder, name),
      ) as [string, string, string];
      writeFileSync(file, artifact);
      writeFileSync(bundle, encodeBundle(await signBlob(artifact, await world.signing())));
      writeFileSync(trusted, await client.download(target!));
      writeFileSync(script, peer);
      const { url, project } = world.organisation;
      const identity = `${url}/projects/${project.name}/${project.pipelinePath}`;
      printTimings("cold start, a process each", [
        await processes("node -e 0", ["-e", "0"]),
        await processes("sealwright --version", [main, "--version"]),
        await processes("sealwright verify FILE --bundle --trusted-root", [
          main,
          "verify",
          file,
          "--bundle",
          bundle,
          "--trusted-root",
          trusted,
          "--certificate-identity",
          identity,
          "--certificate-oidc-issuer",
          url,
        ]),
        await processes("@sigstore/verify, the same bundle", [script, file, bundle, trusted]),
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      rmSync(script, { force: true });
    }
  },
};
