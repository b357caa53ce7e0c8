// Runs the executable test/conformance/sigstore-client over the public suite's verification cases, each by path and by
// digest, as the suite's own runner does: node --import tsx THIS_FILE [VECTORS]. Build first: node tools/build.js.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { digestHex } from "../../src/crypto/index.ts";

const vectors = process.argv[2] ?? join(import.meta.dirname, "..", "..", "..", "shared", "vectors");
const cases = join(vectors, "sigstore", "conformance", "bundle-verify");
const client = join(import.meta.dirname, "sigstore-client");
const beacon =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";

function argumentsOf(name: string, by: "path" | "digest"): string[] {
  const own = (file: string): string | undefined =>
    existsSync(join(cases, name, file)) ? join(cases, name, file) : undefined;
  const text = (file: string, usual: string): string => {
    const path = own(file);
    return path === undefined ? usual : readFileSync(path, "utf8").trim();
  };
  const artifact = own("artifact") ?? join(cases, "..", "a.txt");
  const key = own("key.pub");
  const signer =
    key === undefined
      ? [
          "--certificate-identity",
          text("identity", beacon),
          "--certificate-oidc-issuer",
          text("issuer", "https://token.actions.githubusercontent.com"),
        ]
      : ["--key", key];
  return [
    "verify-bundle",
    "--bundle",
    join(cases, name, "bundle.sigstore.json"),
    ...signer,
    "--trusted-root",
    own("trusted_root.json") ?? join(vectors, "sigstore", "public-good", "trusted_root.json"),
    by === "path" ? artifact : `sha256:${digestHex("sha256", readFileSync(artifact))}`,
  ];
}

let passed = 0;
let count = 0;
const startMs = performance.now();
for (const name of readdirSync(cases).filter((each) => existsSync(join(cases, each, "bundle.sigstore.json")))) {
  for (const by of ["path", "digest"] as const) {
    const { status, stderr } = spawnSync(client, argumentsOf(name, by), { encoding: "utf8" });
    count++;
    // A crash is no refusal: the client says 1 for what it refuses.
    if (status === (name.endsWith("_fail") ? 1 : 0)) passed++;
    else console.log(`${name} by ${by}: exit ${status}\n${stderr}`);
  }
}
const each = ((performance.now() - startMs) / count).toFixed(0);
console.log(`${passed} of ${count} end as they must, ${each} ms each`);
process.exitCode = passed === count && count >= 140 ? 0 : 1;
