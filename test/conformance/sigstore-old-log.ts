// A log of Rekor's first API in memory: entries with a signed entry timestamp and a proof, as older bundles and
// cosign's files before them hold.

import { base64, canonicalJson, hex, minuteMs, utf8 } from "../../src/core/index.ts";
import { digestHex, type Envelope, encodePem, keyFingerprint, type LocalSigner } from "../../src/crypto/index.ts";
import type { EntryVerifier, LogInstance, TransparencyLogEntry } from "../../src/sigstore/index.ts";
import { encodeCheckpoint, type Log, openLog, signNote } from "../../src/tlog/index.ts";
import { memoryStore, newSigner, startMs } from "../sigstore-instance.ts";

/** Indices of the whole log begin here, those of this tree at 0. */
const firstIndex = 1000;

export interface RekorV1Log {
  readonly instance: LogInstance;
  addMessage(signature: Uint8Array, verifier: EntryVerifier, artifact: Uint8Array): Promise<TransparencyLogEntry>;
  addEnvelope(envelope: Envelope, verifier: EntryVerifier): Promise<TransparencyLogEntry>;
}

export async function newRekorV1Log(host: string, now: () => number): Promise<RekorV1Log> {
  const signer = newSigner("ecdsa-p256");
  const origin = `${host} - 4242`;
  const log = await openLog({
    store: memoryStore(),
    origin,
    signCheckpoint: async (size, root) =>
      utf8(await signNote(encodeCheckpoint({ origin, size, root, extensions: [] }), [{ name: host, signer }])),
  });
  return {
    instance: {
      baseUrl: `https://${host}`,
      publicKey: signer.publicKey.spki,
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
      validFor: { startMs: startMs - minuteMs },
      logId: keyFingerprint(signer.publicKey),
      operator: "",
    },
    addMessage: (signature, verifier, artifact) =>
      add(log, signer, now(), "hashedrekord", {
        data: { hash: { algorithm: "sha256", value: digestHex("sha256", artifact) } },
        signature: { content: base64(signature), publicKey: { content: base64(utf8(pemOf(verifier))) } },
      }),
    addEnvelope: ({ payload, signatures }, verifier) =>
      add(log, signer, now(), "dsse", {
        envelopeHash: { algorithm: "sha256", value: digestHex("sha256", payload) },
        payloadHash: { algorithm: "sha256", value: digestHex("sha256", payload) },
        signatures: signatures.map(({ sig }) => ({
          signature: base64(sig),
          verifier: base64(utf8(pemOf(verifier))),
        })),
      }),
  };
}

function pemOf({ kind, der }: EntryVerifier): string {
  return encodePem(kind === "certificate" ? "CERTIFICATE" : "PUBLIC KEY", der);
}

async function add(
  log: Log,
  signer: LocalSigner,
  nowMs: number,
  kind: string,
  spec: Parameters<typeof canonicalJson>[0],
): Promise<TransparencyLogEntry> {
  const canonicalizedBody = canonicalJson({ apiVersion: "0.0.1", kind, spec });
  const { index, size, root, proof, checkpoint } = await log.append({ leaf: canonicalizedBody });
  const logId = keyFingerprint(signer.publicKey);
  const logIndex = index + firstIndex;
  const integratedTime = Math.floor(nowMs / 1000);
  const promised = canonicalJson({ body: base64(canonicalizedBody), integratedTime, logIndex, logID: hex(logId) });
  return {
    logIndex,
    logId,
    kind,
    version: "0.0.1",
    integratedTime,
    signedEntryTimestamp: signer.sign(promised),
    inclusionProof: {
      logIndex: index,
      rootHash: root,
      treeSize: size,
      hashes: proof,
      checkpoint: new TextDecoder().decode(checkpoint),
    },
    canonicalizedBody,
  };
}
