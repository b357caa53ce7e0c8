export { formatDuration, parseDuration } from "./duration.ts";
export type { Executor, StepOutcome, TaskEnd } from "./executor.ts";
export { maxResultBytes } from "./limits.ts";
export type * from "./model.ts";
export { childName } from "./names.ts";
export { parseDocuments } from "./parse.ts";
export { stepUserId } from "./parse-step.ts";
export {
  type BoundWorkspace,
  homeDirectory,
  resultsDirectory,
  type StepPlan,
  stepsDirectory,
  type TaskRunPlan,
  type WorkspacePlan,
} from "./plan.ts";
export { prepareRun, type PreparedRun, type PreparedTask, type PrepareOptions } from "./prepare.ts";
export { describeRun, type RefSource, type RunProvenance } from "./provenance.ts";
export { runPipeline, type RunOptions } from "./run.ts";
export type * from "./state.ts";
