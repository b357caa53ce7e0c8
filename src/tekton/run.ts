// The pipeline engine: starts what is ready, skips what must be skipped, then runs finally, then says how it went
// (Tekton docs/pipelines.md, docs/pipelineruns.md; pkg/reconciler/pipelinerun/resources/pipelinerunresolution.go for
// the order of reasons to skip). Pure: time, processes and files are handed in.

import { isProblem } from "../core/index.ts";
import { formatDuration } from "./duration.ts";
import type { Executor } from "./executor.ts";
import { taskReferences } from "./graph.ts";
import { maxConcurrentTasks } from "./limits.ts";
import type { WhenExpression } from "./model.ts";
import type { TaskRunPlan } from "./plan.ts";
import { addStatusVariables, planTask, type PreparedRun, type PreparedTask } from "./prepare.ts";
import { pipelineResults } from "./results.ts";
import { cancelledReason, type OuterLimit, runAttempt } from "./run-task.ts";
import {
  type AttemptState,
  type Condition,
  failed,
  type PipelineRunState,
  runCondition,
  type SkippedTask,
  type SkipReason,
  type TaskRunState,
} from "./state.ts";
import { type Scope, substitute, substituteList } from "./substitute.ts";

export interface RunOptions {
  /** Milliseconds since epoch; read at the start and end of each step. */
  readonly now: () => number;
  /** An AbortSignal, the same that the executor kills by: once `aborted`, nothing more is started. */
  readonly cancelled?: { readonly aborted: boolean };
  readonly maxConcurrentTasks?: number;
}

/**
 * Runs a prepared PipelineRun to its end. A failed step is a state, not an error; what the executor throws is thrown on
 * once the tasks under way have ended.
 */
export function runPipeline(prepared: PreparedRun, executor: Executor, options: RunOptions): Promise<PipelineRunState> {
  return new Engine(prepared, executor, options).run();
}

class Engine {
  private readonly done = new Map<string, TaskRunState>();
  private readonly skipped = new Map<string, SkippedTask>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly startMs: number;
  private tasksEndMs = 0;
  /** The run cannot go on, not even to finally. */
  private fatal: Condition | undefined;
  private broken: { readonly error: unknown } | undefined;

  constructor(
    private readonly prepared: PreparedRun,
    private readonly executor: Executor,
    private readonly options: RunOptions,
  ) {
    this.startMs = options.now();
  }

  async run(): Promise<PipelineRunState> {
    const { tasks, timeouts } = this.prepared;
    const pipeline = this.limit("pipeline", this.startMs, timeouts.pipelineMs);
    await this.drain(tasks, [...pipeline, ...this.limit("run", this.startMs, timeouts.tasksMs)]);
    this.tasksEndMs = this.options.now();
    if (this.ended() || this.prepared.finally.length === 0) return this.finish(undefined);
    await this.drain(this.prepared.finally, [...pipeline, ...this.limit("run", this.tasksEndMs, timeouts.finallyMs)]);
    return this.finish(this.tasksEndMs);
  }

  private limit(cause: "run" | "pipeline", fromMs: number, lengthMs: number): readonly OuterLimit[] {
    return lengthMs === 0 ? [] : [{ cause, deadlineMs: fromMs + lengthMs, lengthMs }];
  }

  private isCancelled = (): boolean => this.options.cancelled?.aborted === true;

  /** Nothing may be started any more. */
  private ended(): boolean {
    return this.isCancelled() || this.fatal !== undefined || this.broken !== undefined || this.pipelineTimedOut();
  }

  private pipelineTimedOut(): boolean {
    const { pipelineMs } = this.prepared.timeouts;
    return pipelineMs > 0 && this.options.now() >= this.startMs + pipelineMs;
  }

  /** Carries the tasks of one section to their ends. */
  private async drain(tasks: readonly PreparedTask[], limits: readonly OuterLimit[]): Promise<void> {
    const atOnce = this.options.maxConcurrentTasks ?? maxConcurrentTasks;
    for (;;) {
      for (let again = true; again;) {
        again = false;
        for (const task of tasks) {
          if (this.isSettled(task) || this.running.has(task.name) || this.ended()) continue;
          if (this.running.size < atOnce && this.advance(task, limits)) again = true;
        }
      }
      if (this.running.size === 0) break;
      await Promise.race(this.running.values());
    }
    if (this.broken !== undefined) throw this.broken.error;
  }

