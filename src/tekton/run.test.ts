import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, Problem, utf8 } from "../core/index.ts";
import {
  type Executor,
  parseDocuments,
  type PipelineRunState,
  prepareRun,
  type PrepareOptions,
  runPipeline,
} from "./index.ts";

/** A run whose pipeline is given as YAML below `pipelineSpec:`; tasks use `one` for a task of a single step. */
function prepare(pipeline: string, spec = "", options: Partial<PrepareOptions> = {}) {
  const indent = (text: string, by: string) => text.trim().replaceAll("\n", `\n${by}`);
  const text = `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: run}\nspec:\n  ${indent(spec, "  ")}\n  pipelineSpec:\n    ${indent(pipeline, "    ")}\n`;
  const documents = parseDocuments(utf8(text));
  return prepareRun(documents.pipelineRuns[0]!, documents, { uid: "uid", ...options });
}

const one = "taskSpec: {results: [{name: r}], steps: [{name: s, image: i, command: [x]}]}";

interface Script {
  /** Exit codes by task, one for each attempt; 0 when absent. */
  readonly exits?: Readonly<Record<string, readonly number[]>>;
  readonly results?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly before?: (task: string) => void;
}

class FakeExecutor implements Executor {
  readonly log: string[] = [];
  private readonly attempts = new Map<string, number>();

  constructor(private readonly script: Script = {}) {}

  startTask: Executor["startTask"] = async (task) => {
    this.log.push(`start ${task.pipelineTaskName}`);
  };

  runStep: Executor["runStep"] = async (task, step) => {
    await Promise.resolve();
    this.script.before?.(task.pipelineTaskName);
    this.log.push(`${task.pipelineTaskName}/${step.name} ${[...(step.command ?? []), ...step.args].join(" ")}`);
    const attempt = this.attempts.get(task.pipelineTaskName) ?? 0;
    this.attempts.set(task.pipelineTaskName, attempt + 1);
    return { exitCode: this.script.exits?.[task.pipelineTaskName]?.[attempt] ?? 0 };
  };

  finishTask: Executor["finishTask"] = async (task) => {
    this.log.push(`finish ${task.pipelineTaskName}`);
    return new Map(
      Object.entries(this.script.results?.[task.pipelineTaskName] ?? {}).map(([name, text]) => [name, utf8(text)]),
    );
  };
}

async function run(
  pipeline: string,
  script: Script = {},
  spec = "",
): Promise<{ state: PipelineRunState; log: string[] }> {
  const executor = new FakeExecutor(script);
  const state = await runPipeline(prepare(pipeline, spec), executor, { now: () => 1000 });
  return { state, log: executor.log };
}

const skips = (state: PipelineRunState) => state.skippedTasks.map((each) => [each.name, each.reason]);

test("tasks run after those they name and those whose results they use", async () => {
  const { state, log } = await run(
    `tasks:
  - {name: c, runAfter: [b], ${one}}
  - {name: b, params: [{name: p, value: $(tasks.a.results.r)}], taskSpec: {params: [{name: p}], steps: [{image: i, command: [x, $(params.p)]}]}}
  - {name: a, ${one}}`,
    { results: { a: { r: "from a" } } },
  );
  assert.deepEqual(
    log.filter((line) => line.startsWith("start")),
    ["start a", "start b", "start c"],
  );
  assert.ok(log.includes("b/unnamed-0 x from a"));
  assert.deepEqual(state.condition, {
    type: "Succeeded",
    status: "True",
    reason: "Succeeded",
    message: "Tasks Completed: 3 (Failed: 0, Cancelled 0), Skipped: 0",
  });
});

test("a failed task stops the pipeline, and finally runs and sees it", async () => {
  const { state, log } = await run(
    `tasks:
  - {name: a, ${one}}
  - {name: b, runAfter: [a], ${one}}
finally:
  - {name: f, params: [{name: s, value: "$(tasks.a.status) $(tasks.b.status) $(tasks.status)"}], taskSpec: {params: [{name: s}], steps: [{image: i, command: [x, $(params.s)]}]}}`,
    { exits: { a: [3] } },
  );
  assert.equal(state.condition.reason, "Failed");
  assert.equal(state.condition.message, "Tasks Completed: 2 (Failed: 1, Cancelled 0), Skipped: 1");
  assert.deepEqual(skips(state), [["b", "PipelineRun was stopping"]]);
  assert.equal(state.taskRuns[0]!.condition.message, '"step-s" exited with code 3: Error');
  assert.ok(log.includes("f/unnamed-0 x Failed None Failed"));
});

