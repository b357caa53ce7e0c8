// `verify` and `check` on a terminal.

import { formatUtcSeconds, fromHex, hex, isProblem, Problem } from "../core/index.ts";
import { digestHex, parsePublicKeyPem } from "../crypto/index.ts";
import {
  judgeRelease,
  dependencyFacts,
  loadConsumerTrust,
  loadRelease,
  loadSigstoreTrust,
  matchLockfile,
  onlyProject,
  signSummary,
} from "../flows/index.ts";
import { evaluate } from "../policy/index.ts";
import {
  type Artifact,
  parseBundle,
  parseTrustedRoot,
  prepareTrust,
  type Trust,
  type VerifiedBundle,
  verifyBundle,
  type VerifyOptions as BundleOptions,
} from "../sigstore/index.ts";
import { parseStatement } from "../intoto/index.ts";
import { parseVerificationSummary, verificationSummaryType } from "../slsa/index.ts";
import type { Output } from "./output.ts";
import type { CheckOptions, VerifyOptions } from "./program.ts";
import { type BundleReport, reportAdmission, reportBundles, reportDecision } from "./verbs.ts";
import type { ConsumerVerbWorld } from "./world.ts";

const maxArtifactBytes = 2 * 1024 * 1024 * 1024 - 1;
const maxBundleBytes = 32 * 1024 * 1024;
const maxSmallBytes = 2 * 1024 * 1024;
const maxLockfileBytes = 64 * 1024 * 1024;
const digestForm = /^sha256:([0-9a-f]{64})$/;

async function artifactOf(
  file: string,
  world: ConsumerVerbWorld,
): Promise<{ artifact: Artifact; name: string; sha256: string }> {
  const given = digestForm.exec(file)?.[1];
  if (given !== undefined)
    return { artifact: { kind: "digest", algorithm: "sha256", digest: fromHex(given) }, name: file, sha256: given };
  if (file.startsWith("sha256:"))
    throw new Problem("cli/usage", "a digest is sha256: and 64 lower-case hexadecimal digits");
  const bytes = await world.readFile(file, maxArtifactBytes);
  return {
    artifact: { kind: "bytes", bytes },
    name: file.split("/").at(-1) as string,
    sha256: digestHex("sha256", bytes),
  };
}

/** By bundles: 0, or a Problem that says why not. By a release folder: the exit code of the decision. */
export async function verifyVerb(
  file: string,
  options: VerifyOptions,
  world: ConsumerVerbWorld,
  out: Output,
): Promise<number> {
  refuseIdleOptions(options);
  if (options.release !== undefined) return verifyReleaseVerb(file, options.release, options, world, out);
  if (options.bundle.length === 0) {
    throw new Problem("cli/usage", "nothing to verify the file by", {
      hint: "give --bundle FILE, or --release FOLDER for everything",
    });
  }
  const { artifact, name } = await artifactOf(file, world);
  const { trust, expected } = await expectationOf(options, world);
  const reports: BundleReport[] = [];
  for (const path of options.bundle) {
    reports.push(await naming(path, async () => verifyOne(path, artifact, trust, expected, options, world)));
  }
  return reportBundles(out, name, reports);
}

/** Says of which file a Problem is. */
async function naming<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (!isProblem(cause) || cause.code.startsWith("io/")) throw cause;
    const hint = cause.hint === undefined ? {} : { hint: cause.hint };
    throw new Problem(cause.code, `${path}: ${cause.message}`, { cause: cause.cause, ...hint });
  }
}

async function verifyOne(
  path: string,
  artifact: Artifact,
  trust: Trust,
  expected: Expected,
  options: VerifyOptions,
  world: ConsumerVerbWorld,
): Promise<BundleReport> {
  const bundle = parseBundle(await world.readFile(path, maxBundleBytes));
  const type = options.type === undefined ? {} : { predicateType: options.type };
  // A verifier's summary is between it and who holds its key: it is in no log and has no timestamp.
  const isSummary = "key" in expected && options.type === verificationSummaryType;
  const thresholds = isSummary ? { thresholds: { logs: 0, timestamps: 0, scts: 0 } } : {};
  const verified = verifyBundle(bundle, { trust, artifact, ...type, ...thresholds, ...expected } as BundleOptions);
  if (isSummary && verified.content.kind === "envelope") {
    const { verificationResult } = parseVerificationSummary(parseStatement(verified.content.payload));
    if (verificationResult !== "PASSED")
      throw new Problem("slsa/vsa-result", "the summary says that verification failed");
  }
  return describe(path, verified);
}

/** An option that would be ignored is refused: it may be what the caller relies on. */
function refuseIdleOptions(options: VerifyOptions): void {
  const forBundles = {
    "--key": options.key,
    "--certificate-identity": options.certificateIdentity,
    "--certificate-oidc-issuer": options.certificateOidcIssuer,
    "--type": options.type,
    "--trusted-root": options.trustedRoot,
    "--bundle": options.bundle[0],
  };
  const forReleases = { "--vsa": options.vsa, "--advisories": options.advisories };
  const idle = Object.entries(options.release === undefined ? forReleases : forBundles).find(
    ([, value]) => value !== undefined,
  );
  if (idle === undefined) return;
  const [what, instead] =
    options.release === undefined
      ? ["a bundle alone", "it goes with --release"]
      : ["a whole release", "there the policy says who must have signed"];
  throw new Problem("cli/usage", `${idle[0]} does not go with verifying ${what}: ${instead}`);
}