  private isSettled(task: PreparedTask): boolean {
    return this.done.has(task.name) || this.skipped.has(task.name);
  }

  /** Skips or starts a task if its turn has come; true when something changed. */
  private advance(task: PreparedTask, limits: readonly OuterLimit[]): boolean {
    const early = this.reasonToStop(task, limits);
    if (early !== undefined) return this.skip(task, early);
    if ([...task.parents].some((name) => !this.done.has(name) && !this.skipped.has(name))) return false;
    if ([...task.parents].some((name) => this.skippedForGood(name)))
      return this.skip(task, "Parent Tasks were skipped");
    if (this.lacksResults(task)) return this.skip(task, "Results were missing");
    try {
      const scope = this.scopeOf(task);
      const when = task.definition.when.map((each) => bindWhen(each, scope, task.name));
      if (!when.every(holds)) return this.skip(task, "When Expressions evaluated to false", when);
      const first = planTask(this.prepared, task, scope, 0);
      this.running.set(task.name, this.carryOut(task, first, scope, limits));
    } catch (error) {
      if (!isProblem(error)) throw error;
      // Found only now because a result's value was needed.
      const reason = error.code === "tekton/parameter-type" ? "ParameterTypeMismatch" : "InvalidTaskResultReference";
      this.fatal = failed(reason, error.message);
    }
    return true;
  }

  private reasonToStop(task: PreparedTask, limits: readonly OuterLimit[]): SkipReason | undefined {
    if (!task.final && this.anyFailed()) return "PipelineRun was stopping";
    const now = this.options.now();
    if (!limits.some((each) => each.cause === "run" && now >= each.deadlineMs)) return undefined;
    return task.final ? "PipelineRun Finally timeout has been reached" : "PipelineRun Tasks timeout has been reached";
  }

  private anyFailed(): boolean {
    return this.prepared.tasks.some((task) => this.outcome(task) === "failed" || this.outcome(task) === "cancelled");
  }

  private outcome(task: PreparedTask): "succeeded" | "failed" | "ignored" | "cancelled" | "none" {
    const condition = this.done.get(task.name)?.condition;
    if (condition === undefined) return "none";
    if (condition.status === "True") return "succeeded";
    if (task.definition.onError === "continue") return "ignored";
    return condition.reason === cancelledReason ? "cancelled" : "failed";
  }

  /** A `when` that did not hold guards its own task only; any other reason goes on to the children. */
  private skippedForGood(name: string): boolean {
    const reason = this.skipped.get(name)?.reason;
    return reason !== undefined && reason !== "When Expressions evaluated to false";
  }

  private lacksResults(task: PreparedTask): boolean {
    return taskReferences(task.definition).some(({ task: name, rest }) => {
      const state = this.done.get(name);
      if (state === undefined) return true;
      // From a task that ended well an ordinary task must get its result; finally is skipped instead.
      const strict = !task.final && state.condition.status === "True";
      return (
        !strict &&
        !state.results.some(
          (each) => rest === each.name || rest.startsWith(`${each.name}[`) || rest.startsWith(`${each.name}.`),
        )
      );
    });
  }

  private skip(task: PreparedTask, reason: SkipReason, whenExpressions: readonly WhenExpression[] = []): boolean {
    this.skipped.set(task.name, { name: task.name, reason, whenExpressions });
    return true;
  }

  private scopeOf(task: PreparedTask): Scope {
    const scope = this.resultScope("tasks", this.prepared.tasks);
    return task.final ? addStatusVariables(scope, this.prepared, this.statusOf, this.aggregate()) : scope;
  }

  private resultScope(section: "tasks" | "finally", tasks: readonly PreparedTask[], onto?: Scope): Scope {
    const scope = onto ?? this.prepared.scope.extend();
    for (const task of tasks) {
      const state = this.done.get(task.name);
      for (const { name } of task.spec.results) {
        const result = state?.results.find((each) => each.name === name);
        const head = `${section}.${task.name}.results`;
        if (result === undefined) scope.absent(head, name, `task ${task.name} has no result ${name}`);
        else scope.value(head, name, result.value);
      }
    }
    return scope;
  }

