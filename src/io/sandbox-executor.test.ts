import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { vectors } from "../../test/vectors.ts";
import { digestHex } from "../crypto/index.ts";
import { isProblem, utf8 } from "../core/index.ts";
import {
  type Documents,
  parseDocuments,
  type PipelineRun,
  type PipelineRunState,
  prepareRun,
  runPipeline,
} from "../tekton/index.ts";
import { detectSandbox } from "./sandbox-detect.ts";
import { createSandboxExecutor, type SandboxExecutorOptions } from "./sandbox-executor.ts";
import type { SandboxKind } from "./sandbox-request.ts";
import { describeToolchain } from "./toolchain.ts";

const room = mkdtempSync("/tmp/sealwright-test-");
chmodSync(room, 0o755);
after(() => rmSync(room, { recursive: true, force: true }));

const repository = join(import.meta.dirname, "..", "..");
const toolchain = describeToolchain();
const detected = await detectSandbox();

interface Ran {
  readonly state: PipelineRunState;
  readonly directory: string;
  /** What the steps said, for messages. */
  readonly said: string;
}

async function carryOut(
  run: PipelineRun,
  documents: Documents,
  more: Partial<SandboxExecutorOptions> & { params?: ReadonlyMap<string, string> } = {},
): Promise<Ran> {
  const directory = mkdtempSync(join(room, "run-"));
  chmodSync(directory, 0o755);
  const kind = more.kind ?? detected;
  const { params } = more;
  const prepared = prepareRun(run, documents, {
    name: run.name ?? `${run.generateName}x`,
    uid: "uid",
    ...(kind === "none" ? { hostRoot: join(directory, "root") } : {}),
    ...(params === undefined ? {} : { params }),
  });
  let said = "";
  const executor = createSandboxExecutor({
    kind,
    directory,
    toolchain,
    claims: new Map(),
    maxOutputBytes: 100_000,
    onStep: (task, step, outcome) => {
      const text = new TextDecoder().decode(outcome.stdout) + new TextDecoder().decode(outcome.stderr);
      said += `${task.taskRunName}/${step.name} ${outcome.exitCode}\n${text.slice(-3000)}\n`;
    },
    ...more,
  });
  return { state: await runPipeline(prepared, executor, { now: Date.now }), directory, said };
}

function parse(pipeline: string): readonly [PipelineRun, Documents] {
  const text = `apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: run}\nspec:\n  ${pipeline.trim().replaceAll("\n", "\n  ")}\n`;
  const documents = parseDocuments(utf8(text));
  return [documents.pipelineRuns[0]!, documents];
}

const twoTasks = `
workspaces: [{name: shared, volumeClaimTemplate: {}}]
pipelineSpec:
  workspaces: [{name: shared}]
  tasks:
    - name: write
      workspaces: [{name: shared, subPath: deep/er}]
      taskSpec:
        workspaces: [{name: shared}]
        results: [{name: digest}]
        steps:
          - name: fail
            image: any
            onError: continue
            script: exit 3
          - name: write
            image: any
            workingDir: $(workspaces.shared.path)
            env: [{name: GREETING, value: "it's $(context.taskRun.name)"}]
            args: [one, "$(GREETING)"]
            script: |
              printf %s "$2" > file
              printf %s "$(cat $(steps.step-fail.exitCode.path))-$HOME" > $(results.digest.path)
    - name: read
      params: [{name: before, value: $(tasks.write.results.digest)}]
      taskSpec:
        params: [{name: before}]
        workspaces: [{name: shared, readOnly: true}]
        results: [{name: all}]
        steps:
          - image: any
            command: [/bin/sh, -c]
            args: ['printf "%s %s" "$0" "$(cat $1/deep/er/file)" > $(results.all.path)', $(params.before), $(workspaces.shared.path)]
`;

for (const kind of new Set<SandboxKind>([detected, "none"])) {
  test(`${kind}: tasks share a volume, results, exit codes and environment as in Tekton`, async () => {
    const measured: string[] = [];
    const { state, said } = await carryOut(...parse(twoTasks), {
      kind,
      beforeTask: async (task, volumes) =>
        void measured.push(`${task.pipelineTaskName} ${readdirSync(volumes.get("shared")!).length}`),
      afterTask: async (task, _, volumes) =>
        void measured.push(`${task.pipelineTaskName} ${readdirSync(volumes.get("shared")!).length}`),
    });
    assert.equal(state.condition.status, "True", said);
    const [write, read] = state.taskRuns;
    assert.match(String(write!.results[0]!.value), /^3-.*\/tekton\/home$/);
    assert.equal(read!.results[0]!.value, `${String(write!.results[0]!.value)} it's run-write`);
    assert.deepEqual(measured, ["write 0", "write 1", "read 1", "read 1"]);
  });
}

