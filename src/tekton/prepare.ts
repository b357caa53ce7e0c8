// A PipelineRun made ready to run: references resolved, params and workspaces bound, timeouts set, the graph built, and
// every task planned once for show, so that what can be refused is refused before anything runs.

import { demand, Problem, utf8 } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import { formatDuration } from "./duration.ts";
import { namedResult, parentsOf, taskReferences } from "./graph.ts";
import { defaultTimeoutMs } from "./limits.ts";
import type { Documents, ParamValue, PipelineRun, PipelineSpec, PipelineTask, Referenced, TaskSpec } from "./model.ts";
import { childName, isDnsSubdomain } from "./names.ts";
import { textsOf } from "./param-value.ts";
import { addTaskVariables, checkParam, paramHeads, planStep, type TaskRunPlan, taskScope } from "./plan.ts";
import { Scope, substituteList, substitute, variablesOf } from "./substitute.ts";
import { validatePipelineSpec, validateTaskSpec } from "./validate.ts";
import { type BoundTaskWorkspace, bindWorkspaces, planWorkspaces } from "./workspaces.ts";

export interface PrepareOptions {
  /** Name of the run; needed where the document has generateName. */
  readonly name?: string;
  readonly namespace?: string;
  /** Unique text of this run, such as a UUID. */
  readonly uid: string;
  /** Params that join and override the document's. */
  readonly params?: ReadonlyMap<string, ParamValue>;
  /**
   * For an executor that cannot mount: absolute directory below which, in one named after the TaskRun, the paths of
   * workspaces and results are. Absent: they are where Tekton has them.
   */
  readonly hostRoot?: string;
}

export interface PreparedTask {
  readonly name: string;
  readonly definition: PipelineTask;
  readonly spec: TaskSpec;
  /** True for a spec in place, into which params and workspaces propagate. */
  readonly embedded: boolean;
  readonly taskName: string;
  readonly taskRunName: string;
  readonly taskRunUid: string;
  readonly final: boolean;
  readonly timeoutMs: number;
  readonly parents: ReadonlySet<string>;
  readonly workspaces: readonly BoundTaskWorkspace[];
}

export interface PreparedRun {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly pipelineName: string;
  readonly run: PipelineRun;
  readonly pipeline: PipelineSpec;
  /** Every param of the run, defaults included. */
  readonly params: ReadonlyMap<string, ParamValue>;
  readonly tasks: readonly PreparedTask[];
  readonly finally: readonly PreparedTask[];
  /** Milliseconds; 0 is no limit. */
  readonly timeouts: { readonly pipelineMs: number; readonly tasksMs: number; readonly finallyMs: number };
  /** Variables of the pipeline: params and context. */
  readonly scope: Scope;
  readonly hostRoot: string | undefined;
}

/**
 * Problems `tekton/invalid`, `tekton/unsupported`, `tekton/reference-unknown`, `tekton/parameter-missing`,
 * `tekton/parameter-type`, `tekton/workspace-missing`, `tekton/variable-unknown`, `tekton/cycle`.
 */
export function prepareRun(run: PipelineRun, documents: Documents, options: PrepareOptions): PreparedRun {
  const name = options.name ?? run.name;
  if (name === undefined) throw new Problem("tekton/invalid", "a run with generateName needs a name");
  demand(isDnsSubdomain(name) && name.length <= 63, "tekton/invalid", `${name} is not the name of a run`);
  const namespace = options.namespace ?? "default";
  const pipeline = resolve(run.pipeline, documents.pipelines, "pipeline");
  const pipelineName = run.pipeline.kind === "ref" ? run.pipeline.name : name;
  validatePipelineSpec(pipeline, `pipeline ${pipelineName}`);
  const { scope, params } = bindParams(run, pipeline, options.params ?? new Map());
  scope.text("context.pipelineRun.name", name);
  scope.text("context.pipelineRun.namespace", namespace);
  scope.text("context.pipelineRun.uid", options.uid);
  scope.text("context.pipeline.name", pipelineName);
  const identity = { name, namespace, uid: options.uid, pipelineName };
  const tasks = prepareTasks({ ...identity, run, pipeline, documents, scope }, pipeline.tasks, false);
  const last = prepareTasks({ ...identity, run, pipeline, documents, scope }, pipeline.finally, true);
  const timeouts = bindTimeouts(run);
  const prepared = {
    ...identity,
    run,
    pipeline,
    params,
    tasks,
    finally: last,
    timeouts,
    scope,
    hostRoot: options.hostRoot,
  };
  rehearse(prepared);
  return prepared;
}

