// `up`: the organisation's services over its keys and stores. Each request is one readable list of steps; what a
// client is told has been made durable first. Fulcio v2, Rekor v2, RFC 3161, OpenID Connect Discovery 1.0.

import { isProblem, type JsonObject, Problem, utf8 } from "../core/index.ts";
import {
  type Certificate,
  createTimestampFailure,
  createTimestampResponse,
  encodePem,
  type LocalSigner,
  parseCertificatesPem,
  parseTimestampRequest,
  timestampFailureOf,
} from "../crypto/index.ts";
import {
  addPrecertificate,
  type CertificateAuthority,
  identityFromClaims,
  issueSigningCertificate,
  parseLogRequest,
  parseSigningCertificateRequest,
  signingCertificateJson,
  transparencyLogEntry,
  trustBundleJson,
  verifyLogRequest,
  verifyPossession,
} from "../sigstore/index.ts";
import {
  createRfc6962Note,
  dataTiles,
  type Log,
  type LogStore,
  noteKeyId,
  openLog,
  signCheckpoint,
} from "../tlog/index.ts";
import type { RepositoryStore } from "../tuf/index.ts";
import type { AddedEntry, Authority } from "./authority.ts";
import { decideRelease, type DecisionWorld, recordedDecision } from "./decisions.ts";
import { readTufFile } from "./tuf-file.ts";
import type { Upkeep } from "./tuf-upkeep.ts";
import { keyNames, loadOrganisation, loadSigner, type Organisation, places } from "./organisation.ts";
import { positiveInteger, serialBytes } from "./serial-number.ts";
import type { Clock, Files, Randomness } from "./world.ts";

/** Audience that Sigstore's clients ask tokens for. */
export const tokenAudience = "sigstore";
/** Audience of tokens that may have a decision recorded; one for the CA is no good here, nor the other way round. */
export const decisionAudience = "sealwright-decisions";
const maxStaticBytes = 64 * 1024 * 1024;
const maxPemBytes = 1 << 20;

export interface AuthorityWorld extends DecisionWorld {
  readonly clock: Clock;
  readonly random: Randomness;
  readonly files: Files;
  readonly tuf: RepositoryStore;
  readonly upkeep: Pick<Upkeep, "metrics">;
  /** A log's files below the organisation's folder, held against a second process. */
  readonly openStore: (folder: string) => Promise<LogStore & { close(): Promise<void> }>;
  /** Checks a token's signature, issuer, audience and times; gives its claims. Problem `oidc/*`. */
  readonly verifyToken: (token: string, now: number, audience: string) => Promise<JsonObject>;
  /** The issuer's public keys, RFC 7517. */
  readonly keySet: JsonObject;
}

interface Parts {
  readonly organisation: Organisation;
  readonly world: AuthorityWorld;
  readonly ca: CertificateAuthority;
  readonly tsa: { readonly chain: readonly Certificate[]; readonly signer: LocalSigner };
  readonly ctSigner: LocalSigner;
  /** Key id of the log's checkpoints, which is the log's id in entries. */
  readonly logId: Uint8Array;
  readonly log: Log;
  readonly ct: Log;
}

/** Problems: `organisation/*`, `io/locked` when another process has the logs, `tlog/store-corrupt`. */
export async function openAuthority(world: AuthorityWorld): Promise<Authority> {
  const { files, clock } = world;
  const organisation = await loadOrganisation(files);
  const [logSigner, ctSigner] = [await loadSigner(files, keyNames.log), await loadSigner(files, keyNames.ct)];
  const logStore = await world.openStore(places.log);
  const ctStore = await world.openStore(places.ct);
  const log = await openLog({
    store: logStore,
    origin: organisation.logOrigin,
    signCheckpoint: async (size, root) => {
      const { logOrigin: origin } = organisation;
      return utf8(await signCheckpoint({ origin, size, root, extensions: [] }, [{ name: origin, signer: logSigner }]));
    },
  });
  const ct = await openLog({
    store: ctStore,
    origin: organisation.ctOrigin,
    entries: dataTiles,
    signCheckpoint: async (size, root) =>
      utf8(await createRfc6962Note({ origin: organisation.ctOrigin, size, root }, ctSigner, clock.now())),
  });
  const ca = { chain: await loadChain(files, places.caChain), signer: await loadSigner(files, keyNames.ca) };
  const tsa = { chain: await loadChain(files, places.tsaChain), signer: await loadSigner(files, keyNames.tsa) };
  const logId = noteKeyId(organisation.logOrigin, logSigner.publicKey);
  const parts: Parts = { organisation, world, ca, tsa, ctSigner, logId, log, ct };
  return createAuthority(parts, async () => {
    await Promise.all([log.close(), ct.close()]);
    await Promise.all([logStore.close(), ctStore.close()]);
  });
}

