// Verification of bundles with a warm trust root: beside @sigstore/verify on the same bundles, and beside the bare
// cost of the signature verifications that ours makes, all three in turn in the same run.

import { existsSync, readFileSync } from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { fromUtf8, utf8 } from "../src/core/index.ts";
import {
  encodeBundle,
  encodeTrustedRoot,
  type ExpectedIdentity,
  parseBundle,
  parseTrustedRoot,
  prepareTrust,
  signEnvelope,
  signMessage,
  statementPayloadType,
  verifyBundle,
} from "../src/sigstore/index.ts";
import { newInstance, newSigner, statementOf } from "../test/sigstore-instance.ts";
import { printTimings, quantile, type Subject, type Timing } from "./measure.ts";

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

/** Bundles that one trust root serves. */
interface Case {
  readonly name: string;
  readonly bundles: readonly Uint8Array[];
  readonly artifact: Uint8Array;
  readonly trusted: Uint8Array;
  readonly identity: ExpectedIdentity;
}

const vectors = process.env["SEALWRIGHT_VECTORS"] ?? join(import.meta.dirname, "..", "..", "shared", "vectors");
const distinct = 200;
const rounds = 7;

/** Happy paths of the public suite: keyless, by path. */
function publicCases(): Case[] {
  const folder = join(vectors, "sigstore", "conformance");
  return ["happy-path-v0.3", "happy-path-intoto-in-dsse-v3", "rekor2-happy-path", "rekor2-dsse-happy-path"].flatMap(
    (name) => {
      const at = (file: string): string => join(folder, "bundle-verify", name, file);
      if (!existsSync(at("bundle.sigstore.json"))) return [];
      const read = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
      const first = (...paths: readonly string[]): Uint8Array => read(paths.find((path) => existsSync(path))!);
      const text = (file: string, usual: string): string =>
        existsSync(at(file)) ? readFileSync(at(file), "utf8").trim() : usual;
      const beacon =
        "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
      return [
        {
          name,
          bundles: [read(at("bundle.sigstore.json"))],
          artifact: first(at("artifact"), join(folder, "a.txt")),
          trusted: first(at("trusted_root.json"), join(vectors, "sigstore", "public-good", "trusted_root.json")),
          identity: {
            subjectAlternativeName: text("identity", beacon),
            issuer: text("issuer", "https://token.actions.githubusercontent.com"),
          },
        },
      ];
    },
  );
}

/** An instance of our own in which every key is P-256, and many bundles of it, each with its own certificate. */
async function privateCases(): Promise<Case[]> {
  const world = await newInstance({ tsaRootKey: "ecdsa-p256", logKey: "ecdsa-p256" });
  const artifact = new Uint8Array(4096);
  const { trust, services } = world;
  const material = { kind: "certificate", chain: world.chain } as const;
  const options = () => ({ trust, services, material, signer: newSigner("ecdsa-p256") });
  const messages: Uint8Array[] = [];
  const attestations: Uint8Array[] = [];
  for (let index = 0; index < distinct; index++) {
    const statement = utf8(fromUtf8(statementOf(artifact)).replace('"predicate":{}', `"predicate":{"n":${index}}`));
    messages.push(encodeBundle(await signMessage(artifact, options())));
    attestations.push(encodeBundle(await signEnvelope(statementPayloadType, statement, options())));
  }
  const common = {
    artifact,
    trusted: encodeTrustedRoot(world.root),
    identity: {
      issuer: "https://ci.example.org",
      subjectAlternativeName: "https://ci.example.org/widget/build.yaml@refs/heads/main",
    },
  };
  return [
    { name: "private P-256, messages", bundles: messages, ...common },
    { name: "private P-256, attestations", bundles: attestations, ...common },
  ];
}

type Run = (index: number) => void;

function ours(each: Case): Run {
  const warm = prepareTrust(parseTrustedRoot(each.trusted));
  const { bundles, artifact, identity } = each;
  let trust = warm;
  return (index) => {
    // A copy has the prepared keys and chains, and remembers no checkpoint: each bundle costs all its signatures.
    if (index % bundles.length === 0) trust = { ...warm };
    const bundle = parseBundle(bundles[index % bundles.length]!);
    verifyBundle(bundle, { trust, artifact: { kind: "bytes", bytes: artifact }, identity });
  };
}

