// Tekton's own examples that need no cluster: each is planned, or refused with the reason in examples.refused.txt.
// That list may only shrink.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { isProblem } from "../core/index.ts";
import { parseDocuments, prepareRun } from "./index.ts";

const refusedBefore = readFileSync(join(import.meta.dirname, "examples.refused.txt"), "utf8")
  .trim()
  .split("\n");

function outcome(path: string): string {
  try {
    const documents = parseDocuments(new Uint8Array(readFileSync(path)));
    for (const run of documents.pipelineRuns)
      prepareRun(run, documents, { name: run.name ?? `${run.generateName}x`, uid: "1" });
    return "planned";
  } catch (error) {
    if (!isProblem(error)) throw error;
    return `${error.code} ${error.message}`;
  }
}

test("the examples without a cluster are planned, or refused as unsupported as they were before", (t) => {
  const folder = vectors(t, "tekton");
  if (folder === undefined) return;
  const rows = readFileSync(join(folder, "examples.tsv"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
  const files = rows.filter((row) => row[2] === "A-pure").map((row) => row[0]!);
  const refused = files
    .map((file) => [file, outcome(join(folder, "examples", file))] as const)
    .filter(([, said]) => said !== "planned");
  for (const [file, said] of refused) assert.match(said, /^tekton\/unsupported /, `${file}: ${said}`);
  assert.deepEqual(
    refused.map(([file, said]) => `${file}: ${said}`),
    refusedBefore,
  );
  t.diagnostic(`${files.length - refused.length} of ${files.length} examples are planned`);
});
