// Cases that must be refused for their log entries, of either API.

import { minuteMs } from "../../src/core/index.ts";
import { type Bundle, type TransparencyLogEntry } from "../../src/sigstore/index.ts";
import { encodeCheckpoint, parseCheckpoint, parseNote } from "../../src/tlog/index.ts";
import { newSigner, startMs } from "../sigstore-instance.ts";
import { loggedTwice, rootWithLogs } from "./sigstore-cases-pass.ts";
import {
  artifact,
  type Case,
  flip,
  identity,
  message,
  otherMessage,
  rekorV1,
  rootWithV1,
  v1Attestation,
  v1Message,
  v3,
  withEntry,
  withMaterial,
  withoutProof,
  withText,
  world,
} from "./sigstore-workshop.ts";

async function logs(): Promise<readonly Case[]> {
  const [entry] = message.verificationMaterial.logEntries;
  const [foreign] = otherMessage.verificationMaterial.logEntries;
  const closed = {
    ...world.root,
    logs: world.root.logs.map((each) => ({ ...each, validFor: { startMs: startMs - minuteMs, endMs: startMs - 1 } })),
  };
  return [
    {
      name: "log-entry-twice_fail",
      property: "one log entry that stands twice is refused",
      advisories: ["GHSA-9vcr-p3rj-q5q6", "CVE-2026-49834"],
      bundle: withMaterial(message, { logEntries: [entry!, entry!] }),
      arguments: { ...identity, thresholds: { logs: 2 } },
      problem: "sigstore/log-duplicate",
    },
    {
      name: "log-operator-counted-twice_fail",
      property: "two logs of one operator are no two operators",
      advisories: ["GHSA-9vcr-p3rj-q5q6", "CVE-2026-49834"],
      bundle: await loggedTwice(1),
      root: rootWithLogs,
      arguments: { ...identity, thresholds: { logs: 2 } },
      problem: "sigstore/log-threshold",
    },
    {
      name: "log-threshold-not-met_fail",
      property: "one log does not meet a threshold of two",
      bundle: message,
      arguments: { ...identity, thresholds: { logs: 2 } },
      problem: "sigstore/log-threshold",
    },
    {
      name: "log-entry-missing_fail",
      property: "where the trust root has a log, an entry is needed",
      bundle: withMaterial(message, { logEntries: [] }),
      problem: "sigstore/log-threshold",
    },
    {
      name: "log-unknown_fail",
      property: "an entry of a log that the trust root does not know counts for nothing",
      bundle: withEntry(message, (it) => ({ ...it, logId: flip(it.logId) })),
      problem: "sigstore/log-threshold",
    },
    {
      name: "log-entry-of-another-bundle_fail",
      property: "a valid entry for another signature is refused",
      advisories: [
        "GHSA-whqx-f9j3-ch6m",
        "CVE-2026-22703",
        "GHSA-q4xm-6fjc-5f6w",
        "CVE-2024-53267",
        "GHSA-8gw7-4j42-w388",
      ],
      bundle: withMaterial(message, { logEntries: [foreign!] }),
      problem: "sigstore/log-entry-mismatch",
    },
    {
      name: "log-entry-beside-a-foreign-one_fail",
      property: "a second entry of a known log that is not about the bundle is refused too",
      bundle: withMaterial(message, { logEntries: [entry!, foreign!] }),
      problem: "sigstore/log-entry-mismatch",
    },
    {
      name: "log-key-window_fail",
      property: "a log that was not trusted any more at the time of signing vouches for nothing",
      bundle: message,
      root: closed,
      problem: "sigstore/log-expired",
    },
    {
      name: "log-index-other_fail",
      property: "the entry's index is the one that is proven",
      bundle: withEntry(message, (it) => ({ ...it, logIndex: it.logIndex + 1 })),
      problem: "sigstore/log-proof-invalid",
    },
    {
      name: "log-checkpoint-of-another-name_fail",
      property: "a checkpoint of a name that contains the log's is not the log's",
      advisories: ["sigstore-js #1722"],
      bundle: withEntry(message, (it) => ({
        ...it,
        inclusionProof: {
          ...it.inclusionProof!,
          checkpoint: it.inclusionProof!.checkpoint!.replaceAll("log.example.org", "log.example.org.evil"),
        },
      })),
      problem: "sigstore/log-proof-invalid",
    },
    {
      name: "log-checkpoint-tampered_fail",
      property: "size and root are the signed ones alone",
      bundle: withEntry(message, grownCheckpoint),
      problem: "sigstore/log-proof-invalid",
    },
    {
      name: "log-entries-33_fail",
      property: "more than 32 entries are refused before one is read",
      advisories: ["GHSA-cq38-jh5f-37mq", "CVE-2024-45395"],
      bundle: withText(message, (it) => it.replace('"tlogEntries":[', `"tlogEntries":[${"{},".repeat(32)}`)),
      problem: "sigstore/bundle-invalid",
    },
  ];
}

