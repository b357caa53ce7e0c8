// The public client suite's verification cases (sigstore-conformance, test/assets/bundle-verify): each by path and by
// digest. A case whose name ends in `_fail` must be refused, with a Problem and not by a crash.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { isProblem } from "../core/index.ts";
import { digest, parsePublicKeyPem } from "../crypto/index.ts";
import {
  type Artifact,
  parseBundle,
  parseTrustedRoot,
  prepareTrust,
  type VerifiedBundle,
  verifyBundle,
  type VerifyOptions,
} from "./index.ts";

const usualIdentity =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const usualIssuer = "https://token.actions.githubusercontent.com";

function verifyCase(root: string, name: string, by: "path" | "digest"): VerifiedBundle {
  const folder = join(root, "conformance", "bundle-verify", name);
  const own = (file: string): string | undefined => (existsSync(join(folder, file)) ? join(folder, file) : undefined);
  const text = (file: string): string | undefined => {
    const path = own(file);
    return path === undefined ? undefined : readFileSync(path, "utf8").trim();
  };
  const rootFile = own("trusted_root.json") ?? join(root, "public-good", "trusted_root.json");
  const trust = prepareTrust(parseTrustedRoot(readFileSync(rootFile)));
  const bytes = readFileSync(own("artifact") ?? join(folder, "..", "a.txt"));
  const artifact: Artifact =
    by === "path" ? { kind: "bytes", bytes } : { kind: "digest", algorithm: "sha256", digest: digest("sha256", bytes) };
  const key = text("key.pub");
  const options: VerifyOptions =
    key === undefined
      ? {
          trust,
          artifact,
          identity: {
            issuer: text("issuer") ?? usualIssuer,
            subjectAlternativeName: text("identity") ?? usualIdentity,
          },
        }
      : { trust, artifact, key: parsePublicKeyPem(`${key}\n`) };
  return verifyBundle(parseBundle(readFileSync(join(folder, "bundle.sigstore.json"))), options);
}

test("every case of the public client suite ends as its name says, by path and by digest", async (t) => {
  const root = vectors(t, "sigstore");
  if (root === undefined) return;
  const names = readdirSync(join(root, "conformance", "bundle-verify"), { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => name);
  assert.ok(names.length >= 70, "the suite has at least 70 cases");
  for (const name of names) {
    for (const by of ["path", "digest"] as const) {
      await t.test(`${name} by ${by}`, () => {
        if (!name.endsWith("_fail")) {
          verifyCase(root, name, by);
          return;
        }
        assert.throws(() => verifyCase(root, name, by), isProblem);
      });
    }
  }
});