test("a link planted as a result is not followed: the task fails", async () => {
  const { state } = await carryOut(
    ...parse(
      `pipelineSpec: {tasks: [{name: a, taskSpec: {results: [{name: r}], steps: [{image: any, script: "ln -s /etc/passwd $(results.r.path)"}]}}]}`,
    ),
  );
  assert.equal(state.taskRuns[0]!.condition.reason, "TaskRunValidationFailed");
  assert.deepEqual(state.taskRuns[0]!.results, []);
});

test("a link planted in a volume is not followed by a later task's subPath", async () => {
  const run = carryOut(
    ...parse(`
workspaces: [{name: w, volumeClaimTemplate: {}}]
pipelineSpec:
  workspaces: [{name: w}]
  tasks:
    - {name: a, taskSpec: {workspaces: [{name: w}], steps: [{image: any, script: "ln -s /etc $(workspaces.w.path)/sub"}]}}
    - {name: b, runAfter: [a], workspaces: [{name: w, subPath: sub}], taskSpec: {workspaces: [{name: w}], steps: [{image: any, script: "true"}]}}`),
  );
  await assert.rejects(run, (error) => isProblem(error, "io/volume-unsafe"));
});

test("a step that runs too long is stopped, and Tekton's words are used", async () => {
  const { state } = await carryOut(
    ...parse(`pipelineSpec: {tasks: [{name: a, timeout: 1s, taskSpec: {steps: [{image: any, script: sleep 60}]}}]}`),
  );
  assert.equal(state.taskRuns[0]!.condition.reason, "TaskRunTimeout");
  assert.equal(state.taskRuns[0]!.condition.message, 'TaskRun "run-a" failed to finish within "1s"');
});

interface Oracle {
  readonly examples: readonly {
    readonly file: string;
    readonly ends: string;
    readonly runs: Readonly<Record<string, object>>;
  }[];
}

/** Runs that end otherwise here than on the cluster, and why. May only shrink. */
const differs: Readonly<Record<string, string>> = {
  "pipelinerun-object-param-result": "its step has no command, and the toolchain is no image with an entrypoint",
  "pipelinerun-with-failing-step-": "its script compares with ==, which not every sh has",
  "pipelinerun-with-failing-step-and-ws-": "its ls exits with 1 for a missing folder where that of GNU exits with 2",
};

/** The state in the words of the recorded one. */
function recorded(state: PipelineRunState) {
  const words = (condition: PipelineRunState["condition"]) => ({
    status: condition.status,
    reason: condition.reason,
    ...(condition.status === "True" ? {} : { message: condition.message }),
  });
  const tasks = state.taskRuns.map((task) => [
    `TaskRun/${task.pipelineTaskName}`,
    {
      ...words(task.condition),
      ...(task.results.length > 0 ? { results: task.results } : {}),
      steps: task.steps.map(({ name, exitCode, reason }) => ({ name, exit: exitCode, reason })),
    },
  ]);
  const skipped = state.skippedTasks.map(({ name, reason }) => ({ name, reason }));
  const run = {
    ...words(state.condition),
    ...(state.results.length > 0 ? { results: state.results } : {}),
    ...(skipped.length > 0 ? { skipped } : {}),
  };
  return JSON.parse(JSON.stringify({ run, tasks: Object.fromEntries(tasks) })) as {
    run: object;
    tasks: Record<string, object>;
  };
}

test("Tekton's examples end here as they did on a cluster: conditions, reasons, results, skips, steps", async (t) => {
  const folder = vectors(t, "tekton");
  if (folder === undefined) return;
  if (detected === "none") return t.skip("skipped: no sandbox on this machine");
  const oracle = JSON.parse(readFileSync(join(folder, "oracle.json"), "utf8")) as Oracle;
  let equal = 0;
  for (const { file, ends, runs } of oracle.examples.filter((each) => each.ends === "as upstream expects")) {
    const documents = parseOrUndefined(join(folder, "examples", file));
    for (const run of documents?.pipelineRuns ?? []) {
      const name = run.name ?? run.generateName!;
      if (name in differs) continue;
      const { state, said, directory } = await carryOut(run, documents!);
      const got = recorded(state);
      const wanted = {
        run: runs[`PipelineRun/${name}`],
        tasks: Object.fromEntries(Object.keys(got.tasks).map((each) => [each, runs[each]])),
      };
      assert.deepEqual(got, wanted, `${file} ${ends}\n${said}`);
      rmSync(directory, { recursive: true, force: true });
      equal++;
    }
  }
  assert.ok(equal >= 28, `${equal} runs compared`);
  t.diagnostic(`${equal} runs end as on the cluster`);
});