async function loadChain(files: Files, path: string): Promise<readonly Certificate[]> {
  return parseCertificatesPem(new TextDecoder().decode(await files.read(path, maxPemBytes)));
}

function createAuthority(parts: Parts, close: () => Promise<void>): Authority {
  const { organisation, world, ca, tsa, log, ct } = parts;
  return {
    signingCertificate: (body, bearer) => signingCertificate(parts, body, bearer),
    trustBundle: () => trustBundleJson([ca.chain.map(({ raw }) => raw)]),
    configuration: () => ({
      issuers: [{ issuerUrl: organisation.url, audience: tokenAudience, challengeClaim: "sub", spiffeTrustDomain: "" }],
    }),
    addEntry: (body) => addEntry(parts, body),
    timestamp: (query) => timestamp(parts, query),
    timestampChain: () => tsa.chain.map(({ raw }) => encodePem("CERTIFICATE", raw)).join(""),
    readStatic: (area, path) => readStatic(parts, area, path),
    readTuf: (path) => readTufFile(world.tuf, path),
    metrics: () => world.upkeep.metrics(),
    discovery: () => ({
      issuer: organisation.url,
      jwks_uri: `${organisation.url}/.well-known/jwks.json`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
      claims_supported: ["aud", "exp", "iat", "iss", "nbf", "sub"],
    }),
    keySet: () => world.keySet,
    decide: async (bearer, body) => {
      if (bearer === undefined)
        throw new Problem("oidc/token-invalid", "a decision is recorded for who brings a token");
      await world.verifyToken(bearer, world.clock.now(), decisionAudience);
      return decideRelease(await body(), world);
    },
    decision: (digest) => recordedDecision(digest, world),
    health: () => ({
      status: "ok",
      name: organisation.name,
      log: { origin: log.origin, size: log.size },
      ct: { origin: ct.origin, size: ct.size },
    }),
    close,
  };
}

/** Fulcio v2 CreateSigningCertificate: who asks, do they hold the key, log the promise, issue. */
async function signingCertificate(parts: Parts, body: Uint8Array, bearer: string | undefined): Promise<JsonObject> {
  const { world, ca, ct, ctSigner } = parts;
  const now = world.clock.now();
  const request = parseSigningCertificateRequest(body);
  const token = request.identityToken ?? bearer;
  if (token === undefined) throw new Problem("oidc/token-invalid", "the request has no identity token");
  const identity = identityFromClaims(await world.verifyToken(token, now, tokenAudience), { kind: "build" });
  const publicKey = verifyPossession(request, identity.challenge);
  const serialNumber = positiveInteger(world.random, serialBytes);
  const chain = await issueSigningCertificate({
    identity,
    publicKey,
    ca,
    ctLogs: [{ submit: (submission) => addPrecertificate(ct, ctSigner, submission, now), logKey: ctSigner.publicKey }],
    nowMs: now,
    serialNumber,
  });
  return signingCertificateJson(chain);
}

/** Rekor v2 CreateEntry: the signature is checked before the entry is logged, the proof before it is answered. */
async function addEntry({ log, logId }: Parts, body: Uint8Array): Promise<AddedEntry> {
  const entry = verifyLogRequest(parseLogRequest(body));
  const appended = await log.append({ leaf: entry.canonicalizedBody });
  const json = transparencyLogEntry(entry, appended, logId);
  return { duplicateOf: appended.duplicate ? appended.index : undefined, entry: json };
}

/** RFC 3161 §2.4: a refusal is an answer too, with its reason. */
async function timestamp({ world, tsa }: Parts, query: Uint8Array): Promise<Uint8Array> {
  const genTimeMs = world.clock.now();
  try {
    return await createTimestampResponse({
      request: parseTimestampRequest(query),
      signer: tsa.signer,
      chain: tsa.chain,
      genTimeMs,
      serialNumber: positiveInteger(world.random, serialBytes),
    });
  } catch (error) {
    return createTimestampFailure(timestampFailureOf(error), "the request cannot be granted");
  }
}

const staticPath = /^[A-Za-z0-9._%/-]+$/;

async function readStatic(
  { world, log, ct }: Parts,
  area: "log" | "ct",
  path: string,
): Promise<Uint8Array | undefined> {
  const climbs = path.split("/").some((part) => part === "" || part === "." || part === "..");
  if (climbs || path.length > 512 || !staticPath.test(path)) return undefined;
  if (path === "checkpoint") return (area === "log" ? log : ct).checkpoint();
  if (!path.startsWith("tile/")) return undefined;
  return world.files.readIfThere(`${places[area]}/${path}`, maxStaticBytes).catch((error: unknown) => {
    // A folder, or a name that no file can have: there is nothing to serve, and nothing to tell of this machine.
    if (isProblem(error, "io/read")) return undefined;
    throw error;
  });
}
