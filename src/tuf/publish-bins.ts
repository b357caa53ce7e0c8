// New versions of bins (TAP 15): of those whose targets change, of all of them when they are new, and of those that
// their keys no longer vouch for.

import { canonicalJson, emptyObject, equalBytes, type Json, type JsonObject } from "../core/index.ts";
import type { BinText } from "./bin-text.ts";
import { binNames } from "./bins.ts";
import { encodeFile, signMessage, signMetadata, type NewTarget } from "./create.ts";
import { editTargets, nextRole, targetsOf, type TargetEdits } from "./edit.ts";
import { encodeKey } from "./key.ts";
import type { Metadata, TargetFile, Targets } from "./model.ts";
import { noteEdits, type BinsPlan } from "./plan.ts";
import type { Signing } from "./repository-model.ts";
import type { OpenRepository } from "./repository.ts";
import { binsGroup } from "./settings.ts";
import { signersOf } from "./signing.ts";
import { validSigners, type Authority } from "./verify.ts";

export interface EditedBin {
  readonly message: Uint8Array;
  /** The targets that are new or not as they were. */
  readonly changed: JsonObject;
}

export interface BinsDraft {
  readonly before: OpenRepository | undefined;
  readonly signing: Signing;
  /** By delegator. */
  readonly binsExpiryMs: Map<string, number>;
  readonly added: NewTarget[];
  readonly removed: TargetFile[];
  /** Those that were edited as text. */
  readonly editedBins: Map<string, EditedBin>;
  expiresMs(role: string): number;
  nextVersion(role: string): number;
  add(
    name: string,
    version: number,
    bytes: Uint8Array,
    meta: { version: number; length: undefined; hashes: undefined },
  ): void;
}

export async function signBins(draft: BinsDraft, bins: BinsPlan): Promise<void> {
  const { delegator, succinct, authority, contents, edits } = bins;
  const expiresMs = draft.expiresMs(binsGroup(delegator));
  if (contents !== undefined) {
    for (const [name, targets] of contents) await signBin(draft, bins, { name, before: undefined, targets, expiresMs });
    draft.binsExpiryMs.set(delegator, expiresMs);
    return;
  }
  const before = draft.before!;
  const old = before.parts.binsOf.get(delegator)!;
  const isSame = sameAuthority(old.authority, authority);
  let signed = 0;
  for (const name of isSame ? edits.keys() : binNames(succinct)) {
    const edit = edits.get(name);
    const text = await before.binText(name, old);
    if (edit === undefined && text !== undefined && isAccepted(text.metadata, authority)) continue;
    const next = text === undefined ? undefined : editText(draft, text, edit, draft.nextVersion(name), expiresMs);
    if (next !== undefined) await signText(draft, bins, name, next);
    else if (!(await signParsed(draft, bins, name, edit, expiresMs))) continue;
    signed++;
  }
  if (signed === 2 ** succinct.bitLength) draft.binsExpiryMs.set(delegator, expiresMs);
}

function isAccepted(metadata: Metadata<Targets> | undefined, authority: Authority): boolean {
  return metadata !== undefined && validSigners(metadata, authority).length >= authority.role.threshold;
}

/** By way of the parser; false when nothing had to be signed. */
async function signParsed(
  draft: BinsDraft,
  bins: BinsPlan,
  name: string,
  edit: TargetEdits | undefined,
  expiresMs: number,
): Promise<boolean> {
  const before = await draft.before!.role(name);
  if (edit === undefined && isAccepted(before, bins.authority)) return false;
  const targets = edit === undefined ? targetsOf(before) : editBin(draft, targetsOf(before), edit);
  await signBin(draft, bins, { name, before, targets, expiresMs });
  return true;
}

/** The message of the bin's next version; undefined when it has to go by way of the parser, with nothing done yet. */
function editText(
  draft: BinsDraft,
  text: BinText,
  edit: TargetEdits | undefined,
  version: number,
  expiresMs: number,
): EditedBin | undefined {
  const { add = [], remove = [], move = [] } = edit ?? {};
  if (add.length + remove.length + move.length === 0) {
    return { message: text.message(version, expiresMs, undefined), changed: emptyObject<Json>() };
  }
  const entries = text.entries();
  if (entries === undefined) return undefined;
  // What an edit speaks of, so that it is made by the same function, with the same refusals, as everywhere.
  const before = emptyObject<Json>();
  for (const path of [...add.map((each) => each.path), ...remove, ...move.map(([each]) => each)]) {
    const target = entries.get(path);
    if (target !== undefined) before[path] = target;
  }
  const after = editTargets(before, edit!);
  for (const path of remove) if (!(path in after)) entries.remove(path);
  for (const path of Object.keys(after)) {
    if (!entries.set(path, after[path] as JsonObject)) return undefined;
  }
  noteEdits(before, edit!, draft.added, draft.removed);
  return { message: text.message(version, expiresMs, entries), changed: after };
}

async function signText(draft: BinsDraft, bins: BinsPlan, name: string, next: EditedBin): Promise<void> {
  const { message } = next;
  const { delegator, authority } = bins;
  const signatures = await signMessage(
    message,
    signersOf(draft.signing, binsGroup(delegator), authority),
    keysOf(authority),
  );
  const unreachable = (): never => {
    throw new Error("a bin's text holds a control character");
  };
  addBin(draft, name, encodeFile(message, signatures, unreachable));
  draft.editedBins.set(name, next);
}

function addBin(draft: BinsDraft, name: string, bytes: Uint8Array): void {
  draft.add(name, draft.nextVersion(name), bytes, {
    version: draft.nextVersion(name),
    length: undefined,
    hashes: undefined,
  });
}

function keysOf({ keys, role }: Authority) {
  return role.keyids.flatMap((keyid) => keys.get(keyid) ?? []);
}

function editBin(draft: BinsDraft, before: JsonObject, edit: TargetEdits): JsonObject {
  noteEdits(before, edit, draft.added, draft.removed);
  return editTargets(before, edit);
}

/**
 * Snapshot lists a bin by its version alone: with a hash for each of 16,384 it would be over the 2,000,000 bytes that
 * clients read. §4.4 leaves both out at will, and whoever signs bins signs what they hold.
 */
async function signBin(
  draft: BinsDraft,
  { delegator, authority }: BinsPlan,
  bin: {
    readonly name: string;
    readonly before: Metadata<Targets> | undefined;
    readonly targets: JsonObject;
    readonly expiresMs: number;
  },
): Promise<void> {
  const { name, before, targets, expiresMs } = bin;
  const version = draft.nextVersion(name);
  const signers = signersOf(draft.signing, binsGroup(delegator), authority);
  addBin(
    draft,
    name,
    await signMetadata(nextRole(before, { version, expiresMs, targets }), signers, keysOf(authority)),
  );
}

function sameAuthority(a: Authority, b: Authority): boolean {
  const text = ({ keys, role }: Authority): Uint8Array =>
    canonicalJson([
      role.threshold,
      ...role.keyids.map((id) => [id, ...(keys.has(id) ? [encodeKey(keys.get(id)!)] : [])]),
    ]);
  return equalBytes(text(a), text(b));
}
