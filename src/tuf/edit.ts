// The next version of one targets role, as an object: fields that we do not know are kept.

import { demand, emptyObject, formatUtcSeconds, type Json, type JsonObject } from "../core/index.ts";
import { createTargets, describeTarget, encodeTarget, specVersion, type NewTarget } from "./create.ts";
import type { Metadata, Targets } from "./model.ts";

export interface TargetEdits {
  readonly add?: readonly NewTarget[] | undefined;
  readonly remove?: readonly string[] | undefined;
  /** Targets as metadata lists them, moved from elsewhere. */
  readonly move?: readonly (readonly [string, Json])[] | undefined;
}

/** Another `targets` object. Problems `tuf/target-not-found`, `tuf/target-path`, `tuf/target-invalid`. */
export function editTargets(before: JsonObject, { add = [], remove = [], move = [] }: TargetEdits): JsonObject {
  const targets = copyOf(before);
  for (const [path, target] of move) targets[path] = target;
  for (const path of remove) {
    demand(path in targets, "tuf/target-not-found", `${path} is not listed, so it cannot be removed`);
    delete targets[path];
  }
  for (const each of add) targets[each.path] = encodeTarget(describeTarget(each));
  return targets;
}

/** Without a prototype, so that `__proto__` is a name like any other. */
export function copyOf(object: JsonObject): { [name: string]: Json } {
  const out = emptyObject<Json>();
  for (const name of Object.keys(object)) out[name] = object[name]!;
  return out;
}

export function targetsOf(role: Metadata<Targets> | undefined): JsonObject {
  return (role?.tree["targets"] as JsonObject | undefined) ?? emptyObject<Json>();
}

/** `delegations`: undefined keeps what there is, null takes it away. */
export function nextRole(
  before: Metadata<Targets> | undefined,
  next: {
    readonly version: number;
    readonly expiresMs: number;
    readonly targets?: JsonObject;
    readonly delegations?: JsonObject | null | undefined;
  },
): JsonObject {
  const tree = before?.tree ?? createTargets({ version: 1, expiresMs: next.expiresMs, targets: [] });
  const edited: Record<string, Json> = {
    ...tree,
    spec_version: specVersion,
    version: next.version,
    expires: formatUtcSeconds(next.expiresMs),
    targets: next.targets ?? targetsOf(before),
  };
  if (next.delegations !== undefined && next.delegations !== null) edited["delegations"] = next.delegations;
  if (next.delegations === null) delete edited["delegations"];
  return edited;
}
