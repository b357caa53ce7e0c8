// The log entries of a bundle: client specification §4 step 2; C2SP tlog-checkpoint; RFC 9162 §2.1.3.2; Rekor v1's
// signed entry timestamp. Size and root are taken from the signed checkpoint alone. Stricter: a duplicate entry is
// refused, thresholds count operators, and a time counts only under a verified signed entry timestamp.

import {
  base64,
  canonicalJson,
  demand,
  equalBytes,
  hex,
  isProblem,
  Problem,
  type ProblemCode,
  type Verified,
} from "../core/index.ts";
import { verifySignature } from "../crypto/index.ts";
import { type Checkpoint, leafHash, verifyCheckpoint, verifyInclusion } from "../tlog/index.ts";
import { checkpointMemory, type CheckpointMemory } from "./checkpoint-memory.ts";
import type { SigningAlgorithm } from "./key-details.ts";
import { contains, type InclusionProof, type TransparencyLogEntry } from "./model.ts";
import type { Trust, TrustedLog } from "./trust.ts";
import type { SignedContent } from "./verify-content.ts";
import { isRekorV2, verifyEntryBody } from "./verify-entry.ts";
import { type Witnessed, verifyWitnesses, type WitnessRequirement } from "./verify-witnesses.ts";

export interface VerifiedLogEntry {
  readonly entry: TransparencyLogEntry;
  /** The trusted logs of that id; several when a key is listed for several intervals. */
  readonly logs: readonly TrustedLog[];
  /** From the signed entry timestamp; undefined when there is none, whatever the entry says. */
  readonly integratedMs: number | undefined;
  /** The signed tree head that the entry is proven in; undefined where a promise alone vouches for it. */
  readonly checkpoint: Checkpoint | undefined;
  /** Who cosigned that; empty where nobody was asked for. */
  readonly witnesses: readonly Witnessed[];
  /** The signature algorithms that the entry leaves possible. */
  readonly algorithms: readonly SigningAlgorithm[];
}

export interface LogRequirement {
  /** How many operators must have logged it. */
  readonly threshold: number;
  readonly witnesses?: WitnessRequirement | undefined;
}

/**
 * Verifies every entry of a known log and counts the logs, one for each operator. An entry of an unknown log is passed
 * over: it could as well be missing. Problems `sigstore/log-duplicate`, `sigstore/log-threshold`,
 * `sigstore/log-promise-invalid`, `sigstore/log-proof-missing`, `sigstore/log-proof-invalid`,
 * `sigstore/log-entry-mismatch`, `sigstore/log-entry-unsupported`, `sigstore/witness-quorum`.
 */
export function verifyLogEntries(
  entries: readonly TransparencyLogEntry[],
  content: SignedContent,
  trust: Trust,
  { threshold, witnesses }: LogRequirement,
): readonly VerifiedLogEntry[] {
  const places = new Set(entries.map(({ logId, logIndex }) => `${hex(logId)} ${logIndex}`));
  demand(places.size === entries.length, "sigstore/log-duplicate", "the bundle holds one log entry twice");
  const verified = entries.flatMap((entry) => verifyEntry(entry, content, trust, witnesses));
  const operators = new Set(verified.map(({ logs }) => logs[0]!.operator));
  const unknown = entries.length - verified.length;
  const rest = unknown === 0 ? "" : `; ${unknown} of unknown logs`;
  const counted = `the bundle has entries of ${operators.size} of ${threshold} needed logs${rest}`;
  demand(operators.size >= threshold, "sigstore/log-threshold", counted);
  return verified;
}

function verifyEntry(
  entry: TransparencyLogEntry,
  content: SignedContent,
  trust: Trust,
  witnesses: WitnessRequirement | undefined,
): readonly VerifiedLogEntry[] {
  const logs = trust.logs.filter((log) => equalBytes(log.logId, entry.logId));
  if (logs.length === 0) return [];
  const integratedMs = entry.signedEntryTimestamp === undefined ? undefined : verifyPromise(entry, logs);
  const note = entry.inclusionProof?.checkpoint;
  const checkpoint = note === undefined ? undefined : verifyProof(entry, logs, checkpointMemory(trust));
  // Only v0.1 bundles may do without, parse-bundle.ts sees to it; a proof without a checkpoint proves nothing.
  const promised = checkpoint !== undefined || (integratedMs !== undefined && !isRekorV2(entry));
  demand(promised, "sigstore/log-proof-missing", "a log entry has no inclusion proof with a checkpoint");
  const witnessed = witnesses === undefined ? [] : verifyWitnesses(note, logs, witnesses);
  const algorithms = verifyEntryBody(entry, content);
  return [{ entry, logs, integratedMs, checkpoint, witnesses: witnessed, algorithms }];
}

