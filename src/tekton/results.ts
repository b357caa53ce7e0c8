// The results of a pipeline, from those of its tasks (Tekton docs/pipelines.md "Emitting Results from a Pipeline"):
// left out where a task was skipped or failed, a fault where a task that ended well did not give its own.

import { isProblem } from "../core/index.ts";
import { resultReference } from "./graph.ts";
import type { ParamValue } from "./model.ts";
import { textsOf } from "./param-value.ts";
import type { PreparedRun } from "./prepare.ts";
import { type Condition, failed } from "./state.ts";
import { type Scope, substituteValue, variablesOf } from "./substitute.ts";

interface Outcome {
  readonly results: readonly { readonly name: string; readonly value: ParamValue }[];
  readonly fault: Condition | undefined;
}

export function pipelineResults(prepared: PreparedRun, scope: Scope, wellDone: ReadonlySet<string>): Outcome {
  const results: { readonly name: string; readonly value: ParamValue }[] = [];
  let fault: Condition | undefined;
  for (const { name, value } of prepared.pipeline.results) {
    const references = textsOf(value).flatMap(variablesOf).map(resultReference);
    if (!references.every((each) => each !== undefined && wellDone.has(each.task))) continue;
    try {
      results.push({ name, value: substituteValue(value, scope, `pipeline result ${name}`) });
    } catch (error) {
      if (!isProblem(error)) throw error;
      fault ??= failed(
        "CouldntGetPipelineResult",
        `Failed to get PipelineResult from TaskRun Results: ${error.message}`,
      );
    }
  }
  return { results, fault };
}
