// A proposal: what one operation would sign, before anybody has. It is a record of the repository's store, gathers
// signatures in any order, and is removed by the commit that carries it out. Its documents are whole, so that whoever
// signs sees all of what they sign; format: docs/formats/tuf-ceremony.md.

import {
  canonicalJson,
  Fields,
  isJsonObject,
  type Json,
  type JsonObject,
  olpcCanonicalJson,
  parseJson,
  Problem,
} from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import type { RepositoryStore } from "../tuf/index.ts";
import { shortId } from "./tuf-difference.ts";

/** One document to be signed: the next version of root or of a targets role. */
export interface ProposalPart {
  readonly role: string;
  readonly version: number;
  readonly signed: JsonObject;
  /** SHA-256 of the canonical form of `signed`, the message of every signature; hexadecimal. */
  readonly sha256: string;
  /** SHA-256 of the file that this version follows; undefined for the first version. */
  readonly follows: string | undefined;
}

export interface ProposalSignature {
  readonly role: string;
  readonly version: number;
  readonly keyid: string;
  readonly sig: string;
  /** What a kind of key adds beside `sig`, such as the bundle of TAP 18. */
  readonly extra: JsonObject;
  readonly atMs: number;
  /** `here`, or the file that it came with. */
  readonly by: string;
}

/** What happened to a proposal, for the transcript. */
export interface ProposalStep {
  readonly atMs: number;
  readonly what: string;
}

/** Records of the store that change with the proposal; undefined removes one. */
export type RecordChanges = Readonly<Record<string, Json | undefined>>;

export interface Proposal {
  readonly id: string;
  /** What is done, such as `key-replace`. */
  readonly operation: string;
  /** All that the operation was asked for: from these it can be planned again on a later state. */
  readonly args: JsonObject;
  readonly createdMs: number;
  /** The revision it was planned on. */
  readonly base: number;
  /** Roots first, oldest first; then targets roles, delegating ones before those they delegate to. */
  readonly parts: readonly ProposalPart[];
  /** What it rests on, by name: when one of these is no longer so, the operation means something else. */
  readonly rests: Readonly<Record<string, string>>;
  /** What is said of it beside the difference of its documents: consequences, warnings. */
  readonly notes: readonly string[];
  readonly signatures: readonly ProposalSignature[];
  readonly steps: readonly ProposalStep[];
}

const code = "tuf/proposal-invalid";
const prefix = "proposals/";
/** With every document of a re-delegation in it. */
const maxBytes = 64 * 1024 * 1024;
const maxParts = 64;
const maxSignatures = 4096;
const maxSteps = 4096;
const maxExtraBytes = 64 * 1024;

export function proposalRecord(id: string): string {
  return `${prefix}${id}`;
}

/** The document of a part. */
export function createPart(role: string, signed: JsonObject, follows: Uint8Array | undefined): ProposalPart {
  return {
    role,
    version: signed["version"] as number,
    signed,
    sha256: messageDigest(signed),
    follows: follows && digestHex("sha256", follows),
  };
}

export function messageDigest(signed: JsonObject): string {
  return digestHex("sha256", olpcCanonicalJson(signed));
}

/** What a proposal is called: by what it signs and when it was made, so that two never share an id. */
export function proposalId(operation: string, parts: readonly ProposalPart[], createdMs: number): string {
  return shortId(canonicalJson([operation, createdMs, ...parts.map((part) => part.sha256)]));
}

export function encodeProposal(proposal: Proposal): Uint8Array {
  const { args, parts, signatures, steps, ...rest } = proposal;
  return canonicalJson({
    ...rest,
    args,
    parts: parts.map(({ follows, ...part }) => ({ ...part, ...(follows === undefined ? {} : { follows }) })),
    signatures: signatures.map((each) => ({ ...each })),
    steps: steps.map((each) => ({ ...each })),
  });
}