/** Rekor v1's signed entry timestamp: a signature over the RFC 8785 JSON of the entry. Gives the time in ms. */
function verifyPromise(entry: TransparencyLogEntry, logs: readonly TrustedLog[]): number {
  const { canonicalizedBody, integratedTime, logIndex, logId, signedEntryTimestamp } = entry;
  const atMs = integratedTime * 1000;
  const signed = canonicalJson({ body: base64(canonicalizedBody), integratedTime, logIndex, logID: hex(logId) });
  const code = "sigstore/log-promise-invalid";
  demand(integratedTime > 0, code, "a log entry's promise states no time");
  const inWindow = logs.filter((log) => contains(log.validFor, atMs));
  demand(inWindow.length > 0, code, "the log was not trusted at the time that its promise states");
  const valid = inWindow.some((log) => verifySignature(log.key, log.scheme, signed, signedEntryTimestamp!));
  demand(valid, code, "a log entry's promise is not signed by the log");
  return atMs;
}

function verifyProof(entry: TransparencyLogEntry, logs: readonly TrustedLog[], memory: CheckpointMemory): Checkpoint {
  const proof = entry.inclusionProof as InclusionProof & { readonly checkpoint: string };
  try {
    const checkpoint = memory.recall(entry.logId, proof.checkpoint, () => verifyLogCheckpoint(proof.checkpoint, logs));
    const { size, root } = checkpoint;
    const same = size === proof.treeSize && equalBytes(root, proof.rootHash);
    demand(same, "sigstore/log-proof-invalid", "the proof is for another tree than the checkpoint");
    const place = !isRekorV2(entry) || proof.logIndex === entry.logIndex;
    demand(place, "sigstore/log-proof-invalid", "the proof is for another index than the entry's");
    verifyInclusion({
      leafHash: leafHash(entry.canonicalizedBody),
      index: proof.logIndex,
      size,
      proof: proof.hashes,
      root,
    });
    return checkpoint;
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
    throw new Problem("sigstore/log-proof-invalid", "a log entry is not proven to be in the log", { cause });
  }
}

// Problems that say "not this name": another name of the same log may still be the right one.
const otherName: readonly ProblemCode[] = ["tlog/note-unsigned", "tlog/checkpoint-origin"];

function verifyLogCheckpoint(note: string, logs: readonly TrustedLog[]): Verified<Checkpoint> {
  let reason: unknown;
  for (const verifier of logs.flatMap((log) => log.verifiers)) {
    // Rekor v1's origin is the name and a tree id: "<host> - <number>".
    const isOrigin = (origin: string): boolean =>
      origin === verifier.name || (/^\S+ - \d{1,20}$/.test(origin) && origin.startsWith(`${verifier.name} - `));
    try {
      return verifyCheckpoint(note, verifier, isOrigin);
    } catch (problem) {
      if (!otherName.some((code) => isProblem(problem, code))) throw problem;
      reason = problem;
    }
  }
  throw new Problem("sigstore/log-checkpoint-unsigned", "the log did not sign the checkpoint", { cause: reason });
}

/**
 * Entries that state no time of their own stand in the log's window at every other verified time.
 * Problem `sigstore/log-expired`. Where there is no time at all, as for some keys, nothing can be said.
 */
export function verifyLogWindows(verified: readonly VerifiedLogEntry[], timesMs: readonly number[]): void {
  for (const { logs, integratedMs } of verified) {
    if (integratedMs !== undefined) continue;
    const trusted = timesMs.every((atMs) => logs.some((log) => contains(log.validFor, atMs)));
    demand(trusted, "sigstore/log-expired", "the log was not trusted at the time of signing");
  }
}
