// `tuf ceremony`: guided on a terminal, all answers by options for scripts, and resumed by calling it again. Without a
// repository it makes one; with one it asks what is to be done and does what the other verbs do.

import { formatUtcSeconds, isProblem, Problem, utf8 } from "../core/index.ts";
import {
  bootstrapOperation,
  type CeremonyHolder,
  type CeremonyPlan,
  ceremonyRecord,
  checkCeremony,
  encodeCeremony,
  eventLine,
  missingHolders,
  openIfThere,
  propose,
  readCeremony,
  readInvitations,
  readProposals,
  record,
  rehearseBootstrap,
  showProposal,
  signProposal,
  transcript,
  untilCommitted,
  withAnswers,
} from "../flows/index.ts";
import { createMemoryRepositoryStore, type RepositoryStore } from "../tuf/index.ts";
import type { ExitCode } from "./output.ts";
import * as change from "./tuf-change.ts";
import { flowWorld, withStore } from "./tuf-change.ts";
import { showPlan } from "./tuf-ceremony-status.ts";
import { confirm, invite, receiveFile, signVerb, writeRequest } from "./tuf-exchange.ts";
import { bringKey } from "./tuf-keys.ts";
import { reportDocuments, reportOutcome, reportRehearsal } from "./tuf-report.ts";
import { statusVerb } from "./tuf-status.ts";
import type { TufCall } from "./tuf-world.ts";

/** Exit code 0 when there is nothing left to do, 1 while somebody's answer or signature is missing. */
export async function ceremonyVerb(call: TufCall): Promise<ExitCode> {
  if (call.options.dryRun === true) return rehearsed(call);
  const there = await withStore(call, async (store) => (await openIfThere(store)) !== undefined, { create: true });
  const exit = there ? await guide(call) : await withStore(call, (store) => found(call, store), { create: true });
  if (call.options.transcript !== undefined) {
    await withStore(call, (store) => writeTranscript(call, store, call.options.transcript!));
  }
  return exit;
}

/** What a ceremony would do now; whatever it writes stays in memory. */
async function rehearsed(call: TufCall): Promise<ExitCode> {
  const state = await withStore(call, stateOf).catch((error: unknown) => {
    if (isProblem(error, "organisation/missing")) return undefined;
    throw error;
  });
  if (state?.isThere === true) return guide(call);
  const { out } = call;
  const begun = state?.plan;
  if (begun !== undefined) demandSame(call, begun);
  const fresh =
    begun === undefined ? await bringLocalKeys(call, createMemoryRepositoryStore(), await begin(call)) : begun;
  showPlan(out, fresh);
  const missing = missingHolders(fresh);
  const { root, rootThreshold, targets, targetsThreshold } = fresh;
  const agreed = { root, rootThreshold, targets, targetsThreshold, missing };
  if (missing.length === 0) {
    const flow = flowWorld(call, createMemoryRepositoryStore());
    return reportRehearsal(out, await rehearseBootstrap(flow, bootstrapOperation(fresh)), agreed);
  }
  out.line(out.style("rehearsal: nothing has been written", "bold"));
  out.line(`  would wait for the keys of ${missing.join(", ")}`);
  out.document({ state: "rehearsed", ...agreed });
  return 0;
}

async function stateOf(store: RepositoryStore) {
  const plan = await readCeremony(store);
  return {
    isThere: (await openIfThere(store)) !== undefined,
    plan: plan && (await withAnswers(store, plan)),
  };
}

/** Everything that the store remembers, the newest whole event in full. */
async function writeTranscript(call: TufCall, store: RepositoryStore, file: string): Promise<void> {
  const events = await store.events();
  const lines = [
    `transcript, written ${formatUtcSeconds(call.world.now())}`,
    ...events.map(eventLine),
    ...events
      .filter(({ event }) => event["documents"] !== undefined && event["changes"] !== undefined)
      .flatMap(transcript),
  ];
  await call.world.writeFile(file, utf8(`${lines.join("\n")}\n`));
  call.out.line(`the transcript is in ${file}`);
}

