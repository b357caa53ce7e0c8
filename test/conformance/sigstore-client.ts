// The verifying half of the client that sigstore-conformance drives (its docs/cli_protocol.md), without any network:
//   verify-bundle [--staging] --bundle FILE (--certificate-identity ID --certificate-oidc-issuer URL | --key FILE)
//                 [--trusted-root FILE] FILE_OR_DIGEST
// tools/build.js bundles it for the executable beside it, which the suite starts hundreds of times.
// Without --trusted-root the public instance's is read from the file that SEALWRIGHT_TRUSTED_ROOT names.
// Exit 0: verified; 1: refused; 2: the command could not be read.

import { createReadStream, existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fromHex, isProblem, problemChain } from "../../src/core/index.ts";
import { parsePublicKeyPem, type PublicKey } from "../../src/crypto/index.ts";
import {
  type Artifact,
  type Bundle,
  digestStream,
  neededDigests,
  parseBundle,
  parseTrustedRoot,
  prepareTrust,
  verifyBundle,
  type VerifyOptions,
} from "../../src/sigstore/index.ts";

class UsageError extends Error {}

function needed(value: string | undefined, name: string): string {
  if (value === undefined) throw new UsageError(`${name} is missing`);
  return value;
}

// cli_protocol.md: a digest, iff it has the form of one and is no file. A file is read once and never held.
async function artifactOf(text: string, bundle: Bundle, key: PublicKey | undefined): Promise<Artifact> {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(text)?.[1];
  if (hex !== undefined && !existsSync(text)) return { kind: "digest", algorithm: "sha256", digest: fromHex(hex) };
  try {
    return await digestStream(createReadStream(text), neededDigests(bundle, key));
  } catch (error) {
    if (!isProblem(error, "sigstore/artifact-needed")) throw error;
    return { kind: "bytes", bytes: readFileSync(text) };
  }
}

async function verify(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      staging: { type: "boolean" },
      bundle: { type: "string" },
      "certificate-identity": { type: "string" },
      "certificate-oidc-issuer": { type: "string" },
      key: { type: "string" },
      "trusted-root": { type: "string" },
    },
  });
  const [subject, ...others] = positionals;
  if (others.length > 0) throw new UsageError("more than one artifact is given");
  const bundle = parseBundle(readFileSync(needed(values.bundle, "--bundle")));
  const key = values.key === undefined ? undefined : parsePublicKeyPem(readFileSync(values.key, "utf8"));
  const root = values["trusted-root"] ?? process.env["SEALWRIGHT_TRUSTED_ROOT"];
  const trust = prepareTrust(parseTrustedRoot(readFileSync(needed(root, "--trusted-root"))));
  const common = { trust, artifact: await artifactOf(needed(subject, "the artifact"), bundle, key) };
  const options: VerifyOptions =
    key === undefined
      ? {
          ...common,
          identity: {
            issuer: needed(values["certificate-oidc-issuer"], "--certificate-oidc-issuer"),
            subjectAlternativeName: needed(values["certificate-identity"], "--certificate-identity"),
          },
        }
      : { ...common, key };
  verifyBundle(bundle, options);
}

const [command, ...rest] = process.argv.slice(2);
try {
  if (command !== "verify-bundle") throw new UsageError("verify-bundle is the one command here");
  await verify(rest);
} catch (error) {
  process.stderr.write(`${problemChain(error).join("\n  ")}\n`);
  process.exitCode = isProblem(error) ? 1 : 2;
}
