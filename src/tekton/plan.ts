// One task of a run, ready to be carried out: every variable replaced, every default in place. The executor needs
// nothing else (Tekton docs/taskruns.md, docs/container-contract.md; pkg/pod/script.go for the script's first line).

import { demand, Problem } from "../core/index.ts";
import type {
  EnvVar,
  OnError,
  Param,
  ParamSpec,
  ParamValue,
  ResultSpec,
  Step,
  TaskSpec,
  WorkspaceSource,
} from "./model.ts";
import { objectEntries, valueType } from "./param-value.ts";
import { isPromise, Scope, substitute, substituteExpanding, substituteList, substituteValue } from "./substitute.ts";

/** Where a step's results, home and the exit codes of its predecessors are, inside the sandbox. */
export const resultsDirectory = "/tekton/results";
export const homeDirectory = "/tekton/home";
export const stepsDirectory = "/tekton/steps";

export interface StepPlan {
  readonly index: number;
  /** As in TaskRun status: the step's name, or `unnamed-<index>`. */
  readonly name: string;
  /** `step-<name>`; its exit code belongs in `/tekton/steps/<containerName>/exitCode`. */
  readonly containerName: string;
  readonly image: string;
  /** Absent when a script runs, or when the image's own entrypoint is meant. */
  readonly command?: readonly string[];
  readonly args: readonly string[];
  /** With its first line; to be placed in an executable file and run with `args`. */
  readonly script?: string;
  readonly env: readonly EnvVar[];
  readonly workingDir?: string;
  /** Milliseconds; absent for no limit of its own. runPipeline hands the executor the limit that counts. */
  readonly timeoutMs?: number;
  readonly onError: OnError;
}

export interface WorkspacePlan {
  readonly name: string;
  /** Path inside the sandbox. */
  readonly mountPath: string;
  readonly readOnly: boolean;
  /** Undefined for an optional workspace that nobody bound. */
  readonly binding?: BoundWorkspace;
}

export interface BoundWorkspace {
  /** The PipelineRun's workspace. */
  readonly workspace: string;
  readonly source: WorkspaceSource;
  /** Relative, without `..`; empty for the volume's root. A path of an untrusted tree: open it without following links. */
  readonly subPath: string;
  /** Which volume: equal texts are one volume, `emptyDir` is new for every attempt of a task. */
  readonly volume: string;
}

export interface TaskRunPlan {
  readonly pipelineTaskName: string;
  readonly taskRunName: string;
  readonly taskRunUid: string;
  /** 0, then one more for every retry. */
  readonly attempt: number;
  /** What every path of the plan begins with; empty, unless the run was prepared with a `hostRoot`. */
  readonly root: string;
  /** True for a task of `finally`. */
  readonly final: boolean;
  readonly params: ReadonlyMap<string, ParamValue>;
  readonly workspaces: readonly WorkspacePlan[];
  readonly results: readonly ResultSpec[];
  readonly steps: readonly StepPlan[];
  /** Milliseconds an attempt may take; 0 is no limit. */
  readonly timeoutMs: number;
}

/** What a task's parameters are: given, else propagated (an embedded spec only), else the default. */
export function taskScope(spec: TaskSpec, given: readonly Param[], outer: Scope, embedded: boolean, path: string) {
  const scope = embedded ? outer.extend() : new Scope();
  const params = new Map<string, ParamValue>();
  for (const { name, value } of given) {
    const declared = spec.params.find((each) => each.name === name);
    if (typeof value === "string" && declared?.type !== "string" && isPromise(value, outer)) {
      for (const head of paramHeads) scope.promise(head, name);
      continue;
    }
    const at = `${path}: param ${name}`;
    const bound = substituteValue(value, outer, at);
    const whole = declared === undefined ? bound : checkParam(declared, bound, at);
    if (declared !== undefined || embedded) setParam(scope, params, name, whole);
  }
  for (const declared of spec.params) {
    if (given.some((each) => each.name === declared.name)) continue;
    if (embedded && isDefined(outer, declared)) continue;
    if (declared.default === undefined) {
      throw new Problem("tekton/parameter-missing", `${path}: param ${declared.name} has no value`);
    }
    setParam(scope, params, declared.name, declared.default);
  }
  return { scope, params };
}

export const paramHeads = ["params", "inputs.params"] as const;