/** The first root. */
async function found(call: TufCall, store: RepositoryStore): Promise<ExitCode> {
  const { out } = call;
  let plan = await readCeremony(store);
  if (plan === undefined) {
    plan = await bringLocalKeys(call, store, await begin(call));
    for (const each of call.made) await each.save();
    await savePlan(call, store, plan);
  } else {
    demandSame(call, plan);
    out.line(`the ceremony that began ${formatUtcSeconds(plan.startedMs)} goes on`);
  }
  showPlan(out, await withAnswers(store, plan));
  await inviteMissing(call, store, await withAnswers(store, plan));
  await takeFiles(call, store, async () => missingHolders(await withAnswers(store, plan)).length > 0);
  const answered = await withAnswers(store, plan);
  const missing = missingHolders(answered);
  if (missing.length > 0) {
    out.line(`${out.style("waits for", "yellow")} the keys of ${missing.join(", ")}`);
    out.line("next: sealwright tuf receive FILE for each answer, then sealwright tuf ceremony again");
    out.document({ state: "inviting", missing, holders: holdersJson(answered) });
    return 1;
  }
  return sign(call, store, answered);
}

async function begin(call: TufCall): Promise<CeremonyPlan> {
  const { world, options } = call;
  const root = namesOf(options.rootKeys ?? (await ask(call, "Who holds root keys? Names, separated by commas")));
  const usual = Math.max(1, Math.min(root.length - 1, Math.ceil((root.length + 1) / 2)));
  const rootThreshold =
    options.rootThreshold ?? numberOf(await ask(call, `How many of ${root.length} must sign a root?`, String(usual)));
  const targets = namesOf(options.targetsKeys ?? (await ask(call, "Who signs targets?", root.join(","))));
  const targetsThreshold =
    options.targetsThreshold ??
    numberOf(
      await ask(
        call,
        `How many of ${targets.length} must sign targets?`,
        String(Math.min(rootThreshold, targets.length)),
      ),
    );
  const plan = {
    root: root.map(nameOf),
    rootThreshold,
    targets: targets.map(nameOf),
    targetsThreshold,
    startedMs: world.now(),
    holders: [
      ...new Map([...root, ...targets].map((spec) => [nameOf(spec), spec])).values(),
      "new:snapshot",
      "new:timestamp",
    ].map((spec): CeremonyHolder => ({
      name: nameOf(spec),
      key: undefined,
      reference: spec === nameOf(spec) ? undefined : spec,
    })),
  };
  checkCeremony(plan);
  return plan;
}

/** What has been agreed upon is not changed by calling it otherwise. Problem `cli/usage`. */
function demandSame({ options }: TufCall, plan: CeremonyPlan): void {
  const names = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : [...new Set(namesOf(text).map(nameOf))].toSorted().join(", ");
  const listed = (all: readonly string[]): string => [...new Set(all)].toSorted().join(", ");
  const pairs = [
    ["--root-keys", names(options.rootKeys), listed(plan.root)],
    ["--root-threshold", options.rootThreshold, plan.rootThreshold],
    ["--targets-keys", names(options.targetsKeys), listed(plan.targets)],
    ["--targets-threshold", options.targetsThreshold, plan.targetsThreshold],
  ] as const;
  const other = pairs.filter(([, given, agreed]) => given !== undefined && given !== agreed);
  if (other.length === 0) return;
  const what = other.map(([name, given, agreed]) => `${name} was ${agreed} and is now ${given}`).join("; ");
  throw new Problem("cli/usage", `a ceremony has begun with other answers: ${what}`, {
    hint: "go on without these options, or abandon it: sealwright tuf proposals discard",
  });
}

function namesOf(text: string): readonly string[] {
  const names = text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  if (names.length === 0) throw new Problem("cli/usage", "no key holder was named");
  return names;
}

/** `alice` of `alice`, `new:alice` and `alice=pkcs11:...`. */
function nameOf(spec: string): string {
  return /^new:(.+)$/.exec(spec)?.[1] ?? /^([^=:]+)=/.exec(spec)?.[1] ?? spec;
}

