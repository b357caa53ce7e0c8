// `build`: a commit becomes an artifact. The control plane runs the pipeline through an executor that keeps the steps
// away from everything, and measures what they leave behind itself; nothing a step says about digests is believed.

import { type JsonObject, Problem } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { createLink, type Artifacts, type Link } from "../intoto/index.ts";
import { isLockfile } from "../packages/index.ts";
import {
  describeRun,
  type Executor,
  parseDocuments,
  type PipelineRunState,
  prepareRun,
  type PreparedRun,
  type RunProvenance,
  runPipeline,
  type TaskRunPlan,
} from "../tekton/index.ts";
import type { PipelineStep } from "./project-targets.ts";
import type { Clock, Progress } from "./world.ts";

/** The workspace that is measured: what the tasks hand on to each other and where the artifact is. */
export const measuredWorkspace = "source";
/** The result, of a task or the pipeline, that names the artifact's file in that workspace. */
export const artifactResult = "artifact";

const maxPipelineBytes = 1024 * 1024;
const maxLockfileBytes = 64 * 1024 * 1024;
const maxArtifactBytes = 1024 * 1024 * 1024;

/** How the steps were kept apart, as observed. */
export interface Isolation {
  readonly kind: string;
  readonly network: string;
  readonly userId: string;
  readonly rootReadOnly: boolean;
}

/** What stood in for the steps' images, by digest. */
export interface Toolchain {
  readonly uri: string;
  readonly sha256: string;
  readonly description: JsonObject;
}

export interface BuildWorld {
  readonly clock: Clock;
  readonly progress: Progress;
  /** Unique text for this run. */
  readonly runId: string;
  readonly commit: { readonly revision: string; readonly ref: string | undefined };
  /** A file of the commit; undefined when it has none of this name. */
  readonly readCommitted: (path: string, maxBytes: number) => Promise<Uint8Array | undefined>;
  /** SHA-256 of every file of the commit's tree, by path. */
  readonly committedDigests: () => Promise<ReadonlyMap<string, string>>;
  readonly executor: Executor;
  /** Set once the run is to end; the executor ends its steps by the same signal. */
  readonly cancelled?: { readonly aborted: boolean };
  /** Where paths begin when steps have no file tree of their own. */
  readonly hostRoot?: string;
  /** SHA-256 of every file in the measured workspace, by path; empty before anything is in it. */
  readonly measure: () => Promise<ReadonlyMap<string, string>>;
  /** A file of the measured workspace. Links are not followed. */
  readonly readOutput: (path: string, maxBytes: number) => Promise<Uint8Array>;
  readonly toolchain: Toolchain;
  /** What was observed of the steps run so far. */
  readonly isolation: () => Isolation;
  /** Workspaces handed in from outside, with their digests. */
  readonly inputs: readonly {
    readonly name: string;
    readonly uri: string;
    readonly digest: ReadonlyMap<string, string>;
  }[];
}

export interface BuildOptions {
  readonly pipelinePath: string;
  readonly sourceUri: string;
  readonly params: ReadonlyMap<string, string>;
}

export interface Build {
  readonly artifact: { readonly name: string; readonly sha256: string; readonly bytes: Uint8Array };
  readonly links: readonly Link[];
  readonly lockfiles: ReadonlyMap<string, Uint8Array>;
  readonly run: RunProvenance;
  readonly pipelineSha256: string;
  readonly isolation: Isolation;
  readonly toolchain: Toolchain;
  readonly inputs: BuildWorld["inputs"];
  readonly commit: BuildWorld["commit"];
}

/** The tasks of the PipelineRun in a document, each with the one before it. Problems `tekton/*`, `build/pipeline`. */
export function pipelineSteps(document: Uint8Array): readonly PipelineStep[] {
  return chainOf(prepare(document, { uid: "plan", revision: "0".repeat(40), params: new Map() }));
}

/**
 * The tasks one after another. Narrow: tasks that run side by side in one workspace could not be measured apart.
 * Problem `build/pipeline-branches`.
 */
