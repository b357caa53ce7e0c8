// `verify` and `check` on a terminal.

import { formatUtcSeconds, hex, isProblem, Problem, problemChain } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import {
  judgeRelease,
  dependencyFacts,
  loadConsumerTrust,
  loadRelease,
  matchLockfile,
  onlyProject,
  signSummary,
} from "../flows/index.ts";
import { evaluate } from "../policy/index.ts";
import {
  type Bundle,
  digestStream,
  type ExplainedStep,
  Explanation,
  parseBundle,
  type VerifiedBundle,
  verifyBundle,
  type VerifyOptions as VerifyBundleOptions,
} from "../sigstore/index.ts";
import { parseStatement } from "../intoto/index.ts";
import { parseVerificationSummary, verificationSummaryType } from "../slsa/index.ts";
import { artifactOf, demandsOf, expectationOf } from "./bundle-expectation.ts";
import type { Output } from "./output.ts";
import type { CheckOptions, VerifyOptions } from "./program.ts";
import type { BundleVerifyOptions } from "./sigstore-program.ts";
import { type BundleReport, reportAdmission, reportBundles, reportDecision } from "./verbs.ts";
import { verifyFolderVerb, verifyImageVerb } from "./verify-image.ts";
import { predicateTypeOf } from "../flows/index.ts";
import type { ConsumerVerbWorld } from "./world.ts";

const maxArtifactBytes = 2 * 1024 * 1024 * 1024 - 1;
const maxBundleBytes = 32 * 1024 * 1024;
const maxLockfileBytes = 64 * 1024 * 1024;
const digestForm = /^sha256:([0-9a-f]{64})$/;

/** Name and digest of what a release folder is about. */
async function measured(file: string, world: ConsumerVerbWorld): Promise<{ name: string; sha256: string }> {
  const given = digestForm.exec(file)?.[1];
  if (given !== undefined) return { name: file, sha256: given };
  if (file.startsWith("sha256:"))
    throw new Problem("cli/usage", "a digest is sha256: and 64 lower-case hexadecimal digits");
  const name = file.split("/").at(-1) as string;
  if (world.readPieces === undefined)
    return { name, sha256: digestHex("sha256", await world.readFile(file, maxArtifactBytes)) };
  const { digests } = await digestStream(world.readPieces(file), ["sha256"]);
  return { name, sha256: hex(digests.get("sha256") as Uint8Array) };
}

