// Bytes to the model: YAML, then the shape of the v1 API, then each value. What is allowed together is validate.ts.

import { Fields, Problem } from "../core/index.ts";
import { parseDuration } from "./duration.ts";
import { maxItems, maxRetries, maxTextLength } from "./limits.ts";
import type {
  Documents,
  OnError,
  Param,
  ParamSpec,
  ParamType,
  PipelineRun,
  PipelineSpec,
  PipelineTask,
  Referenced,
  ResultSpec,
  TaskSpec,
  WhenExpression,
  WorkspaceBinding,
  WorkspaceDeclaration,
  WorkspaceSource,
} from "./model.ts";
import { parseParamValue, valueType } from "./param-value.ts";
import { checkShape } from "./shapes.ts";
import { parseSteps } from "./parse-step.ts";
import { parseYaml } from "./yaml.ts";

const code = "tekton/invalid";
const many = { max: maxItems };
const text = { max: maxTextLength };

/**
 * The Tasks, Pipelines and PipelineRuns of a YAML text, of API tekton.dev/v1.
 * Problems `tekton/yaml-invalid`, `tekton/yaml-too-large`, `tekton/unknown-field`, `tekton/unsupported`,
 * `tekton/invalid`.
 */
export function parseDocuments(bytes: Uint8Array): Documents {
  const tasks = new Map<string, TaskSpec>();
  const pipelines = new Map<string, PipelineSpec>();
  const pipelineRuns: PipelineRun[] = [];
  const notes: string[] = [];
  const values = parseYaml(bytes);
  if (values.length === 0) throw new Problem(code, "the text holds no document");
  for (const value of values) {
    const fields = Fields.of(value, "document", code);
    const kind = fields.string("kind");
    if (fields.string("apiVersion") !== "tekton.dev/v1" || !["Task", "Pipeline", "PipelineRun"].includes(kind)) {
      throw new Problem("tekton/unsupported", `kind ${kind} of ${fields.string("apiVersion")} is not supported`);
    }
    checkShape(value, kind, kind, notes);
    const spec = Fields.of(fields.json("spec"), `${kind}.spec`, code);
    if (kind === "Task") add(tasks, documentName(fields), parseTaskSpec(spec));
    else if (kind === "Pipeline") add(pipelines, documentName(fields), parsePipelineSpec(spec));
    else pipelineRuns.push(parsePipelineRun(fields, spec));
  }
  return { tasks, pipelines, pipelineRuns, notes };
}

function add<T>(map: Map<string, T>, name: string, value: T): void {
  if (map.has(name)) throw new Problem(code, `${name} is defined twice`);
  map.set(name, value);
}

function documentName(fields: Fields): string {
  return fields.object("metadata").string("name", { min: 1, max: 253 });
}

function list<T>(fields: Fields, name: string, read: (fields: Fields) => T): readonly T[] {
  return fields.optional(name, () => fields.objects(name, many, read)) ?? [];
}

function flag(fields: Fields, name: string): boolean {
  return fields.optional(name, (each) => fields.boolean(each)) ?? false;
}

function paramType(fields: Fields): ParamType | undefined {
  return fields.optional("type", (name) => fields.oneOf(name, "string", "array", "object"));
}

function properties(fields: Fields): readonly string[] {
  if (!fields.has("properties")) return [];
  const each = fields.object("properties");
  return each.names().map((name) => {
    const type = each.object(name).optional("type", (at) => each.object(name).string(at)) ?? "string";
    if (type !== "string") throw each.problem(name, "is not of type string");
    return name;
  });
}

/** Type inference of Tekton: stated, else `properties` means object, else the default's type, else string. */
function parseParamSpec(fields: Fields): ParamSpec {
  const fallback = fields.optional("default", () =>
    parseParamValue(fields.json("default"), fields.problem("default", "")),
  );
  const type =
    paramType(fields) ??
    (fields.has("properties") ? "object" : fallback === undefined ? "string" : valueType(fallback));
  return {
    name: fields.string("name", { min: 1, max: 253 }),
    type,
    properties: properties(fields),
    ...(fallback === undefined ? {} : { default: fallback }),
  };
}

function parseParam(fields: Fields): Param {
  return {
    name: fields.string("name", { min: 1, max: 253 }),
    value: parseParamValue(fields.json("value"), fields.problem("value", "")),
  };
}

function parseResult(fields: Fields): ResultSpec {
  properties(fields);
  return {
    name: fields.string("name", { min: 1, max: 253 }),
    type: paramType(fields) ?? (fields.has("properties") ? "object" : "string"),
  };
}

function parseWorkspace(fields: Fields): WorkspaceDeclaration {
  const name = fields.string("name", { min: 1, max: 253 });
  return {
    name,
    mountPath: fields.optional("mountPath", (each) => fields.string(each, { max: 1024 })) ?? `/workspace/${name}`,
    readOnly: flag(fields, "readOnly"),
    optional: flag(fields, "optional"),
  };
}

function parseTaskSpec(fields: Fields): TaskSpec {
  return {
    params: list(fields, "params", parseParamSpec),
    steps: parseSteps(fields),
    results: list(fields, "results", parseResult),
    workspaces: list(fields, "workspaces", parseWorkspace),
  };
}

function parseWhen(fields: Fields): WhenExpression {
  return {
    input: fields.string("input", text),
    operator: fields.oneOf("operator", "in", "notin"),
    values: fields.strings("values", { max: maxItems, min: 1 }),
  };
}