test("a when that does not hold skips its task; ordering goes on, the need for its result does not", async () => {
  const { state } = await run(`tasks:
  - {name: a, when: [{input: x, operator: in, values: [y]}], ${one}}
  - {name: order, runAfter: [a], ${one}}
  - {name: needs, params: [{name: p, value: $(tasks.a.results.r)}], taskSpec: {params: [{name: p}], steps: [{image: i, command: [x]}]}}
  - {name: child, runAfter: [needs], ${one}}`);
  assert.deepEqual(skips(state), [
    ["a", "When Expressions evaluated to false"],
    ["needs", "Results were missing"],
    ["child", "Parent Tasks were skipped"],
  ]);
  assert.equal(state.condition.reason, "Completed");
  assert.deepEqual(
    state.taskRuns.map((each) => each.pipelineTaskName),
    ["order"],
  );
});

test("a result that a task ended without fails the run that needs it, and skips a finally task that does", async () => {
  const use =
    "params: [{name: p, value: $(tasks.a.results.r)}], taskSpec: {params: [{name: p}], steps: [{image: i, command: [x]}]}";
  const ordinary = await run(`tasks:\n  - {name: a, ${one}}\n  - {name: b, ${use}}`);
  assert.equal(ordinary.state.condition.reason, "InvalidTaskResultReference");
  const last = await run(`tasks:\n  - {name: a, ${one}}\nfinally:\n  - {name: b, ${use}}`);
  assert.deepEqual(skips(last.state), [["b", "Results were missing"]]);
  assert.equal(last.state.condition.status, "True");
});

test("a task is tried again as often as it says, and the earlier attempts are kept", async () => {
  const { state } = await run(`tasks:\n  - {name: a, retries: 2, ${one}}`, { exits: { a: [1, 1, 0] } });
  assert.equal(state.condition.status, "True");
  assert.equal(state.taskRuns[0]!.retriesStatus.length, 2);
  const failing = await run(`tasks:\n  - {name: a, retries: 1, ${one}}`, { exits: { a: [1, 1, 0] } });
  assert.equal(failing.state.condition.status, "False");
});

test("onError continue lets steps, or the pipeline, go on after a failure", async () => {
  const step = "taskSpec: {steps: [{image: i, command: [x], onError: continue}, {image: i, command: [y]}]}";
  const steps = await run(`tasks:\n  - {name: a, ${step}}`, { exits: { a: [5, 0] } });
  assert.deepEqual(
    steps.state.taskRuns[0]!.steps.map((each) => [each.exitCode, each.reason]),
    [
      [5, "Continued"],
      [0, "Completed"],
    ],
  );
  const task = await run(`tasks:\n  - {name: a, onError: continue, ${one}}\n  - {name: b, runAfter: [a], ${one}}`, {
    exits: { a: [1] },
  });
  assert.equal(task.state.condition.status, "True");
  assert.equal(task.state.condition.message, "Tasks Completed: 2 (Failed: 1 (Ignored: 1), Cancelled 0), Skipped: 0");
});

test("steps after a failed one are skipped, as Tekton reports them", async () => {
  const { state } = await run(
    `tasks:\n  - {name: a, taskSpec: {steps: [{image: i, command: [x]}, {image: i, command: [y]}]}}`,
    { exits: { a: [1] } },
  );
  assert.deepEqual(
    state.taskRuns[0]!.steps.map((each) => [each.name, each.exitCode, each.reason]),
    [
      ["unnamed-0", 1, "Error"],
      ["unnamed-1", 1, "Skipped"],
    ],
  );
});

test("results are typed and bounded", async () => {
  const typed = (type: string) =>
    `tasks:\n  - {name: a, taskSpec: {results: [{name: r, type: ${type}}], steps: [{image: i, command: [x]}]}}`;
  const array = await run(typed("array"), { results: { a: { r: '["x","y"]' } } });
  assert.deepEqual(array.state.taskRuns[0]!.results[0]!.value, ["x", "y"]);
  const wrong = await run(typed("array"), { results: { a: { r: "x" } } });
  assert.equal(wrong.state.taskRuns[0]!.condition.reason, "TaskRunValidationFailed");
  const full = await run(typed("string"), { results: { a: { r: "x".repeat(4096) } } });
  assert.equal(full.state.condition.status, "True");
  const large = await run(typed("string"), { results: { a: { r: "x".repeat(4097) } } });
  assert.equal(large.state.taskRuns[0]!.condition.reason, "TaskRunResultLargerThanAllowedLimit");
});

