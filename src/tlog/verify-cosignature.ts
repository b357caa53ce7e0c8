// Cosignatures on a checkpoint and the quorum of a policy: C2SP tlog-cosignature and tlog-policy.
// Stricter: a cosignature from the future is refused (tlog-cosignature says MAY).

import { demand, isProblem, markVerified, minuteMs, secondMs } from "../core/index.ts";
import type { Verified } from "../core/index.ts";
import { verifySignature } from "../crypto/index.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { cosignedMessage } from "./cosignature.ts";
import type { Witness } from "./cosignature.ts";
import type { Checkpoint, Note } from "./model.ts";
import { parseNote } from "./note.ts";
import type { LogPolicy, QuorumRule } from "./policy.ts";
import { verifiedLines } from "./verify-note.ts";
import { verifyCheckpoint } from "./verify-checkpoint.ts";
import { WireReader } from "./wire.ts";

const maxSkewMs = 5 * minuteMs;
const signatureBytes = 64;

/** One witness's statement that it saw the checkpoint. */
export interface Cosignature {
  readonly witness: Witness;
  readonly timeSeconds: number;
}

/**
 * The cosignatures of known witnesses on a note, every one checked; others are passed over, so the answer may be
 * empty. `now` in ms. Problems: `tlog/note-signature-invalid`, `tlog/note-duplicate`, `tlog/cosignature-future`.
 */
export function verifyCosignatures(
  note: Note,
  witnesses: readonly Witness[],
  now: number,
): Verified<readonly Cosignature[]> {
  const lines = verifiedLines(
    note,
    witnesses.map((witness) => ({
      ...witness,
      witness,
      verify: (note: Note, signature: Uint8Array) => isCosignature(note, signature, witness),
    })),
  );
  const cosignatures = lines.map(({ line, verifier }) => {
    const timeSeconds = timeOf(line.signature);
    const past = timeSeconds * secondMs <= now + maxSkewMs;
    demand(past, "tlog/cosignature-future", `the cosignature of ${verifier.name} is from the future`);
    return { witness: verifier.witness, timeSeconds };
  });
  return markVerified(cosignatures);
}

function timeOf(signature: Uint8Array): number {
  return new WireReader(signature, "tlog/cosignature-invalid", "cosignature").uint(8);
}

function isCosignature(note: Note, signature: Uint8Array, witness: Witness): boolean {
  if (signature.length !== 8 + signatureBytes) return false;
  try {
    const message = cosignedMessage(note.text, timeOf(signature));
    return verifySignature(witness.key, "ed25519", message, signature.subarray(8));
  } catch (error) {
    if (isProblem(error, "tlog/cosignature-invalid")) return false;
    throw error;
  }
}

/** A checkpoint that meets a policy, and who cosigned it. */
export interface WitnessedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
}

/**
 * A checkpoint that one of the policy's logs signed and its quorum cosigned. `now` in ms. Problems: those of
 * `verifyCheckpoint` and `verifyCosignatures`, `tlog/policy-no-log`, `tlog/quorum-missing`.
 */
export function verifyPolicy(text: string, policy: LogPolicy, now: number): Verified<WitnessedCheckpoint> {
  const note = parseNote(text);
  const { origin } = parseCheckpoint(note.text);
  const log = policy.logs.find((each) => each.name === origin);
  demand(log !== undefined, "tlog/policy-no-log", "the checkpoint's origin is no log of the policy");
  const checkpoint = verifyCheckpoint(text, log);
  const cosignatures = verifyCosignatures(note, policy.witnesses, now);
  const seen = new Set(cosignatures.map((each) => each.witness));
  demand(meets(policy.quorum, seen), "tlog/quorum-missing", "the quorum of witnesses did not cosign the checkpoint");
  return markVerified({ checkpoint, cosignatures });
}

function meets(rule: QuorumRule, seen: ReadonlySet<Witness>): boolean {
  if (rule.kind === "none") return true;
  if (rule.kind === "witness") return seen.has(rule.witness);
  return rule.members.filter((member) => meets(member, seen)).length >= rule.threshold;
}