function theirs(each: Case): Run {
  const trust = peer.toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(fromUtf8(each.trusted))));
  const verifier = new peer.Verifier(trust, { tlogThreshold: 1, ctlogThreshold: 1, tsaThreshold: 0 });
  const texts = each.bundles.map(fromUtf8);
  const artifact = Buffer.from(each.artifact);
  return (index) =>
    void verifier.verify(peer.toSignedEntity(bundleFromJSON(JSON.parse(texts[index % texts.length]!)), artifact));
}

interface NodeCrypto {
  verify: (...args: unknown[]) => boolean;
}

/** The signature verifications that ours made of these bundles, to be made again with nothing around them. */
function bare(each: Case, run: Run): { readonly name: string; readonly run: Run } {
  const crypto = require("node:crypto") as NodeCrypto;
  const { verify } = crypto;
  const calls: unknown[][][] = [];
  // Once before, so that what is verified once for all, the authorities' own chains, is not among them.
  run(0);
  crypto.verify = (...args) => {
    calls.at(-1)!.push(args);
    return verify(...args);
  };
  syncBuiltinESMExports();
  try {
    each.bundles.forEach((_, index) => {
      calls.push([]);
      run(index);
    });
  } finally {
    crypto.verify = verify;
    syncBuiltinESMExports();
  }
  return {
    name: `the bare ${calls[0]!.length} signature verifications`,
    run: (index) => {
      for (const args of calls[index % calls.length]!) verify(...args);
    },
  };
}

/** Each in turn, round after round; the best round counts, the quantiles are of all. */
function inTurn(runs: readonly { readonly name: string; readonly run: Run }[], count: number): Timing[] {
  const measured = runs.map(({ name, run }) => ({ name, run, best: Number.POSITIVE_INFINITY, all: [] as number[] }));
  for (const { run } of measured) for (let index = 0; index < 100; index++) run(index % count);
  for (let round = 0; round < rounds; round++) {
    for (const each of measured) {
      const startMs = performance.now();
      for (let index = 0; index < count; index++) {
        const atMs = performance.now();
        each.run(index);
        each.all.push((performance.now() - atMs) * 1000);
      }
      each.best = Math.min(each.best, ((performance.now() - startMs) * 1000) / count);
    }
  }
  return measured.map(({ name, best, all }) => ({
    name,
    us: best,
    p50Us: quantile(all, 0.5),
    p99Us: quantile(all, 0.99),
  }));
}

function measure(each: Case): void {
  const own = ours(each);
  own(0);
  const runs = [{ name: "sealwright", run: own }, bare(each, ours(each))];
  const other = theirs(each);
  try {
    other(0);
    runs.push({ name: "@sigstore/verify", run: other });
  } catch (error) {
    console.log(`\n(@sigstore/verify of this version does not take the next bundle: ${(error as Error).message})`);
  }
  const timings = inTurn(runs, distinct);
  const [us, floor, them] = timings as [Timing, Timing, Timing?];
  const factor = them === undefined ? "" : `, ${(them.us / us.us).toFixed(1)} times as fast as @sigstore/verify`;
  printTimings(`verify one bundle, warm trust root: ${each.name}`, timings);
  console.log(
    `  ${(1e6 / us.us).toFixed(0)} bundles/s, ${(us.us / floor.us).toFixed(2)} of the bare verifications${factor}`,
  );
}

export const subject: Subject = {
  name: "verify",
  async run() {
    const own = await privateCases();
    for (const each of [...own, ...publicCases()]) measure(each);
    flatMemory(own[0]!);
  },
};

/** 1,000 bundles in one process: how much more is held after them. */
function flatMemory(each: Case): void {
  for (const [name, run] of [
    ["sealwright", ours(each)],
    ["@sigstore/verify", theirs(each)],
  ] as const) {
    for (let index = 0; index < distinct; index++) run(index);
    const before = heldMiB();
    for (let index = 0; index < 1000; index++) run(index % distinct);
    console.log(
      `\nmemory, ${name}: ${before.toFixed(0)} MiB before and ${heldMiB().toFixed(0)} MiB after 1,000 bundles`,
    );
  }
}

function heldMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 1_048_576;
}
