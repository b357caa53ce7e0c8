// The valid bundles that are mutated: our own cases and, where they are at hand, the public suite's.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { equalBytes } from "../../src/core/index.ts";
import { digest, parsePublicKeyPem } from "../../src/crypto/index.ts";
import {
  parseBundle,
  parseTrustedRoot,
  prepareTrust,
  verifyBundle,
  type VerifyOptions,
} from "../../src/sigstore/index.ts";
import { caseOptions, casesFolder, formsOf, readDescription } from "../conformance/sigstore-case.ts";
import type { Seed } from "./sigstore-mutations.ts";

export function ownSeeds(): readonly Seed[] {
  return readdirSync(casesFolder, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || entry.name.endsWith("_fail")) return [];
    const folder = join(casesFolder, entry.name);
    const description = readDescription(folder);
    const options = caseOptions(folder, description, formsOf(description)[0]!);
    return [seedOf(entry.name, join(folder, "bundle.sigstore.json"), options)];
  });
}

function seedOf(name: string, path: string, options: VerifyOptions): Seed {
  const verify = (bytes: Uint8Array) => verifyBundle(parseBundle(bytes), options);
  const knows = (logId: Uint8Array) => options.trust.logs.some((log) => equalBytes(log.logId, logId));
  return { name, bytes: new Uint8Array(readFileSync(path)), verify, knows };
}

const beacon =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";

/** Of the folder with the public vectors. */
export function publicSeeds(vectors: string): readonly Seed[] {
  const cases = join(vectors, "sigstore", "conformance", "bundle-verify");
  if (!existsSync(cases)) return [];
  const names = readdirSync(cases).filter((name) => existsSync(join(cases, name, "bundle.sigstore.json")));
  return names.flatMap((name) => {
    if (name.endsWith("_fail")) return [];
    const own = (file: string): string | undefined =>
      existsSync(join(cases, name, file)) ? join(cases, name, file) : undefined;
    const text = (file: string): string | undefined => {
      const path = own(file);
      return path === undefined ? undefined : readFileSync(path, "utf8").trim();
    };
    const root = own("trusted_root.json") ?? join(vectors, "sigstore", "public-good", "trusted_root.json");
    const bytes = readFileSync(own("artifact") ?? join(cases, "..", "a.txt"));
    const common = {
      trust: prepareTrust(parseTrustedRoot(readFileSync(root))),
      artifact: { kind: "digest", algorithm: "sha256", digest: digest("sha256", bytes) },
    } as const;
    const key = text("key.pub");
    const identity = {
      issuer: text("issuer") ?? "https://token.actions.githubusercontent.com",
      subjectAlternativeName: text("identity") ?? beacon,
    };
    const options = key === undefined ? { ...common, identity } : { ...common, key: parsePublicKeyPem(`${key}\n`) };
    return [seedOf(name, join(cases, name, "bundle.sigstore.json"), options)];
  });
}
