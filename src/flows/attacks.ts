// The attacks of the demonstration, each carried out for real on a copy: what an attacker with the named means can make,
// handed to the same verification as an honest release. A test that these are refused is a test of the whole chain.

import { base64, concat, fromBase64, Problem, utf8 } from "../core/index.ts";
import { createSigner, digestHex, type LocalSigner } from "../crypto/index.ts";
import { createLinkStatement, type Link, type Statement } from "../intoto/index.ts";
import type { Decision } from "../policy/index.ts";
import { type Bundle, encodeBundle, parseBundle } from "../sigstore/index.ts";
import { leafHash, signCheckpoint } from "../tlog/index.ts";
import {
  createSnapshot,
  createTargets,
  createTimestamp,
  describeFile,
  describeTarget,
  type Repository,
  signMetadata,
} from "../tuf/index.ts";
import { attest, type SigningWorld } from "./attest.ts";
import type { Build } from "./build.ts";
import type { Release } from "./release.ts";
import type { Randomness } from "./world.ts";

function withBundles(release: Release, bundles: ReadonlyMap<string, Uint8Array>): Release {
  return { ...release, bundles };
}

function isLinkOf(name: string, step: string): boolean {
  return name === `${step}.link.sigstore.json`;
}

/** Means: write access to the artifact on its way. One bit of one byte is turned. */
export function changedArtifact(release: Release, artifact: Uint8Array): Release {
  const changed = artifact.slice();
  const middle = changed.length >> 1;
  changed[middle] = (changed[middle] as number) ^ 1;
  return { ...release, sha256: digestHex("sha256", changed) };
}

/**
 * Means: an identity at the same CA. Provenance of the attacker's wording in place of the true one: the true text under
 * another identity, or the pipeline's own identity naming another machine as the builder.
 */
export async function otherProvenance(
  release: Release,
  name: string,
  provenance: Statement,
  signing: SigningWorld,
): Promise<Release> {
  return withBundles(release, new Map([...release.bundles, [name, encodeBundle(await attest(provenance, signing))]]));
}

/** Means: a log of their own that claims to be ours. A true bundle's entry is proven by a forged checkpoint. */
export async function forgedCheckpoint(
  release: Release,
  name: string,
  origin: string,
  random: Randomness,
): Promise<Release> {
  const bundle = parseBundle(bytesOf(release, name));
  const [entry, ...others] = bundle.verificationMaterial.logEntries;
  if (entry?.inclusionProof === undefined || others.length > 0)
    throw new Problem("attack/unsuitable", "the bundle has not one log entry");
  const root = leafHash(entry.canonicalizedBody);
  const signer = createSigner(random.key("ed25519"));
  const note = await signCheckpoint({ origin, size: 1, root, extensions: [] }, [{ name: origin, signer }]);
  // The key's hint is public, so the forger's line carries ours.
  const checkpoint = withHint(note, entry.logId.subarray(0, 4));
  const forged: Bundle = {
    ...bundle,
    verificationMaterial: {
      ...bundle.verificationMaterial,
      logEntries: [
        { ...entry, logIndex: 0, inclusionProof: { logIndex: 0, rootHash: root, treeSize: 1, hashes: [], checkpoint } },
      ],
    },
  };
  return withBundles(release, new Map([...release.bundles, [name, encodeBundle(forged)]]));
}

function withHint(note: string, hint: Uint8Array): string {
  const at = note.lastIndexOf(" ");
  const signature = fromBase64(note.slice(at + 1).trimEnd());
  return `${note.slice(0, at + 1)}${base64(concat(hint, signature.subarray(4)))}\n`;
}

function bytesOf(release: Release, name: string): Uint8Array {
  const bytes = release.bundles.get(name);
  if (bytes === undefined) throw new Problem("attack/unsuitable", `the release has no ${name}`);
  return bytes;
}

/** Means: a hand in the pipeline. A task and its link are left out. */
export function omittedStep(release: Release, step: string): Release {
  return withBundles(release, new Map([...release.bundles].filter(([name]) => !isLinkOf(name, step))));
}