function resolve<T>(reference: Referenced<T>, known: ReadonlyMap<string, T>, what: string): T {
  if (reference.kind === "spec") return reference.spec;
  const found = known.get(reference.name);
  if (found !== undefined) return found;
  throw new Problem("tekton/reference-unknown", `${what} ${reference.name} is not among the documents`);
}

function bindParams(run: PipelineRun, pipeline: PipelineSpec, overrides: ReadonlyMap<string, ParamValue>) {
  const given = new Map([...run.params.map((each) => [each.name, each.value] as const), ...overrides]);
  const names = run.params.map((each) => each.name);
  demand(new Set(names).size === names.length, "tekton/invalid", "a param of the run is there twice");
  const params = new Map<string, ParamValue>();
  for (const declared of pipeline.params) {
    const value = given.get(declared.name) ?? declared.default;
    if (value === undefined) throw new Problem("tekton/parameter-missing", `param ${declared.name} has no value`);
    params.set(declared.name, checkParam(declared, value, `param ${declared.name}`));
  }
  const scope = new Scope();
  // Into a spec in place all params propagate, into one by reference only those it declares.
  if (run.pipeline.kind === "spec") for (const [name, value] of given) if (!params.has(name)) params.set(name, value);
  for (const [name, value] of params) for (const head of paramHeads) scope.value(head, name, value);
  return { scope, params };
}

function bindTimeouts(run: PipelineRun): PreparedRun["timeouts"] {
  const pipelineMs = run.timeouts.pipelineMs ?? defaultTimeoutMs;
  const { tasksMs, finallyMs } = run.timeouts;
  const fits = pipelineMs === 0 || (tasksMs ?? 0) + (finallyMs ?? 0) <= pipelineMs;
  demand(
    fits,
    "tekton/invalid",
    `timeouts of tasks and finally are beyond the pipeline's ${formatDuration(pipelineMs)}`,
  );
  const rest = (other: number | undefined) => (pipelineMs === 0 || other === undefined ? 0 : pipelineMs - other);
  return { pipelineMs, tasksMs: tasksMs ?? rest(finallyMs), finallyMs: finallyMs ?? rest(tasksMs) };
}

interface Setting {
  readonly name: string;
  readonly uid: string;
  readonly run: PipelineRun;
  readonly pipeline: PipelineSpec;
  readonly documents: Documents;
  readonly scope: Scope;
}

function prepareTasks(setting: Setting, tasks: readonly PipelineTask[], final: boolean): readonly PreparedTask[] {
  const parents = final ? new Map<string, ReadonlySet<string>>() : parentsOf(tasks);
  return tasks.map((definition) => {
    const spec = resolve(definition.task, setting.documents.tasks, "task");
    if (definition.task.kind === "ref") validateTaskSpec(spec, `task ${definition.task.name}`);
    const taskRunName = childName(setting.name, `-${definition.name}`);
    const embedded = definition.task.kind === "spec";
    const bound = bindWorkspaces(definition, spec, setting);
    return {
      name: definition.name,
      definition,
      spec: { ...spec, workspaces: bound.map((each) => each.declaration) },
      embedded,
      taskName: definition.task.kind === "ref" ? definition.task.name : taskRunName,
      taskRunName,
      taskRunUid: childUid(setting.uid, taskRunName),
      final,
      timeoutMs: setting.run.taskTimeouts.get(definition.name) ?? definition.timeoutMs ?? defaultTimeoutMs,
      parents: parents.get(definition.name) ?? new Set(),
      workspaces: bound,
    };
  });
}