test("pipeline results leave out what skipped and failed tasks would have given", async () => {
  const { state } = await run(
    `tasks:
  - {name: a, ${one}}
  - {name: b, when: [{input: x, operator: notin, values: [x]}], ${one}}
results:
  - {name: both, value: $(tasks.a.results.r)-$(tasks.b.results.r)}
  - {name: first, value: $(tasks.a.results.r)}`,
    { results: { a: { r: "1" } } },
  );
  assert.deepEqual(state.results, [{ name: "first", value: "1" }]);
});

test("the time left by the nearest limit is handed to each step, and running out says which limit it was", async () => {
  let now = 0;
  const seen: (number | undefined)[] = [];
  const executor: Executor = {
    startTask: async () => undefined,
    runStep: async (_, step) => {
      seen.push(step.timeoutMs);
      now += 4000;
      return { exitCode: 137, timedOut: true };
    },
    finishTask: async () => new Map(),
  };
  const go = (task: string, spec: string) =>
    runPipeline(prepare(`tasks:\n  - {name: a, ${task}${one}}\n  - {name: b, runAfter: [a], ${one}}`, spec), executor, {
      now: () => now,
    });
  const task = await go("timeout: 3s, ", "");
  assert.equal(task.taskRuns[0]!.condition.message, 'TaskRun "run-a" failed to finish within "3s"');
  const tasks = await go("", "timeouts: {tasks: 2s, pipeline: 1h}");
  assert.equal(tasks.taskRuns[0]!.condition.reason, "TaskRunTimeout");
  const pipeline = await go("", "timeouts: {pipeline: 1s}");
  assert.deepEqual(
    [pipeline.condition.reason, pipeline.taskRuns[0]!.condition.reason],
    ["PipelineRunTimeout", "TaskRunCancelled"],
  );
  assert.equal(pipeline.condition.message, 'PipelineRun "run" failed to finish within "1s"');
  assert.deepEqual(seen, [3000, 2000, 1000]);
});

test("a cancelled run starts nothing more, finally included", async () => {
  const cancelled = { aborted: false };
  const executor = new FakeExecutor({ before: () => (cancelled.aborted = true) });
  const prepared = prepare(
    `tasks:\n  - {name: a, ${one}}\n  - {name: b, runAfter: [a], ${one}}\nfinally:\n  - {name: f, ${one}}`,
  );
  const state = await runPipeline(prepared, executor, { now: () => 0, cancelled });
  assert.deepEqual([state.condition.status, state.condition.reason], ["False", "Cancelled"]);
  assert.deepEqual(
    executor.log.filter((line) => line.startsWith("start")),
    ["start a"],
  );
});

test("an executor that breaks ends the run with its error, after cleaning up", async () => {
  const executor = new FakeExecutor({
    before: () => {
      throw new Problem("io/sandbox-setup", "no sandbox");
    },
  });
  await assert.rejects(runPipeline(prepare(`tasks:\n  - {name: a, ${one}}`), executor, { now: () => 0 }), (error) =>
    isProblem(error, "io/sandbox-setup"),
  );
  assert.deepEqual(executor.log, ["start a", "finish a"]);
});

test("no more tasks are under way at once than allowed", async () => {
  let [running, most] = [0, 0];
  const executor: Executor = {
    startTask: async () => void (most = Math.max(most, ++running)),
    runStep: async () => ({ exitCode: 0 }),
    finishTask: async () => (running--, new Map()),
  };
  const tasks = Array.from({ length: 9 }, (_, i) => `  - {name: t${i}, ${one}}`).join("\n");
  const state = await runPipeline(prepare(`tasks:\n${tasks}`), executor, { now: () => 0, maxConcurrentTasks: 2 });
  assert.equal(state.taskRuns.length, 9);
  assert.equal(most, 2);
});

