// The first ceremony: who is to hold the keys is written down, people are invited, and when all have answered root
// version 1 is proposed and signed. What is known so far is one record, so that it goes on where it stopped, on another
// day and in another process.

import { canonicalJson, Fields, parseJson, Problem } from "../core/index.ts";
import { type Key, type RepositoryStore, type RoleKeys } from "../tuf/index.ts";
import { invitationRecord, readInvitations } from "./tuf-invitation.ts";
import { type Operation, record, type TufWorld, untilCommitted } from "./tuf-operations.ts";
import { present, proposalRecord, readProposals } from "./tuf-proposal.ts";
import { distinctKeys } from "./tuf-view.ts";
import { type KeyHolder, keyJson, nothingWanted, parseKeyJson } from "./tuf-wanted.ts";

export const ceremonyRecord = "ceremony";
const code = "tuf/ceremony-invalid";
const maxBytes = 1 << 20;
const maxHolders = 64;
const bootstrapName = "bootstrap";

/** Who is to hold a key; the key itself once it is known. */
export interface CeremonyHolder {
  readonly name: string;
  readonly key: Key | undefined;
  /** Where the private key is, when it is with this organisation. */
  readonly reference: string | undefined;
}

export interface CeremonyPlan {
  readonly root: readonly string[];
  readonly rootThreshold: number;
  readonly targets: readonly string[];
  readonly targetsThreshold: number;
  readonly startedMs: number;
  /** By name; `snapshot` and `timestamp` among them. */
  readonly holders: readonly CeremonyHolder[];
}

/** Problem `tuf/threshold`: fewer holders than have to sign. */
export function checkCeremony({ root, rootThreshold, targets, targetsThreshold }: CeremonyPlan): void {
  for (const [role, names, threshold] of [
    ["root", root, rootThreshold],
    ["targets", targets, targetsThreshold],
  ] as const) {
    if (threshold >= 1 && threshold <= new Set(names).size) continue;
    throw new Problem(
      "tuf/threshold",
      `${role} is to have ${new Set(names).size} keys and a threshold of ${threshold}`,
      {
        hint: "a threshold is at least 1 and at most the number of keys; with one key more than that, one may be lost",
      },
    );
  }
}

export function encodeCeremony({ holders, ...plan }: CeremonyPlan): Uint8Array {
  return canonicalJson({
    ...plan,
    holders: holders.map(({ name, key, reference }) => present({ name, key: key && keyJson(key), reference })),
  });
}

/** Undefined: none has begun. Problem `tuf/ceremony-invalid`. */
export async function readCeremony(store: RepositoryStore): Promise<CeremonyPlan | undefined> {
  const bytes = await store.readRecord(ceremonyRecord);
  if (bytes === undefined) return undefined;
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "ceremony", code);
  return {
    root: fields.strings("root", { max: maxHolders }),
    rootThreshold: fields.integer("rootThreshold"),
    targets: fields.strings("targets", { max: maxHolders }),
    targetsThreshold: fields.integer("targetsThreshold"),
    startedMs: fields.integer("startedMs"),
    holders: fields.objects("holders", { max: 4 * maxHolders }, (each) => ({
      name: each.string("name"),
      key: each.optional("key", (name) => parseKeyJson(each.object(name))),
      reference: each.optional("reference", (name) => each.string(name)),
    })),
  };
}

/** The plan with the keys of those who have answered their invitation. */
export async function withAnswers(store: RepositoryStore, plan: CeremonyPlan): Promise<CeremonyPlan> {
  const accepted = new Map(
    (await readInvitations(store)).flatMap(({ name, accepted: key }) =>
      key === undefined ? [] : [[name, key] as const],
    ),
  );
  return { ...plan, holders: plan.holders.map((each) => ({ ...each, key: each.key ?? accepted.get(each.name) })) };
}

export function missingHolders({ holders }: CeremonyPlan): readonly string[] {
  return holders.filter((each) => each.key === undefined).map((each) => each.name);
}

/** Ends a ceremony that has made no root: its plan, its invitations and what waits for signatures go. */
export async function discardCeremony(world: Pick<TufWorld, "store" | "now">, plan: CeremonyPlan): Promise<void> {
  const { store } = world;
  await untilCommitted(async () => {
    const base = await store.revision();
    const holders = new Set(plan.holders.map(({ name }) => name));
    const invitations = (await readInvitations(store)).filter(({ name }) => holders.has(name));
    const proposals = (await readProposals(store)).filter(({ operation }) => operation === bootstrapName);
    const gone = [
      ceremonyRecord,
      ...invitations.map(({ id }) => invitationRecord(id)),
      ...proposals.map(({ id }) => proposalRecord(id)),
    ];
    const records = new Map(gone.map((name) => [name, undefined]));
    await record(world, base, records, { operation: "discard", of: "ceremony" });
  });
}

/** Root and targets version 1. Problem `tuf/key-known`: two names brought one key. */
export function bootstrapOperation(plan: CeremonyPlan): Operation {
  const keyOf = (name: string): Key => {
    const key = plan.holders.find((each) => each.name === name)?.key;
    if (key === undefined) throw new Problem("tuf/invitation-open", `${name} has not answered the invitation yet`);
    return key;
  };
  const role = (names: readonly string[], threshold: number): RoleKeys => {
    const keys = [...new Set(names)].map(keyOf);
    if (distinctKeys(keys) === keys.length) return { keys, threshold };
    throw new Problem("tuf/key-known", `two of ${names.join(", ")} have brought one and the same key`, {
      hint: "a key counts once; invite one of them again",
    });
  };
  const bootstrap = {
    root: role(plan.root, plan.rootThreshold),
    targets: role(plan.targets, plan.targetsThreshold),
    snapshot: role(["snapshot"], 1),
    timestamp: role(["timestamp"], 1),
  };
  const holders = plan.holders.map(({ name, key, reference }): KeyHolder => ({ keyid: key!.keyid, name, reference }));
  return { name: bootstrapName, wanted: { ...nothingWanted, bootstrap, holders } };
}