function parseOrUndefined(path: string): Documents | undefined {
  try {
    return parseDocuments(new Uint8Array(readFileSync(path)));
  } catch (error) {
    if (isProblem(error, "tekton/unsupported")) return undefined;
    throw error;
  }
}

/** A bare mirror with one commit of the working tree, made as a control plane would make it. */
function mirror(): string {
  const tree = mkdtempSync(join(room, "tree-"));
  const bare = join(room, "upstream.git");
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@example.com", ...args], {
      cwd: tree,
      stdio: "pipe",
    });
  const files = execFileSync("git", ["ls-files", "-coz", "--exclude-standard"], { cwd: repository });
  const list = join(room, "files");
  writeFileSync(list, files);
  mkdirSync(tree, { recursive: true });
  execFileSync("/bin/sh", ["-c", 'tar --null --ignore-failed-read -T "$0" -cf - | tar -xf - -C "$1"', list, tree], {
    cwd: repository,
    stdio: "pipe",
  });
  git("init", "--quiet", "--initial-branch=main");
  git("add", "--all");
  git("commit", "--quiet", "--message=test");
  git("clone", "--quiet", "--bare", ".", bare);
  return bare;
}

test("this repository's own pipeline takes a commit, tests it and packs it, without a network", async (t) => {
  if (!existsSync(join(repository, ".git"))) return t.skip("skipped: not a git checkout");
  // Node finds the packages beside the sources by way of the mount; a link would lead it elsewhere.
  if (detected === "none") return t.skip("skipped: no sandbox on this machine");
  const documents = parseDocuments(new Uint8Array(readFileSync(join(repository, ".tekton", "release.yaml"))));
  const claims = new Map([
    ["upstream", mirror()],
    ["dependencies", join(repository, "node_modules")],
  ]);
  const params = new Map([["revision", "main"]]);
  const { state, directory, said } = await carryOut(documents.pipelineRuns[0]!, documents, { claims, params });
  assert.equal(state.condition.reason, "Succeeded", said);
  const results = Object.fromEntries(state.results.map((each) => [each.name, each.value]));
  const source = join(directory, "volumes", encodeURIComponent("volumeClaimTemplate/source"));
  const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };
  assert.equal(results["artifact"], `sealwright-${version}.tgz`);
  assert.equal(
    results["sha256"],
    digestHex("sha256", new Uint8Array(readFileSync(join(source, String(results["artifact"]))))),
  );
  assert.match(String(results["commit"]), /^[0-9a-f]{40}$/);
  assert.ok(!existsSync(join(source, ".git")) && !existsSync(join(source, "node_modules")));
});

test("a folder handed in can be read by steps and not written, whatever the committed pipeline says of it", async (t) => {
  if (detected === "none") return t.skip("skipped: no sandbox works on this machine");
  const claim = join(room, "handed-in");
  mkdirSync(claim, { mode: 0o777 });
  writeFileSync(join(claim, "file"), "as it was", { mode: 0o666 });
  chmodSync(claim, 0o777);
  const [run, documents] = parse(`
workspaces: [{name: deps, persistentVolumeClaim: {claimName: deps}}]
pipelineSpec:
  workspaces: [{name: deps}]
  tasks:
    - name: plant
      workspaces: [{name: deps, workspace: deps}]
      taskSpec:
        workspaces: [{name: deps}]
        steps:
          - name: write
            image: any
            script: |
              cat $(workspaces.deps.path)/file
              ! echo planted > $(workspaces.deps.path)/planted
              ! echo changed > $(workspaces.deps.path)/file`);
  const { state, said } = await carryOut(run, documents, { claims: new Map([["deps", claim]]) });
  assert.equal(state.condition.status, "True", said);
  assert.deepEqual(readdirSync(claim), ["file"]);
  assert.equal(readFileSync(join(claim, "file"), "utf8"), "as it was");
});
