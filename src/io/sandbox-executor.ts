// Carries out Tekton tasks in sandboxes of this machine: volumes are folders, the image is the machine's toolchain.
// Paths inside are Tekton's (docs/container-contract.md). Hooks let the caller measure volumes around each task.

import { chmodSync, chownSync, lstatSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isProblem, Problem } from "../core/index.ts";
import {
  type Executor,
  homeDirectory,
  maxResultBytes,
  resultsDirectory,
  type StepPlan,
  stepsDirectory,
  stepUserId,
  type TaskEnd,
  type TaskRunPlan,
} from "../tekton/index.ts";
import { runInSandbox } from "./sandbox.ts";
import type { SandboxKind, SandboxMount, SandboxOutcome } from "./sandbox-request.ts";
import { readResultFile } from "./sandbox-result.ts";

const scriptsDirectory = "/tekton/scripts";
const longestMs = 2_147_483_647;

export interface SandboxExecutorOptions {
  readonly kind: SandboxKind;
  /** Exists, and belongs to this run alone. With kind none it is also the run's `hostRoot`. */
  readonly directory: string;
  readonly toolchain: { readonly readOnlyPaths: readonly string[]; readonly searchPath: string };
  /** Folder of each persistentVolumeClaim, by claim name; its files readable for uid 65532. Steps can only read it. */
  readonly claims: ReadonlyMap<string, string>;
  readonly maxOutputBytes: number;
  readonly signal?: AbortSignal;
  /** `volumes`: the folder on this machine behind each bound workspace, by the task's name for it. */
  readonly beforeTask?: (task: TaskRunPlan, volumes: ReadonlyMap<string, string>) => Promise<void>;
  readonly afterTask?: (task: TaskRunPlan, end: TaskEnd, volumes: ReadonlyMap<string, string>) => Promise<void>;
  readonly onStep?: (task: TaskRunPlan, step: StepPlan, outcome: SandboxOutcome) => void;
}

/** What one attempt of a task has on this machine. */
interface TaskFolder {
  readonly path: string;
  readonly volumes: ReadonlyMap<string, string>;
  readonly mounts: readonly SandboxMount[];
}

/** Problems of its methods: `io/claim-unknown`, `io/volume-unsafe`, `io/no-command`, those of `runInSandbox`. */
export function createSandboxExecutor(options: SandboxExecutorOptions): Executor {
  return new SandboxExecutor({ ...options, directory: realpathSync(options.directory) });
}

class SandboxExecutor implements Executor {
  private readonly folders = new Map<string, TaskFolder>();

  constructor(private readonly options: SandboxExecutorOptions) {}

  async startTask(task: TaskRunPlan): Promise<void> {
    const path = join(this.options.directory, "tasks", task.taskRunName, String(task.attempt));
    for (const name of ["results", "home", "scripts", "steps"]) mkdirSync(join(path, name), { recursive: true });
    for (const step of task.steps) this.placeStep(path, step);
    const volumes = new Map<string, string>();
    for (const { name, binding } of task.workspaces) {
      if (binding !== undefined) volumes.set(name, this.volume(binding));
    }
    const inside = (target: string, source: string, readOnly: boolean) => ({
      source,
      target: task.root + target,
      readOnly,
    });
    const mounts = [
      inside(homeDirectory, join(path, "home"), false),
      inside(resultsDirectory, join(path, "results"), false),
      inside(scriptsDirectory, join(path, "scripts"), true),
      inside(stepsDirectory, join(path, "steps"), true),
      ...task.workspaces.flatMap(({ name, mountPath, readOnly, binding }) => {
        const source = volumes.get(name);
        // A claim is the caller's own folder. What the committed pipeline says of it cannot make it writable.
        const claimed = binding?.source.kind === "persistentVolumeClaim";
        return source === undefined ? [] : [{ source, target: mountPath, readOnly: readOnly || claimed }];
      }),
    ];
    this.folders.set(task.taskRunName, { path, volumes, mounts });
    if (this.options.kind === "none") for (const mount of mounts) link(mount);
    await this.options.beforeTask?.(task, volumes);
  }

  private placeStep(path: string, step: StepPlan): void {
    mkdirSync(join(path, "steps", step.containerName), { recursive: true });
    if (step.script === undefined) return;
    const file = join(path, "scripts", `script-${step.index}`);
    writeFileSync(file, step.script);
    chmodSync(file, 0o755);
  }