/** Keys that are here, made or named by a reference; the others are invited. */
async function bringLocalKeys(call: TufCall, store: RepositoryStore, plan: CeremonyPlan): Promise<CeremonyPlan> {
  const holders: CeremonyHolder[] = [];
  for (const { name, reference } of plan.holders) {
    if (reference === undefined) {
      holders.push({ name, key: undefined, reference });
      continue;
    }
    const spec = reference.startsWith("new:") ? reference : reference.slice(name.length + 1);
    const { key, holder } = await bringKey(call, store, spec, name);
    holders.push({ name, key, reference: holder.reference });
  }
  return { ...plan, holders };
}

async function savePlan({ world }: TufCall, store: RepositoryStore, plan: CeremonyPlan): Promise<void> {
  await untilCommitted(async () => {
    const event = { operation: "ceremony", what: `root ${plan.rootThreshold} of ${plan.root.join(", ")}` };
    await record(
      { store, now: world.now() },
      await store.revision(),
      new Map([[ceremonyRecord, encodeCeremony(plan)]]),
      event,
    );
  });
}

async function inviteMissing(call: TufCall, store: RepositoryStore, plan: CeremonyPlan): Promise<void> {
  const invited = new Set((await readInvitations(store)).map(({ name }) => name));
  const missing = missingHolders(plan).filter((name) => !invited.has(name));
  const silent = { ...call, out: quietDocuments(call) };
  if (missing.length > 0) await invite(silent, store, missing);
}

/** The verbs that a ceremony calls tell their lines, and leave the one document to it. */
function quietDocuments({ out }: TufCall): TufCall["out"] {
  return Object.assign(Object.create(out) as typeof out, { document: () => undefined });
}

/** On a terminal: responses that come in while one sits together. An empty answer ends it. */
async function takeFiles(call: TufCall, store: RepositoryStore, isOpen: () => Promise<boolean>): Promise<void> {
  if (call.world.ask === undefined || call.options.yes === true) return;
  while (await isOpen()) {
    const file = (await call.world.ask("File with an answer (empty: go on later)? ")).trim();
    if (file === "") return;
    try {
      await receiveFile({ ...call, out: quietDocuments(call) }, store, file);
    } catch (error) {
      call.out.error(error);
    }
  }
}

async function sign(call: TufCall, store: RepositoryStore, plan: CeremonyPlan): Promise<ExitCode> {
  const { out, world, options } = call;
  const operation = bootstrapOperation(plan);
  const flow = flowWorld(call, store);
  const waiting = (await readProposals(store)).find((each) => each.operation === operation.name);
  const outcome = waiting === undefined ? await propose(flow, operation) : await signProposal(flow, waiting.id);
  if (outcome.state === "applied") return reportOutcome(call, outcome, { holders: holdersJson(plan) });
  const isSitting = world.ask !== undefined && options.yes !== true;
  const isOpen = async (): Promise<boolean> => (await openIfThere(store)) === undefined;
  if (isSitting) reportDocuments(out, outcome.proposal, outcome.differences);
  await writeRequest(call, store, outcome);
  if (isSitting) await takeFiles(call, store, isOpen);
  if (!(await isOpen())) {
    out.document({ state: "applied", root: `${options.dir}/root.json` });
    return 0;
  }
  return reportOutcome(call, await showProposal(flow, outcome.proposal.id), { holders: holdersJson(plan) });
}

function holdersJson({ holders }: CeremonyPlan): object[] {
  return holders.map(({ name, key }) => ({ name, key: key?.keyid }));
}

interface Choice {
  readonly key: string;
  readonly what: string;
  act(call: TufCall): Promise<ExitCode>;
}