const refusals: readonly (readonly [property: string, code: string, pipeline: string, spec?: string])[] = [
  ["a cycle", "tekton/cycle", `tasks:\n  - {name: a, runAfter: [b], ${one}}\n  - {name: b, runAfter: [a], ${one}}`],
  ["an unknown task in runAfter", "tekton/invalid", `tasks:\n  - {name: a, runAfter: [b], ${one}}`],
  ["two tasks of one name", "tekton/invalid", `tasks:\n  - {name: a, ${one}}\n  - {name: a, ${one}}`],
  ["a task's name that is no label", "tekton/invalid", `tasks:\n  - {name: A_b, ${one}}`],
  ["no task at all", "tekton/invalid", "tasks: []"],
  ["a param without a value", "tekton/parameter-missing", `params: [{name: p}]\ntasks:\n  - {name: a, ${one}}`],
  [
    "a param of the wrong type",
    "tekton/parameter-type",
    `params: [{name: p, type: array}]\ntasks:\n  - {name: a, ${one}}`,
    "params: [{name: p, value: x}]",
  ],
  [
    "an unknown variable",
    "tekton/variable-unknown",
    "tasks:\n  - {name: a, taskSpec: {steps: [{image: i, script: $(params.nothing)}]}}",
  ],
  [
    "an undeclared result",
    "tekton/variable-unknown",
    `tasks:\n  - {name: a, ${one}}\n  - {name: b, params: [{name: p, value: $(tasks.a.results.none)}], ${one}}`,
  ],
  [
    "tasks.status outside finally",
    "tekton/invalid",
    `tasks:\n  - {name: a, ${one}}\n  - {name: b, params: [{name: p, value: $(tasks.a.status)}], ${one}}`,
  ],
  [
    "a workspace bound to nothing",
    "tekton/workspace-missing",
    "tasks:\n  - {name: a, taskSpec: {workspaces: [{name: w}], steps: [{image: i, command: [x]}]}}",
  ],
  [
    "a workspace over the tools",
    "tekton/unsupported",
    "tasks:\n  - {name: a, taskSpec: {workspaces: [{name: w, mountPath: /usr/x}], steps: [{image: i, command: [x]}]}}",
    "workspaces: [{name: w, emptyDir: {}}]",
  ],
  [
    "a mount path with dots",
    "tekton/invalid",
    "tasks:\n  - {name: a, taskSpec: {workspaces: [{name: w, mountPath: /w/../usr}], steps: [{image: i, command: [x]}]}}",
    "workspaces: [{name: w, emptyDir: {}}]",
  ],
  [
    "a subPath that leaves its volume",
    "tekton/invalid",
    "tasks:\n  - {name: a, workspaces: [{name: w, subPath: x/../../y}], taskSpec: {workspaces: [{name: w}], steps: [{image: i, command: [x]}]}}",
    "workspaces: [{name: w, emptyDir: {}}]",
  ],
  ["an unknown taskRef", "tekton/reference-unknown", "tasks:\n  - {name: a, taskRef: {name: none}}"],
  [
    "runAfter in finally",
    "tekton/invalid",
    `tasks:\n  - {name: a, ${one}}\nfinally:\n  - {name: f, runAfter: [a], ${one}}`,
  ],
  ["onError continue with retries", "tekton/invalid", `tasks:\n  - {name: a, onError: continue, retries: 1, ${one}}`],
  [
    "timeouts beyond the pipeline's",
    "tekton/invalid",
    `tasks:\n  - {name: a, ${one}}`,
    "timeouts: {pipeline: 1m, tasks: 1m, finally: 1s}",
  ],
];

for (const [property, code, pipeline, spec] of refusals) {
  test(`${property} is refused before anything runs`, () => {
    assert.throws(
      () => prepare(pipeline, spec),
      (error) => isProblem(error) && error.code === code,
    );
  });
}

test("workspaces come from the run, with both subPaths, the read-only of either side, and one volume for one binding", () => {
  const prepared = prepare(
    `workspaces: [{name: shared}, {name: none, optional: true}]
tasks:
  - {name: a, workspaces: [{name: w, workspace: shared, subPath: b}, {name: o, workspace: none}], taskSpec: {workspaces: [{name: w, readOnly: true}, {name: o, optional: true}], steps: [{image: i, command: [x, $(workspaces.w.path), $(workspaces.o.bound)]}]}}
  - {name: e, taskSpec: {steps: [{image: i, command: [x, $(workspaces.shared.path)]}]}}`,
    "workspaces: [{name: shared, subPath: a, volumeClaimTemplate: {}}]",
  );
  assert.deepEqual(
    prepared.tasks.map((task) => task.workspaces.map((each) => [each.declaration.name, each.binding?.name])),
    [
      [
        ["w", "shared"],
        ["o", undefined],
      ],
      [["shared", "shared"]],
    ],
  );
});