function reference<T>(fields: Fields, ref: string, spec: string, read: (fields: Fields) => T): Referenced<T> {
  if (fields.has(ref) === fields.has(spec)) throw fields.problem(ref, `or ${spec} must be there, and not both`);
  if (fields.has(spec)) return { kind: "spec", spec: read(fields.object(spec)) };
  const each = fields.object(ref);
  const kind = each.optional("kind", (name) => each.string(name)) ?? "Task";
  const version = each.optional("apiVersion", (name) => each.string(name)) ?? "tekton.dev/v1";
  if (kind !== "Task" || version !== "tekton.dev/v1") {
    throw new Problem("tekton/unsupported", each.problem("kind", "of a custom task is not supported").message);
  }
  return { kind: "ref", name: each.string("name", { min: 1, max: 253 }) };
}

function parsePipelineTask(fields: Fields): PipelineTask {
  const subPath = (each: Fields) => each.optional("subPath", (name) => each.string(name, { max: 4096 }));
  const timeoutMs = duration(fields, "timeout");
  return {
    name: fields.string("name", { min: 1, max: 253 }),
    task: reference(fields, "taskRef", "taskSpec", parseTaskSpec),
    when: list(fields, "when", parseWhen),
    retries: fields.optional("retries", (name) => fields.integer(name, { max: maxRetries })) ?? 0,
    runAfter: fields.optional("runAfter", (name) => fields.strings(name, many)) ?? [],
    params: list(fields, "params", parseParam),
    workspaces: list(fields, "workspaces", (each) => {
      const name = each.string("name", { min: 1, max: 253 });
      const path = subPath(each);
      const workspace = each.optional("workspace", (at) => each.string(at, { max: 253 })) ?? name;
      return { name, workspace, ...(path === undefined ? {} : { subPath: path }) };
    }),
    onError: onError(fields),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function onError(fields: Fields): OnError {
  const text = fields.optional("onError", (name) => fields.string(name, { max: 256 })) ?? "stopAndFail";
  if (text === "continue" || text === "stopAndFail") return text;
  if (!text.includes("$(")) throw fields.problem("onError", "is neither continue nor stopAndFail");
  throw new Problem("tekton/unsupported", fields.problem("onError", "with a variable is not supported").message);
}

function duration(fields: Fields, name: string): number | undefined {
  return fields.optional(name, (each) => parseDuration(fields.string(each, { max: 64 })));
}

function parsePipelineSpec(fields: Fields): PipelineSpec {
  return {
    params: list(fields, "params", parseParamSpec),
    tasks: list(fields, "tasks", parsePipelineTask),
    finally: list(fields, "finally", parsePipelineTask),
    workspaces: list(fields, "workspaces", (each) => ({
      name: each.string("name", { min: 1, max: 253 }),
      optional: flag(each, "optional"),
    })),
    results: list(fields, "results", (each) => {
      paramType(each);
      return parseParam(each);
    }),
  };
}

function parseSource(fields: Fields): WorkspaceSource {
  const sources = ["emptyDir", "persistentVolumeClaim", "volumeClaimTemplate"].filter((name) => fields.has(name));
  if (sources.length !== 1)
    throw fields.problem("emptyDir", "persistentVolumeClaim or volumeClaimTemplate: exactly one is needed");
  if (sources[0] === "emptyDir") return { kind: "emptyDir" };
  if (sources[0] === "volumeClaimTemplate") return { kind: "volumeClaimTemplate" };
  const claim = fields.object("persistentVolumeClaim");
  return {
    kind: "persistentVolumeClaim",
    claimName: claim.string("claimName", { min: 1, max: 253 }),
    readOnly: flag(claim, "readOnly"),
  };
}

function parseBinding(fields: Fields): WorkspaceBinding {
  const subPath = fields.optional("subPath", (name) => fields.string(name, { max: 4096 }));
  return {
    name: fields.string("name", { min: 1, max: 253 }),
    source: parseSource(fields),
    ...(subPath === undefined ? {} : { subPath }),
  };
}

function parsePipelineRun(document: Fields, spec: Fields): PipelineRun {
  const metadata = document.object("metadata");
  const name = metadata.optional("name", (each) => metadata.string(each, { min: 1, max: 253 }));
  const generateName = metadata.optional("generateName", (each) => metadata.string(each, { min: 1, max: 253 }));
  if (name === undefined && generateName === undefined) throw metadata.problem("name", "is missing");
  const map = (each: string) =>
    metadata.optional(each, (at) => metadata.stringMap(at, many)) ?? new Map<string, string>();
  const limits = spec.optional("timeouts", (each) => spec.object(each));
  const limit = (each: string) => (limits === undefined ? undefined : duration(limits, each));
  const [pipelineMs, tasksMs, finallyMs] = [limit("pipeline"), limit("tasks"), limit("finally")];
  const taskTimeouts = new Map<string, number>();
  list(spec, "taskRunSpecs", (each) => {
    const timeout = duration(each, "timeout");
    if (timeout !== undefined) add(taskTimeouts, each.string("pipelineTaskName"), timeout);
  });
  return {
    labels: map("labels"),
    annotations: map("annotations"),
    pipeline: reference(spec, "pipelineRef", "pipelineSpec", parsePipelineSpec),
    params: list(spec, "params", parseParam),
    workspaces: list(spec, "workspaces", parseBinding),
    timeouts: {
      ...(pipelineMs === undefined ? {} : { pipelineMs }),
      ...(tasksMs === undefined ? {} : { tasksMs }),
      ...(finallyMs === undefined ? {} : { finallyMs }),
    },
    taskTimeouts,
    spec: spec.value,
    ...(name === undefined ? {} : { name }),
    ...(generateName === undefined ? {} : { generateName }),
  };
}