/** Problem `tuf/proposal-invalid`. */
export function parseProposal(bytes: Uint8Array): Proposal {
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "proposal", code);
  const rests = fields.object("rests");
  return {
    id: fields.string("id", { min: 1, max: 64 }),
    operation: fields.string("operation", { min: 1, max: 64 }),
    args: fields.object("args").value,
    createdMs: fields.integer("createdMs"),
    base: fields.integer("base"),
    parts: fields.objects("parts", { max: maxParts }, parsePart),
    rests: Object.fromEntries(rests.names().map((name) => [name, rests.string(name)])),
    notes: fields.strings("notes", { max: maxSteps }),
    signatures: fields.objects("signatures", { max: maxSignatures }, parseSignature),
    steps: fields.objects("steps", { max: maxSteps }, (each) => ({
      atMs: each.integer("atMs"),
      what: each.string("what"),
    })),
  };
}

/** A document as files and records carry it; its digest is computed, never believed. */
export function parsePart(fields: Fields): ProposalPart {
  const signed = fields.object("signed").value;
  const version = fields.integer("version", { min: 1 });
  const sha256 = messageDigest(signed);
  if (signed["version"] !== version) throw fields.problem("version", "is not that of the document");
  if (fields.string("sha256") !== sha256) throw fields.problem("sha256", "is not that of the document");
  const follows = fields.optional("follows", (name) => fields.string(name, { min: 64, max: 64 }));
  return { role: fields.string("role", { min: 1, max: 1024 }), version, signed, sha256, follows };
}

/** What stands beside `sig`: the bundle of TAP 18, or nothing. Bounded, since whoever has a key may send it. */
export function parseExtra(fields: Fields): JsonObject {
  const extra = fields.optional("extra", (name) => fields.object(name).only("bundle").value) ?? {};
  if (canonicalJson(extra).length > maxExtraBytes) throw fields.problem("extra", `is over ${maxExtraBytes} bytes`);
  return extra;
}

export function parseSignature(fields: Fields): ProposalSignature {
  return {
    role: fields.string("role", { min: 1, max: 1024 }),
    version: fields.integer("version", { min: 1 }),
    keyid: fields.string("keyid", { min: 1, max: 1024 }),
    sig: fields.string("sig"),
    extra: parseExtra(fields),
    atMs: fields.integer("atMs"),
    by: fields.string("by"),
  };
}

/** Every proposal there is, the oldest first. */
export async function readProposals(store: RepositoryStore): Promise<readonly Proposal[]> {
  const names = await store.listRecords(prefix);
  const records = await Promise.all(names.map((name) => store.readRecord(name)));
  const proposals = records.flatMap((bytes) => (bytes === undefined ? [] : [parseProposal(bytes)]));
  return proposals.toSorted((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
}

/**
 * The proposal with this id, or the only one there is. Problems `tuf/proposal-unknown`, `tuf/proposal-ambiguous`.
 */
export async function findProposal(store: RepositoryStore, id: string | undefined): Promise<Proposal> {
  const proposals = await readProposals(store);
  const found = id === undefined ? proposals : proposals.filter((each) => each.id.startsWith(id));
  if (found.length === 1) return found[0]!;
  const hint =
    proposals.length === 0
      ? "nothing waits for a signature; it may have been carried out: sealwright tuf log"
      : `waiting: ${proposals.map((each) => `${each.id} (${each.operation})`).join(", ")}`;
  if (found.length === 0) {
    throw new Problem("tuf/proposal-unknown", id === undefined ? "there is no proposal" : `no proposal is ${id}`, {
      hint,
    });
  }
  throw new Problem("tuf/proposal-ambiguous", "there is more than one proposal: say which", { hint });
}

/** A JSON object without the names whose value is undefined. */
export function present(object: { readonly [name: string]: Json | undefined }): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as JsonObject;
}

/** A JSON object out of a record, or undefined. */
export async function readJsonRecord(store: RepositoryStore, name: string): Promise<JsonObject | undefined> {
  const bytes = await store.readRecord(name);
  if (bytes === undefined) return undefined;
  const value = parseJson(bytes, { maxBytes });
  return isJsonObject(value) ? value : undefined;
}