  private statusOf = (task: PreparedTask): readonly [string, string] => {
    const condition = this.done.get(task.name)?.condition;
    if (condition === undefined) return ["None", "None"];
    return [condition.status === "True" ? "Succeeded" : "Failed", condition.reason];
  };

  private aggregate(): string {
    if (this.anyFailed()) return "Failed";
    if (this.prepared.tasks.some((task) => !this.isSettled(task))) return "None";
    return this.prepared.tasks.some((task) => this.skipped.has(task.name)) ? "Completed" : "Succeeded";
  }

  private async carryOut(
    task: PreparedTask,
    first: TaskRunPlan,
    scope: Scope,
    limits: readonly OuterLimit[],
  ): Promise<void> {
    const { executor, isCancelled } = this;
    const setting = { executor, isCancelled, now: this.options.now, limits };
    const before: AttemptState[] = [];
    try {
      for (let attempt = 0; ; attempt++) {
        const plan = attempt === 0 ? first : planTask(this.prepared, task, scope, attempt);
        const state = await runAttempt(plan, setting);
        const final = state.condition.status === "True" || state.condition.reason === cancelledReason;
        if (final || attempt >= task.definition.retries || this.ended()) {
          this.done.set(task.name, { ...this.identity(task), ...state, retriesStatus: before });
          break;
        }
        before.push(state);
      }
    } catch (error) {
      this.broken ??= { error };
    } finally {
      this.running.delete(task.name);
    }
  }

  private identity(task: PreparedTask) {
    const { name: pipelineTaskName, taskRunName, taskRunUid, final } = task;
    return { pipelineTaskName, taskRunName, taskRunUid, final };
  }

  private finish(finallyStartMs: number | undefined): PipelineRunState {
    const all = [...this.prepared.tasks, ...this.prepared.finally];
    const scope = this.resultScope("finally", this.prepared.finally, this.resultScope("tasks", this.prepared.tasks));
    const wellDone = new Set(
      all.filter((task) => this.done.get(task.name)?.condition.status === "True").map((task) => task.name),
    );
    const { results, fault } = pipelineResults(this.prepared, scope, wellDone);
    const condition = this.condition(all);
    const { name, namespace, uid } = this.prepared;
    return {
      name,
      namespace,
      uid,
      condition: condition.status === "True" ? (fault ?? condition) : condition,
      taskRuns: all.flatMap((task) => this.done.get(task.name) ?? []),
      skippedTasks: all.flatMap((task) => this.skipped.get(task.name) ?? []),
      results,
      startMs: this.startMs,
      completionMs: this.options.now(),
      ...(finallyStartMs === undefined ? {} : { finallyStartMs }),
    };
  }

  private condition(all: readonly PreparedTask[]): Condition {
    const { name, timeouts } = this.prepared;
    if (this.fatal !== undefined) return this.fatal;
    if (this.isCancelled()) return failed("Cancelled", `PipelineRun "${name}" was cancelled`);
    if (all.some((task) => !this.isSettled(task) || this.outcome(task) === "cancelled")) {
      const length = formatDuration(timeouts.pipelineMs);
      return failed("PipelineRunTimeout", `PipelineRun "${name}" failed to finish within "${length}"`);
    }
    const count = (wanted: string) => all.filter((task) => this.outcome(task) === wanted).length;
    return runCondition({
      succeeded: count("succeeded"),
      failed: count("failed"),
      ignored: count("ignored"),
      cancelled: count("cancelled"),
      skipped: this.skipped.size,
      skippedByTimeout: [...this.skipped.values()].filter((each) => each.reason.includes("timeout")).length,
    });
  }
}

function bindWhen(when: WhenExpression, scope: Scope, name: string): WhenExpression {
  const path = `task ${name}: when`;
  const values = substituteList(when.values, scope, path);
  return { input: substitute(when.input, scope, path), operator: when.operator, values };
}

function holds(when: WhenExpression): boolean {
  return when.values.includes(when.input) === (when.operator === "in");
}
