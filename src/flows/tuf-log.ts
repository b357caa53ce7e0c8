// The repository's own log, as people read it: who signed what, when, and what it changed; and the transcript of one
// ceremony, every step of it with digests.

import { formatUtcSeconds, isJsonObject, type Json, type JsonObject } from "../core/index.ts";
import type { RepositoryEvent } from "../tuf/index.ts";
import { shortDigest } from "./tuf-difference.ts";

/** One event in a line. */
export function eventLine({ revision, atMs, event }: RepositoryEvent): string {
  const words = [text(event["operation"]) ?? "commit"];
  const proposal = text(event["proposal"]);
  if (proposal !== undefined) words.push(proposal);
  const of = text(event["of"]);
  if (of !== undefined) words.push(`(${of})`);
  const what = text(event["what"]) ?? text(event["name"]);
  if (what !== undefined) words.push(what);
  const documents = objects(event["documents"]).map((each) => `${String(each["role"])} ${String(each["version"])}`);
  if (documents.length > 0) words.push(documents.join(", "));
  const signers = [...new Set(objects(event["signatures"]).map(signerName))];
  if (signers.length > 0) words.push(`by ${signers.join(", ")}`);
  return `${String(revision).padStart(5)}  ${formatUtcSeconds(atMs)}  ${words.join(" ")}`;
}

/** Everything that is known of one event. */
export function transcript({ revision, atMs, event }: RepositoryEvent): string[] {
  const lines = [
    `transcript of ${text(event["operation"]) ?? "a commit"} ${text(event["proposal"]) ?? ""}`.trimEnd(),
    `  carried out ${formatUtcSeconds(atMs)} as revision ${revision}`,
    ...section("steps", objects(event["steps"]), (each) => `${time(each["atMs"])}  ${String(each["what"])}`),
    ...section("documents", objects(event["documents"]), (each) => {
      const digest = text(each["sha256"]) ?? "";
      return `${String(each["role"])} ${String(each["version"])}  sha256 ${digest}  (${shortDigest(digest)})`;
    }),
    ...section("changes", strings(event["changes"]), (line) => line),
    ...section("notes", strings(event["notes"]), (line) => line),
    ...section("signatures", objects(event["signatures"]), (each) => {
      const by = text(each["by"]) ?? "";
      const where = by === "here" ? "here" : `from ${by}`;
      return `${String(each["role"])} ${String(each["version"])}  ${signerName(each)} (${String(each["keyid"])})  ${time(each["atMs"])}  ${where}`;
    }),
  ];
  return lines;
}

function section<T>(name: string, items: readonly T[], line: (item: T) => string): string[] {
  return items.length === 0 ? [] : [`${name}:`, ...items.map((item) => `  ${line(item)}`)];
}

function signerName(signature: JsonObject): string {
  return text(signature["name"]) ?? String(signature["keyid"]).slice(0, 8);
}

function time(value: Json | undefined): string {
  return typeof value === "number" ? formatUtcSeconds(value) : "";
}

function text(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function strings(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}

function objects(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
