// The play-book: a key of a role is stolen or lost, what now. One plan for every role, after PEP 458 ("In the event of a
// key compromise", table of what each combination of keys can do), TUF 1.0.34 §5.3.11 and §6.1. What an attacker could
// still do is told with dates, since that decides how fast everybody has to be told.

import { formatUtcSeconds, Problem } from "../core/index.ts";
import { type Key, type Repository, type TopLevelRole, topLevelRoles } from "../tuf/index.ts";
import type { KeyLabel } from "./tuf-difference.ts";
import type { Operation } from "./tuf-operations.ts";
import {
  authorityOf,
  delegatedRoles,
  distinctKeys,
  isTopLevel,
  keysOf,
  rolesOfKey,
  unknownRole,
  viewOf,
} from "./tuf-view.ts";
import { type KeyHolder, nothingWanted, type RoleEdit } from "./tuf-wanted.ts";

export interface RecoverRequest {
  readonly repository: Repository;
  readonly roles: readonly string[];
  /** Keys that are stolen or lost; empty: every key of the roles. */
  readonly keys: readonly string[];
  /** Lost and in nobody else's hands. */
  readonly lost: boolean;
  /** A key that takes the place of one that goes; undefined leaves the place empty. */
  readonly replacement: (keyid: string) => Promise<{ readonly key: Key; readonly holder: KeyHolder } | undefined>;
  readonly label: KeyLabel;
}

export interface PlayBook {
  readonly operation: Operation;
  /** What has happened, in a sentence. */
  readonly happened: string;
  /** What whoever has the keys can do to clients until they have followed, and until when. */
  readonly exposure: readonly string[];
  /** What a person does before and after. */
  readonly steps: readonly string[];
}

/**
 * The operation that takes the keys away from every role they have a part in. Problems `tuf/role-name`, `tuf/key-unknown`,
 * `tuf/root-lost`: those who are left cannot sign a next root, so that a new repository has to be made and its root
 * handed out.
 */
export async function recover(request: RecoverRequest): Promise<PlayBook> {
  const { repository, lost, label } = request;
  const gone = await goneKeys(request);
  await demandRootStands(request, gone);
  const edits = await editsFor(request, gone);
  const affected = [...new Set([...request.roles, ...edits.edits.map(({ role }) => role)])];
  const renew = affected.filter((role) => role !== "root" && !isTopLevel(role) && !edits.bins.has(role));
  if (affected.includes("targets")) renew.unshift("targets");
  const wanted = { ...nothingWanted, edits: edits.edits, renew: lost ? [] : renew, holders: edits.holders };
  const names = gone.map(label).join(", ");
  const exposure = lost ? [] : exposureOf(repository, affected, gone);
  return {
    operation: { name: lost ? "recover-lost" : "recover", wanted, notes: exposure },
    happened: `${names} ${gone.length === 1 ? "is" : "are"} ${lost ? "lost" : "in the wrong hands"}; part of ${affected.join(", ")}`,
    exposure,
    steps: lost ? lostSteps(affected) : stolenSteps(affected),
  };
}

async function goneKeys({ repository, roles, keys }: RecoverRequest): Promise<readonly string[]> {
  const view = viewOf(repository);
  for (const role of roles) await authorityOf(view, role);
  if (keys.length > 0) return keys;
  const all = await Promise.all(roles.map(async (role) => (await authorityOf(view, role)).role.keyids));
  return [...new Set(all.flat())];
}

/** Below the threshold the others sign; at it nobody can be believed any more who signs with this root. */
async function demandRootStands({ repository, lost, label }: RecoverRequest, gone: readonly string[]): Promise<void> {
  const authority = await authorityOf(viewOf(repository), "root");
  const { threshold } = authority.role;
  const keys = keysOf(authority);
  const stolen = keys.filter(({ keyid }) => gone.includes(keyid));
  const left = keys.filter(({ keyid }) => !gone.includes(keyid));
  const beyond = lost ? distinctKeys(left) < threshold : distinctKeys(stolen) >= threshold;
  if (!beyond && distinctKeys(left) >= threshold) return;
  const names = stolen.map(({ keyid }) => label(keyid)).join(", ");
  throw new Problem(
    "tuf/root-lost",
    lost
      ? `without ${names} only ${distinctKeys(left)} of the ${threshold} root keys that are needed are left: no next root can be signed`
      : `${names} reach the threshold of ${threshold}: whoever has them signs any root, and no client can tell it from yours`,
    {
      hint: "a new repository has to be made and its root handed to every client by a way you trust: sealwright tuf recover root --new-root FOLDER",
    },
  );
}

