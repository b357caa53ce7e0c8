// The signing half of the client that sigstore-conformance drives (its docs/cli_protocol.md):
//   sign-bundle [--staging] [--in-toto] --identity-token TOKEN --bundle FILE [--trusted-root FILE]
//               [--signing-config FILE] ARTIFACT_OR_STATEMENT
// Without the two files the public instance's are read from where SEALWRIGHT_TRUSTED_ROOT and SEALWRIGHT_SIGNING_CONFIG
// name them.

import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createSigningClients } from "../../src/api/index.ts";
import { generateKey, randomBytes } from "../../src/crypto/index.ts";
import { openSigning } from "../../src/flows/index.ts";
import { parseStatement } from "../../src/intoto/index.ts";
import { request } from "../../src/io/index.ts";
import { encodeBundle, parseSigningConfig, parseTrustedRoot, prepareTrust } from "../../src/sigstore/index.ts";

function needed(value: string | undefined, name: string): string {
  if (value === undefined) throw new Error(`${name} is missing`);
  return value;
}

/** Signs what the arguments after `sign-bundle` say. Problems as of `openSigning`; a plain Error for the arguments. */
export async function signBundle(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      staging: { type: "boolean" },
      "in-toto": { type: "boolean" },
      "identity-token": { type: "string" },
      bundle: { type: "string" },
      "trusted-root": { type: "string" },
      "signing-config": { type: "string" },
    },
  });
  const [path, ...others] = positionals;
  if (others.length > 0) throw new Error("more than one artifact is given");
  const env = process.env;
  const root = values["trusted-root"] ?? env["SEALWRIGHT_TRUSTED_ROOT"];
  const config = values["signing-config"] ?? env["SEALWRIGHT_SIGNING_CONFIG"];
  const token = needed(values["identity-token"], "--identity-token");
  const out = needed(values.bundle, "--bundle");
  const content = readFileSync(needed(path, "the artifact"));
  const signing = openSigning({
    config: parseSigningConfig(readFileSync(needed(config, "--signing-config"))),
    trust: prepareTrust(parseTrustedRoot(readFileSync(needed(root, "--trusted-root")))),
    material: { kind: "identity", token: async () => token },
    clients: createSigningClients({ transport: request, wait: sleep }),
    random: { bytes: randomBytes, key: generateKey },
    now: Date.now(),
  });
  // A statement is signed as it stands, once it is known to be one.
  if (values["in-toto"] === true) parseStatement(content, { allowV01: true });
  const bundle = values["in-toto"] === true ? await signing.signStatement(content) : await signing.signMessage(content);
  writeFileSync(out, encodeBundle(bundle));
}