function chainOf(prepared: PreparedRun): readonly PipelineStep[] {
  const byPredecessor = new Map<string | undefined, PipelineStep>();
  for (const { name, parents } of prepared.tasks) {
    const [after, ...others] = parents;
    if (others.length > 0 || byPredecessor.has(after)) {
      const where = others.length > 0 ? "follows several tasks" : "would run beside another";
      throw new Problem("build/pipeline-branches", `task ${name} ${where}`, {
        hint: "let every task but the first follow one other with runAfter",
      });
    }
    byPredecessor.set(after, { name, after });
  }
  const chain: PipelineStep[] = [];
  for (let at = byPredecessor.get(undefined); at !== undefined; at = byPredecessor.get(at.name)) chain.push(at);
  return chain;
}

interface Preparation {
  readonly uid: string;
  readonly revision: string;
  readonly params: ReadonlyMap<string, string>;
  readonly hostRoot?: string;
}

function prepare(document: Uint8Array, options: Preparation): PreparedRun {
  const documents = parseDocuments(document);
  const [run, ...others] = documents.pipelineRuns;
  if (run === undefined || others.length > 0) {
    throw new Problem(
      "build/pipeline",
      `the document holds ${documents.pipelineRuns.length} PipelineRuns, one was expected`,
    );
  }
  const params = new Map<string, string>([["revision", options.revision], ...options.params]);
  const { uid, hostRoot } = options;
  return prepareRun(run, documents, {
    uid,
    name: `run-${uid}`.slice(0, 40),
    params,
    ...(hostRoot === undefined ? {} : { hostRoot }),
  });
}

/** Problems: `build/pipeline-missing`, `build/source-mismatch`, `build/failed`, `build/no-artifact`, `tekton/*`. */
export async function runBuild(options: BuildOptions, world: BuildWorld): Promise<Build> {
  const document = await world.readCommitted(options.pipelinePath, maxPipelineBytes);
  if (document === undefined) {
    throw new Problem(
      "build/pipeline-missing",
      `commit ${world.commit.revision.slice(0, 12)} has no ${options.pipelinePath}`,
      {
        hint: "commit a Tekton PipelineRun there, or name another with `sealwright init --pipeline`",
      },
    );
  }
  const prepared = prepare(document, {
    uid: world.runId,
    revision: world.commit.revision,
    params: options.params,
    ...(world.hostRoot === undefined ? {} : { hostRoot: world.hostRoot }),
  });
  // It may have changed since the layout was read off it.
  chainOf(prepared);
  const recorder = new Recorder(world);
  const state = await runPipeline(prepared, recorder, {
    now: () => world.clock.now(),
    ...(world.cancelled === undefined ? {} : { cancelled: world.cancelled }),
  });
  if (state.condition.status !== "True") throw failure(state);
  const artifact = await readArtifact(state, world);
  const pipelineSha256 = digestHex("sha256", document);
  const source = {
    uri: options.sourceUri,
    digest: { gitCommit: world.commit.revision },
    entryPoint: options.pipelinePath,
  };
  return {
    artifact,
    links: recorder.links,
    lockfiles: await readLockfiles(recorder.sourceTree, world),
    run: describeRun(prepared, state, source),
    pipelineSha256,
    isolation: world.isolation(),
    toolchain: world.toolchain,
    inputs: world.inputs,
    commit: world.commit,
  };
}

function failure(state: PipelineRunState): Problem {
  const failed = state.taskRuns.find(({ condition }) => condition.status === "False");
  const which =
    failed === undefined ? state.condition.message : `task ${failed.pipelineTaskName}: ${failed.condition.message}`;
  return new Problem("build/failed", `the pipeline did not succeed: ${which}`, { hint: "the step's output is above" });
}

/** An executor around the real one: measures before and after each task and writes down a link. */
class Recorder implements Executor {
  readonly links: Link[] = [];
  /** What the first task left: the commit's tree. */
  sourceTree: ReadonlyMap<string, string> = new Map();
  private readonly materials = new Map<string, ReadonlyMap<string, string>>();
  private readonly startedMs = new Map<string, number>();

