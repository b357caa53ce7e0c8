// A stand-in for Rekor v1, whose own server needs Trillian and a database: our log engine behind its interface, with
// signed entry timestamps, for `hashedrekord` and `dsse` 0.0.1 (sigstore/rekor openapi.yaml and types). It checks what
// it is given as the server does, and cosign writes to it and verifies its entries (test/interop/rekor-v1.test.ts).

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import {
  base64,
  canonicalJson,
  Fields,
  fromBase64,
  fromHex,
  fromUtf8,
  hex,
  parseJson,
  parseJsonText,
  utf8,
} from "../src/core/index.ts";
import {
  createSigner,
  defaultScheme,
  digestHex,
  generateKey,
  keyFingerprint,
  parseCertificatesPem,
  parseEnvelope,
  parsePublicKeyPem,
  preAuthenticationEncoding,
  type PublicKey,
  verifyDigest,
  verifySignature,
} from "../src/crypto/index.ts";
import { encodeTrustedRoot, parseTrustedRoot } from "../src/sigstore/index.ts";
import {
  createMemoryLogStore as memoryStore,
  encodeCheckpoint,
  leafHash,
  type Log,
  openLog,
  signNote,
} from "../src/tlog/index.ts";
import type { RunningInstance } from "./instance.ts";

const host = "log-v1.example.org";
const origin = `${host} - 1193050959916656506`;
const maxBytes = 32 * 1024 * 1024;
const code = "sigstore/entry-invalid";

export interface RekorV1 {
  readonly url: string;
  readonly entries: readonly string[];
  /** The instance's trust root with this log in it, and a signing config that names it alone. */
  readonly trustedRoot: Uint8Array;
  readonly signingConfig: Uint8Array;
}

function keyOf(pem: string): PublicKey {
  return pem.includes("CERTIFICATE") ? parseCertificatesPem(pem)[0]!.publicKey : parsePublicKeyPem(pem);
}

/** The canonical body of a proposed entry whose signature holds. */
function bodyOf(bytes: Uint8Array): Uint8Array {
  const entry = Fields.of(parseJson(bytes, { maxBytes }), "entry", code);
  const kind = entry.oneOf("kind", "hashedrekord", "dsse");
  entry.oneOf("apiVersion", "0.0.1");
  const spec = entry.object("spec");
  if (kind === "hashedrekord") {
    const signature = spec.object("signature");
    const content = signature.base64("content");
    const publicKey = signature.object("publicKey").base64("content");
    const hash = spec.object("data").object("hash");
    const algorithm = hash.oneOf("algorithm", "sha256");
    const key = keyOf(fromUtf8(publicKey));
    if (!verifyDigest(key, defaultScheme(key), fromHex(hash.string("value")), content))
      throw entry.problem("spec", "is not signed");
    return canonicalJson({
      apiVersion: "0.0.1",
      kind,
      spec: {
        data: { hash: { algorithm, value: hash.string("value") } },
        signature: { content: base64(content), publicKey: { content: base64(publicKey) } },
      },
    });
  }
  const proposed = spec.object("proposedContent");
  const text = proposed.string("envelope", { max: maxBytes });
  const envelope = parseEnvelope(parseJsonText(text, { maxBytes }));
  const [verifier] = proposed.strings("verifiers", { min: 1, max: 1 });
  const [signature] = envelope.signatures;
  const key = keyOf(fromUtf8(fromBase64(verifier!)));
  const message = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  if (!verifySignature(key, defaultScheme(key), message, signature!.sig)) throw entry.problem("spec", "is not signed");
  return canonicalJson({
    apiVersion: "0.0.1",
    kind,
    spec: {
      envelopeHash: { algorithm: "sha256", value: digestHex("sha256", utf8(text)) },
      payloadHash: { algorithm: "sha256", value: digestHex("sha256", envelope.payload) },
      signatures: [{ signature: base64(signature!.sig), verifier: verifier! }],
    },
  });
}

/** Serves until the test ends. */
export async function startRekorV1(t: TestContext, instance: RunningInstance): Promise<RekorV1> {
  const signer = createSigner(generateKey("ecdsa-p256"));
  const logId = keyFingerprint(signer.publicKey);
  const log = await openLog({
    store: memoryStore(),
    origin,
    signCheckpoint: async (size, root) =>
      utf8(await signNote(encodeCheckpoint({ origin, size, root, extensions: [] }), [{ name: host, signer }])),
  });
  const entries: string[] = [];
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    try {
      const [uuid, entry] = await append(log, bodyOf(Buffer.concat(parts)), logId, (message) => signer.sign(message));
      entries.push(uuid);
      response.writeHead(201, {
        "content-type": "application/json",
        etag: uuid,
        location: `/api/v1/log/entries/${uuid}`,
      });
      response.end(JSON.stringify({ [uuid]: entry }));
    } catch (error) {
      response.writeHead(400, { "content-type": "application/json" });
      response.end(JSON.stringify({ code: 400, message: String(error) }));
    }
  };
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await log.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const root = parseTrustedRoot(await instance.target("trusted_root.json"));
  const start = { startMs: instance.organisation.createdMs - 1000 };
  const about = { keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor: start, logId, operator: host };
  const added = { baseUrl: `https://${host}`, publicKey: signer.publicKey.spki, ...about };
  const config = JSON.parse(fromUtf8(await instance.target("signing_config.v0.2.json"))) as Record<string, unknown>;
  const service = {
    url,
    majorApiVersion: 1,
    validFor: { start: new Date(start.startMs).toISOString() },
    operator: host,
  };
  return {
    url,
    entries,
    trustedRoot: encodeTrustedRoot({ ...root, logs: [...root.logs, added] }),
    signingConfig: utf8(JSON.stringify({ ...config, rekorTlogUrls: [service] })),
  };
}

/** UUID and LogEntry of the appended body, as the server answers. */
async function append(
  log: Log,
  body: Uint8Array,
  logId: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array,
): Promise<readonly [string, object]> {
  const { index, size, root, proof, checkpoint } = await log.append({ leaf: body });
  const promised = {
    body: base64(body),
    integratedTime: Math.floor(Date.now() / 1000),
    logID: hex(logId),
    // Over all shards; in the proof it is the shard's own.
    logIndex: index + 1000,
  };
  const uuid = `${"108e9186e8c5677a"}${hex(leafHash(body))}`;
  const inclusionProof = {
    logIndex: index,
    rootHash: hex(root),
    treeSize: size,
    hashes: proof.map((each) => hex(each)),
    checkpoint: fromUtf8(checkpoint),
  };
  const signedEntryTimestamp = base64(sign(canonicalJson(promised)));
  return [uuid, { ...promised, verification: { inclusionProof, signedEntryTimestamp } }];
}
