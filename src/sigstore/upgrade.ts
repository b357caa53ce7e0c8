// Older bundles and cosign's material before them in the newest form that they can have: v0.3 where every log entry has
// a proof up to a signed checkpoint, v0.1 where a promise is all there is (sigstore_bundle.proto).

import { demand, equalBytes } from "../core/index.ts";
import type { Bundle, MessageDigest, TransparencyLogEntry } from "./model.ts";
import { bundleMediaType } from "./parse-bundle.ts";

const promiseMediaType = "application/vnd.dev.sigstore.bundle+json;version=0.1";

/**
 * The bundle in its newest form; nothing is verified, so verify what comes out. `proven` are the log's own answers with
 * proofs for entries that have none. Problem `sigstore/upgrade-entry` for an answer about another entry,
 * `sigstore/upgrade-unlogged` where neither proof nor promise is left.
 */
export function upgradeBundle(
  bundle: Bundle,
  proven: readonly TransparencyLogEntry[],
  messageDigest: MessageDigest | undefined,
): Bundle {
  const { signer, logEntries, timestamps } = bundle.verificationMaterial;
  for (const each of proven) {
    const known = logEntries.some((entry) => isSame(entry, each));
    demand(known, "sigstore/upgrade-entry", "the log's answer is about an entry that the bundle does not have");
  }
  const entries = logEntries.map((entry) => withProof(entry, proven));
  const isProven = entries.every(({ inclusionProof }) => inclusionProof?.checkpoint !== undefined);
  const isPromised = entries.every(({ signedEntryTimestamp }) => signedEntryTimestamp !== undefined);
  demand(isProven || isPromised, "sigstore/upgrade-unlogged", "a log entry has neither a proof nor a promise");
  const { content } = bundle;
  const digested = content.kind === "message" && content.messageDigest === undefined && messageDigest !== undefined;
  return {
    mediaType: isProven ? bundleMediaType : promiseMediaType,
    version: isProven ? "0.3" : "0.1",
    verificationMaterial: {
      signer: signer.kind === "certificate" && isProven ? { ...signer, rest: [] } : signer,
      logEntries: entries,
      timestamps,
    },
    content: digested ? { ...content, messageDigest } : content,
  };
}

function isSame(entry: TransparencyLogEntry, other: TransparencyLogEntry): boolean {
  return (
    equalBytes(entry.logId, other.logId) &&
    entry.logIndex === other.logIndex &&
    equalBytes(entry.canonicalizedBody, other.canonicalizedBody)
  );
}

/** The entry's own promise is kept: the answer's is another signature over the same. */
function withProof(entry: TransparencyLogEntry, proven: readonly TransparencyLogEntry[]): TransparencyLogEntry {
  const inclusionProof = proven.find((each) => isSame(entry, each))?.inclusionProof ?? entry.inclusionProof;
  return inclusionProof === undefined ? entry : { ...entry, inclusionProof };
}
