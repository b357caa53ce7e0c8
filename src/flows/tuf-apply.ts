// Carrying a proposal out: every threshold is met, so its documents are published with a new snapshot and timestamp, and
// the commit that makes them visible also removes the proposal and tells the log who signed what. All or nothing: after
// a crash at any point the proposal is still there whole, or it has been carried out.

import { canonicalJson, type JsonObject, Problem } from "../core/index.ts";
import {
  type Authority,
  type Changes,
  commitPublication,
  encodeSettings,
  initialRepository,
  parseSettings,
  type Publication,
  publish,
  type Repository,
  type RepositorySettings,
  type RepositoryStore,
  type RoleSigner,
  settingsRecord,
} from "../tuf/index.ts";
import { type KeyLabel, labelOf } from "./tuf-difference.ts";
import { keyNamesRecord, readKeyNames } from "./tuf-key-names.ts";
import { placedTargets, renewedBins } from "./tuf-plan.ts";
import { present, type Proposal, proposalRecord } from "./tuf-proposal.ts";
import { isMet, type Keyring, missingLines, needsOf, partFile } from "./tuf-quorum.ts";
import { beforeOf, differences } from "./tuf-request.ts";
import { authorityOf, delegatedRoles, fingerprintOf, keysOf, viewOf } from "./tuf-view.ts";
import { parseWanted, type Wanted } from "./tuf-wanted.ts";

export interface Applied {
  readonly proposal: Proposal;
  readonly publication: Publication;
  readonly event: JsonObject;
}

export interface ApplyOptions {
  readonly keyring: Keyring;
  readonly now: number;
}

/**
 * Publishes a proposal and commits it. Problems `tuf/signatures-missing`, `tuf/key-not-here`, `tuf/conflict`, and those
 * of `publish`.
 */
export async function applyProposal(
  store: RepositoryStore,
  repository: Repository | undefined,
  proposal: Proposal,
  { keyring, now }: ApplyOptions,
): Promise<Applied> {
  const wanted = parseWanted(proposal.args);
  const names = namesWith(await readKeyNames(store), wanted);
  const label = labelOf(names);
  const needs = await needsOf(repository, proposal);
  if (!needs.every(isMet)) {
    throw new Problem("tuf/signatures-missing", missingLines(needs, label).join("; "), {
      hint: `sealwright tuf request ${proposal.id} makes a file for who has to sign`,
    });
  }
  const signers = await onlineSigners(repository, proposal, wanted, keyring, label);
  const settings = await settingsWith(store, wanted);
  const changes = changesOf(repository, proposal, wanted, settings);
  const publication =
    repository === undefined
      ? await initialRepository(store, changes, { signers }, now)
      : await publish(repository, changes, { signers }, now);
  const event = await eventOf(repository, proposal, names);
  const records = new Map<string, Uint8Array | undefined>([
    [proposalRecord(proposal.id), undefined],
    [keyNamesRecord, canonicalJson(Object.fromEntries(names))],
  ]);
  await commitPublication(store, publication, event, records);
  return { proposal, publication, event };
}

function changesOf(
  repository: Repository | undefined,
  proposal: Proposal,
  wanted: Wanted,
  settings: RepositorySettings,
): Changes {
  const files = proposal.parts.map((part) => [part.role, partFile(proposal, part)] as const);
  const roots = files.filter(([role]) => role === "root").map(([, bytes]) => bytes);
  const signed = new Map(files.filter(([role]) => role !== "root"));
  if (repository === undefined) return { roots, signed, settings };
  return {
    roots,
    signed,
    place: placedTargets(repository, wanted),
    renewBins: renewedBins(repository, wanted),
    settings,
  };
}

/** Where the private keys are that a proposal brings, added to the repository's settings. */
export async function settingsWith(store: RepositoryStore, { holders }: Wanted): Promise<RepositorySettings> {
  const settings = parseSettings(await store.readRecord(settingsRecord));
  const known = holders.flatMap(({ keyid, reference }) =>
    reference === undefined ? [] : [[keyid, reference] as const],
  );
  return { ...settings, keys: new Map([...settings.keys, ...known]) };
}