/** No attacker, an honest build of a bad choice: the source has a Gradle lockfile that pins this dependency. */
export async function vulnerableDependency(
  release: Release,
  build: Build,
  dependency: string,
  signing: SigningWorld,
): Promise<Release> {
  const lockfile = utf8(
    `# This is a Gradle generated file for dependency locking.\n${dependency}=runtimeClasspath\nempty=\n`,
  );
  const path = "gradle.lockfile";
  const digests = new Map([["sha256", digestHex("sha256", lockfile)]]);
  const bundles = new Map(release.bundles);
  for (const [index, link] of build.links.entries()) {
    const materials = index === 0 ? link.materials : new Map([...link.materials, [path, digests]]);
    const changed: Link = { ...link, materials, products: new Map([...link.products, [path, digests]]) };
    bundles.set(`${link.name}.link.sigstore.json`, encodeBundle(await attest(createLinkStatement(changed), signing)));
  }
  return { ...release, bundles, lockfiles: new Map([...release.lockfiles, [path, lockfile]]) };
}

/**
 * Means: the server, with the online keys, and one owner's key of three. New targets, signed by that one key; everything
 * that the online keys sign is in order. Path -> bytes of the files that change.
 */
export async function oneKeyOfThree(
  repository: Repository,
  target: { readonly path: string; readonly content: Uint8Array },
  signers: { readonly owner: LocalSigner; readonly snapshot: LocalSigner; readonly timestamp: LocalSigner },
  expiresMs: number,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { targets: targetsBefore, snapshot: snapshotBefore, timestamp: timestampBefore } = repository.head;
  const before = targetsBefore.signed;
  const described = describeTarget(target);
  const version = before.version + 1;
  const targets = await signMetadata(
    createTargets({ version, expiresMs, targets: new Map([...before.targets, [target.path, described]]).values() }),
    [signers.owner],
  );
  const snapshotVersion = snapshotBefore.signed.version + 1;
  const snapshot = await signMetadata(
    createSnapshot(snapshotVersion, expiresMs, [["targets.json", describeFile(version, targets)]]),
    [signers.snapshot],
  );
  const timestamp = await signMetadata(
    createTimestamp(timestampBefore.signed.version + 1, expiresMs, describeFile(snapshotVersion, snapshot)),
    [signers.timestamp],
  );
  return new Map([
    [`targets/${described.hashes.get("sha256")}.${target.path}`, target.content],
    [`${version}.targets.json`, targets],
    [`${snapshotVersion}.snapshot.json`, snapshot],
    ["timestamp.json", timestamp],
  ]);
}

/** What became of an attack: refused with the expected code, or not. */
export interface AttackOutcome {
  readonly attack: string;
  readonly expected: string;
  readonly refused: boolean;
  readonly codes: readonly string[];
  readonly sentence: string;
}

/** Reads an outcome off a decision: every code in it, and the sentence of the one that was expected. */
export function outcomeOfDecision(attack: string, expected: string, decision: Decision): AttackOutcome {
  const told = decision.reasons
    .filter(({ outcome }) => outcome === "fail" || outcome === "undetermined")
    .flatMap(({ code, sentence, evidence }) => [{ code: code as string, sentence }, ...refusalsIn(evidence)]);
  const hit = told.find(({ code }) => code === expected);
  return {
    attack,
    expected,
    refused: decision.outcome === "refused" && hit !== undefined,
    codes: [...new Set(told.map(({ code }) => code))],
    sentence: hit?.sentence ?? `the decision was ${decision.outcome}`,
  };
}

/** The refusals that a reason cites as its evidence. */
function refusalsIn(evidence: Decision["reasons"][number]["evidence"]): { code: string; sentence: string }[] {
  const refused = evidence["refused"];
  if (!Array.isArray(refused)) return [];
  return refused.flatMap((each) => {
    const { code, message } = each as { code?: unknown; message?: unknown };
    return typeof code === "string" && typeof message === "string" ? [{ code, sentence: message }] : [];
  });
}
