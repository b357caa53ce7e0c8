// Verification of bundles with a warm trust root, beside @sigstore/verify on the same bundles in the same run, and
// beside the bare signature verifications that a bundle needs.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fromUtf8 } from "../src/core/index.ts";
import { createSigner, generateKey, verifySignature } from "../src/crypto/index.ts";
import { attest, builderId, buildProvenance, signBlob, targetPaths } from "../src/flows/index.ts";
import {
  encodeBundle,
  type ExpectedIdentity,
  parseBundle,
  parseTrustedRoot,
  prepareTrust,
  type Trust,
  verifyBundle,
} from "../src/sigstore/index.ts";
import { createMemoryStore } from "../src/tuf/index.ts";
import { World } from "../test/world.ts";
import { printTimings, time, type Subject, type Timing } from "./measure.ts";

const require = createRequire(import.meta.url);
const { bundleFromJSON } = require("@sigstore/bundle") as { bundleFromJSON: (json: unknown) => unknown };
const peer = require("@sigstore/verify") as {
  toTrustMaterial: (root: unknown) => unknown;
  toSignedEntity: (bundle: unknown, artifact?: Buffer) => unknown;
  Verifier: new (trust: unknown, options: object) => { verify: (entity: unknown) => unknown };
};
const { TrustedRoot } = require("@sigstore/protobuf-specs") as {
  TrustedRoot: { fromJSON: (json: unknown) => unknown };
};

interface Case {
  readonly name: string;
  readonly bundle: Uint8Array;
  readonly artifact: Uint8Array;
  readonly trusted: Uint8Array;
  readonly identity: ExpectedIdentity;
}

const vectors = process.env["SEALWRIGHT_VECTORS"] ?? join(import.meta.dirname, "..", "..", "shared", "vectors");
const count = 200;

/** Happy paths of the public suite that both can verify: keyless, by path. */
function publicCases(): Case[] {
  const folder = join(vectors, "sigstore", "conformance");
  const assets = ["bundle-verify", ""]
    .map((part) => join(folder, part))
    .find((path) => existsSync(join(path, "happy-path-v0.3")));
  if (assets === undefined) return [];
  const publicGood = readdirSync(join(vectors, "sigstore", "public-good"), { recursive: true, encoding: "utf8" }).find(
    (name) => name.endsWith("trusted_root.json"),
  );
  return ["happy-path-v0.3", "happy-path-intoto-in-dsse-v3", "rekor2-happy-path", "rekor2-dsse-happy-path"].flatMap(
    (name) => {
      const at = (file: string): string => join(assets, name, file);
      const read = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
      const artifact = [at("artifact"), join(folder, "a.txt"), join(assets, "..", "a.txt")].find((path) =>
        existsSync(path),
      );
      const trusted = existsSync(at("trusted_root.json"))
        ? at("trusted_root.json")
        : join(vectors, "sigstore", "public-good", publicGood ?? "");
      if (artifact === undefined || !existsSync(trusted)) return [];
      const text = (file: string, usual: string): string =>
        existsSync(at(file)) ? readFileSync(at(file), "utf8").trim() : usual;
      return [
        {
          name,
          bundle: read(at("bundle.sigstore.json")),
          artifact: read(artifact),
          trusted: read(trusted),
          identity: {
            subjectAlternativeName: text(
              "identity",
              "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main",
            ),
            issuer: text("issuer", "https://token.actions.githubusercontent.com"),
          },
        },
      ];
    },
  );
}

async function privateCases(): Promise<Case[]> {
  const world = await World.open();
  const client = await world.update(createMemoryStore());
  const trusted = await client.download((await client.findTarget(targetPaths.trustedRoot))!);
  const { organisation } = world;
  const identity = {
    issuer: organisation.url,
    subjectAlternativeName: `${organisation.url}/projects/${organisation.project.name}/${organisation.project.pipelinePath}`,
  };
  const artifact = new Uint8Array(4096);
  const build = world.build(fromUtf8(artifact));
  const provenance = buildProvenance(build, builderId(organisation, "isolated"), "0", organisation.project);
  return [
    {
      name: "private P-256, message",
      bundle: encodeBundle(await signBlob(artifact, await world.signing())),
      artifact,
      trusted,
      identity,
    },
    {
      name: "private P-256, attestation",
      bundle: encodeBundle(await attest(provenance, await world.signing())),
      artifact,
      trusted,
      identity,
    },
  ];
}

function ours(each: Case, trust: Trust): () => void {
  return () =>
    void verifyBundle(parseBundle(each.bundle), {
      trust,
      artifact: { kind: "bytes", bytes: each.artifact },
      identity: each.identity,
    });
}

function theirs(each: Case): () => void {
  const trust = peer.toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(fromUtf8(each.trusted))));
  const verifier = new peer.Verifier(trust, { tlogThreshold: 1, ctlogThreshold: 1, tsaThreshold: 0 });
  const text = fromUtf8(each.bundle);
  const artifact = Buffer.from(each.artifact);
  return () => void verifier.verify(peer.toSignedEntity(bundleFromJSON(JSON.parse(text)), artifact));
}

/** One verification of a signature of each kind, for the floor. */
async function bareVerifications(): Promise<void> {
  const message = new Uint8Array(500);
  const timings = [];
  for (const type of ["ecdsa-p256", "ecdsa-p384", "ed25519"] as const) {
    const signer = createSigner(generateKey(type));
    const signature = signer.sign(message);
    timings.push(
      await time(`one ${type} verification`, 500, () =>
        verifySignature(signer.publicKey, signer.scheme, message, signature),
      ),
    );
  }
  printTimings("the floor: single signature verifications", timings);
}

export const subject: Subject = {
  name: "verify",
  async run() {
    await bareVerifications();
    for (const each of [...(await privateCases()), ...publicCases()]) {
      const trust = prepareTrust(parseTrustedRoot(each.trusted));
      printTimings(`verify one bundle, warm trust root: ${each.name}`, [
        await time("sealwright", count, ours(each, trust)),
        ...(await peerTiming(each)),
      ]);
    }
    await flatMemory();
  },
};

async function peerTiming(each: Case): Promise<Timing[]> {
  const run = theirs(each);
  try {
    run();
  } catch (error) {
    console.log(`\n(@sigstore/verify of this version does not take the next bundle: ${(error as Error).message})`);
    return [];
  }
  return [await time("@sigstore/verify", count, run)];
}

/** 1,000 bundles in one process: how much more is held after them. */
async function flatMemory(): Promise<void> {
  const [each] = await privateCases();
  const verify = ours(each!, prepareTrust(parseTrustedRoot(each!.trusted)));
  const held = (): number => {
    globalThis.gc?.();
    return process.memoryUsage().rss / 1_048_576;
  };
  for (let index = 0; index < 200; index++) verify();
  const before = held();
  for (let index = 0; index < 1000; index++) verify();
  console.log(`\nmemory: ${before.toFixed(0)} MiB before and ${held().toFixed(0)} MiB after 1,000 bundles`);
}
