// Which key somebody means: a key that is there, by its name or the beginning of its id; a key that comes, by the name
// of who was invited, by a reference to its private half, or as a new file.

import { isProblem, Problem } from "../core/index.ts";
import { parsePublicKeyPem } from "../crypto/index.ts";
import {
  delegatedRoles,
  type KeyHolder,
  labelOf,
  nameOfReference,
  readInvitations,
  readKeyNames,
  viewOf,
} from "../flows/index.ts";
import { createKey, type Key, type Repository, type RepositoryStore } from "../tuf/index.ts";
import type { TufCall } from "./tuf-world.ts";

const minIdDigits = 6;
const maxNumber = 1000;
const maxPemBytes = 64 * 1024;

/** A key that comes, and what is known about it. */
export interface NewKey {
  readonly key: Key;
  readonly holder: KeyHolder;
  readonly notes: readonly string[];
}

/** Every key of a repository, by id. */
async function knownKeys(repository: Repository): Promise<ReadonlyMap<string, Key>> {
  const keys = new Map(repository.head.root.signed.keys);
  for (const by of (await delegatedRoles(viewOf(repository))).values()) {
    for (const [keyid, key] of by.delegations.keys) keys.set(keyid, key);
  }
  return keys;
}

/** The id of a key by its name, its id or the beginning of one. Problems `tuf/key-unknown`, `tuf/key-ambiguous`. */
export async function findKey(store: RepositoryStore, repository: Repository, text: string): Promise<string> {
  const keys = await knownKeys(repository);
  const names = await readKeyNames(store);
  const label = labelOf(names);
  const found = [...keys.keys()].filter(
    (keyid) => keyid === text || names.get(keyid) === text || (text.length >= minIdDigits && keyid.startsWith(text)),
  );
  if (found.length === 1) return found[0]!;
  const hint = `the keys are ${[...keys.keys()].map(label).toSorted().join(", ")}`;
  if (found.length === 0) throw new Problem("tuf/key-unknown", `no key is called ${text}`, { hint });
  throw new Problem("tuf/key-ambiguous", `${text} is the name of ${found.length} keys: give the id`, { hint });
}

/**
 * A key that comes: `new` or `new:NAME`, a file made in the organisation's folder; the name of somebody whose invitation
 * has been answered; a reference such as `pkcs11:...`; a file with a private or a public key in PEM.
 */
export async function bringKey(call: TufCall, store: RepositoryStore, text: string, usual: string): Promise<NewKey> {
  const isNew = /^new(?::(.+))?$/.exec(text);
  if (isNew !== null) return newFile(call, isNew[1] ?? usual);
  const invited = (await readInvitations(store)).find((each) => each.name === text);
  if (invited?.accepted !== undefined) {
    const holder = { keyid: invited.accepted.keyid, name: invited.name, reference: undefined };
    return { key: invited.accepted, holder, notes: [] };
  }
  if (invited !== undefined) {
    throw new Problem("tuf/invitation-open", `${text} has not answered the invitation yet`, {
      hint: `their answer comes in with sealwright tuf receive FILE`,
    });
  }
  const pem = await publicPem(call, text);
  if (pem !== undefined) {
    const key = createKey(parsePublicKeyPem(pem));
    const name = nameOfReference(text);
    const notes = [`${name}: nobody has proven to hold this key; sealwright tuf invite ${name} would`];
    return { key, holder: { keyid: key.keyid, name, reference: undefined }, notes };
  }
  const { signer, reference } = await openNamed(call, text);
  const { keyObject } = signer;
  const holder = { keyid: keyObject.keyid, name: nameOfReference(reference), reference };
  return { key: keyObject, holder, notes: [] };
}

async function openNamed(call: TufCall, text: string) {
  try {
    return await call.world.openKey(text, call.options.dir);
  } catch (cause) {
    if (!isProblem(cause, "io/not-found")) throw cause;
    throw new Problem("tuf/key-unknown", `${text} is no key: neither a file nor somebody who was invited`, {
      cause,
      hint: `make a key with new:${/^[A-Za-z0-9._-]+$/.test(text) ? text : "NAME"}, or invite somebody: sealwright tuf invite NAME`,
    });
  }
}

async function publicPem(call: TufCall, text: string): Promise<string | undefined> {
  if (/^(?:pkcs11|vault|sigstore):/.test(text)) return undefined;
  const bytes = await call.world.readFileIfThere(text.replace(/^file:/, ""), maxPemBytes);
  const pem = bytes && new TextDecoder().decode(bytes);
  return pem?.includes("-----BEGIN PUBLIC KEY-----") === true ? pem : undefined;
}

/** The first name that is free: `timestamp-2` beside `timestamp`. A rehearsal makes a key that it throws away. */
async function newFile({ world, options, made }: TufCall, name: string): Promise<NewKey> {
  const base = name.replace(/-\d+$/, "");
  for (let number = 1; number < maxNumber; number++) {
    const candidate = number === 1 ? name : `${base}-${number}`;
    const created = made.some((each) => nameOfReference(each.reference) === candidate)
      ? undefined
      : await world.createKey(options.dir, candidate);
    if (created === undefined) continue;
    made.push(created);
    const { key, reference } = created;
    const note = `${candidate}: this key is made when it is done, so that digests will be others then`;
    const notes = options.dryRun === true ? [note] : [];
    return { key, holder: { keyid: key.keyid, name: candidate, reference }, notes };
  }
  throw new Problem("cli/usage", `no name is free beside ${name}`);
}