/** A version-8 UUID (RFC 9562 §5.8) from the run's uid and the child's name: no randomness is needed. */
function childUid(uid: string, name: string): string {
  const hex = digestHex("sha256", utf8(`${uid}/${name}`));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The plan of one attempt. `outer` holds the pipeline's variables and the results that there are. */
export function planTask(prepared: PreparedRun, task: PreparedTask, outer: Scope, attempt: number): TaskRunPlan {
  const path = `task ${task.name}`;
  const context = outer.extend().text("context.pipelineTask.retries", String(task.definition.retries));
  const { scope, params } = taskScope(task.spec, task.definition.params, context, task.embedded, path);
  const root = prepared.hostRoot === undefined ? "" : `${prepared.hostRoot}/${task.taskRunName}`;
  const workspaces = planWorkspaces(task, context, attempt, root);
  scope.text("context.taskRun.name", task.taskRunName);
  scope.text("context.taskRun.namespace", prepared.namespace);
  scope.text("context.taskRun.uid", task.taskRunUid);
  scope.text("context.task.name", task.taskName);
  scope.text("context.task.retry-count", String(attempt));
  addTaskVariables(scope, task.spec, workspaces, root);
  return {
    pipelineTaskName: task.name,
    taskRunName: task.taskRunName,
    taskRunUid: task.taskRunUid,
    attempt,
    root,
    final: task.final,
    params,
    workspaces,
    results: task.spec.results,
    steps: task.spec.steps.map((step, index) => planStep(step, index, scope, path)),
    timeoutMs: task.timeoutMs,
  };
}

/** Plans everything with results that are still to come, so that a wrong reference is found before the first step. */
function rehearse(prepared: PreparedRun): void {
  const scope = prepared.scope.extend();
  for (const task of prepared.tasks) {
    for (const { name } of task.spec.results) scope.promise(`tasks.${task.name}.results`, name);
  }
  const last = addStatusVariables(scope.extend(), prepared, () => ["None", "None"], "None");
  for (const task of [...prepared.tasks, ...prepared.finally]) {
    const outer = task.final ? last : scope;
    checkResultReferences(task.definition, prepared.tasks);
    for (const when of task.definition.when) {
      const path = `task ${task.name}: when`;
      substitute(when.input, outer, path);
      substituteList(when.values, outer, path);
    }
    planTask(prepared, task, outer, 0);
  }
  for (const { name, value } of prepared.pipeline.results) {
    checkPipelineResult(name, textsOf(value).flatMap(variablesOf), prepared);
  }
}

function checkResultReferences(definition: PipelineTask, tasks: readonly PreparedTask[]): void {
  for (const { task, rest, section } of taskReferences(definition)) {
    const results = tasks.find((each) => each.name === task)?.spec.results;
    const known = section === "tasks" && results !== undefined && namedResult(rest, results) !== undefined;
    demand(
      known,
      "tekton/variable-unknown",
      `task ${definition.name}: $(${section}.${task}.results.${rest}) is not declared`,
    );
  }
}

function checkPipelineResult(name: string, variables: readonly string[], prepared: PreparedRun): void {
  demand(variables.length > 0, "tekton/invalid", `pipeline result ${name} is no reference to a result`);
  const known = prepared.scope.extend();
  for (const task of prepared.tasks)
    for (const each of task.spec.results) known.promise(`tasks.${task.name}.results`, each.name);
  for (const task of prepared.finally)
    for (const each of task.spec.results) known.promise(`finally.${task.name}.results`, each.name);
  for (const variable of variables) known.lookup(variable, `pipeline result ${name}`);
}

/** What finally tasks may ask: `tasks.T.status`, `tasks.T.reason`, `tasks.status` (docs/pipelines.md). */
export function addStatusVariables(
  scope: Scope,
  prepared: PreparedRun,
  of: (task: PreparedTask) => readonly [status: string, reason: string],
  aggregate: string,
): Scope {
  for (const task of prepared.tasks) {
    const [status, reason] = of(task);
    scope.text(`tasks.${task.name}.status`, status).text(`tasks.${task.name}.reason`, reason);
  }
  return scope.text("tasks.status", aggregate);
}