  constructor(private readonly world: BuildWorld) {}

  async startTask(task: TaskRunPlan): Promise<void> {
    this.startedMs.set(task.taskRunName, this.world.clock.now());
    // The executor first: it is what knows which folder this task has.
    await this.world.executor.startTask(task);
    this.materials.set(task.taskRunName, await this.world.measure());
  }

  runStep(...[task, step]: Parameters<Executor["runStep"]>): ReturnType<Executor["runStep"]> {
    return this.world.executor.runStep(task, step);
  }

  async finishTask(...[task, end]: Parameters<Executor["finishTask"]>): ReturnType<Executor["finishTask"]> {
    const results = await this.world.executor.finishTask(task, end);
    if (end.outcome !== "succeeded") return results;
    const products = await this.world.measure();
    if (this.links.length === 0) await this.checkSource(products);
    this.links.push(
      createLink({
        name: task.pipelineTaskName,
        command: task.steps.flatMap(({ command, args }) => [...(command ?? []), ...args]),
        materials: artifacts(this.materials.get(task.taskRunName) ?? new Map()),
        products: artifacts(products),
        byproducts: { "return-value": 0, steps: end.steps.map(({ name, exitCode }) => ({ name, exitCode })) },
        environment: { taskRun: task.taskRunName, images: task.steps.map(({ image }) => image) },
      }),
    );
    const seconds = ((this.world.clock.now() - (this.startedMs.get(task.taskRunName) ?? 0)) / 1000).toFixed(1);
    this.world.progress.step(`task ${task.pipelineTaskName}`, `${products.size} files measured after it, ${seconds} s`);
    return results;
  }

  /** The build goes on only from exactly the commit's tree. */
  private async checkSource(products: ReadonlyMap<string, string>): Promise<void> {
    const committed = await this.world.committedDigests();
    for (const [path, sha256] of committed) {
      if (products.get(path) !== sha256) {
        throw new Problem("build/source-mismatch", `after the first task ${path} is not as it is in the commit`);
      }
    }
    const extra = [...products.keys()].find((path) => !committed.has(path));
    if (extra !== undefined)
      throw new Problem(
        "build/source-mismatch",
        `after the first task there is ${extra}, which the commit does not have`,
      );
    this.sourceTree = products;
  }
}

function artifacts(digests: ReadonlyMap<string, string>): Artifacts {
  return new Map([...digests].map(([path, sha256]) => [path, new Map([["sha256", sha256]])]));
}

async function readArtifact(state: PipelineRunState, world: BuildWorld): Promise<Build["artifact"]> {
  const results = [...state.results, ...state.taskRuns.flatMap((task) => task.results)];
  const named = results.find(({ name }) => name === artifactResult)?.value;
  const name = typeof named === "string" ? named.trim() : "";
  if (!/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,200}$/.test(name)) {
    throw new Problem(
      "build/no-artifact",
      `no result "${artifactResult}" names a file in the workspace "${measuredWorkspace}"`,
      {
        hint: "let the last task write the artifact's file name to $(results.artifact.path)",
      },
    );
  }
  if (isLockfile(name) || /(?:^release\.json|\.sigstore\.json|\.link)$/.test(name)) {
    throw new Problem(
      "build/no-artifact",
      `an artifact cannot be called ${name}: a release has that name for something else`,
    );
  }
  const bytes = await world.readOutput(name, maxArtifactBytes);
  return { name, bytes, sha256: digestHex("sha256", bytes) };
}

async function readLockfiles(
  tree: ReadonlyMap<string, string>,
  world: BuildWorld,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const out = new Map<string, Uint8Array>();
  for (const path of tree.keys()) {
    if (!isLockfile(path)) continue;
    const bytes = await world.readCommitted(path, maxLockfileBytes);
    if (bytes !== undefined) out.set(path, bytes);
  }
  return out;
}