/** The same signature under a checkpoint that claims one leaf more. */
function grownCheckpoint(entry: TransparencyLogEntry): TransparencyLogEntry {
  const proof = entry.inclusionProof!;
  const note = parseNote(proof.checkpoint!);
  const head = parseCheckpoint(note.text);
  const checkpoint = proof.checkpoint!.replace(note.text, encodeCheckpoint({ ...head, size: head.size + 1 }));
  return { ...entry, inclusionProof: { ...proof, treeSize: proof.treeSize + 1, checkpoint } };
}

async function oldLogs(): Promise<readonly Case[]> {
  const bundle = await v1Message(v3);
  const other = await v1Message(v3);
  const promised = await v1Message(
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    ({ inclusionProof: _2, ...entry2 }) => entry2,
  );
  const [entry] = bundle.verificationMaterial.logEntries;
  const { signedEntryTimestamp: promise, ...bare } = entry!;
  if (promise === undefined) throw new Error("there is a promise");
  const expired = {
    ...rootWithV1,
    logs: rootWithV1.logs.map((each) => ({ ...each, validFor: { startMs: startMs - minuteMs, endMs: startMs - 1e3 } })),
  };
  const root = rootWithV1;
  return [
    {
      name: "integrated-time-without-promise_fail",
      property: "an integrated time that nobody signed is no time",
      advisories: ["GHSA-xgjw-pm74-86q4", "CVE-2026-48816", "TOB-SIGSTORE-3"],
      bundle: withMaterial(bundle, { logEntries: [bare] }),
      root,
      problem: "sigstore/time-missing",
    },
    {
      name: "integrated-time-changed_fail",
      property: "the promise covers the integrated time",
      bundle: withEntry(bundle, (it) => ({ ...it, integratedTime: it.integratedTime - 60 })),
      root,
      problem: "sigstore/log-promise-invalid",
    },
    {
      name: "integrated-time-after-the-certificate_fail",
      property: "the certificate must be valid at the integrated time, with no grace",
      advisories: ["TOB-SIGSTORE-7"],
      bundle: await lateEntry(),
      root,
      problem: "sigstore/certificate-untrusted",
    },
    {
      name: "promise-index-changed_fail",
      property: "the promise covers the index of the whole log",
      bundle: withEntry(promised, (it) => ({ ...it, logIndex: it.logIndex + 1 })),
      root,
      problem: "sigstore/log-promise-invalid",
    },
    {
      name: "promise-for-another-signature_fail",
      property: "a promise for another signature is refused",
      advisories: ["GHSA-ccxc-vr6p-4858", "CVE-2022-23649", "GHSA-8gw7-4j42-w388", "CVE-2022-36056"],
      bundle: withMaterial(bundle, { logEntries: other.verificationMaterial.logEntries }),
      root,
      problem: "sigstore/log-entry-mismatch",
    },
    {
      name: "promise-outside-the-log-window_fail",
      property: "a promise from when the log's key was no longer trusted is refused",
      bundle,
      root: expired,
      problem: "sigstore/log-promise-invalid",
    },
    {
      name: "promise-alone-in-v0.3_fail",
      property: "from v0.2 on a proof is needed",
      bundle: withMaterial(bundle, { logEntries: [withoutProof(entry!)] }),
      root,
      problem: "sigstore/bundle-invalid",
    },
    {
      name: "rekor-v1-envelope-for-a-message_fail",
      property: "an entry of an envelope is none of a message",
      bundle: withMaterial(bundle, { logEntries: (await v1Attestation()).verificationMaterial.logEntries }),
      root,
      problem: "sigstore/log-entry-mismatch",
    },
    {
      name: "signer-swapped_fail",
      property: "another certificate of the same signer does not take the signature",
      advisories: ["GHSA-8gw7-4j42-w388", "CVE-2022-36056"],
      bundle: withMaterial(bundle, { signer: other.verificationMaterial.signer }),
      root,
      problem: "sigstore/log-entry-mismatch",
    },
  ];
}

/** Logged when its certificate had ended. */
async function lateEntry(): Promise<Bundle> {
  const signer = newSigner("ecdsa-p256");
  const [leaf] = await world.chain(signer);
  const signature = signer.sign(artifact);
  world.now = startMs + 11 * minuteMs;
  const entry = await rekorV1.addMessage(signature, { kind: "certificate", der: leaf! }, artifact);
  world.now = startMs;
  const bundle = await v1Message(v3);
  return {
    ...bundle,
    verificationMaterial: {
      signer: { kind: "certificate", leaf: leaf!, rest: [] },
      logEntries: [entry],
      timestamps: [],
    },
    content: { kind: "message", signature },
  };
}

/** One after the other with those of the other files, as all share one clock. */
export async function logCases(): Promise<readonly Case[]> {
  return [...(await logs()), ...(await oldLogs())];
}
