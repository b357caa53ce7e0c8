// Workspaces from the PipelineRun down to a task (Tekton docs/workspaces.md): declared by name at each level, or
// propagated into a task's spec in place.

import { demand, Problem } from "../core/index.ts";
import type {
  PipelineRun,
  PipelineSpec,
  PipelineTask,
  TaskSpec,
  WorkspaceBinding,
  WorkspaceDeclaration,
} from "./model.ts";
import type { WorkspacePlan } from "./plan.ts";
import { type Scope, substitute, variablesOf } from "./substitute.ts";

export interface BoundTaskWorkspace {
  readonly declaration: WorkspaceDeclaration;
  readonly binding?: WorkspaceBinding;
  /** Of the pipeline task, below the binding's own. */
  readonly subPath?: string;
}

interface Setting {
  readonly run: PipelineRun;
  readonly pipeline: PipelineSpec;
}

/** Problems `tekton/workspace-missing`, `tekton/invalid`. */
export function bindWorkspaces(task: PipelineTask, spec: TaskSpec, setting: Setting): readonly BoundTaskWorkspace[] {
  const names = setting.run.workspaces.map((each) => each.name);
  demand(new Set(names).size === names.length, "tekton/invalid", "a workspace of the run is there twice");
  const embedded = task.task.kind === "spec";
  const declared = [...spec.workspaces, ...(embedded ? propagated(task, spec, names) : [])];
  for (const { name } of task.workspaces) {
    const known = declared.some((each) => each.name === name);
    demand(known, "tekton/invalid", `task ${task.name} declares no workspace ${name}`);
  }
  return declared.map((declaration) => bind(task, declaration, embedded, setting));
}

function bind(
  task: PipelineTask,
  declaration: WorkspaceDeclaration,
  embedded: boolean,
  setting: Setting,
): BoundTaskWorkspace {
  const path = `task ${task.name}: workspace ${declaration.name}`;
  const own = task.workspaces.find((each) => each.name === declaration.name);
  const wanted = own?.workspace ?? (embedded ? declaration.name : undefined);
  const inPipeline = setting.pipeline.workspaces.find((each) => each.name === wanted);
  const inPlace = setting.run.pipeline.kind === "spec";
  demand(
    own === undefined || inPipeline !== undefined || inPlace,
    "tekton/invalid",
    `${path}: the pipeline declares no ${wanted}`,
  );
  const binding = setting.run.workspaces.find((each) => each.name === wanted);
  if (binding === undefined || (inPipeline === undefined && !inPlace)) {
    const optional = declaration.optional && inPipeline?.optional !== false;
    if (!optional) throw new Problem("tekton/workspace-missing", `${path} is bound to nothing`);
    return { declaration };
  }
  return { declaration, binding, ...(own?.subPath === undefined ? {} : { subPath: own.subPath }) };
}

/** Workspaces of the run that the spec names in a variable without declaring them. */
function propagated(task: PipelineTask, spec: TaskSpec, names: readonly string[]): readonly WorkspaceDeclaration[] {
  const texts = spec.steps.flatMap((step) => [
    step.script ?? "",
    step.workingDir ?? "",
    ...(step.command ?? []),
    ...step.args,
    ...step.env.map((each) => each.value),
  ]);
  const used = new Set(
    texts.flatMap(variablesOf).map((name) => /^workspaces\.(.+)\.(?:path|bound|claim)$/.exec(name)?.[1]),
  );
  for (const { name } of task.workspaces) used.add(name);
  return names
    .filter((name) => used.has(name) && !spec.workspaces.some((each) => each.name === name))
    .map((name) => ({ name, mountPath: `/workspace/${name}`, readOnly: false, optional: false }));
}

interface TaskOfRun {
  readonly taskRunName: string;
  readonly workspaces: readonly BoundTaskWorkspace[];
}

/** Problem `tekton/invalid` for a subPath that leaves its volume. */
export function planWorkspaces(task: TaskOfRun, scope: Scope, attempt: number, root: string): readonly WorkspacePlan[] {
  return task.workspaces.map(({ declaration, binding, subPath }) => {
    const { name } = declaration;
    const mountPath = root + declaration.mountPath;
    if (binding === undefined) return { name, mountPath, readOnly: declaration.readOnly };
    const path = `workspace ${name}: subPath`;
    const parts = [binding.subPath ?? "", subPath ?? ""].map((each) =>
      relativePath(substitute(each, scope, path), path),
    );
    const { source } = binding;
    const claimedReadOnly = source.kind === "persistentVolumeClaim" && source.readOnly;
    return {
      name,
      mountPath,
      readOnly: declaration.readOnly || claimedReadOnly,
      binding: {
        workspace: binding.name,
        source,
        subPath: parts.filter((each) => each !== "").join("/"),
        volume: volume(binding, task.taskRunName, attempt),
      },
    };
  });
}

function volume(binding: WorkspaceBinding, taskRunName: string, attempt: number): string {
  const { source } = binding;
  if (source.kind === "persistentVolumeClaim") return `persistentVolumeClaim/${source.claimName}`;
  if (source.kind === "volumeClaimTemplate") return `volumeClaimTemplate/${binding.name}`;
  return `emptyDir/${taskRunName}/${attempt}/${binding.name}`;
}

function relativePath(text: string, path: string): string {
  const trimmed = text.replace(/^(?:\.\/)+/, "").replace(/\/+$/, "");
  if (trimmed === "" || trimmed === ".") return "";
  const plain = trimmed
    .split("/")
    .every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
  demand(plain, "tekton/invalid", `${path} ${JSON.stringify(text.slice(0, 80))} is not a plain relative path`);
  return trimmed;
}
