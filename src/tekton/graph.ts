// The order of a pipeline's tasks: edges from runAfter and from references to results (Tekton docs/pipelines.md,
// "Configuring the Task execution order"), no cycle.

import { demand, Problem } from "../core/index.ts";
import type { PipelineTask } from "./model.ts";
import { textsOf } from "./param-value.ts";
import { variablesOf } from "./substitute.ts";

/** A reference `tasks.T.results.R...` or `finally.T.results.R...`; `rest` is R with what may follow it. */
export interface ResultReference {
  readonly section: "tasks" | "finally";
  readonly task: string;
  readonly rest: string;
}

export function resultReference(name: string): ResultReference | undefined {
  const match = /^(tasks|finally)\.([a-z0-9-]+)\.results(?:\.(.+)|\['([^']+)'\](.*)|\["([^"]+)"\](.*))$/.exec(name);
  if (match === null) return undefined;
  const rest = match[3] ?? (match[4] === undefined ? `${match[6]}${match[7]}` : `${match[4]}${match[5]}`);
  return { section: match[1] as "tasks" | "finally", task: match[2]!, rest };
}

/** The declared result that `rest` names, itself or by an item or a key of it. */
export function namedResult<T extends { readonly name: string }>(rest: string, declared: readonly T[]): T | undefined {
  const bare = rest.replace(/\[(?:\*|\d+)\]$/, "");
  const object = bare.slice(0, Math.max(0, bare.lastIndexOf(".")));
  return declared.find((each) => each.name === bare) ?? declared.find((each) => each.name === object);
}

/** Every text of a pipeline task that may hold variables, outside its task specification. */
export function taskTexts(task: PipelineTask): readonly string[] {
  const texts: string[] = [];
  for (const { value } of task.params) texts.push(...textsOf(value));
  for (const when of task.when) texts.push(when.input, ...when.values);
  for (const workspace of task.workspaces) texts.push(workspace.subPath ?? "");
  return texts;
}

export function taskReferences(task: PipelineTask): readonly ResultReference[] {
  return taskTexts(task)
    .flatMap(variablesOf)
    .map(resultReference)
    .filter((each) => each !== undefined);
}

/** For each task the tasks it waits for. Problems `tekton/invalid` (no such task), `tekton/cycle`. */
export function parentsOf(tasks: readonly PipelineTask[]): ReadonlyMap<string, ReadonlySet<string>> {
  const parents = new Map<string, Set<string>>();
  for (const task of tasks) {
    const wanted = new Set([...task.runAfter, ...taskReferences(task).map((each) => each.task)]);
    for (const name of wanted) {
      const known = tasks.some((each) => each.name === name);
      demand(known, "tekton/invalid", `task ${task.name} waits for ${name}, which is no task of the pipeline`);
    }
    parents.set(task.name, wanted);
  }
  refuseCycle(parents);
  return parents;
}

function refuseCycle(parents: ReadonlyMap<string, ReadonlySet<string>>): void {
  const done = new Set<string>();
  for (;;) {
    const ready = [...parents].filter(
      ([name, wanted]) => !done.has(name) && [...wanted].every((each) => done.has(each)),
    );
    if (ready.length === 0) break;
    for (const [name] of ready) done.add(name);
  }
  const stuck = [...parents.keys()].filter((name) => !done.has(name));
  if (stuck.length > 0) throw new Problem("tekton/cycle", `tasks wait for each other: ${stuck.join(", ")}`);
}