type Expected =
  | { readonly key: ReturnType<typeof parsePublicKeyPem> }
  | { readonly identity: NonNullable<BundleOptions["identity"]> };

/** By whom the bundle must be: a key, an identity, or whom the organisation trusts to build. Never anybody. */
async function expectationOf(
  options: VerifyOptions,
  world: ConsumerVerbWorld,
): Promise<{ trust: Trust; expected: Expected }> {
  const { certificateIdentity: identity, certificateOidcIssuer: issuer } = options;
  if ((identity === undefined) !== (issuer === undefined)) {
    throw new Problem(
      "cli/usage",
      "an identity means something only with its issuer: give --certificate-identity and --certificate-oidc-issuer",
    );
  }
  const named: Expected | undefined =
    options.key !== undefined
      ? { key: parsePublicKeyPem(new TextDecoder().decode(await world.readFile(options.key, maxSmallBytes))) }
      : identity !== undefined && issuer !== undefined
        ? { identity: { issuer, subjectAlternativeName: identity } }
        : undefined;
  if (options.key !== undefined && identity !== undefined)
    throw new Problem("cli/usage", "give a key or an identity, not both");
  if (options.trustedRoot !== undefined) {
    if (named === undefined)
      throw new Problem("cli/usage", "a trusted root does not say who may sign: give an identity or a key");
    return {
      trust: prepareTrust(parseTrustedRoot(await world.readFile(options.trustedRoot, maxSmallBytes))),
      expected: named,
    };
  }
  const client = await world.openTrust(options);
  if (named !== undefined) return { trust: await loadSigstoreTrust(client), expected: named };
  const consumer = await loadConsumerTrust(client, onlyProject(client), world.now());
  const [first, ...others] = consumer.builders.builders.map((each) => ({
    issuer: each.issuer,
    subjectAlternativeName: each.identity,
  }));
  if (first === undefined) throw new Problem("trust/no-builder", "the organisation trusts no builder");
  return { trust: consumer.trust, expected: { identity: [first, ...others] } };
}

function describe(bundle: string, verified: VerifiedBundle): BundleReport {
  const { signer, content } = verified;
  return {
    bundle,
    identity: signer.kind === "identity" ? signer.identity.subjectAlternativeName : undefined,
    issuer: signer.kind === "identity" ? signer.identity.issuer : undefined,
    times: verified.times.map(({ atMs, source }) => `${formatUtcSeconds(atMs)} (${source})`),
    log: verified.logEntries.map(
      ({ baseUrl, logIndex, logId }) => `${baseUrl} entry ${logIndex} (${hex(logId).slice(0, 8)})`,
    ),
    predicateType: content.kind === "envelope" ? content.statement?.predicateType : undefined,
  };
}

async function verifyReleaseVerb(
  file: string,
  folder: string,
  options: VerifyOptions,
  world: ConsumerVerbWorld,
  out: Output,
): Promise<number> {
  const { name, sha256 } = await artifactOf(file, world);
  const release = await loadRelease(await world.files(folder), { name, sha256 });
  const client = await world.openTrust(options);
  const now = world.now();
  const consumer = await loadConsumerTrust(client, onlyProject(client), now);
  const admission = judgeRelease(release, consumer, await world.advisories(options.advisories), now);
  if (options.vsa !== undefined) {
    await world.writeFile(options.vsa, await signSummary(release, consumer, admission, await world.verifier(), now));
  }
  return reportAdmission(out, admission);
}

/** Rules that a lockfile alone can answer. */
const dependencyRules = new Set(["no-known-exploited", "no-malicious", "no-vulnerable", "advisory-data-fresh"]);

/** The exit code of the decision by those rules of the policy that a lockfile can answer. */
export async function checkVerb(
  file: string,
  options: CheckOptions,
  world: ConsumerVerbWorld,
  out: Output,
): Promise<number> {
  const bytes = await world.readFile(file, maxLockfileBytes);
  const advisories = await world.advisories(options.advisories);
  const client = await world.openTrust(options);
  const now = world.now();
  const consumer = await loadConsumerTrust(client, onlyProject(client), now);
  const matched = matchLockfile(file, bytes, advisories.index);
  const facts = dependencyFacts(file, digestHex("sha256", bytes), matched, advisories, now);
  const rules = consumer.policy.rules.filter(({ rule }) => dependencyRules.has(rule));
  if (rules.length === 0) {
    throw new Problem(
      "policy/no-dependency-rule",
      "the policy says nothing about dependencies, so there is nothing to check",
    );
  }
  return reportDecision(out, evaluate({ ...consumer.policy, rules }, consumer.exceptions, facts));
}