  private volume(binding: NonNullable<TaskRunPlan["workspaces"][number]["binding"]>): string {
    const { source, volume, subPath } = binding;
    let path = join(this.options.directory, "volumes", encodeURIComponent(volume));
    if (source.kind === "persistentVolumeClaim") {
      const claim = this.options.claims.get(source.claimName);
      if (claim === undefined) throw new Problem("io/claim-unknown", `there is no volume ${source.claimName}`);
      path = realpathSync(claim);
    } else {
      mkdirSync(path, { recursive: true });
    }
    const own = source.kind !== "persistentVolumeClaim";
    for (const part of subPath.split("/").filter((each) => each !== "")) path = descend(path, part, own);
    return path;
  }

  async runStep(task: TaskRunPlan, step: StepPlan) {
    const { path, mounts } = this.folders.get(task.taskRunName)!;
    const outcome = await runInSandbox({
      kind: this.options.kind,
      argv: argvOf(task, step),
      env: {
        PATH: this.options.toolchain.searchPath,
        HOME: task.root + homeDirectory,
        // Where nothing is mounted, a home written out in the pipeline is where it is linked to.
        ...Object.fromEntries(
          step.env.map(({ name, value }) => [name, value === homeDirectory ? task.root + value : value]),
        ),
      },
      cwd: this.workingDirectory(task, step),
      mounts,
      rootfs: { kind: "host-toolchain", readOnlyPaths: this.options.toolchain.readOnlyPaths },
      timeoutMs: step.timeoutMs ?? longestMs,
      maxOutputBytes: this.options.maxOutputBytes,
      uid: stepUserId,
      ...(this.options.signal === undefined ? {} : { signal: this.options.signal }),
    });
    writeFileSync(join(path, "steps", step.containerName, "exitCode"), String(outcome.exitCode));
    this.options.onStep?.(task, step, outcome);
    const { exitCode, timedOut, cancelled } = outcome;
    return { exitCode, timedOut, cancelled };
  }

  /** The image's own working directory has no stand-in here: the root. A relative one is below /workspace. */
  private workingDirectory(task: TaskRunPlan, step: StepPlan): string {
    const confined = this.options.kind !== "none";
    if (step.workingDir === undefined) return confined ? "/" : task.root;
    if (step.workingDir.startsWith("/")) return step.workingDir;
    return join(`${task.root}/workspace`, step.workingDir);
  }

  async finishTask(task: TaskRunPlan, end: TaskEnd): Promise<ReadonlyMap<string, Uint8Array | Problem>> {
    const folder = this.folders.get(task.taskRunName);
    const results = new Map<string, Uint8Array | Problem>();
    if (folder === undefined || end.outcome === "aborted") return results;
    for (const { name } of task.results) {
      const bytes = readOrProblem(join(folder.path, "results"), name);
      if (bytes !== undefined) results.set(name, bytes);
    }
    await this.options.afterTask?.(task, end, folder.volumes);
    return results;
  }
}

function readOrProblem(directory: string, name: string): Uint8Array | Problem | undefined {
  try {
    return readResultFile(directory, name, maxResultBytes);
  } catch (error) {
    if (isProblem(error)) return error;
    throw error;
  }
}

function argvOf(task: TaskRunPlan, step: StepPlan): readonly string[] {
  if (step.script !== undefined) return [`${task.root}${scriptsDirectory}/script-${step.index}`, ...step.args];
  if (step.command !== undefined && step.command.length > 0) return [...step.command, ...step.args];
  throw new Problem("io/no-command", `step ${step.name} has no command, and the toolchain has no entrypoint`);
}

/** One part of a subPath. The tree may be an earlier step's work: a link in it is refused, not followed. */
function descend(path: string, part: string, own: boolean): string {
  const next = join(path, part);
  try {
    if (own) mkdirSync(next);
    if (own && process.getuid?.() === 0) chownSync(next, stepUserId, stepUserId);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  if (!lstatSync(next).isDirectory()) throw new Problem("io/volume-unsafe", `${part} of a subPath is not a folder`);
  return next;
}

/** Where nothing can be mounted, a link stands at the place. */
function link(mount: SandboxMount): void {
  mkdirSync(dirname(mount.target), { recursive: true });
  rmSync(mount.target, { force: true });
  symlinkSync(mount.source, mount.target);
}
