// `demo`: the whole chain on this repository's HEAD, then the attacks on a copy. Every step is done by the same code
// as the verbs; services are reached over HTTP, as by others. Exit 0 only if all came out as expected.

import { dayMs, formatUtcSeconds, isProblem, utf8 } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import {
  type Admission,
  admitRelease,
  type AdvisorySource,
  type AttackOutcome,
  type Build,
  builderId,
  buildIdentity,
  buildProvenance,
  changedArtifact,
  type Files,
  forgedCheckpoint,
  initOrganisation,
  keyNames,
  loadConsumerTrust,
  loadRelease,
  loadSigner,
  omittedStep,
  oneKeyOfThree,
  onlyProject,
  type Organisation,
  otherProvenance,
  outcomeOfDecision,
  pipelineSteps,
  places,
  provenanceFile,
  publishTargets,
  runUri,
  type Release,
  type SigningWorld,
  targetPaths,
  type Verifier,
  vulnerableDependency,
} from "../flows/index.ts";
import { exportRepository, openRepository } from "../tuf/index.ts";
import { buildRelease } from "./build.ts";
import { type DemoRow, reportDemo } from "./demo-report.ts";
import type { Output } from "./output.ts";
import type { DemoOptions } from "./program.ts";
import type { DemoVerbWorld } from "./world.ts";

const log4jCore = "org.apache.logging.log4j:log4j-core";
const pipelinePath = ".tekton/release.yaml";
const maxFileBytes = 1024 * 1024;
const maxArtifactBytes = 1024 * 1024 * 1024;
const firstRepository = "attacks/first-tuf";
/** One version in each of the three ranges that log4shell's record has. */
const log4jVersions = ["2.0.2", "2.12.1", "2.14.1"];

/** What the demonstration knows as it goes on. */
interface Stage {
  readonly world: DemoVerbWorld;
  readonly out: Output;
  readonly folder: string;
  readonly organisationDir: string;
  readonly organisation: Organisation;
  readonly files: Files;
  readonly verifier: Verifier;
  readonly advisories: AdvisorySource;
}

class Timeline {
  readonly rows: DemoRow[] = [];

  constructor(
    private readonly world: DemoVerbWorld,
    private readonly out: Output,
  ) {}

  async step<T>(step: string, run: () => Promise<T>, detail: (result: T) => string): Promise<T> {
    const startMs = this.world.nowPrecise();
    const result = await run();
    const row = { step, ms: Math.round(this.world.nowPrecise() - startMs), detail: detail(result) };
    this.rows.push(row);
    this.out.progress(`${step.padEnd(8)} ${`${row.ms} ms`.padStart(8)}  ${row.detail}`);
    return result;
  }
}

/** 0 when the release was admitted and every attack refused with its own code, else 1. */
export async function demoVerb(options: DemoOptions, world: DemoVerbWorld, out: Output): Promise<number> {
  const timeline = new Timeline(world, out);
  const repository = await world.repository();
  const folder = options.keep ?? (await world.freshFolder());
  const organisationDir = `${folder}/organisation`;
  const port = await world.freePort();
  const files = await world.files(organisationDir);
  const organisation = await timeline.step(
    "init",
    () => initDemo(world, organisationDir, repository, port, out),
    (made) => `${made.name}: ${made.url}`,
  );
  // What an attacker could have kept from the first day.
  await exportTo(world, organisationDir, `${folder}/${firstRepository}`);
  const serving = await timeline.step(
    "up",
    () => world.serve(organisationDir, port),
    ({ url }) => `all services on ${url}`,
  );
  try {
    const build = await timeline.step("build", () => buildDemo(world, organisationDir, folder, out), describeBuild);
    const advisories = await world.advisories();
    const verifier = await world.newVerifier(`${organisation.url}/verifiers/demo`);
    const stage: Stage = { world, out, folder, organisationDir, organisation, files, verifier, advisories };
    const release = await releaseOf(stage, build);
    const admission = await timeline.step("verify", () => consume(stage, release), describeAdmission);
    await (await world.files(folder)).write("vsa.sigstore.json", admission.summary);
    const outcomes = await timeline.step(
      "attack",
      () => attackAll(stage, release, build),
      (all) => `${all.filter(({ refused }) => refused).length} of ${all.length} refused`,
    );
    return reportDemo(out, world.command, {
      folder,
      artifact: build.artifact.name,
      lockfile: `${repository.top}/package-lock.json`,
      steps: timeline.rows,
      decision: admission.decision,
      attacks: outcomes,
    });
  } finally {
    await serving.close();
  }
}