async function editsFor({ repository, roles, lost, replacement }: RecoverRequest, gone: readonly string[]) {
  const view = viewOf(repository);
  const perRole = new Map<string, { add: Key[]; remove: string[] }>();
  const holders: KeyHolder[] = [];
  const of = (role: string) => {
    const known = perRole.get(role) ?? { add: [], remove: [] };
    perRole.set(role, known);
    return known;
  };
  // Who had the snapshot's key had the machine of the timestamp's in all but a few places, and clients forget a
  // fast-forwarded version only with the keys that signed it (§5.3.11).
  const online: readonly TopLevelRole[] = !lost && roles.includes("snapshot") ? ["snapshot", "timestamp"] : [];
  const extra = online.flatMap((role) => view.root.signed.roles[role].keyids);
  for (const keyid of new Set([...gone, ...extra])) {
    const parts = await rolesOfKey(view, keyid);
    if (parts.length === 0) throw new Problem("tuf/key-unknown", `${keyid} is a key of no role`);
    const next = await replacement(keyid);
    if (next !== undefined) holders.push(next.holder);
    for (const role of parts) {
      of(role).remove.push(keyid);
      if (next !== undefined) of(role).add.push(next.key);
    }
  }
  const delegated = await delegatedRoles(view);
  const edits: RoleEdit[] = [...perRole].map(([role, { add, remove }]) => ({
    role,
    add,
    remove,
    threshold: undefined,
  }));
  const bins = new Set([...delegated].filter(([, by]) => by.bins).map(([name]) => name));
  for (const role of roles) if (!perRole.has(role)) throw await unknownRole(view, role);
  return { edits, holders, bins };
}

/** PEP 458, table of attacks by the keys that were taken, with this repository's dates. */
function exposureOf(repository: Repository, affected: readonly string[], gone: readonly string[]): string[] {
  const { root, timestamp, snapshot, targets } = repository.head;
  const reaches = (role: TopLevelRole): boolean => {
    const { keyids, threshold } = root.signed.roles[role];
    return keyids.filter((keyid) => gone.includes(keyid)).length >= threshold;
  };
  const until = (...roles: readonly { readonly signed: { readonly expiresMs: number } }[]): string =>
    formatUtcSeconds(Math.min(...roles.map((each) => each.signed.expiresMs)));
  const held = topLevelRoles.filter(reaches);
  const delegated = affected.filter((role) => !isTopLevel(role));
  if (held.length === 0 && delegated.length === 0) {
    return ["these keys are below every threshold: alone they sign nothing that a client takes"];
  }
  const lines = [
    "a client that has followed to the new keys takes nothing that the old ones sign",
    `a client that is kept from the new root goes on believing the old keys: at worst until its own root ends, ${until(root)}, unless it is told`,
  ];
  const pair = held.includes("timestamp") && held.includes("snapshot");
  if (pair && (held.includes("targets") || delegated.length > 0)) {
    const what = held.includes("targets") ? "any target" : `targets of ${delegated.join(", ")}`;
    lines.push(`with these keys such a client can be given ${what} of the attacker's making until ${until(root)}`);
  } else if (pair) {
    lines.push(
      `with snapshot and timestamp such a client can be shown old versions mixed with new ones until ${until(targets, root)}; no target can be forged`,
    );
  } else if (held.includes("timestamp")) {
    lines.push(
      `with the timestamp such a client can be held at an old state until its snapshot ends, ${until(snapshot, targets, root)}; no target can be forged`,
    );
  } else {
    lines.push(
      "these keys alone change nothing for clients: what they sign counts only when a snapshot and a timestamp list it " +
        `(the one there is ends ${until(timestamp)})`,
    );
  }
  return lines;
}

function stolenSteps(affected: readonly string[]): string[] {
  const steps = [
    "find out how the keys were taken, and close it first: new keys in the same place are lost the same way",
  ];
  if (affected.some((role) => role !== "root" && role !== "snapshot" && role !== "timestamp")) {
    steps.push(
      "compare every target with a copy that you know to be good, and unpublish what is not yours: sealwright tuf unpublish PATH",
      "sealwright tuf log shows each publication and who signed it",
    );
  }
  steps.push(
    "afterwards run a client from root.json: sealwright tuf verify-mirror",
    "tell those who verify offline to refresh",
  );
  return steps;
}

function lostSteps(affected: readonly string[]): string[] {
  return [
    `${affected.join(", ")} can be signed as long as thresholds are reached: do this before another key is lost`,
    "a lost key that turns up again is a stolen one: do not bring it back",
  ];
}
