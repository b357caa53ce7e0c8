import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, utf8 } from "../src/core/index.ts";
import { digestHex } from "../src/crypto/index.ts";
import { type BuildWorld, pipelineSteps, runBuild } from "../src/flows/index.ts";
import type { Executor } from "../src/tekton/index.ts";
import { codeOf } from "./world.ts";

const task = (name: string, ...after: string[]): string =>
  `{name: ${name}, ${after.length === 0 ? "" : `runAfter: [${after.join(", ")}], `}workspaces: [{name: source}], taskSpec: {workspaces: [{name: source}], results: [{name: artifact}], steps: [{name: s, image: i, script: "true"}]}}`;

function pipeline(...tasks: readonly string[]): Uint8Array {
  return utf8(`apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: run}
spec:
  workspaces: [{name: source, volumeClaimTemplate: {}}]
  pipelineSpec:
    workspaces: [{name: source}]
    tasks: [${tasks.join(", ")}]
`);
}

const sha256 = (text: string): string => digestHex("sha256", utf8(text));

/** A control plane over a workspace in memory; what a task does to it is `work`, what its executor is, the test's. */
function plan(
  document: Uint8Array,
  committed: ReadonlyMap<string, string>,
  work: Readonly<Record<string, (files: Map<string, string>) => void>>,
) {
  const events: string[] = [];
  const files = new Map<string, string>();
  const executor: Executor = {
    startTask: async ({ pipelineTaskName }) => void events.push(`start ${pipelineTaskName}`),
    runStep: async ({ pipelineTaskName }) => {
      work[pipelineTaskName]?.(files);
      return { exitCode: 0 };
    },
    finishTask: async ({ pipelineTaskName }) =>
      new Map(
        pipelineTaskName === "pack" ? [["artifact", utf8(files.has("release.json") ? "release.json" : "app.tgz")]] : [],
      ),
  };
  const digests = (from: ReadonlyMap<string, string>) => new Map([...from].map(([path, text]) => [path, sha256(text)]));
  const world: BuildWorld = {
    clock: { now: () => 1_800_000_000_000 },
    progress: { step: () => undefined },
    runId: "0011",
    commit: { revision: "1".repeat(40), ref: undefined },
    readCommitted: async (path) => (path === "pipeline.yaml" ? document : utf8(committed.get(path) ?? "")),
    committedDigests: async () => digests(committed),
    executor,
    measure: async () => {
      events.push("measure");
      return digests(files);
    },
    readOutput: async (path) => utf8(files.get(path) ?? ""),
    toolchain: { uri: "u", sha256: "0".repeat(64), description: {} },
    isolation: () => ({ kind: "none", network: "host", userId: "caller", rootReadOnly: false }),
    inputs: [],
  };
  const run = () =>
    runBuild({ pipelinePath: "pipeline.yaml", sourceUri: "https://example.com/app", params: new Map() }, world);
  return { run, events };
}

const committed = new Map([
  ["a", "1"],
  ["web/package-lock.json", "{}"],
  ["package-lock.json", "{}"],
]);
const checkout = (files: Map<string, string>): void => committed.forEach((text, path) => files.set(path, text));
const chain = pipeline(task("pack", "source"), task("source"));

test("a pipeline's tasks are one chain, in the order they run and not in that of the document", () => {
  assert.deepEqual(pipelineSteps(chain), [
    { name: "source", after: undefined },
    { name: "pack", after: "source" },
  ]);
});

test("tasks that would run side by side in one workspace are refused, also when only the build sees them", async () => {
  const wrong = [
    pipeline(task("a"), task("b")),
    pipeline(task("a"), task("b", "a"), task("c", "a")),
    pipeline(task("a"), task("b", "a"), task("c", "a", "b")),
  ];
  for (const document of wrong) {
    assert.throws(
      () => pipelineSteps(document),
      (error) => isProblem(error, "build/pipeline-branches"),
    );
    assert.equal(await codeOf(plan(document, committed, {}).run()), "build/pipeline-branches");
  }
});

test("a task's materials are measured once its workspace is known, and its products after it", async () => {
  const { run, events } = plan(chain, committed, {
    source: checkout,
    pack: (files) => void files.set("app.tgz", "made"),
  });
  const build = await run();
  assert.deepEqual(events, ["start source", "measure", "measure", "start pack", "measure", "measure"]);
  assert.deepEqual([...build.links[1]!.materials.keys()].sort(), [...committed.keys()].sort());
  assert.equal(build.artifact.sha256, sha256("made"));
});

test("every lockfile of the source goes with the release, in whatever folder it is", async () => {
  const { run } = plan(chain, committed, { source: checkout, pack: (files) => void files.set("app.tgz", "made") });
  assert.deepEqual([...(await run()).lockfiles.keys()].sort(), ["package-lock.json", "web/package-lock.json"]);
});

test("a build goes on only from exactly the commit: nothing changed, missing or added", async () => {
  const wrong = [
    (files: Map<string, string>) => (checkout(files), void files.set("a", "2")),
    (files: Map<string, string>) => (checkout(files), void files.delete("a")),
    (files: Map<string, string>) => (checkout(files), void files.set("b", "1")),
  ];
  for (const source of wrong)
    assert.equal(await codeOf(plan(chain, committed, { source }).run()), "build/source-mismatch");
});

test("an artifact cannot take the name of another part of a release", async () => {
  const { run } = plan(chain, committed, { source: checkout, pack: (files) => void files.set("release.json", "made") });
  assert.equal(await codeOf(run()), "build/no-artifact");
});
