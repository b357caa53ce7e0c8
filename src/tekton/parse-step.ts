// Steps, with the stepTemplate merged in (tektoncd/pipeline pkg/apis/pipeline/v1/merge.go: the step's own field wins,
// env is joined by name) and a securityContext accepted when it asks for no more and no less than the sandbox gives.

import { type Fields, isJsonObject, Problem } from "../core/index.ts";
import { parseDuration } from "./duration.ts";
import { maxItems, maxTextLength } from "./limits.ts";
import type { EnvVar, Step } from "./model.ts";

const many = { max: maxItems };

export function parseSteps(spec: Fields): readonly Step[] {
  const template = spec.optional("stepTemplate", (name) => spec.object(name));
  if (template !== undefined) checkSecurity(template);
  return spec.objects("steps", { max: maxItems, min: 1 }, (fields) => parseStep(fields, template));
}

function parseStep(fields: Fields, template: Fields | undefined): Step {
  checkSecurity(fields);
  const text = (name: string) => fields.optional(name, (each) => fields.string(each, { max: maxTextLength }));
  const either = (name: string) => text(name) ?? template?.optional(name, (each) => template.string(each));
  const strings = (name: string) =>
    fields.optional(name, (each) => fields.strings(each, many)) ??
    template?.optional(name, (each) => template.strings(each, many));
  const image = either("image");
  if (image === undefined || image === "") throw fields.problem("image", "is missing");
  const [name, script, workingDir, timeout] = [text("name"), text("script"), either("workingDir"), text("timeout")];
  // A template's command is no conflict with a script: the script is the step's own and wins.
  const command =
    script === undefined ? strings("command") : fields.optional("command", (each) => fields.strings(each, many));
  if (script !== undefined && command !== undefined) throw fields.problem("script", "and command exclude each other");
  return {
    image,
    args: strings("args") ?? [],
    env: mergeEnv(template === undefined ? [] : parseEnv(template), parseEnv(fields)),
    onError: text("onError") ?? "stopAndFail",
    ...(name === undefined || name === "" ? {} : { name }),
    ...(command === undefined ? {} : { command }),
    ...(script === undefined ? {} : { script }),
    ...(workingDir === undefined ? {} : { workingDir }),
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration(timeout) }),
  };
}

function parseEnv(fields: Fields): readonly EnvVar[] {
  const read = (each: Fields): EnvVar => {
    const name = each.string("name", { min: 1, max: 253 });
    // Kubernetes' relaxed rule: printable ASCII without the equals sign; here without a space as well.
    if (!/^[!-<>-~]+$/.test(name)) throw each.problem("name", "is not the name of an environment variable");
    const value = each.optional("value", (at) => each.string(at, { max: maxTextLength })) ?? "";
    if (value.includes("\0")) throw each.problem("value", "holds a zero character");
    return { name, value };
  };
  return fields.optional("env", (name) => fields.objects(name, many, read)) ?? [];
}

function mergeEnv(base: readonly EnvVar[], own: readonly EnvVar[]): readonly EnvVar[] {
  const names = new Set(own.map((each) => each.name));
  return [...base.filter((each) => !names.has(each.name)), ...own];
}

/** uid and gid of every step. */
export const stepUserId = 65_532;

function checkSecurity(fields: Fields): void {
  if (!fields.has("securityContext")) return;
  const context = fields.object("securityContext");
  const given: Readonly<Record<string, readonly unknown[]>> = {
    runAsNonRoot: [true, false],
    runAsUser: [stepUserId],
    runAsGroup: [stepUserId],
    privileged: [false],
    allowPrivilegeEscalation: [true, false],
    readOnlyRootFilesystem: [true, false],
  };
  for (const [name, value] of Object.entries(context.value)) {
    const met = name === "capabilities" ? onlyDrops(context) : given[name]?.includes(value);
    if (met !== true)
      throw new Problem("tekton/unsupported", context.problem(name, "is not what the sandbox gives").message);
  }
}

function onlyDrops(context: Fields): boolean {
  const value = context.json("capabilities");
  return isJsonObject(value) && Object.keys(value).every((name) => name === "drop");
}