async function initDemo(
  world: DemoVerbWorld,
  dir: string,
  repository: { top: string; name: string; sourceUri: string },
  port: number,
  out: Output,
): Promise<Organisation> {
  const pipeline = await world.readFile(`${repository.top}/${pipelinePath}`, maxFileBytes);
  // On a machine that cannot keep steps apart the policy has to say that it takes such builds.
  const unisolated = (await world.sandbox()) === "none";
  const quiet = { step: (name: string, detail: string) => out.progress(`           ${name}: ${detail}`) };
  return initOrganisation(
    {
      name: "demo",
      url: `http://127.0.0.1:${port}`,
      project: { name: repository.name, sourceUri: repository.sourceUri, pipelinePath },
      steps: pipelineSteps(pipeline),
      unisolated,
    },
    await world.openInit(dir, quiet),
  );
}

async function buildDemo(world: DemoVerbWorld, dir: string, folder: string, out: Output): Promise<Build> {
  const repository = await world.repository();
  const progress = { step: (name: string, detail: string) => out.progress(`           ${name}: ${detail}`) };
  const workspaces = new Map([["dependencies", `${repository.top}/node_modules`]]);
  const opened = await world.openBuild(
    { dir, folder: repository.top, release: `${folder}/release`, workspaces, params: new Map() },
    progress,
  );
  return (await buildRelease(opened, await world.files(`${folder}/release`))).build;
}

function describeBuild({ artifact, isolation, commit }: Build): string {
  const apart =
    isolation.kind === "none"
      ? "NOT ISOLATED: neither bubblewrap nor user namespaces work here"
      : `${isolation.kind}, network ${isolation.network}, user ${isolation.userId}`;
  return `${artifact.name} from ${commit.revision.slice(0, 12)} (${apart})`;
}

async function releaseOf({ world, folder }: Stage, { artifact }: Build): Promise<Release> {
  const bytes = await world.readFile(`${folder}/release/${artifact.name}`, maxArtifactBytes);
  return loadRelease(await world.files(`${folder}/release`), {
    name: artifact.name,
    sha256: digestHex("sha256", bytes),
  });
}

/** A consumer who has the TUF root and nothing else: one update over HTTP, then everything by what it brought. */
async function consume(stage: Stage, release: Release): Promise<Admission> {
  const { world, organisation, files, verifier, advisories } = stage;
  const root = await files.read(places.root, maxFileBytes);
  const client = await world.openClient(root, `${organisation.url}/tuf`, `${stage.folder}/consumer`);
  const now = world.now();
  const consumer = await loadConsumerTrust(client, onlyProject(client), now);
  return admitRelease(release, consumer, advisories, verifier, now);
}

function describeAdmission({ decision, evidence }: Admission): string {
  const level = evidence.provenance.held[0]?.level ?? 0;
  const bundles = evidence.signatures.held.length + (evidence.layout.held[0]?.steps.size ?? 0);
  return `${decision.outcome}: ${bundles} bundles, ${evidence.layout.held[0]?.steps.size ?? 0} steps, Build level ${level}`;
}

async function attackAll(stage: Stage, release: Release, build: Build): Promise<AttackOutcome[]> {
  return [
    ...(await attackEvidence(stage, release, build)),
    ...(await attackPolicy(stage, release, build)),
    ...(await attackTuf(stage)),
  ];
}

/** The build's own identity, for attackers who have got hold of it. */
async function signingAsBuild({ world, organisationDir, organisation }: Stage, build: Build): Promise<SigningWorld> {
  const identity = buildIdentity(organisation);
  const run = runUri(organisation, build.run.invocationId);
  return world.signingAs(organisationDir, { build_signer_uri: identity, run_invocation_uri: run }, identity);
}

async function attackEvidence(stage: Stage, release: Release, build: Build): Promise<AttackOutcome[]> {
  const { world, organisation, organisationDir, folder } = stage;
  const { project } = organisation;
  const name = provenanceFile(build.artifact.name);
  const artifact = await world.readFile(`${folder}/release/${build.artifact.name}`, maxArtifactBytes);
  const stranger = `${organisation.url}/projects/elsewhere/${pipelinePath}`;
  const asStranger = await world.signingAs(organisationDir, { build_signer_uri: stranger }, stranger);
  const provenance = buildProvenance(build, builderId(organisation, build.isolation.kind), "demo", project);
  const fromLaptop = buildProvenance(build, `${organisation.url}/builders/a-laptop`, "demo", project);
  const [, second = build.links[0]] = build.links;
  const judge = async (attack: string, expected: string, forged: Release): Promise<AttackOutcome> =>
    outcomeOfDecision(attack, expected, (await consume(stage, forged)).decision);
  return [
    await judge("one byte of the artifact changed", "sigstore/subject-mismatch", changedArtifact(release, artifact)),
    await judge(
      "signed by another identity of the same CA",
      "sigstore/identity-mismatch",
      await otherProvenance(release, name, provenance, asStranger),
    ),
    await judge(
      "log entry proven by a forged checkpoint",
      "sigstore/log-proof-invalid",
      await forgedCheckpoint(release, name, organisation.logOrigin, await world.randomness()),
    ),
    await judge(
      `task ${second?.name ?? ""} of the layout left out`,
      "intoto/step-missing",
      omittedStep(release, second?.name ?? ""),
    ),
    await judge(
      "provenance from another builder",
      "slsa/builder-untrusted",
      await otherProvenance(release, name, fromLaptop, await signingAsBuild(stage, build)),
    ),
  ];
}

