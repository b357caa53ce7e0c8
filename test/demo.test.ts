import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { type DemoResult, reportDemo } from "../src/cli/demo-report.ts";
import { Output } from "../src/cli/index.ts";
import { mainFile, type Ran, run, start, temporaryFolder } from "./program.ts";

/** Which attack must be refused with which code. */
const attacks: readonly (readonly [RegExp, string])[] = [
  [/^one byte of the artifact changed$/, "sigstore/subject-mismatch"],
  [/^signed by another identity of the same CA$/, "sigstore/identity-mismatch"],
  [/^log entry proven by a forged checkpoint$/, "sigstore/log-proof-invalid"],
  [/^task test of the layout left out$/, "intoto/step-missing"],
  [/^provenance from another builder$/, "slsa/builder-untrusted"],
  [/^log4j-core 2\.0\.2, known to be exploited$/, "policy/known-exploited"],
  [/^log4j-core 2\.12\.1, known to be exploited$/, "policy/known-exploited"],
  [/^log4j-core 2\.14\.1, known to be exploited$/, "policy/known-exploited"],
  [/^the same under an exception that has expired$/, "policy/exception-expired"],
  [/^old TUF metadata replayed$/, "tuf/rollback"],
  [/^TUF metadata signed by one key of three$/, "tuf/threshold"],
];

interface DemoDocument extends DemoResult {
  readonly asExpected: boolean;
  readonly admitted: boolean;
}

/** What a person would have seen of a result. */
function textOf(result: DemoResult, command = "sealwright"): { code: number; lines: string[] } {
  let text = "";
  const streams = { out: (part: string) => void (text += part), err: () => undefined, color: false };
  const code = reportDemo(new Output(streams, "text", false), command, result);
  return { code, lines: text.trimEnd().split("\n") };
}

describe("the demonstration on this repository's HEAD", () => {
  const home = temporaryFolder();
  const folder = join(home, "demo");
  let ran: Ran;
  let result: DemoDocument;

  before(async () => {
    ran = await run(["demo", "--keep", folder, "--output", "json"], { cwd: home });
    assert.equal(ran.code, 0, ran.stderr);
    result = JSON.parse(ran.stdout) as DemoDocument;
  });

  test("comes out as expected, and everything it made stays", () => {
    assert.deepEqual([result.asExpected, result.admitted, result.folder], [true, true, folder]);
    assert.equal(result.decision.outcome, "admitted");
    assert.deepEqual(
      result.steps.map(({ step }) => step),
      ["init", "up", "build", "verify", "attack"],
    );
    for (const path of [
      "organisation/root.json",
      `release/${result.artifact}`,
      "release/release.json",
      "vsa.sigstore.json",
    ])
      assert.ok(statSync(join(folder, path)).size > 0, path);
  });

  test("refuses every attack, each with its own code", () => {
    assert.equal(result.attacks.length, attacks.length);
    for (const [index, [name, code]] of attacks.entries()) {
      const outcome = result.attacks[index];
      assert.match(outcome?.attack ?? "", name);
      assert.deepEqual([outcome?.refused, outcome?.expected], [true, code]);
      assert.ok(outcome?.codes.includes(code));
    }
  });

  test("leaves no private key outside the organisation's keys", () => {
    let keys = 0;
    for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!statSync(join(folder, path)).isFile()) continue;
      const isKey = readFileSync(join(folder, path), "latin1").includes("PRIVATE KEY");
      if (path.startsWith("organisation/keys/")) keys += isKey ? 1 : 0;
      else assert.ok(!isKey, path);
    }
    assert.equal(keys, 14);
  });

  test("ends its text with three commands, which work", async (t) => {
    const { code, lines } = textOf(result, mainFile);
    assert.equal(code, 0);
    assert.ok(lines.includes("all as expected"));
    const commands = lines.slice(-3).map((line) => line.trim().split(" "));
    assert.deepEqual(
      commands.map(([program, verb]) => [program, verb]),
      ["up", "verify", "check"].map((verb) => [mainFile, verb]),
    );
    const [up = [], verify = [], check = []] = commands.map(([, ...args]) => args);
    const serving = start(up, { cwd: home });
    t.after(() => serving.child.kill("SIGKILL"));
    await serving.until("serves");
    for (const args of [verify, check]) {
      const next = await run(args, { cwd: home });
      assert.equal(next.code, 0, next.stdout + next.stderr);
    }
  });

  test("one attack that went through, or a release that was not admitted, makes exit code 1 and says so", () => {
    const [first, ...others] = result.attacks;
    assert.ok(first !== undefined);
    const through = textOf({ ...result, attacks: [{ ...first, refused: false }, ...others] });
    assert.equal(through.code, 1);
    assert.ok(through.lines.some((line) => line.startsWith("not as expected: one byte of the artifact changed")));
    const refused = textOf({ ...result, decision: { ...result.decision, outcome: "refused" } });
    assert.deepEqual([refused.code, refused.lines.includes("not all as expected")], [1, true]);
    assert.equal(textOf({ ...result, attacks: [] }).code, 1, "no attack at all proves nothing");
  });
});
