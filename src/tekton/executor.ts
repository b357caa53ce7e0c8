// What the engine asks of whoever really runs steps. The engine knows no process, no file and no clock.

import type { Problem } from "../core/index.ts";
import type { StepPlan, TaskRunPlan } from "./plan.ts";
import type { StepState } from "./state.ts";

export interface StepOutcome {
  readonly exitCode: number;
  /** Killed because `timeoutMs` had passed. */
  readonly timedOut?: boolean;
  /** Killed because the run was cancelled. */
  readonly cancelled?: boolean;
}

export interface TaskEnd {
  readonly steps: readonly StepState[];
  /** `aborted`: the executor itself failed; only clean up. */
  readonly outcome: "succeeded" | "failed" | "aborted";
}

/**
 * Called in this order for each attempt of a task, attempts of different tasks interleaved: startTask, runStep for each
 * step that is reached, finishTask. A thrown error is not a failed step: it ends the run.
 */
export interface Executor {
  /** Makes volumes and directories; the place to measure a task's materials. */
  startTask(task: TaskRunPlan): Promise<void>;
  /**
   * `step.timeoutMs` is the time left by every limit; absent means none. Writes the exit code to
   * `/tekton/steps/<containerName>/exitCode` for the steps after it.
   */
  runStep(task: TaskRunPlan, step: StepPlan): Promise<StepOutcome>;
  /**
   * The bytes of the declared results' files, by name; a missing file is left out, and a result over `maxResultBytes`
   * may be cut one byte behind it. A Problem stands for one that is there and must not be read, such as a link: the task
   * fails. The place to measure a task's products.
   */
  finishTask(task: TaskRunPlan, end: TaskEnd): Promise<ReadonlyMap<string, Uint8Array | Problem>>;
}
