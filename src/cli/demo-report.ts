// What the demonstration shows at its end: each step and how long it took, each attack and what refused it, and three
// commands to go on with.

import type { AttackOutcome } from "../flows/index.ts";
import type { Decision } from "../policy/index.ts";
import type { ExitCode, Output } from "./output.ts";
import { exitCodeOfDecision } from "./verbs.ts";

export interface DemoRow {
  readonly step: string;
  readonly ms: number;
  readonly detail: string;
}

/** The result; in JSON form it is the document. */
export interface DemoResult {
  /** Where everything was made, and stays. */
  readonly folder: string;
  readonly artifact: string;
  /** Path of a lockfile to look at next. */
  readonly lockfile: string;
  readonly steps: readonly DemoRow[];
  readonly decision: Decision;
  readonly attacks: readonly AttackOutcome[];
}

const maxSentence = 90;

/** Exit code 0 only if the release was admitted and every attack refused for its own reason. */
export function reportDemo(out: Output, command: string, result: DemoResult): ExitCode {
  const { folder, steps, decision, attacks } = result;
  const admitted = exitCodeOfDecision(decision) === 0;
  const asExpected = admitted && attacks.length > 0 && attacks.every(({ refused }) => refused);
  out.line();
  out.table(
    ["step", "ms", "what came of it"],
    steps.map(({ step, ms, detail }) => [step, String(ms), detail]),
  );
  out.line();
  out.table(
    ["attack", "refused", "code", "why"],
    attacks.map(({ attack, refused, expected, sentence }) => [
      attack,
      refused ? "yes" : "NO",
      expected,
      sentence.slice(0, maxSentence),
    ]),
  );
  out.line();
  for (const { attack, refused, codes } of attacks)
    if (!refused) out.line(out.style(`not as expected: ${attack}; codes were ${codes.join(", ") || "none"}`, "red"));
  if (!admitted)
    for (const { outcome, sentence, code } of decision.reasons)
      if (outcome !== "pass") out.line(`  ${outcome}: ${sentence} [${code}]`);
  out.line(asExpected ? out.style("all as expected", "green") : out.style("not all as expected", "red"));
  out.line(`everything is in ${folder}; try next:`);
  for (const line of nextCommands(command, result)) out.line(`  ${line}`);
  out.document({ asExpected, admitted, ...result });
  return asExpected ? 0 : 1;
}

function nextCommands(command: string, { folder, artifact, lockfile }: DemoResult): readonly string[] {
  const dir = `--dir ${folder}/organisation`;
  return [
    `${command} up ${dir}`,
    `${command} verify ${folder}/release/${artifact} --release ${folder}/release ${dir}`,
    `${command} check ${lockfile} ${dir}`,
  ];
}
