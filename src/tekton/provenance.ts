// What a run contributes to SLSA Provenance v1 (slsa.dev/provenance/v1 buildDefinition, runDetails). Facts only: which
// build type they make and who signs is for flows.

import type { JsonObject } from "../core/index.ts";
import type { PreparedRun } from "./prepare.ts";
import type { PipelineRunState, ResultValue } from "./state.ts";

/** Where the pipeline's definition came from, as Tekton's `provenance.refSource`. */
export interface RefSource {
  readonly uri: string;
  readonly digest: { readonly [algorithm: string]: string };
  /** Path of the file in the source. */
  readonly entryPoint: string;
}

export interface RunProvenance {
  /** What the caller chose: params with defaults in place, and the pipeline's source. */
  readonly externalParameters: JsonObject;
  /** Image references of every step that was reached, each once, in order. */
  readonly stepImages: readonly string[];
  readonly taskResults: readonly {
    readonly pipelineTaskName: string;
    readonly taskRunName: string;
    readonly results: readonly ResultValue[];
  }[];
  /** Of the run: `metadata.invocationId`, `startedOn`, `finishedOn` (ms since epoch). */
  readonly invocationId: string;
  readonly startMs: number;
  readonly completionMs: number;
}

export function describeRun(prepared: PreparedRun, state: PipelineRunState, source: RefSource): RunProvenance {
  const images = new Set(
    state.taskRuns.flatMap((task) => task.steps.filter((step) => step.startMs !== undefined).map((step) => step.image)),
  );
  return {
    externalParameters: {
      params: Object.fromEntries([...prepared.params].sort(([a], [b]) => (a < b ? -1 : 1))),
      pipeline: { uri: source.uri, digest: source.digest, entryPoint: source.entryPoint, name: prepared.pipelineName },
    },
    stepImages: [...images],
    taskResults: state.taskRuns.map(({ pipelineTaskName, taskRunName, results }) => ({
      pipelineTaskName,
      taskRunName,
      results,
    })),
    invocationId: state.uid,
    startMs: state.startMs,
    completionMs: state.completionMs,
  };
}
