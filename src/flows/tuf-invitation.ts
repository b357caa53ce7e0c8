// Key holders are invited: an invitation goes out with a fresh challenge, and what comes back is a public key and a
// signature over that challenge, which proves that the private key is theirs. A public key pasted from a message proves
// nothing. Format: docs/formats/tuf-ceremony.md.

import { canonicalJson, demand, dayMs, Fields, hex, olpcCanonicalJson, parseJson, Problem } from "../core/index.ts";
import { digestHex } from "../crypto/index.ts";
import {
  type Authority,
  computedKeyId,
  type Key,
  type MetadataSigner,
  type RepositoryStore,
  validSigners,
} from "../tuf/index.ts";
import { shortId } from "./tuf-difference.ts";
import { keyJson, parseKeyJson } from "./tuf-wanted.ts";
import { parseExtra, present } from "./tuf-proposal.ts";
import type { Randomness } from "./world.ts";

export const invitationType = "https://sealwright.dev/tuf/invitation/v1";
export const acceptanceType = "https://sealwright.dev/tuf/acceptance/v1";

const prefix = "invitations/";
const code = "tuf/invitation-invalid";
const maxBytes = 1 << 20;
const challengeBytes = 32;
const lifetimeMs = 90 * dayMs;

export interface Invitation {
  readonly id: string;
  /** What the key is called from then on. */
  readonly name: string;
  readonly repository: string;
  readonly challenge: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** The key that came back. */
  readonly accepted?: Key;
}

export function invitationRecord(id: string): string {
  return `${prefix}${id}`;
}

/** Problem `tuf/invitation-name`. */
export function createInvitation(name: string, repository: string, random: Randomness, now: number): Invitation {
  if (!/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/.test(name)) {
    throw new Problem("tuf/invitation-name", `${JSON.stringify(name)} is no name for a key`, {
      hint: 'letters, digits, ".", "_", "@", "+" and "-", such as alice or alice@example.com',
    });
  }
  const challenge = hex(random.bytes(challengeBytes));
  const id = shortId(olpcCanonicalJson([name, challenge]));
  return { id, name, repository, challenge, createdMs: now, expiresMs: now + lifetimeMs };
}

/** The record; without the key also the file that goes out. */
export function encodeInvitation({ accepted, ...invitation }: Invitation): Uint8Array {
  return canonicalJson(
    present({ _type: invitationType, ...invitation, accepted: accepted === undefined ? undefined : keyJson(accepted) }),
  );
}

/** Problem `tuf/invitation-invalid`. */
export function parseInvitation(bytes: Uint8Array): Invitation {
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "invitation", code);
  fields.oneOf("_type", invitationType);
  const accepted = fields.optional("accepted", (name) => parseKeyJson(fields.object(name)));
  return {
    id: fields.string("id", { min: 1, max: 64 }),
    name: fields.string("name", { min: 1, max: 64 }),
    repository: fields.string("repository"),
    challenge: fields.string("challenge", { min: 2 * challengeBytes, max: 2 * challengeBytes }),
    createdMs: fields.integer("createdMs"),
    expiresMs: fields.integer("expiresMs"),
    ...(accepted === undefined ? {} : { accepted }),
  };
}

export async function readInvitations(store: RepositoryStore): Promise<readonly Invitation[]> {
  const names = await store.listRecords(prefix);
  const records = await Promise.all(names.map((name) => store.readRecord(name)));
  return records.flatMap((bytes) => (bytes === undefined ? [] : [parseInvitation(bytes)]));
}

/** What the invited sign: no form of metadata, so that it can never pass for one. */
function proofMessage({ id, repository, challenge }: Invitation, key: Key): Uint8Array {
  return olpcCanonicalJson({ _type: acceptanceType, invitation: id, repository, challenge, key: keyJson(key) });
}

/** The acceptance file. Problem `tuf/invitation-expired`. */
export async function acceptInvitation(
  invitation: Invitation,
  signer: MetadataSigner,
  now: number,
): Promise<Uint8Array> {
  demandOpen(invitation, now);
  const key = signer.keyObject;
  const { sig, extra = {} } = await signer.sign(proofMessage(invitation, key));
  return canonicalJson({
    _type: acceptanceType,
    invitation: invitation.id,
    repository: invitation.repository,
    key: keyJson(key),
    proof: { sig, extra },
  });
}

function demandOpen({ name, expiresMs }: Invitation, now: number): void {
  demand(expiresMs > now, "tuf/invitation-expired", `the invitation of ${name} has ended: make another`);
}

export interface Acceptance {
  readonly invitation: string;
  readonly key: Key;
  readonly sig: string;
  readonly extra: Fields["value"];
}

/** Problem `tuf/acceptance-invalid`. */
export function parseAcceptance(bytes: Uint8Array): Acceptance {
  const fields = Fields.of(parseJson(bytes, { maxBytes }), "acceptance", "tuf/acceptance-invalid");
  fields.oneOf("_type", acceptanceType);
  const proof = fields.object("proof");
  const key = parseKeyJson(fields.object("key"));
  // An id of one's own choice could be that of a key which is to be added later.
  if (computedKeyId(key) !== key.keyid) throw fields.problem("key", "has an id that is not made from it");
  return {
    invitation: fields.string("invitation", { min: 1, max: 64 }),
    key,
    sig: proof.string("sig"),
    extra: parseExtra(proof),
  };
}

/**
 * The invitation with the key that was proven. Problems `tuf/invitation-unknown`, `tuf/invitation-used`,
 * `tuf/invitation-expired`, `tuf/acceptance-invalid`: the proof is not one.
 */
export async function receiveAcceptance(
  store: RepositoryStore,
  acceptance: Acceptance,
  now: number,
): Promise<Invitation> {
  const record = await store.readRecord(invitationRecord(acceptance.invitation));
  if (record === undefined) {
    throw new Problem("tuf/invitation-unknown", `there is no invitation ${acceptance.invitation} here`, {
      hint: "it was made for another repository, or has been taken back",
    });
  }
  const invitation = parseInvitation(record);
  demandOpen(invitation, now);
  const { key } = acceptance;
  if (invitation.accepted !== undefined && invitation.accepted.keyid !== key.keyid) {
    throw new Problem("tuf/invitation-used", `${invitation.name} has accepted with another key already`, {
      hint: "two people may hold one invitation: ask them, then invite again",
    });
  }
  const message = proofMessage(invitation, key);
  const authority: Authority = {
    keys: new Map([[key.keyid, key]]),
    role: { keyids: [key.keyid], threshold: 1 },
    name: invitation.name,
  };
  const signatures = [{ keyid: key.keyid, sig: acceptance.sig, ...acceptance.extra }];
  const file = { signed: undefined, tree: {}, message, signatures, bytes: message };
  demand(
    validSigners(file, authority).length === 1,
    "tuf/acceptance-invalid",
    `the acceptance of ${invitation.name} does not prove that they hold the key`,
  );
  return { ...invitation, accepted: key };
}

/** A public key as two people can compare it. */
export function keyDigest(key: Key): string {
  return digestHex("sha256", olpcCanonicalJson(keyJson(key)));
}
