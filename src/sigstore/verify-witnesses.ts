// The quorum of witnesses on a log entry's checkpoint: C2SP tlog-policy and tlog-cosignature. No public client asks for
// one yet. The trust root still says which logs count; a policy that names logs narrows them further.

import { isProblem, Problem } from "../core/index.ts";
import { type LogPolicy, verifyPolicy } from "../tlog/index.ts";
import type { TrustedLog } from "./trust.ts";

export interface WitnessRequirement {
  /** `parsePolicy`. Where it names no log, every log of the trust root may be the one. */
  readonly policy: LogPolicy;
  /** Cosignatures from after this are refused. */
  readonly nowMs: number;
}

export interface Witnessed {
  readonly name: string;
  readonly timeSeconds: number;
}

/** Who cosigned the checkpoint. Problem `sigstore/witness-quorum`, with the reason as its cause. */
export function verifyWitnesses(
  note: string | undefined,
  logs: readonly TrustedLog[],
  { policy, nowMs }: WitnessRequirement,
): readonly Witnessed[] {
  if (note === undefined) throw new Problem("sigstore/witness-quorum", "a log entry has no checkpoint to cosign");
  const known = policy.logs.length === 0 ? logs.flatMap(({ verifiers }) => verifiers) : policy.logs;
  try {
    const { cosignatures } = verifyPolicy(note, { ...policy, logs: known }, nowMs);
    return cosignatures.map(({ witness, timeSeconds }) => ({ name: witness.name, timeSeconds }));
  } catch (cause) {
    if (!isProblem(cause)) throw cause;
    throw new Problem("sigstore/witness-quorum", "the checkpoint of a log entry does not meet the witness policy", {
      cause,
    });
  }
}
