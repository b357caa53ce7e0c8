// The decision interface: `POST` verifies a release and records what was decided; `GET` looks it up by the artifact's
// digest, and needs nothing else to be up. A digest nobody asked about has no decision, which admits nothing.

import { base64, Fields, fromUtf8, type Json, type JsonObject, parseJson, Problem, utf8 } from "../core/index.ts";
import type { Decision } from "../policy/index.ts";
import type { TufClient } from "../tuf/index.ts";
import { admitRelease, type Verifier } from "./admit.ts";
import type { AdvisorySource } from "./facts.ts";
import { places } from "./organisation.ts";
import type { Release } from "./release.ts";
import { loadConsumerTrust, onlyProject } from "./trust.ts";
import type { Clock, Files } from "./world.ts";

export interface DecisionWorld {
  readonly clock: Clock;
  readonly files: Files;
  readonly verifier: Verifier;
  /** An updated TUF client. */
  readonly openTrust: (now: number) => Promise<TufClient>;
  readonly advisories: () => Promise<AdvisorySource>;
}

const code = "decision/request-invalid";
const maxRequestBytes = 128 * 1024 * 1024;
const maxRecordBytes = 4 * 1024 * 1024;
const maxFiles = 256;
const sha256Hex = /^[0-9a-f]{64}$/;

/** `{artifact: {name, sha256}, bundles: {name: base64}, lockfiles: {path: base64}}`. Problem `decision/request-invalid`. */
export function parseDecisionRequest(body: Uint8Array): Release {
  const fields = Fields.of(parseJson(body, { maxBytes: maxRequestBytes }), "request", code);
  fields.only("artifact", "bundles", "lockfiles");
  const artifact = fields.object("artifact").only("name", "sha256");
  const sha256 = artifact.string("sha256");
  if (!sha256Hex.test(sha256)) throw artifact.problem("sha256", "is not 64 lower-case hexadecimal digits");
  const filesOf = (name: string): ReadonlyMap<string, Uint8Array> => {
    const map = fields.object(name);
    if (map.names().length > maxFiles) throw fields.problem(name, `has more than ${maxFiles} files`);
    return new Map(map.names().map((each) => [each, map.base64(each, { max: maxRequestBytes })]));
  };
  return {
    name: artifact.string("name", { min: 1, max: 255 }),
    sha256,
    bundles: filesOf("bundles"),
    lockfiles: fields.has("lockfiles") ? filesOf("lockfiles") : new Map(),
  };
}

/** The JSON of a request for `parseDecisionRequest`. */
export function decisionRequestJson(release: Release): JsonObject {
  const encode = (files: ReadonlyMap<string, Uint8Array>) =>
    Object.fromEntries([...files].map(([name, bytes]) => [name, base64(bytes)]));
  return {
    artifact: { name: release.name, sha256: release.sha256 },
    bundles: encode(release.bundles),
    lockfiles: encode(release.lockfiles),
  };
}

/** Verifies, decides, records. Problems `decision/request-invalid`, `decision/unavailable`, `io/write`. */
export async function decideRelease(body: Uint8Array, world: DecisionWorld): Promise<JsonObject> {
  const release = parseDecisionRequest(body);
  const now = world.clock.now();
  const { consumer, advisories } = await ownTrust(world, now);
  const { decision, summary } = await admitRelease(release, consumer, advisories, world.verifier, now);
  const record: JsonObject = {
    decision: decision as unknown as Json,
    summary: parseJson(summary, { maxBytes: maxRecordBytes }),
  };
  // Recorded before it is told, so that what was answered can be looked up.
  await world.files.write(recordPath(release.sha256), utf8(JSON.stringify(record)));
  return record;
}

/** What is decided by. Whatever is wrong with it is the organisation's to mend, not the caller's. */
async function ownTrust(world: DecisionWorld, now: number) {
  try {
    const client = await world.openTrust(now);
    const consumer = await loadConsumerTrust(client, onlyProject(client), now);
    return { consumer, advisories: await world.advisories() };
  } catch (cause) {
    throw new Problem("decision/unavailable", "the organisation's trust or advisories cannot be had", { cause });
  }
}

function recordPath(sha256: string): string {
  return `${places.decisions}/${sha256}.json`;
}

/** The last decision on `sha256:<hex>`, undefined when there is none. Problem `decision/digest-invalid`. */
export async function recordedDecision(digest: string, { files }: DecisionWorld): Promise<JsonObject | undefined> {
  const sha256 = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (sha256 === undefined)
    throw new Problem("decision/digest-invalid", "a digest is written sha256:<64 hexadecimal digits>");
  const bytes = await files.readIfThere(recordPath(sha256), maxRecordBytes);
  if (bytes === undefined) return undefined;
  return JSON.parse(fromUtf8(bytes)) as JsonObject;
}

/** The decision as JSON for people and programs. */
export function decisionJson(decision: Decision): JsonObject {
  return decision as unknown as JsonObject;
}
