// What Tekton's webhook asks of a Task and a Pipeline as they stand (tektoncd/pipeline pkg/apis/pipeline/v1
// *_validation.go). Variables are checked in prepare.ts, where their values are known.

import { demand, type ProblemCode } from "../core/index.ts";
import { parentsOf, taskTexts } from "./graph.ts";
import type { ParamSpec, PipelineSpec, PipelineTask, TaskSpec } from "./model.ts";
import { isDnsLabel, isDnsSubdomain, objectName, paramName, resultName } from "./names.ts";
import { objectEntries, textsOf, valueType } from "./param-value.ts";
import { variablesOf } from "./substitute.ts";

const code: ProblemCode = "tekton/invalid";

/** Places of the root file system that no workspace may cover: the tools, the kernel's and Tekton's own. */
const reserved = new Set([
  "bin",
  "sbin",
  "lib",
  "lib32",
  "lib64",
  "libx32",
  "usr",
  "etc",
  "proc",
  "sys",
  "dev",
  "tekton",
  "tmp",
  "run",
]);

function unique(names: readonly string[], what: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    demand(!seen.has(name), code, `${what} ${name} is there twice`);
    seen.add(name);
  }
}

function validateParams(params: readonly ParamSpec[], path: string): void {
  unique(
    params.map((each) => each.name.toLowerCase()),
    `${path}: param`,
  );
  for (const param of params) {
    const pattern = param.type === "object" ? objectName : paramName;
    demand(pattern.test(param.name), code, `${path}: ${param.name} is not the name of a param`);
    for (const key of param.properties)
      demand(objectName.test(key), code, `${path}: ${key} is not the key of an object`);
    demand(param.type === "object" || param.properties.length === 0, code, `${path}: only an object has properties`);
    if (param.default === undefined) continue;
    // A default is put in as data, so a variable in it would stay one, unlike in Tekton 1.10 and later.
    const variable = textsOf(param.default).flatMap(variablesOf)[0];
    const plain = variable === undefined;
    demand(
      plain,
      "tekton/unsupported",
      `${path}: $(${variable}) in the default of param ${param.name} is not supported`,
    );
    const matches = valueType(param.default) === param.type;
    demand(matches, code, `${path}: the default of param ${param.name} is not of type ${param.type}`);
    for (const [key] of objectEntries(param.default) ?? []) {
      demand(
        param.properties.includes(key),
        code,
        `${path}: the default of param ${param.name} has an unknown key ${key}`,
      );
    }
  }
}

/** Problem `tekton/invalid` with what is wrong in the Task. */
export function validateTaskSpec(spec: TaskSpec, path: string): void {
  validateParams(spec.params, path);
  unique(
    spec.results.map((each) => each.name),
    `${path}: result`,
  );
  for (const { name } of spec.results)
    demand(resultName.test(name), code, `${path}: ${name} is not the name of a result`);
  unique(
    spec.workspaces.map((each) => each.name),
    `${path}: workspace`,
  );
  unique(
    spec.workspaces.map((each) => each.mountPath),
    `${path}: mount path`,
  );
  for (const each of spec.workspaces) {
    demand(
      paramName.test(each.name) || isDnsLabel(each.name),
      code,
      `${path}: ${each.name} is not the name of a workspace`,
    );
    validateMountPath(each.mountPath, path);
  }
  unique(
    spec.steps.flatMap((each) => each.name ?? []),
    `${path}: step`,
  );
  for (const { name } of spec.steps) {
    demand(name === undefined || isDnsLabel(name), code, `${path}: ${name} is not the name of a step`);
  }
}

/** Stricter than Tekton, which lets a workspace cover anything: here no `..`, and no place the sandbox needs. */
export function validateMountPath(mountPath: string, path: string): void {
  const parts = mountPath.split("/").slice(1);
  const plain = parts.every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
  demand(mountPath.startsWith("/") && plain, code, `${path}: ${mountPath} is not a plain absolute path`);
  demand(!reserved.has(parts[0]!), "tekton/unsupported", `${path}: a workspace at ${mountPath} is not supported`);
}

/** Problems `tekton/invalid`, `tekton/cycle` with what is wrong in the Pipeline. */
export function validatePipelineSpec(spec: PipelineSpec, path: string): void {
  const all = [...spec.tasks, ...spec.finally];
  demand(spec.tasks.length > 0, code, `${path}: a pipeline needs a task`);
  validateParams(spec.params, path);
  unique(
    all.map((each) => each.name),
    `${path}: task`,
  );
  unique(
    spec.workspaces.map((each) => each.name),
    `${path}: workspace`,
  );
  unique(
    spec.results.map((each) => each.name),
    `${path}: result`,
  );
  for (const task of all) validatePipelineTask(task, path);
  for (const { name } of spec.results)
    demand(resultName.test(name), code, `${path}: ${name} is not the name of a result`);
  for (const task of spec.finally) {
    demand(task.runAfter.length === 0, code, `${path}: task ${task.name} of finally cannot have runAfter`);
  }
  for (const task of spec.tasks) {
    const status = taskTexts(task)
      .flatMap(variablesOf)
      .find((name) => /^tasks\.(?:.*\.)?(?:status|reason)$/.test(name) && !name.includes(".results"));
    demand(status === undefined, code, `${path}: $(${status}) can be used in finally only`);
  }
  parentsOf(spec.tasks);
}

function validatePipelineTask(task: PipelineTask, path: string): void {
  demand(isDnsLabel(task.name), code, `${path}: ${task.name} is not the name of a task`);
  unique(
    task.params.map((each) => each.name),
    `${path}: param of task ${task.name}`,
  );
  unique(
    task.workspaces.map((each) => each.name),
    `${path}: workspace of task ${task.name}`,
  );
  demand(
    task.onError === "stopAndFail" || task.retries === 0,
    code,
    `${path}: task ${task.name} cannot have onError continue and retries`,
  );
  if (task.task.kind === "spec") validateTaskSpec(task.task.spec, `${path}: task ${task.name}`);
  else demand(isDnsSubdomain(task.task.name), code, `${path}: ${task.task.name} is not the name of a task`);
}