export function namesWith(names: ReadonlyMap<string, string>, { holders }: Wanted): Map<string, string> {
  return new Map([...names, ...holders.map(({ keyid, name }) => [keyid, name] as const)]);
}

/** The records that a proposal which waits leaves behind, beside itself. */
export async function waitingRecords(store: RepositoryStore, wanted: Wanted): Promise<[string, Uint8Array][]> {
  if (wanted.holders.length === 0) return [];
  const names = namesWith(await readKeyNames(store), wanted);
  return [
    [settingsRecord, encodeSettings(await settingsWith(store, wanted))],
    [keyNamesRecord, canonicalJson(Object.fromEntries(names))],
  ];
}

/** Signers of what is signed on the way: snapshot, timestamp, and the bins that change. Problem `tuf/key-not-here`. */
async function onlineSigners(
  repository: Repository | undefined,
  proposal: Proposal,
  wanted: Wanted,
  keyring: Keyring,
  label: KeyLabel,
): Promise<ReadonlyMap<string, readonly RoleSigner[]>> {
  const view = viewOf(repository, proposal.parts);
  const delegated = await delegatedRoles(view);
  const changed = new Set([
    ...wanted.bins.filter((each) => each.count > 1).map((each) => each.role),
    ...wanted.edits.flatMap((each) => (delegated.get(each.role)?.bins === true ? delegated.get(each.role)!.from : [])),
    ...(repository === undefined ? [] : renewedBins(repository, wanted)),
    ...wanted.targets.map((each) => each.role ?? "targets").filter((role) => repository?.bins.has(role) === true),
  ]);
  const bins = [...delegated].filter(([, by]) => by.bins && changed.has(by.from)).map(([name]) => name);
  const signers = new Map<string, readonly RoleSigner[]>();
  for (const role of ["snapshot", "timestamp", ...bins]) {
    signers.set(role, await signersOf(role, await authorityOf(view, role), keyring, label));
  }
  return signers;
}

async function signersOf(
  role: string,
  authority: Authority,
  keyring: Keyring,
  label: KeyLabel,
): Promise<readonly RoleSigner[]> {
  const { threshold } = authority.role;
  const signers = new Map<string, RoleSigner>();
  const keys = keysOf(authority);
  for (const key of keys) {
    if (signers.size === threshold) break;
    const signer = await keyring.signer(key);
    if (signer !== undefined) signers.set(fingerprintOf(key), signer);
  }
  if (signers.size === threshold) return [...signers.values()];
  const places = keys.map(({ keyid }) => `${label(keyid)}: ${keyring.where(keyid) ?? "nobody has said where"}`);
  throw new Problem(
    "tuf/key-not-here",
    `${role} has to be signed by ${threshold} of its keys, ${signers.size} are here`,
    {
      hint: `run it where they are (${places.join("; ")}): sealwright tuf sign finishes what is ready`,
    },
  );
}

/** One line of the log: what was done, what changed, and who signed what, when. */
export async function eventOf(
  repository: Repository | undefined,
  proposal: Proposal,
  names: ReadonlyMap<string, string>,
): Promise<JsonObject> {
  const changes = await differences(beforeOf(repository), proposal.parts, labelOf(names));
  return {
    operation: proposal.operation,
    proposal: proposal.id,
    changes: changes.flat(),
    notes: proposal.notes,
    documents: proposal.parts.map(({ role, version, sha256 }) => ({ role, version, sha256 })),
    signatures: proposal.signatures.map(({ role, version, keyid, atMs, by, extra }) => ({
      ...present({ role, version, keyid, name: names.get(keyid), atMs, by }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    })),
    steps: proposal.steps.map((each) => ({ ...each })),
  };
}
