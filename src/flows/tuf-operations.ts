// The life of a proposal: made, signed with what is at hand, kept while others sign, planned again when the repository
// has moved on, carried out when every threshold is met. Every step is one commit to the store and can be repeated after
// a crash; who commits first wins, and the other begins again.

import { isProblem, type JsonObject, Problem } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import {
  isRepository,
  parseSettings,
  type Repository,
  type RepositoryStore,
  roleSettings,
  settingsRecord,
} from "../tuf/index.ts";
import { firstExpiry, planBootstrap } from "./tuf-bootstrap.ts";
import { type Applied, applyProposal, waitingRecords } from "./tuf-apply.ts";
import { type KeyLabel, labelOf } from "./tuf-difference.ts";
import { openPublished } from "./tuf-identity.ts";
import { readKeyNames } from "./tuf-key-names.ts";
import { plan, type Planned } from "./tuf-plan.ts";
import {
  encodeProposal,
  findProposal,
  present,
  type Proposal,
  proposalId,
  proposalRecord,
  type ProposalSignature,
  readProposals,
} from "./tuf-proposal.ts";
import {
  addSignature,
  addStep,
  isMet,
  type Keyring,
  type Need,
  missingLines,
  needsOf,
  signHere,
} from "./tuf-quorum.ts";
import { beforeOf, differences, newRepository, parseResponse, repositoryId } from "./tuf-request.ts";
import { viewOf } from "./tuf-view.ts";
import { encodeWanted, parseWanted, restsOn, type Wanted } from "./tuf-wanted.ts";
import type { Randomness } from "./world.ts";

export interface TufWorld {
  readonly store: RepositoryStore;
  readonly now: number;
  readonly random: Randomness;
  /** The private keys that these references lead to, by key id. */
  keyring(references: ReadonlyMap<string, string>): Keyring;
}

/** What an operation is called, what it wants, and what should be known about it. */
export interface Operation {
  readonly name: string;
  readonly wanted: Wanted;
  readonly notes?: readonly string[];
}

export interface Outcome {
  readonly state: "applied" | "waiting";
  readonly proposal: Proposal;
  readonly needs: readonly Need[];
  /** What every document changes, in the order of the proposal's parts. */
  readonly differences: readonly (readonly string[])[];
  /** Whose signatures are missing, a line a threshold. */
  readonly missing: readonly string[];
  /** Other proposals that touch the same documents: the second to be carried out is planned again. */
  readonly rivals: readonly Proposal[];
  readonly names: ReadonlyMap<string, string>;
  readonly applied?: Applied;
}

const maxAttempts = 8;

/** Begins again when somebody else has committed meanwhile. Problem `tuf/conflict` when that never ends. */
export async function untilCommitted<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = maxAttempts; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 1 || !isProblem(error, "tuf/conflict")) throw error;
    }
  }
}

/** Undefined before the first root has been published. */
export async function openIfThere(store: RepositoryStore): Promise<Repository | undefined> {
  return (await isRepository(store)) ? openPublished(store) : undefined;
}

/** References of a repository and of the keys that a proposal brings. */
async function keyringFor(world: TufWorld, wanted: Wanted): Promise<Keyring> {
  const { keys } = parseSettings(await world.store.readRecord(settingsRecord));
  const brought = wanted.holders.flatMap(({ keyid, reference }) =>
    reference === undefined ? [] : [[keyid, reference] as const],
  );
  return world.keyring(new Map([...keys, ...brought]));
}

export function expiryOf(repository: Repository, now: number): (role: string) => number {
  return (role) => now + roleSettings(repository.settings, role).expiryMs;
}

async function labels(world: TufWorld, wanted: Wanted): Promise<ReadonlyMap<string, string>> {
  const names = await readKeyNames(world.store);
  return new Map([...names, ...wanted.holders.map(({ keyid, name }) => [keyid, name] as const)]);
}

/** A proposal as it would be made now, unsigned. Problems as of `plan`. */
export async function draft(
  repository: Repository | undefined,
  { name, wanted, notes = [] }: Operation,
  { now, label }: { readonly now: number; readonly label: KeyLabel },
): Promise<Proposal> {
  const planned: Planned =
    repository === undefined
      ? planBootstrap(wanted, firstExpiry(now))
      : await plan({ repository, expiresMs: expiryOf(repository, now), label, now }, wanted);
  return {
    id: proposalId(name, planned.parts, now),
    operation: name,
    args: encodeWanted(wanted),
    createdMs: now,
    base: repository?.revision ?? 0,
    parts: planned.parts,
    rests: planned.rests,
    notes: [...notes, ...planned.notes],
    signatures: [],
    steps: [{ atMs: now, what: `proposed: ${name}` }],
  };
}

/**
 * Makes a proposal, signs it with the keys at hand, and carries it out or keeps it for the others.
 * Problems as of `plan` and `applyProposal`.
 */