async function attackPolicy(stage: Stage, release: Release, build: Build): Promise<AttackOutcome[]> {
  const signing = await signingAsBuild(stage, build);
  const outcomes: AttackOutcome[] = [];
  let last: Release = release;
  for (const version of log4jVersions) {
    last = await vulnerableDependency(release, build, `${log4jCore}:${version}`, signing);
    const { decision } = await consume(stage, last);
    outcomes.push(
      outcomeOfDecision(`log4j-core ${version}, known to be exploited`, "policy/known-exploited", decision),
    );
  }
  await publishException(stage);
  const { decision } = await consume(stage, last);
  outcomes.push(
    outcomeOfDecision("the same under an exception that has expired", "policy/exception-expired", decision),
  );
  return outcomes;
}

/** Two owners sign and publish an exception that ended yesterday: the consumer gets it by TUF like everything else. */
async function publishException({ world, files, organisationDir }: Stage): Promise<void> {
  const now = world.now();
  const scope = { finding: "CVE-2021-44228", package: `pkg:maven/${log4jCore.replace(":", "/")}` };
  const life = { created: formatUtcSeconds(now - 30 * dayMs), expires: formatUtcSeconds(now - dayMs) };
  const exceptions = ["not-exploited", "not-vulnerable"].map((rule) => ({
    id: `log4j-${rule}`,
    rule,
    ...scope,
    reason: "until the upgrade is tested",
    approvedBy: "security@example.com",
    ...life,
  }));
  const content = utf8(JSON.stringify({ _type: "https://sealwright.dev/exceptions/v1", exceptions }));
  const targets = [{ path: targetPaths.exceptions, content }];
  const tuf = await world.openTuf(organisationDir);
  try {
    await publishTargets(targets, keyNames.root.slice(0, 2), { files, clock: world, tuf });
  } finally {
    await tuf.close();
  }
}

async function attackTuf(stage: Stage): Promise<AttackOutcome[]> {
  const { world, files, folder, organisationDir } = stage;
  const root = await files.read(places.root, maxFileBytes);
  const refusal = async (attack: string, expected: string, mirror: string): Promise<AttackOutcome> => {
    try {
      // The consumer's own state, as the verifications before have left it.
      await world.openClient(root, mirror, `${folder}/consumer`);
      return { attack, expected, refused: false, codes: [], sentence: "the update went through" };
    } catch (error) {
      if (!isProblem(error)) throw error;
      return { attack, expected, refused: error.code === expected, codes: [error.code], sentence: error.message };
    }
  };
  const oneKey = `${folder}/attacks/one-key-tuf`;
  await exportTo(world, organisationDir, oneKey);
  await signWithOneKey(stage, await world.files(oneKey));
  return [
    await refusal("old TUF metadata replayed", "tuf/rollback", `${folder}/${firstRepository}`),
    await refusal("TUF metadata signed by one key of three", "tuf/threshold", oneKey),
  ];
}

/** What a mirror of the organisation's TUF repository would have at this moment. */
async function exportTo(world: DemoVerbWorld, organisationDir: string, folder: string): Promise<void> {
  const files = await world.files(folder);
  const tuf = await world.openTuf(organisationDir);
  try {
    await exportRepository(tuf, (path, bytes) => files.write(path, bytes), maxFileBytes);
  } finally {
    await tuf.close();
  }
}

async function signWithOneKey({ world, files, organisationDir }: Stage, target: Files): Promise<void> {
  const signers = {
    owner: await loadSigner(files, keyNames.root[0]),
    snapshot: await loadSigner(files, keyNames.snapshot),
    timestamp: await loadSigner(files, keyNames.timestamp),
  };
  const policy = { path: targetPaths.policy, content: utf8('{"rules": "whatever the attacker likes"}') };
  const tuf = await world.openTuf(organisationDir);
  const repository = await openRepository(tuf).finally(() => tuf.close());
  const changed = await oneKeyOfThree(repository, policy, signers, world.now() + dayMs);
  for (const [path, bytes] of changed) await target.write(path, bytes);
}
