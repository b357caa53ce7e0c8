// How a run stands: conditions, reasons and messages as Tekton's status has them (tektoncd/pipeline
// pkg/apis/pipeline/v1 *_types.go, pkg/reconciler/pipelinerun/resources/pipelinerunstate.go, pkg/pod/status.go).

import type { ParamType, ParamValue, WhenExpression } from "./model.ts";

export interface Condition {
  readonly type: "Succeeded";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export type StepReason = "Completed" | "Error" | "Skipped" | "Continued" | "TimeoutExceeded" | "Cancelled";

export interface StepState {
  readonly name: string;
  readonly containerName: string;
  readonly image: string;
  readonly exitCode: number;
  readonly reason: StepReason;
  /** Undefined for a step that never started. */
  readonly startMs?: number;
  readonly finishMs?: number;
}

export interface ResultValue {
  readonly name: string;
  readonly type: ParamType;
  readonly value: ParamValue;
}

/** One try of a task. */
export interface AttemptState {
  readonly condition: Condition;
  readonly steps: readonly StepState[];
  readonly results: readonly ResultValue[];
  readonly startMs: number;
  readonly completionMs: number;
}

export interface TaskRunState extends AttemptState {
  readonly pipelineTaskName: string;
  readonly taskRunName: string;
  readonly taskRunUid: string;
  readonly final: boolean;
  /** Failed attempts before the last one. */
  readonly retriesStatus: readonly AttemptState[];
}

/** The texts of Tekton's `skippedTasks[].reason`. */
export type SkipReason =
  | "When Expressions evaluated to false"
  | "Parent Tasks were skipped"
  | "PipelineRun was stopping"
  | "Results were missing"
  | "PipelineRun timeout has been reached"
  | "PipelineRun Tasks timeout has been reached"
  | "PipelineRun Finally timeout has been reached";

export interface SkippedTask {
  readonly name: string;
  readonly reason: SkipReason;
  /** With their values in place; only where they are the reason. */
  readonly whenExpressions: readonly WhenExpression[];
}

export interface PipelineRunState {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly condition: Condition;
  readonly taskRuns: readonly TaskRunState[];
  readonly skippedTasks: readonly SkippedTask[];
  readonly results: readonly { readonly name: string; readonly value: ParamValue }[];
  readonly startMs: number;
  readonly completionMs: number;
  readonly finallyStartMs?: number;
}

export function succeeded(reason: string, message: string): Condition {
  return { type: "Succeeded", status: "True", reason, message };
}

export function failed(reason: string, message: string): Condition {
  return { type: "Succeeded", status: "False", reason, message };
}

/** The message of a failed TaskRun, from its first failed step. */
export function stepFailure(step: StepState): string {
  if (step.reason === "TimeoutExceeded") {
    return `"${step.containerName}" exited because the step exceeded the specified timeout limit`;
  }
  return `"${step.containerName}" exited with code ${step.exitCode}: ${step.reason}`;
}

export interface TaskCounts {
  readonly succeeded: number;
  readonly failed: number;
  readonly ignored: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly skippedByTimeout: number;
}

/** GetPipelineConditionStatus: what the counts of a finished run amount to. */
export function runCondition(counts: TaskCounts): Condition {
  const completed = counts.succeeded + counts.failed + counts.ignored + counts.cancelled;
  const ignored = counts.ignored === 0 ? "" : ` (Ignored: ${counts.ignored})`;
  const parts = `Failed: ${counts.failed + counts.ignored}${ignored}, Cancelled ${counts.cancelled}`;
  const message = `Tasks Completed: ${completed} (${parts}), Skipped: ${counts.skipped}`;
  if (counts.failed > 0 || counts.skippedByTimeout > 0) return failed("Failed", message);
  if (counts.cancelled > 0) return failed("Cancelled", message);
  return succeeded(counts.skipped > 0 ? "Completed" : "Succeeded", message);
}