function isDefined(scope: Scope, param: ParamSpec): boolean {
  const name = `params.${param.name}`;
  return param.type === "string" ? scope.has(name) : scope.whole(`${name}[*]`) !== undefined;
}

function setParam(scope: Scope, params: Map<string, ParamValue>, name: string, value: ParamValue): void {
  params.set(name, value);
  for (const head of paramHeads) scope.value(head, name, value);
}

/** The value with an object's defaults joined in. Problems `tekton/parameter-type`, `tekton/parameter-missing`. */
export function checkParam(declared: ParamSpec, value: ParamValue, path: string): ParamValue {
  demand(valueType(value) === declared.type, "tekton/parameter-type", `${path} is not of type ${declared.type}`);
  if (declared.type !== "object") return value;
  const own = objectEntries(value)!;
  const fallback = declared.default === undefined ? [] : objectEntries(declared.default)!;
  const joined = new Map([...fallback, ...own]);
  for (const key of declared.properties) {
    demand(joined.has(key), "tekton/parameter-missing", `${path} lacks the key ${key}`);
  }
  return Object.assign(Object.create(null) as object, Object.fromEntries(joined)) as { readonly [key: string]: string };
}

/** Names of a task's own things: results, workspaces, exit codes. */
export function addTaskVariables(
  scope: Scope,
  spec: TaskSpec,
  workspaces: readonly WorkspacePlan[],
  root: string,
): void {
  for (const { name } of spec.results) {
    for (const spelling of [`results.${name}`, `results['${name}']`, `results["${name}"]`]) {
      scope.text(`${spelling}.path`, `${root}${resultsDirectory}/${name}`);
    }
  }
  for (const { name, mountPath, binding } of workspaces) {
    const source = binding?.source;
    scope.text(`workspaces.${name}.path`, binding === undefined ? "" : mountPath);
    scope.text(`workspaces.${name}.bound`, String(binding !== undefined));
    scope.text(`workspaces.${name}.claim`, source?.kind === "persistentVolumeClaim" ? source.claimName : "");
  }
  spec.steps.forEach((step, index) => {
    const container = containerName(step, index);
    scope.text(`steps.${container}.exitCode.path`, `${root}${stepsDirectory}/${container}/exitCode`);
  });
}

function stepName(step: Step, index: number): string {
  return step.name ?? `unnamed-${index}`;
}

function containerName(step: Step, index: number): string {
  return `step-${stepName(step, index)}`;
}

function onErrorOf(text: string, path: string): OnError {
  if (text === "continue" || text === "stopAndFail") return text;
  throw new Problem("tekton/invalid", `${path}: onError is neither continue nor stopAndFail`);
}

/** Problems as `Scope.lookup`, and `tekton/invalid`. */
export function planStep(step: Step, index: number, scope: Scope, taskPath: string): StepPlan {
  const path = `${taskPath}: step ${stepName(step, index)}`;
  const env = new Map<string, string>();
  // In order: a variable sees those before it (Kubernetes EnvVar.value).
  for (const { name, value } of step.env) env.set(name, substituteExpanding(value, scope, env, `${path}: env ${name}`));
  const expand = (text: string, at: string) => substituteExpanding(text, scope, env, at);
  const script = step.script === undefined ? undefined : substitute(step.script, scope, `${path}: script`);
  const workingDir =
    step.workingDir === undefined ? undefined : substitute(step.workingDir, scope, `${path}: workingDir`);
  const command =
    step.command === undefined ? undefined : substituteList(step.command, scope, `${path}: command`, expand);
  return {
    index,
    name: stepName(step, index),
    containerName: containerName(step, index),
    image: substitute(step.image, scope, `${path}: image`),
    args: substituteList(step.args, scope, `${path}: args`, expand),
    env: [...env].map(([name, value]) => ({ name, value })),
    onError: onErrorOf(substitute(step.onError, scope, `${path}: onError`), path),
    ...(command === undefined ? {} : { command }),
    ...(script === undefined ? {} : { script: script.startsWith("#!") ? script : `#!/bin/sh\nset -e\n${script}` }),
    ...(workingDir === undefined ? {} : { workingDir }),
    ...(step.timeoutMs === undefined ? {} : { timeoutMs: step.timeoutMs }),
  };
}
