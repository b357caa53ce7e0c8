// Who has to sign a proposal, who has, and adding signatures to it: in any order, from here or from elsewhere, each
// checked by itself, so that a wrong one is refused with the name of its key. Thresholds count distinct public keys
// (TAP 12); a next root needs the old root's keys and its own (TUF 1.0.34 §5.3.4).

import { canonicalJson, demand, equalBytes, olpcCanonicalJson, Problem, utf8 } from "../core/index.ts";
import {
  type Authority,
  type Key,
  type Metadata,
  type MetadataSigner,
  type Repository,
  topLevel,
  usableKey,
  validSigners,
} from "../tuf/index.ts";
import { type KeyLabel, unsignedRoot } from "./tuf-difference.ts";
import type { Proposal, ProposalPart, ProposalSignature, ProposalStep } from "./tuf-proposal.ts";
import { authoritiesFor, fingerprintOf, keysOf, viewOf } from "./tuf-view.ts";

/** Private keys that this process can reach. */
export interface Keyring {
  /** Undefined: the key is somewhere else. Asks for a passphrase or a PIN where it must. */
  signer(key: Key): Promise<MetadataSigner | undefined>;
  /** Where the private key is, in words, when it is known. */
  where(keyid: string): string | undefined;
  /** True when `signer` would give one without asking anybody. */
  opens(keyid: string): boolean;
}

/** One threshold that a document has to reach. */
export interface Need {
  readonly role: string;
  readonly version: number;
  /** Whose keys: `root 3`, `root 4`, `targets`. */
  readonly of: string;
  readonly threshold: number;
  readonly keys: readonly Key[];
  /** Key ids that have signed, one for each distinct key. */
  readonly signed: readonly string[];
}

/** A document with the signatures that a proposal has for it, as a file. */
export function partFile(proposal: Proposal, part: ProposalPart): Uint8Array {
  const signatures = proposal.signatures
    .filter((each) => each.role === part.role && each.version === part.version)
    .map(({ keyid, sig, extra }) => ({ keyid, sig, ...extra }));
  return canonicalJson({ signatures, signed: part.signed });
}

/** The authorities that have to have signed a part: for a root the old keys and the new ones. */
export async function authoritiesOf(
  repository: Repository | undefined,
  proposal: Pick<Proposal, "parts">,
  part: ProposalPart,
): Promise<readonly Authority[]> {
  if (part.role !== "root") {
    return authoritiesFor(viewOf(repository, proposal.parts), part.role);
  }
  const own = topLevel(unsignedRoot(part.signed), "root");
  const at = proposal.parts.indexOf(part);
  const previous = at > 0 ? unsignedRoot(proposal.parts[at - 1]!.signed) : repository?.head.root;
  const named = (authority: Authority, version: number): Authority => ({ ...authority, name: `root ${version}` });
  if (previous === undefined) return [named(own, part.version)];
  const old = topLevel(previous, "root");
  const same =
    old.role.threshold === own.role.threshold &&
    old.role.keyids.length === own.role.keyids.length &&
    old.role.keyids.every((keyid) => own.role.keyids.includes(keyid) && sameKey(old, own, keyid));
  const after = named(own, part.version);
  return same ? [after] : [named(old, previous.signed.version), after];
}

function sameKey(a: Authority, b: Authority, keyid: string): boolean {
  const [left, right] = [a.keys.get(keyid), b.keys.get(keyid)];
  return left !== undefined && right !== undefined && fingerprintOf(left) === fingerprintOf(right);
}

/** Every threshold of a proposal, with who has signed. */
export async function needsOf(repository: Repository | undefined, proposal: Proposal): Promise<readonly Need[]> {
  const needs: Need[] = [];
  for (const part of proposal.parts) {
    const file = signedFile(part, partSignatures(proposal, part));
    for (const authority of await authoritiesOf(repository, proposal, part)) {
      needs.push({
        role: part.role,
        version: part.version,
        of: authority.name,
        threshold: authority.role.threshold,
        keys: keysOf(authority),
        signed: validSigners(file, authority),
      });
    }
  }
  return needs;
}

function partSignatures(proposal: Proposal, part: ProposalPart): readonly ProposalSignature[] {
  return proposal.signatures.filter((each) => each.role === part.role && each.version === part.version);
}

function signedFile(part: ProposalPart, signatures: readonly ProposalSignature[]): Metadata<unknown> {
  return {
    signed: undefined,
    tree: part.signed,
    message: olpcCanonicalJson(part.signed),
    signatures: signatures.map(({ keyid, sig, extra }) => ({ keyid, sig, ...extra })),
    bytes: new Uint8Array(),
  };
}

export function isMet(need: Need): boolean {
  return need.signed.length >= need.threshold;
}

/** How many signatures are missing, and whose keys could give them, a line a threshold. */
export function missingLines(needs: readonly Need[], label: KeyLabel): string[] {
  return needs
    .filter((need) => !isMet(need))
    .map((need) => {
      const open = need.keys.filter(({ keyid }) => !need.signed.includes(keyid)).map(({ keyid }) => label(keyid));
      const count = need.threshold - need.signed.length;
      const alone = needs.filter((each) => each.role === need.role && each.version === need.version).length === 1;
      const of = alone ? "" : ` by the keys of ${need.of}`;
      return `${need.role} ${need.version}${of}: ${count} more of ${open.join(", ")}`;
    });
}