const choices: readonly Choice[] = [
  {
    key: "sign",
    what: "sign what waits",
    act: async (call) =>
      signVerb({ ...call, args: [await ask(call, "Which proposal?", "")].filter((id) => id !== "") }),
  },
  {
    key: "replace",
    what: "replace a key",
    act: async (call) => {
      const args = [await ask(call, "Of which roles?", "root,targets"), await ask(call, "Which key goes?")];
      return change.keyReplace(
        withOptions(call, args, {
          with: [await ask(call, "Which key comes? A name that was invited, a reference, or new:NAME")],
        }),
      );
    },
  },
  {
    key: "add",
    what: "add a key",
    act: async (call) =>
      change.keyAdd(
        withOptions(
          call,
          [
            await ask(call, "To which roles?", "root,targets"),
            await ask(call, "Which key? A name that was invited, a reference, or new:NAME"),
          ],
          {},
        ),
      ),
  },
  {
    key: "remove",
    what: "remove a key",
    act: async (call) =>
      change.keyRemove(
        withOptions(call, [await ask(call, "From which roles?", "root,targets"), await ask(call, "Which key?")], {}),
      ),
  },
  {
    key: "threshold",
    what: "change how many must sign",
    act: async (call) =>
      change.threshold(
        withOptions(call, [await ask(call, "Of which roles?", "root,targets"), await ask(call, "How many?")], {}),
      ),
  },
  {
    key: "resign",
    what: "sign anew what ends soon",
    act: async (call) => change.resignVerb(withOptions(call, [], {})),
  },
  {
    key: "recover",
    what: "a key is stolen or lost",
    act: async (call) => {
      const args = [await ask(call, "A key of which role?", "root")];
      const key = [await ask(call, "Which key?")];
      const lost = (await ask(call, "Is it lost, and in nobody else's hands? yes or no", "no")).startsWith("y");
      return change.recoverVerb(withOptions(call, args, { key, lost }));
    },
  },
];

function withOptions(call: TufCall, args: readonly string[], options: Partial<TufCall["options"]>): TufCall {
  return { ...call, args, options: { ...call.options, ...options } };
}

/** With a repository: how it stands, and what is to be done, rehearsed before it is done. */
async function guide(call: TufCall): Promise<ExitCode> {
  const { out, world } = call;
  const isAsking = world.ask !== undefined && call.options.yes !== true;
  const status = await statusVerb(isAsking ? { ...call, out: quietDocuments(call) } : call);
  if (!isAsking) return status;
  for (const { key, what } of choices) out.line(`  ${key.padEnd(10)} ${what}`);
  const answer = await ask(call, "What is to be done? (empty: nothing)", "");
  const choice = choices.find(({ key }) => key === answer);
  if (answer === "") return status;
  if (choice === undefined)
    throw new Problem("cli/usage", `${answer} is not one of ${choices.map(({ key }) => key).join(", ")}`);
  if (choice.key === "sign") return choice.act(call);
  const answers: string[] = [];
  // The same answers serve for the rehearsal and then for the deed.
  const remembering = {
    ...call,
    world: {
      ...world,
      ask: async (question: string) => {
        const given = await world.ask!(question);
        answers.push(given);
        return given;
      },
    },
  };
  const isRehearsal = call.options.dryRun === true;
  const rehearsal = withOptions({ ...remembering, out: quietDocuments(call) }, [], { dryRun: true });
  // The keys that a rehearsal makes are thrown away.
  const would = await choice.act({ ...rehearsal, made: [] });
  if (isRehearsal) return would;
  await confirm(call, "Do it?");
  const replay = [...answers];
  return choice.act({ ...call, world: { ...world, ask: async () => replay.shift() ?? "" } });
}

/** An answer; the usual one when nothing is typed. Problem `cli/usage` where nobody can be asked. */
async function ask({ world }: TufCall, question: string, usual?: string): Promise<string> {
  if (world.ask === undefined) {
    throw new Problem("cli/usage", `nobody can be asked: ${question}`, {
      hint: "give --root-keys, --root-threshold, --targets-keys and --targets-threshold",
    });
  }
  const answer = (await world.ask(`${question}${usual === undefined || usual === "" ? "" : ` [${usual}]`} `)).trim();
  if (answer !== "") return answer;
  if (usual === undefined) throw new Problem("cli/declined", "no answer was given, and nothing has changed");
  return usual;
}

function numberOf(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Problem("cli/usage", `${text} is not a number`);
  return Number(text);
}