export async function propose(world: TufWorld, operation: Operation): Promise<Outcome> {
  return untilCommitted(async () => {
    const repository = await openIfThere(world.store);
    const names = await labels(world, operation.wanted);
    const proposal = await draft(repository, operation, { now: world.now, label: labelOf(names) });
    return settle(world, repository, proposal, names);
  });
}

/**
 * Signs a proposal that waits, with the keys at hand; carries it out when that was all. `shown` are the digests of the
 * documents that somebody has agreed to: others are not signed (Problem `tuf/proposal-changed`).
 */
export async function signProposal(
  world: TufWorld,
  id: string | undefined,
  shown?: readonly string[],
): Promise<Outcome> {
  return untilCommitted(async () => {
    const repository = await openIfThere(world.store);
    const found = await findProposal(world.store, id);
    const names = await labels(world, parseWanted(found.args));
    const proposal = await rebase(repository, found, { now: world.now, label: labelOf(names) });
    const digests = proposal.parts.map(({ sha256 }) => sha256);
    if (shown !== undefined && digests.join() !== shown.join()) {
      throw new Problem("tuf/proposal-changed", `proposal ${proposal.id} is another one than was shown`, {
        hint: "somebody has published meanwhile; look at it again: sealwright tuf sign",
      });
    }
    return settle(world, repository, proposal, names);
  });
}

async function settle(
  world: TufWorld,
  repository: Repository | undefined,
  unsigned: Proposal,
  names: ReadonlyMap<string, string>,
): Promise<Outcome> {
  const { store, now } = world;
  const label = labelOf(names);
  const wanted = parseWanted(unsigned.args);
  const keyring = await keyringFor(world, wanted);
  const { proposal } = await signHere(repository, unsigned, keyring, { now, label });
  const known = await describe(world, repository, proposal, names);
  if (known.needs.every(isMet)) {
    try {
      const applied = await applyProposal(store, repository, proposal, { keyring, now });
      return { ...known, state: "applied", applied };
    } catch (error) {
      // Signed by all who had to, and what signs online is on another machine: keep it, so that it is not signed twice.
      if (!isProblem(error, "tuf/key-not-here")) throw error;
      await keep(world, repository, proposal, "waits for the online keys");
      throw error;
    }
  }
  await keep(world, repository, proposal, proposal.signatures.length > unsigned.signatures.length ? "signed" : "kept");
  return { ...known, state: "waiting" };
}

async function describe(
  world: TufWorld,
  repository: Repository | undefined,
  proposal: Proposal,
  names: ReadonlyMap<string, string>,
): Promise<Omit<Outcome, "state" | "applied">> {
  const needs = await needsOf(repository, proposal);
  const roles = new Set(proposal.parts.map((part) => part.role));
  const others = (await readProposals(world.store)).filter((each) => each.id !== proposal.id);
  return {
    proposal,
    needs,
    differences: await differences(beforeOf(repository), proposal.parts, labelOf(names)),
    missing: missingLines(needs, labelOf(names)),
    rivals: others.filter((each) => each.parts.some((part) => roles.has(part.role))),
    names,
  };
}

/** A proposal as the store has it, planned again where it must be; writes nothing. */
export async function showProposal(world: TufWorld, id: string | undefined): Promise<Outcome> {
  const repository = await openIfThere(world.store);
  const found = await findProposal(world.store, id);
  const names = await labels(world, parseWanted(found.args));
  const proposal = await rebase(repository, found, { now: world.now, label: labelOf(names) });
  return { ...(await describe(world, repository, proposal, names)), state: "waiting" };
}

/** Keeps a proposal for others to sign. */
async function keep(
  world: TufWorld,
  repository: Repository | undefined,
  proposal: Proposal,
  what: string,
): Promise<void> {
  const base = repository?.revision ?? (await world.store.revision());
  const names = await labels(world, parseWanted(proposal.args));
  const before = await world.store.readRecord(proposalRecord(proposal.id));
  const bytes = encodeProposal(proposal);
  if (before !== undefined && digestHex("sha256", before) === digestHex("sha256", bytes)) return;
  const records = new Map<string, Uint8Array | undefined>([
    [proposalRecord(proposal.id), bytes],
    ...(await waitingRecords(world.store, parseWanted(proposal.args))),
  ]);
  await record(world, base, records, {
    operation: before === undefined ? "propose" : "proposal",
    proposal: proposal.id,
    of: proposal.operation,
    what,
    documents: proposal.parts.map(({ role, version, sha256 }) => ({ role, version, sha256 })),
    signatures: proposal.signatures.map(({ role, version, keyid }) => {
      return present({ role, version, keyid, name: names.get(keyid) });
    }),
  });
}

/** A commit of records alone: nothing that is served changes. */
export async function record(
  { store, now }: Pick<TufWorld, "store" | "now">,
  base: number,
  records: ReadonlyMap<string, Uint8Array | undefined>,
  event: JsonObject,
): Promise<void> {
  await store.commit({ base, atMs: now, files: [], replaced: [], records, event });
}