/**
 * The proposal with one more signature. Problems `tuf/signature-foreign`: no key of this document; `tuf/signature-wrong`;
 * `tuf/signature-duplicate`: this key has signed already.
 */
export async function addSignature(
  repository: Repository | undefined,
  proposal: Proposal,
  signature: ProposalSignature,
  label: KeyLabel,
): Promise<Proposal> {
  const { role, version, keyid } = signature;
  const part = proposal.parts.find((each) => each.role === role && each.version === version);
  if (part === undefined) {
    throw new Problem("tuf/signature-foreign", `the proposal has no ${role} ${version} to be signed`);
  }
  const authorities = await authoritiesOf(repository, proposal, part);
  const keys = new Map(authorities.flatMap((each) => keysOf(each)).map((key) => [key.keyid, key]));
  const key = keys.get(keyid);
  if (key === undefined) {
    const names = [...keys.keys()].map(label).join(", ");
    throw new Problem("tuf/signature-foreign", `${label(keyid)} has no part in ${role} ${version}`, {
      hint: `who may sign it: ${names}`,
    });
  }
  const alone: Authority = { keys: new Map([[keyid, key]]), role: { keyids: [keyid], threshold: 1 }, name: role };
  if (validSigners(signedFile(part, [signature]), alone).length !== 1) {
    throw new Problem("tuf/signature-wrong", `the signature of ${label(keyid)} is not one over ${role} ${version}`, {
      hint: "another document was signed, or with another key: make a new request and have it signed again",
    });
  }
  const others = partSignatures(proposal, part);
  const twin = others.find((each) => fingerprintOf(keys.get(each.keyid) ?? key) === fingerprintOf(key));
  if (twin !== undefined) {
    throw new Problem("tuf/signature-duplicate", `${label(keyid)} has signed ${role} ${version} already`, {
      hint: "a key counts once: have another key sign",
    });
  }
  return { ...proposal, signatures: [...proposal.signatures, signature] };
}

/** What came of signing. */
export interface Signed {
  readonly proposal: Proposal;
  /** Key ids that have signed now. */
  readonly by: readonly string[];
}

/**
 * Signs with the keys at hand as many documents as need it, and no more than need it: keys that stay are asked before
 * keys that go, since one signature of theirs counts for the old root and the new one.
 */
export async function signHere(
  repository: Repository | undefined,
  proposal: Proposal,
  keyring: Keyring,
  options: { readonly now: number; readonly label: KeyLabel },
): Promise<Signed> {
  let signed = proposal;
  const by = new Set<string>();
  for (const part of proposal.parts) {
    const message = olpcCanonicalJson(part.signed);
    for (const key of await candidates(repository, proposal, part)) {
      const open = (await needsOf(repository, signed)).filter(
        (need) => need.role === part.role && need.version === part.version && !isMet(need),
      );
      if (!open.some((need) => need.keys.some(({ keyid }) => keyid === key.keyid))) continue;
      if (open.every((need) => need.signed.includes(key.keyid))) continue;
      const signer = await keyring.signer(key);
      if (signer === undefined) continue;
      demandSameKey(key, signer, options.label);
      const { sig, extra = {} } = await signer.sign(message);
      const entry = { role: part.role, version: part.version, keyid: key.keyid, sig, extra, atMs: options.now };
      signed = await addSignature(repository, signed, { ...entry, by: "here" }, options.label);
      by.add(key.keyid);
    }
  }
  if (by.size === 0) return { proposal, by: [] };
  const who = [...by].map(options.label).join(", ");
  return { proposal: addStep(signed, options.now, `signed here by ${who}`), by: [...by] };
}

/** Keys in the most authorities first. */
async function candidates(
  repository: Repository | undefined,
  proposal: Proposal,
  part: ProposalPart,
): Promise<readonly Key[]> {
  const authorities = await authoritiesOf(repository, proposal, part);
  const keys = new Map(authorities.flatMap((each) => keysOf(each)).map((key) => [key.keyid, key]));
  const signed = new Set(partSignatures(proposal, part).map((each) => each.keyid));
  const count = (key: Key): number => authorities.filter(({ role }) => role.keyids.includes(key.keyid)).length;
  return [...keys.values()].filter(({ keyid }) => !signed.has(keyid)).toSorted((a, b) => count(b) - count(a));
}

/** A reference that leads to another key than the one it stands for would sign for nothing. */
function demandSameKey(key: Key, { keyObject }: MetadataSigner, label: KeyLabel): void {
  const [wanted, found] = [usableKey(key), usableKey(keyObject)];
  const same =
    wanted !== undefined && found !== undefined
      ? wanted.fingerprint === found.fingerprint
      : equalBytes(utf8(key.keyid), utf8(keyObject.keyid));
  demand(same, "tuf/signer-unknown", `where ${label(key.keyid)} should be there is another key`);
}

export function addStep(proposal: Proposal, atMs: number, what: string): Proposal {
  const step: ProposalStep = { atMs, what };
  return { ...proposal, steps: [...proposal.steps, step] };
}
