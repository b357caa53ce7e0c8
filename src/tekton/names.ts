// Names: DNS labels, and the names of a run's children as knative.dev/pkg kmeta.ChildName makes them.

import { utf8 } from "../core/index.ts";
import { md5Hex } from "./md5.ts";

const label = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const maxLabelLength = 63;
const md5Length = 32;

/** DNS-1123 label, as Tekton asks of objects, tasks and steps. */
export function isDnsLabel(name: string): boolean {
  return name.length <= maxLabelLength && label.test(name);
}

/** DNS-1123 subdomain: labels and dots. */
export function isDnsSubdomain(name: string): boolean {
  return name.length <= 253 && name.split(".").every((part) => label.test(part));
}

/** Params of type string and array, workspaces: letters, digits, `_`, `.` and `-`, no digit first. */
export const paramName = /^[_a-zA-Z][_a-zA-Z0-9.-]*$/;
/** Object params and their keys: no dot. */
export const objectName = /^[_a-zA-Z][_a-zA-Z0-9-]*$/;
export const resultName = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

/** kmeta.ChildName: parent and suffix where both fit a label, else shortened with an MD5 (a name, not a protection). */
export function childName(parent: string, suffix: string): string {
  if (parent.length + suffix.length <= maxLabelLength) return parent + suffix;
  const room = maxLabelLength - md5Length;
  let name = `${parent.slice(0, Math.max(0, room - suffix.length))}${md5Hex(utf8(parent))}${suffix}`;
  if (suffix.length >= room) name = `${parent.slice(0, room)}${md5Hex(utf8(parent + suffix))}${suffix}`;
  return name.slice(0, maxLabelLength).replace(/[^a-zA-Z0-9]+$/, "");
}
