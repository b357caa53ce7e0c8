import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import type { Json, JsonObject } from "../core/index.ts";
import { parseDocuments, prepareRun } from "./index.ts";
import { shapes } from "./shapes.ts";
import { parseYaml } from "./yaml.ts";

const release = new Uint8Array(readFileSync(join(import.meta.dirname, "..", "..", ".tekton", "release.yaml")));

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

function definitions(folder: string): Readonly<Record<string, Schema>> {
  const text = readFileSync(join(folder, "schemas", "v1-swagger.json"), "utf8");
  return (JSON.parse(text) as { definitions: Readonly<Record<string, Schema>> }).definitions;
}

/** What the swagger leaves out: fields inlined from a type that it does not describe. */
const inlined: Readonly<Record<string, readonly string[]>> = {
  TaskRef: ["bundle", "resolver", "params"],
  PipelineRef: ["bundle", "resolver", "params"],
};

test("each shape has exactly the fields of Tekton's schema", (t) => {
  const folder = vectors(t, "tekton");
  if (folder === undefined) return;
  const schema = definitions(folder);
  let compared = 0;
  for (const [name, fields] of Object.entries(shapes)) {
    const known = schema[`v1.${name}`]?.properties;
    if (known === undefined) continue;
    assert.deepEqual(Object.keys(fields).sort(), [...Object.keys(known), ...(inlined[name] ?? [])].sort(), name);
    compared++;
  }
  assert.ok(compared >= 20, `compared ${compared} shapes`);
});

/** Fields are known, required ones are there, types are right; what the swagger does not define is let pass. */
function check(value: Json, schema: Schema, all: Readonly<Record<string, Schema>>, path: string): void {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice("#/definitions/".length);
    // Text, list or map by a marshaller of its own, which the swagger cannot say.
    if (name === "v1.ParamValue") return;
    if (name.startsWith("v1.") && all[name] !== undefined) check(value, all[name], all, path);
    return;
  }
  if (schema.type === "array") {
    assert.ok(Array.isArray(value), path);
    value.forEach((item: Json, index) => check(item, schema.items!, all, `${path}[${index}]`));
  } else if (schema.properties !== undefined) {
    assert.ok(typeof value === "object" && value !== null, path);
    for (const name of schema.required ?? []) assert.ok(name in value, `${path}.${name}`);
    for (const [name, each] of Object.entries(value as JsonObject)) {
      const next = schema.properties[name];
      assert.ok(next !== undefined, `${path}.${name} is unknown`);
      check(each, next, all, `${path}.${name}`);
    }
  } else if (schema.type === "string" || schema.type === "boolean") assert.equal(typeof value, schema.type, path);
}

test("this repository's own pipeline is valid by Tekton's schema", (t) => {
  const folder = vectors(t, "tekton");
  if (folder === undefined) return;
  const all = definitions(folder);
  for (const document of parseYaml(release)) check(document, all["v1.PipelineRun"]!, all, "PipelineRun");
});

test("this repository's own pipeline is accepted and planned by this engine", () => {
  const documents = parseDocuments(release);
  const run = prepareRun(documents.pipelineRuns[0]!, documents, { name: "release-1", uid: "1" });
  assert.deepEqual(
    run.tasks.map((each) => each.name),
    ["source", "test", "pack"],
  );
});