/** By bundles: 0, or a Problem that says why not. By a release folder: the exit code of the decision. */
export async function verifyVerb(
  file: string,
  options: BundleVerifyOptions,
  world: ConsumerVerbWorld,
  out: Output,
): Promise<number> {
  refuseIdleOptions(options);
  if (options.release !== undefined) return verifyReleaseVerb(file, options.release, options, world, out);
  const targets = await world.targets();
  const kind = file.startsWith("sha256:") ? "file" : await targets.kindOf(file);
  if (kind !== "file") {
    const { trust, expected: signer } = await expectationOf(options, world);
    const type = options.type === undefined ? {} : { predicateType: predicateTypeOf(options.type) };
    const expectation = { trust, signer, ...type, ...(await demandsOf(options, world)) };
    return kind === "image"
      ? verifyImageVerb(file, expectation, targets, out)
      : verifyFolderVerb(file, options.bundle, expectation, targets, out);
  }
  if (options.bundle.length === 0) {
    throw new Problem("cli/usage", "nothing to verify the file by", {
      hint: "give --bundle FILE, or --release FOLDER for everything",
    });
  }
  const { trust, expected } = await expectationOf(options, world);
  const bundles: { path: string; bundle: Bundle }[] = [];
  for (const path of options.bundle) {
    const bundle = await naming(path, async () => parseBundle(await world.readFile(path, maxBundleBytes)));
    bundles.push({ path, bundle });
  }
  const artifact = await artifactOf(
    file,
    bundles.map(({ bundle }) => bundle),
    expected,
    world,
  );
  const type = options.type === undefined ? {} : { predicateType: predicateTypeOf(options.type) };
  const asked = { trust, artifact, ...type, ...(await demandsOf(options, world)), ...expected } as VerifyBundleOptions;
  const reports: BundleReport[] = [];
  for (const { path, bundle } of bundles) {
    reports.push(await naming(path, async () => verifyOne({ path, bundle, asked, options, reports }, out)));
  }
  return reportBundles(out, file.split("/").at(-1) as string, reports);
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

interface OneBundle {
  readonly path: string;
  readonly bundle: Bundle;
  readonly asked: VerifyBundleOptions;
  readonly options: BundleVerifyOptions;
  /** Of the bundles before it. */
  readonly reports: readonly BundleReport[];
}

function verifyOne({ path, bundle, asked, options, reports }: OneBundle, out: Output): BundleReport {
  // A verifier's summary is between it and who holds its key: it is in no log and has no timestamp.
  const isSummary = asked.key !== undefined && options.type === verificationSummaryType;
  const thresholds = isSummary ? { thresholds: { logs: 0, timestamps: 0, scts: 0 } } : {};
  const explanation = options.explain === true ? new Explanation() : undefined;
  const recorder = explanation === undefined ? {} : { recorder: explanation };
  let verified: VerifiedBundle;
  try {
    verified = verifyBundle(bundle, { ...asked, ...thresholds, ...recorder } as VerifyBundleOptions);
  } catch (problem) {
    if (explanation !== undefined) reportFailure(out, path, explanation, problem, reports);
    throw problem;
  }
  if (isSummary && verified.content.kind === "envelope") {
    const { verificationResult } = parseVerificationSummary(parseStatement(verified.content.payload));
    if (verificationResult !== "PASSED")
      throw new Problem("slsa/vsa-result", "the summary says that verification failed");
  }
  const steps = explanation?.steps(false);
  if (steps !== undefined) reportSteps(out, path, steps);
  return { ...describe(path, verified), ...(steps === undefined ? {} : { steps }) };
}

/** The steps up to the one that failed; the Problem itself is said by whoever gets it. */
function reportFailure(
  out: Output,
  path: string,
  explanation: Explanation,
  problem: unknown,
  bundles: readonly BundleReport[],
): void {
  const steps = explanation.steps(true);
  reportSteps(out, path, steps);
  const error = isProblem(problem) ? { code: problem.code, message: problemChain(problem).join(": ") } : undefined;
  out.document({ verified: false, bundle: path, steps, error, bundles });
}

function reportSteps(out: Output, path: string, steps: readonly ExplainedStep[]): void {
  out.line(`${path}, step by step:`);
  for (const { number, what, result, findings } of steps) {
    const mark = result === "passed" ? out.style("ok  ", "green") : out.style("FAIL", "red");
    out.line(`  ${mark} ${String(number).padStart(2)}. ${what}`);
    for (const [name, value] of findings) out.line(`           ${name}: ${value}`);
  }
}

/** An option that would be ignored is refused: it may be what the caller relies on. */
function refuseIdleOptions(options: BundleVerifyOptions): void {
  const forBundles = {
    "--key": options.key,
    "--certificate-identity": options.certificateIdentity,
    "--certificate-oidc-issuer": options.certificateOidcIssuer,
    "--type": options.type,
    "--trusted-root": options.trustedRoot,
    "--bundle": options.bundle[0],
    "--explain": options.explain,
    "--certificate-identity-pattern": options.certificateIdentityPattern,
    "--certificate-oidc-issuer-pattern": options.certificateOidcIssuerPattern,
    "--trust-config": options.trustConfig,
    "--witness-policy": options.witnessPolicy,
    "--logs": options.logs,
    "--scts": options.scts,
    "--timestamps": options.timestamps,
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
  const { name, sha256 } = await measured(file, world);
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
