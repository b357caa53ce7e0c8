// `build` on a terminal.

import {
  attestBuild,
  decisionRequestJson,
  type Build,
  encodeReleaseIndex,
  type Files,
  releaseIndex,
  type ReleaseFile,
  runBuild,
} from "../flows/index.ts";
import { Fields } from "../core/index.ts";
import { type Decision, explain } from "../policy/index.ts";
import type { Output } from "./output.ts";
import type { BuildOptions } from "./program.ts";
import { exitCodeOfOutcome } from "./verbs.ts";
import type { BuildVerbWorld, OpenedBuild } from "./world.ts";

/** Writes artifact, bundles, links and lockfiles. The index goes first and comes last: a folder that has it is whole. */
export async function writeRelease(
  build: Build,
  bundles: readonly ReleaseFile[],
  links: readonly ReleaseFile[],
  files: Files,
): Promise<void> {
  await files.remove(releaseIndex);
  await files.write(build.artifact.name, build.artifact.bytes);
  for (const [name, bytes] of [...bundles, ...links, ...build.lockfiles]) await files.write(name, bytes);
  const index = {
    artifact: build.artifact.name,
    bundles: bundles.map(([name]) => name),
    lockfiles: [...build.lockfiles.keys()],
  };
  await files.write(releaseIndex, encodeReleaseIndex(index));
}

/** A build, and what the organisation decided on it. */
export interface DecidedBuild {
  readonly build: Build;
  readonly outcome: Decision["outcome"];
  /** The decision in words, when it is no admission. */
  readonly why: readonly string[];
}

/** Runs, attests, writes and has it decided; the workspaces are gone afterwards, however it ends. */
export async function buildRelease(opened: OpenedBuild, release: Files): Promise<DecidedBuild> {
  try {
    const build = await runBuild(opened.options, opened.world);
    const { bundles, links } = await attestBuild(build, opened.builder, opened.organisation.project, opened.signing);
    await writeRelease(build, bundles, links, release);
    const { name, sha256 } = build.artifact;
    const evidence = { name, sha256, bundles: new Map(bundles), lockfiles: build.lockfiles };
    const answer = Fields.of(await opened.decide(decisionRequestJson(evidence)), "answer", "api/refused");
    const outcome = answer.object("decision").oneOf("outcome", "admitted", "refused", "undetermined");
    // Of our own service, which has checked its form.
    const decision = answer.json("decision") as unknown as Decision;
    return { build, outcome, why: outcome === "admitted" ? [] : explain(decision).slice(1) };
  } finally {
    await opened.close();
  }
}

/** 0 when the build was admitted, 1 when it was refused, 2 when that could not be told or the build did not come to an end. */
export async function buildVerb(options: BuildOptions, world: BuildVerbWorld, out: Output): Promise<number> {
  const progress = { step: (name: string, detail: string) => out.progress(`  ${name.padEnd(14)} ${detail}`) };
  const { dir, release, workspace: workspaces, param: params } = options;
  const request = { dir, folder: world.cwd, release, workspaces, params };
  const opened = await world.openBuild(request, progress);
  const { build, outcome, why } = await buildRelease(opened, await world.files(options.release));
  const { artifact, isolation } = build;
  out.line(`${out.style("built", "green")} ${artifact.name}`);
  out.line(`  sha256     ${artifact.sha256}`);
  out.line(`  commit     ${build.commit.revision}`);
  out.line(`  isolation  ${isolation.kind}, network ${isolation.network}, user ${isolation.userId}`);
  out.line(`  decision   ${out.style(outcome, outcome === "admitted" ? "green" : "red")}, recorded under this digest`);
  for (const line of why) out.line(`  ${line}`);
  out.line(
    `next: sealwright verify ${options.release}/${artifact.name} --release ${options.release} --dir ${options.dir}`,
  );
  out.document({
    artifact: { name: artifact.name, sha256: artifact.sha256 },
    commit: build.commit,
    isolation,
    decision: outcome,
    ...(why.length === 0 ? {} : { why }),
    release: options.release,
  });
  return exitCodeOfOutcome(outcome);
}