/** Takes a proposal back. Problem `tuf/proposal-unknown`. */
export async function discardProposal(world: TufWorld, id: string | undefined): Promise<Proposal> {
  return untilCommitted(async () => {
    const base = await world.store.revision();
    const proposal = await findProposal(world.store, id);
    const event = { operation: "discard", proposal: proposal.id, of: proposal.operation };
    await record(world, base, new Map([[proposalRecord(proposal.id), undefined]]), event);
    return proposal;
  });
}

/**
 * The proposal as it is good for the repository as it is now. One whose documents still follow what there is stays as it
 * is, with its signatures: a new timestamp or snapshot changes nothing of it. Otherwise it is planned again, without the
 * signatures over documents that are no longer the same. Problem `tuf/proposal-stale`: what it rests on has changed, so
 * that it would now mean something else.
 */
export async function rebase(
  repository: Repository | undefined,
  proposal: Proposal,
  { now, label }: { readonly now: number; readonly label: KeyLabel },
): Promise<Proposal> {
  if (repository === undefined) return proposal;
  if (await isFresh(repository, proposal)) return proposal;
  const wanted = parseWanted(proposal.args);
  const way = `discard it and propose it again: sealwright tuf proposals discard ${proposal.id}`;
  const rests = await restsOn(viewOf(repository), wanted);
  const changed = Object.keys(proposal.rests).filter((name) => rests[name] !== proposal.rests[name]);
  if (changed.length > 0) {
    throw new Problem(
      "tuf/proposal-stale",
      `proposal ${proposal.id} rests on what has changed: ${changed.join("; ")}`,
      {
        hint: way,
      },
    );
  }
  try {
    const next = await plan({ repository, expiresMs: expiryOf(repository, now), label, now }, wanted);
    const digests = new Map(next.parts.map((part) => [`${part.role} ${part.version}`, part.sha256]));
    const before = new Map(proposal.parts.map((part) => [`${part.role} ${part.version}`, part.sha256]));
    const holds = ({ role, version }: ProposalSignature): boolean =>
      digests.get(`${role} ${version}`) === before.get(`${role} ${version}`);
    const signatures = proposal.signatures.filter(holds);
    const lost = new Set(proposal.signatures.filter((each) => !holds(each)).map((each) => label(each.keyid)));
    const again = lost.size === 0 ? "" : `; to be signed again by ${[...lost].join(", ")}`;
    const rebased = { ...proposal, base: repository.revision, parts: next.parts, signatures };
    return addStep(rebased, now, `planned again on revision ${repository.revision}${again}`);
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
    throw new Problem("tuf/proposal-stale", `proposal ${proposal.id} is no longer possible`, { cause, hint: way });
  }
}

/** Every document follows what there is: a root the head's, a role its last version. */
async function isFresh(repository: Repository, { parts }: Proposal): Promise<boolean> {
  const view = viewOf(repository);
  for (const part of parts) {
    const before = part.role === "root" ? repository.head.root : await view.role(part.role);
    const digest = before && digestHex("sha256", before.bytes);
    if (digest !== part.follows) return false;
  }
  return true;
}

/**
 * Takes in a response file: each signature is checked by itself. Problems `tuf/response-foreign`: of another repository;
 * `tuf/response-stale`: over documents that have been planned again since; `tuf/signature-*`; `tuf/proposal-unknown`.
 */
export async function receiveResponse(world: TufWorld, bytes: Uint8Array, source: string): Promise<Outcome> {
  const response = parseResponse(bytes);
  return untilCommitted(async () => {
    const { store, now } = world;
    const repository = await openIfThere(store);
    const isDone = (await store.events()).some(({ event }) => {
      return (
        event["proposal"] === response.proposal && event["documents"] !== undefined && event["changes"] !== undefined
      );
    });
    if (isDone) {
      throw new Problem("tuf/proposal-unknown", `what ${source} answers has been carried out already`, {
        hint: `nothing is left to be done: sealwright tuf log ${response.proposal}`,
      });
    }
    if (response.repository !== ((await repositoryId(store)) ?? newRepository)) {
      throw new Problem("tuf/response-foreign", `${source} answers a request of another repository`);
    }
    const found = await findProposal(store, response.proposal);
    const names = await labels(world, parseWanted(found.args));
    const label = labelOf(names);
    let proposal = await rebase(repository, found, { now, label });
    for (const { sha256, ...signature } of response.signatures) {
      const part = proposal.parts.find((each) => each.role === signature.role && each.version === signature.version);
      if (part !== undefined && part.sha256 !== sha256) {
        throw new Problem(
          "tuf/response-stale",
          `${label(signature.keyid)} has signed another ${part.role} ${part.version} than the proposal has now`,
          { hint: `the repository has moved on: make a new request with sealwright tuf request ${proposal.id}` },
        );
      }
      proposal = await addSignature(repository, proposal, { ...signature, by: source }, label);
    }
    const who = [...new Set(response.signatures.map(({ keyid }) => label(keyid)))].join(", ");
    return settle(world, repository, addStep(proposal, now, `signed elsewhere by ${who} (${source})`), names);
  });
}
