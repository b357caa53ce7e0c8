// One task of a run: its steps in order, its limits in time, its results, its retries (Tekton docs/tasks.md,
// docs/taskruns.md, docs/pipelines.md "Using the retries field").

import { isProblem, Problem } from "../core/index.ts";
import { formatDuration } from "./duration.ts";
import type { Executor } from "./executor.ts";
import { parseResultValue } from "./param-value.ts";
import type { StepPlan, TaskRunPlan } from "./plan.ts";
import {
  type AttemptState,
  type Condition,
  failed,
  type ResultValue,
  stepFailure,
  type StepState,
  succeeded,
} from "./state.ts";

type LimitCause = "step" | "task" | "run" | "pipeline";

interface Limit {
  readonly cause: LimitCause;
  /** Instant, ms since epoch. */
  readonly deadlineMs: number;
  /** How long it was as a whole, for the message. */
  readonly lengthMs: number;
}

/** A deadline from outside the task: of tasks, of finally, or of the whole pipeline. */
export interface OuterLimit extends Limit {
  readonly cause: "run" | "pipeline";
}

export interface TaskSetting {
  readonly executor: Executor;
  readonly now: () => number;
  readonly isCancelled: () => boolean;
  readonly limits: readonly OuterLimit[];
}

export const cancelledReason = "TaskRunCancelled";

/** One attempt. A thrown error is the executor's. */
export async function runAttempt(plan: TaskRunPlan, setting: TaskSetting): Promise<AttemptState> {
  const startMs = setting.now();
  const limits: Limit[] = [...setting.limits];
  if (plan.timeoutMs > 0)
    limits.push({ cause: "task", deadlineMs: startMs + plan.timeoutMs, lengthMs: plan.timeoutMs });
  const steps: StepState[] = [];
  let stopped: Condition | undefined;
  try {
    await setting.executor.startTask(plan);
    for (const step of plan.steps) {
      if (stopped !== undefined) {
        steps.push({ ...about(step), exitCode: 1, reason: "Skipped" });
        continue;
      }
      const { state, condition } = await runStep(plan, step, limits, setting);
      steps.push(state);
      stopped = condition;
    }
  } catch (error) {
    await setting.executor.finishTask(plan, { steps, outcome: "aborted" }).catch(() => undefined);
    throw error;
  }
  const outcome = stopped === undefined ? "succeeded" : "failed";
  const files = await setting.executor.finishTask(plan, { steps, outcome });
  const { results, fault } = readResults(plan, files);
  const condition = stopped ?? fault ?? succeeded("Succeeded", "All Steps have completed executing");
  return { condition, steps, results, startMs, completionMs: setting.now() };
}

function about(step: StepPlan) {
  return { name: step.name, containerName: step.containerName, image: step.image };
}

interface StepEnd {
  readonly state: StepState;
  /** Set when the task ends with this step. */
  readonly condition: Condition | undefined;
}

async function runStep(
  plan: TaskRunPlan,
  step: StepPlan,
  limits: readonly Limit[],
  setting: TaskSetting,
): Promise<StepEnd> {
  const startMs = setting.now();
  if (setting.isCancelled()) return cancelledStep(plan, step);
  const own: Limit[] = [];
  if (step.timeoutMs !== undefined && step.timeoutMs > 0) {
    own.push({ cause: "step", deadlineMs: startMs + step.timeoutMs, lengthMs: step.timeoutMs });
  }
  const [first] = [...limits, ...own].sort((a, b) => a.deadlineMs - b.deadlineMs);
  const leftMs = first === undefined ? undefined : Math.ceil(first.deadlineMs - startMs);
  if (first !== undefined && leftMs! <= 0)
    return timedOut(plan, { ...about(step), exitCode: 1, reason: "TimeoutExceeded" }, first);
  const { timeoutMs: _, ...rest } = step;
  const outcome = await setting.executor.runStep(plan, leftMs === undefined ? rest : { ...rest, timeoutMs: leftMs });
  const ran = { ...about(step), exitCode: outcome.exitCode, startMs, finishMs: setting.now() };
  if (outcome.cancelled === true) return cancelledStep(plan, step);
  if (outcome.timedOut === true && first !== undefined)
    return timedOut(plan, { ...ran, reason: "TimeoutExceeded" }, first);
  if (outcome.exitCode === 0) return { state: { ...ran, reason: "Completed" }, condition: undefined };
  if (step.onError === "continue") return { state: { ...ran, reason: "Continued" }, condition: undefined };
  const state: StepState = { ...ran, reason: "Error" };
  return { state, condition: failed("Failed", stepFailure(state)) };
}

function cancelledStep(plan: TaskRunPlan, step: StepPlan): StepEnd {
  const condition = failed(cancelledReason, `TaskRun "${plan.taskRunName}" was cancelled`);
  return { state: { ...about(step), exitCode: 1, reason: "Cancelled" }, condition };
}

function timedOut(plan: TaskRunPlan, state: StepState, limit: Limit): StepEnd {
  if (limit.cause === "step") return { state, condition: failed("Failed", stepFailure(state)) };
  // Tekton cancels the children of a pipeline whose time is up; it gives them their own timeout for the other limits.
  if (limit.cause === "pipeline") {
    return { state, condition: failed(cancelledReason, `TaskRun "${plan.taskRunName}" was cancelled`) };
  }
  const length = formatDuration(limit.lengthMs);
  return {
    state,
    condition: failed("TaskRunTimeout", `TaskRun "${plan.taskRunName}" failed to finish within "${length}"`),
  };
}

function readResults(plan: TaskRunPlan, files: ReadonlyMap<string, Uint8Array | Problem>) {
  const results: ResultValue[] = [];
  let fault: Condition | undefined;
  for (const { name, type } of plan.results) {
    const bytes = files.get(name);
    if (bytes === undefined) continue;
    try {
      if (bytes instanceof Problem) throw bytes;
      results.push({ name, type, value: parseResultValue(bytes, type, name) });
    } catch (error) {
      if (!isProblem(error)) throw error;
      const large = error.code === "tekton/result-too-large";
      fault ??= failed(large ? "TaskRunResultLargerThanAllowedLimit" : "TaskRunValidationFailed", error.message);
    }
  }
  return { results, fault };
}
